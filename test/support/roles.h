/*
 * What a surrounding does to the start of a program is seen by a program: the
 * test's own, executed anew in a role. Its tests first find out what is usual
 * here, so that a role can say what its surrounding may change of that.
 */
#ifndef ROLES_H
#define ROLES_H

#include "forks.h"

/* A row in main's table of roles; as_NAME does what the role is for. */
#define ROLE(name) {#name, as_##name, false}

/* In a child: becomes this program anew, in a role that main knows. */
static inline void again_as(const char *role)
{
	execl("/proc/self/exe", program_invocation_short_name, role, NULL);
	expect(!"executed");
}

/* The program that is executed next is without the library. */
static inline void preload_nothing(void)
{
	unsetenv("LD_PRELOAD");
	setenv("TEST_WITHOUT_PRELOAD", "1", 1);
}

/* The program that is executed next has these two in front of libc. */
static inline void preload_both(const char *first, const char *second)
{
	char both[4 * PATH_MAX];

	snprintf(both, sizeof both, "%s:%s", first, second);
	setenv("LD_PRELOAD", both, 1);
}

/* Runs body, which executes a program, in a child; gives what it says on fd. */
static inline int status_and_words(void (*body)(void), int fd, char *said,
				   size_t room)
{
	int ends[2], status = -1;
	size_t len = 0;
	ssize_t got;
	pid_t child;

	expect(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], fd);
		close(ends[0]);
		close(ends[1]);
		alarm(PROMISE_SECONDS);
		body();
		_exit(1);
	}
	close(ends[1]);
	while ((got = read(ends[0], said + len, room - 1 - len)) > 0)
		len += (size_t)got;
	said[len] = '\0';
	close(ends[0]);
	expect(child > 0 && waitpid(child, &status, 0) == child);
	return status;
}

/* What main does when it is given a role; gives its answer. */
static inline int roles_play(const char *name, const struct promise *roles,
			     size_t count)
{
	return draws_begin() ? promise_play(name, roles, count) : 2;
}

/* What main does otherwise: it runs the tests. */
static inline int roles_keep(const char *group, const struct promise *promises,
			     size_t count)
{
	if (!draws_begin())
		return 2;
	setenv("USUAL_TIER", info_now().tier, 1);
	setenv("USUAL_HARDWARE", info_now().hardware, 1);
	return promises_keep(group, promises, count);
}

/*
 * The tier is what it usually is here, but no better than that; so also says
 * FASTRAND_SOURCE, since what is usual was found out under it.
 */
static inline void expect_tier_at_most(const char *best)
{
	static const char *const tiers[] = {"off", "kernel", "hardware",
					    "call", "page"};
	const char *usual = getenv("USUAL_TIER");

	expect(usual != NULL);
	/* What it needs is less than page and call do. */
	if (!strcmp(usual, "hardware") && !strcmp(best, "kernel") &&
	    tier_is(usual))
		return;
	for (size_t i = 0; i < COUNT(tiers); i++) {
		if (!strcmp(tiers[i], best) || !strcmp(tiers[i], usual)) {
			if (!tier_is(tiers[i]))
				fprintf(stderr, "tier %s (%s), not %s\n",
					info_now().tier, info_now().why,
					tiers[i]);
			expect(tier_is(tiers[i]));
			return;
		}
	}
	expect(!"a tier of these names");
}

/* The library answers what its tier says that it does. */
static inline void expect_answers(void)
{
	uint8_t bytes[4096];
	uint64_t before = info_now().requests;

	for (int i = 0; i < 4; i++)
		by_getrandom(bytes, sizeof bytes);
	if (serves(sizeof bytes))
		expect(info_now().requests > before);
	else
		expect(info_now().requests == before);
}

/* By every name, in a parent and two children. */
static inline void expect_draws(void)
{
	struct words *words = words_new(150000);

	for (int round = 0; round < 4; round++) {
		pid_t child;

		words_draw_all_ways(words);
		child = round % 2 ? fork() : raw_clone();
		if (child == 0) {
			words_draw_all_ways(words);
			_exit(0);
		}
		words_draw_all_ways(words);
		reap(child);
	}
	words_expect_distinct(words, 12 * COUNT(ways) * 500);
	words_free(words);
	expect_answers();
}

/* The role of most tests: all is as usual. */
static inline void as_usual(void)
{
	expect_tier_at_most("page");
	expect_draws();
}

#endif
