/*
 * No child of fork takes its memory for a restored process's, which fork does
 * not wipe (image_mark.c), where it was wiped: whatever earlier handlers have
 * done there, whatever was dropped, and whoever forks. It keeps its tier.
 */
#include "image_mark.h"

static void expect_usual_tier(void)
{
	if (tier_now() != usual)
		fprintf(stderr, "tier %s: %s\n", tier_name(tier_now()),
			tier_why());
	expect(tier_now() == usual);
}

static void draw_as_usual(void)
{
	expect_usual_tier();
	draw_here();
}

/* Both draw, and the child has something more to do. */
static void fork_with(pid_t (*split)(void), void (*in_the_child)(void))
{
	pid_t child = split();

	if (in_child(child)) {
		draw_as_usual();
		in_the_child();
		_exit(0);
	}
	draw_as_usual();
	reap(child);
}

static void fork_as_usual(pid_t (*split)(void))
{
	fork_with(split, nothing_happens);
}

static void stays_when_earlier_handlers_draw(void)
{
	for (int i = 0; i < 40; i++) {
		from_some = i % 4 == 0;
		draw_here();
		early_handler_child = i % 2 ? draw_as_usual : NULL;
		early_handler_prepare = i % 4 < 2 ? draw_as_usual : NULL;
		fork_as_usual(fork);
	}
	words_expect_distinct(words, 40 * 4 * ALL_LENGTHS);
}

static atomic_bool begun;
static pthread_t early_thread;

static void *draws_on(void *unused)
{
	(void)unused;
	while (!enough) {
		draw_unrecorded();
		begun = true;
	}
	return NULL;
}

static void begin_early_thread(void *(*body)(void *))
{
	begun = enough = false;
	expect(pthread_create(&early_thread, NULL, body, NULL) == 0);
	while (!begun)
		sched_yield();
}

static void begin_one_that_draws(void)
{
	begin_early_thread(draws_on);
}

static void stays_when_an_earlier_handlers_thread_draws(void)
{
	draw_here();
	early_handler_child = begin_one_that_draws;
	for (int i = 0; i < 30; i++)
		fork_as_usual(fork);
	words_expect_distinct(words, 61 * ALL_LENGTHS);
}

static int turn, depth;
static pid_t inner;

static void fork_early(void)
{
	if (depth++)
		return;
	draw_as_usual();
	inner = splits[(size_t)turn % COUNT(splits)]();
	draw_as_usual();
}

static void reap_inner(void)
{
	if (inner)
		reap(inner);
}

static void stays_when_an_earlier_handler_forks(void)
{
	need_forks_in_handlers();
	draw_here();
	early_handler_child = fork_early;
	for (turn = 0; turn < 20; turn++)
		fork_with(fork, reap_inner);
	words_expect_distinct(words, 20 * 6 * ALL_LENGTHS);
}

static void *forks_on(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(splits); i++) {
		fork_as_usual(splits[i]);
		begun = true;
	}
	return NULL;
}

static void begin_one_that_forks(void)
{
	if (!depth++)
		begin_early_thread(forks_on);
}

static void join_early_thread(void)
{
	expect(pthread_join(early_thread, NULL) == 0);
	draw_as_usual();
}

static void stays_when_an_earlier_handlers_thread_forks(void)
{
	need_forks_in_handlers();
	draw_here();
	early_handler_child = begin_one_that_forks;
	for (int i = 0; i < 20; i++)
		fork_with(fork, join_early_thread);
	words_expect_distinct(words, 20 * 11 * ALL_LENGTHS);
}

/* After the library has prepared, and before it is told that this is a child.
 */
static void lose_memory(void)
{
	static void (*const events[])(void) = {memory_is_short, all_is_dropped,
					       every_other_page_is_dropped};

	if (turn % 2)
		draw_as_usual();
	events[turn % 3]();
	if (turn % 4 < 2)
		draw_as_usual();
}

static void stays_when_memory_is_dropped_in_between(void)
{
	from_some = true;
	draw_here();
	for (turn = 0; turn < 36; turn++) {
		early_handler_prepare = turn % 3 ? lose_memory : NULL;
		early_handler_child = turn / 3 % 3 ? lose_memory : NULL;
		fork_as_usual(fork);
	}
	words_expect_distinct(words, 36 * 2 * ALL_LENGTHS);
}

static int draws_in_shared_memory(void *unused)
{
	(void)unused;
	draw_as_usual();
	return 0;
}

static void fork_again(void)
{
	fork_as_usual(fork);
}

/* No handler has run in these; one may run in a child that such a child has. */
static void stays_after_forks_without_handlers(void)
{
	static pid_t child;

	draw_here();
	for (int i = 0; i < 12; i++) {
		fork_with(splits[1 + (size_t)i % 3], fork_again);
		child = vfork();
		if (child == 0) {
			draw_as_usual();
			_exit(0);
		}
		reap(child);
		child = clone_with_memory(draws_in_shared_memory);
		expect(child > 0);
		reap(child);
		fork_as_usual(fork);
	}
	words_expect_distinct(words, 12 * 8 * ALL_LENGTHS);
}

static void stays_where_parent_and_child_are_pid_1(void)
{
	become_pid_1();
	draw_here();
	fork_pid_1(expect_usual_tier);
}

static void stays_for_many_forks_in_a_row(void)
{
	draw_here();
	for (int i = 0; i < 100; i++)
		fork_as_usual(fork);
	/* ... and for many generations. */
	for (int i = 0; i < 30; i++) {
		draw_as_usual();
		go_on_in_child(fork());
	}
	draw_as_usual();
	words_expect_distinct(words, 232 * ALL_LENGTHS);
}

static void *forks_as_usual(void *unused)
{
	(void)unused;
	for (int i = 0; i < 20; i++)
		fork_as_usual(fork);
	return NULL;
}

static void *loses_memory(void *unused)
{
	(void)unused;
	while (!begun) {
		all_is_dropped();
		usleep(300);
	}
	return NULL;
}

static void stays_when_several_threads_fork(void)
{
	draw_here();
	for (int round = 0; round < 2; round++) {
		pthread_t other;

		begun = !round;
		expect(pthread_create(&other, NULL, loses_memory, NULL) == 0);
		begin_threads(forks_as_usual);
		end_threads();
		begun = true;
		expect(pthread_join(other, NULL) == 0);
	}
	words_expect_distinct(words, 2 * 2 * 20 * THREADS * ALL_LENGTHS);
}

static const struct promise roles[] = {
	HERE(stays_when_earlier_handlers_draw),
	HERE(stays_when_an_earlier_handlers_thread_draws),
	HERE(stays_when_an_earlier_handler_forks),
	HERE(stays_when_an_earlier_handlers_thread_forks),
	HERE(stays_when_memory_is_dropped_in_between),
	HERE(stays_after_forks_without_handlers),
	HERE(stays_where_parent_and_child_are_pid_1),
	HERE(stays_for_many_forks_in_a_row),
	HERE(stays_when_several_threads_fork),
};

int main(int count, char **arguments)
{
	return keep_in_all_tiers("image_wiped", count, arguments, roles,
				 COUNT(roles));
}
