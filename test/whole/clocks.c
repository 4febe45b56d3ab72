/*
 * Clocks that do not go on as they did: time namespaces entered in mid-life, and
 * clocks that stand still. No byte is drawn twice because of that.
 */
#include "support/roles.h"

#include <sys/prctl.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static void a_child_in_a_new_time_namespace_draws_its_own(void)
{
	struct words *words = words_new(100000);
	pid_t child;

	only_for_root();
	words_draw_all_ways(words);
	if (unshare(CLONE_NEWTIME) != 0)
		skip_because("no time namespaces");
	for (int i = 0; i < 3; i++) {
		child = i ? fork() : raw_clone();
		if (child == 0) {
			words_draw_all_ways(words);
			as_usual();
			_exit(0);
		}
		words_draw_all_ways(words);
		reap(child);
	}
	words_expect_distinct(words, 7 * COUNT(ways) * 500);
	as_usual();
}

/* A process that lives in a new time namespace, until it is ended. */
static pid_t begin_in_another_time(void)
{
	int ends[2];
	pid_t child, other = 0;

	expect(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWTIME) != 0)
			_exit(PROMISE_SKIPPED);
		other = fork();
		if (other == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		if (write(ends[1], &other, sizeof other) != sizeof other)
			_exit(1);
		pause();
	}
	close(ends[1]);
	if (read(ends[0], &other, sizeof other) != sizeof other)
		skip_because("no time namespaces");
	close(ends[0]);
	return other;
}

static void enter_time_of(const char *path, int fd)
{
	if (path)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	expect(fd >= 0);
	if (setns(fd, CLONE_NEWTIME) != 0)
		skip_because("no time namespace can be entered");
	if (path)
		close(fd);
}

/* To and fro. After many times a better tier may have been given up. */
static void another_time_namespace_is_entered_in_mid_life(void)
{
	struct words *words = words_new(900000);
	char path[64];
	int own;

	only_for_root();
	snprintf(path, sizeof path, "/proc/%d/ns/time",
		 (int)begin_in_another_time());
	own = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
	words_draw_all_ways(words);
	for (int i = 0; i < 40; i++) {
		enter_time_of(path, -1);
		words_draw_all_ways(words);
		if (i < 4)
			as_usual();
		enter_time_of(NULL, own);
		words_draw_all_ways(words);
		if (i < 4)
			as_usual();
	}
	expect_draws();
	words_expect_distinct(words, 81 * COUNT(ways) * 500);
}

/* Tier hardware renews its key each second that really passes. */
static void expect_a_key_a_second(void)
{
	struct timespec second = {1, 200000000};
	uint64_t word, keys;

	stay_on_this_cpu();
	by_getrandom(&word, sizeof word);
	keys = info_now().reseeds;
	nanosleep(&second, NULL);
	by_getrandom(&word, sizeof word);
	expect(info_now().reseeds > keys);
}

/* The processor's generator is timed by a clock, but not by that one. */
static void as_frozen(void)
{
	const char *usual = getenv("USUAL_HARDWARE");
	struct timespec moment = {0, 1000000};
	double begin = seconds_now();

	nanosleep(&moment, NULL);
	expect(seconds_now() == begin);
	expect(usual && !strcmp(info_now().hardware, usual));
	if (tier_is("hardware"))
		expect_a_key_a_second();
	as_usual();
}

static void clocks_stand_still_behind_us(void)
{
	preload_both(library(), beside("plugin_frozen_clock.so"));
	again_as("frozen");
}

static void clocks_stand_still_in_front_of_us(void)
{
	preload_both(beside("plugin_frozen_clock.so"), library());
	again_as("frozen");
}

int main(int count, char **arguments)
{
	static const struct promise roles[] = {
		ROLE(frozen),
	};
	static const struct promise promises[] = {
		APART(a_child_in_a_new_time_namespace_draws_its_own),
		APART(another_time_namespace_is_entered_in_mid_life),
		APART(clocks_stand_still_behind_us),
		APART(clocks_stand_still_in_front_of_us),
	};

	if (count > 1)
		return roles_play(arguments[1], roles, COUNT(roles));
	return roles_keep("clocks", promises, COUNT(promises));
}
