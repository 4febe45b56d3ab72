/*
 * What is held when a process forks is held in the child as well, until whoever
 * drew from it goes on, be it on another thread; what nobody goes on with is
 * lost, and counted, and all requests are served even so.
 */
#include "support/forks.h"
#include "parked.h"

/*
 * Draws that are put aside.
 */

static void *begins_one(void *unused)
{
	(void)unused;
	parked_begin(0);
	return NULL;
}

static void *steps_one(void *unused)
{
	(void)unused;
	words_draw(words, &ways[0], 50);
	parked_step(0);
	return NULL;
}

static void *ends_one(void *unused)
{
	(void)unused;
	parked_end(0);
	words_draw(words, &ways[0], 50);
	return NULL;
}

static void on_another_thread(void *(*body)(void *))
{
	pthread_t thread;

	expect(pthread_create(&thread, NULL, body, NULL) == 0);
	expect(pthread_join(thread, NULL) == 0);
}

static void goes_on(void (*elsewhere)(void *(*body)(void *)))
{
	parked_goes_on(elsewhere, steps_one, ends_one);
}

static void a_draw_goes_on_on_another_thread(void)
{
	enum { ROUNDS = 30 };

	need_parked();
	stay_on_this_cpu();
	begin_words(ROUNDS * 10000);
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 2)
			parked_begin(0);
		else
			on_another_thread(begins_one);
		goes_on(i % 4 < 2 ? on_another_thread : on_this_thread);
		expect(info_now().held == 0);
	}
	words_expect_distinct(words, ROUNDS * (3 * PARKED_LEN / 8 + 200));
}

/* By a thread that there is not in the child, or by the one that forks. */
static void a_draw_goes_on_in_parent_and_child(void)
{
	enum { ROUNDS = 4 * COUNT(splits) };

	need_parked();
	stay_on_this_cpu();
	begin_words(2 * ROUNDS * 10000);
	for (size_t i = 0; i < ROUNDS; i++) {
		/* libc's other functions are of use after fork alone. */
		bool forks = splits[i % COUNT(splits)] == fork;
		pid_t child;

		if (i / COUNT(splits) % 2)
			parked_begin(0);
		else
			on_another_thread(begins_one);
		child = splits[i % COUNT(splits)]();
		if (in_child(child)) {
			goes_on(forks ? on_another_thread : on_this_thread);
			expect(info_now().held == 0);
			_exit(0);
		}
		goes_on(on_another_thread);
		expect(info_now().held == 0);
		reap(child);
	}
	words_expect_distinct(words, 2 * ROUNDS * (3 * PARKED_LEN / 8 + 200));
}

/*
 * Lost buckets.
 */

static void expect_all_is_served(void)
{
	words_draw_served(words, 512, 64);
}

static void *begins_some(void *unused)
{
	(void)unused;
	for (int i = 1; i < PARKED_MOST; i++)
		parked_begin(i);
	return NULL;
}

/* In the child as well they are held until whoever drew from them goes on. */
static void a_child_counts_what_other_threads_held(void)
{
	enum { HELD = PARKED_MOST - 1 };
	pid_t child;

	need_parked();
	begin_words(100000);
	on_another_thread(begins_some);
	expect(info_now().held == HELD);
	child = fork();
	if (in_child(child)) {
		expect(info_now().held == HELD);
		expect_all_is_served();
		expect(info_now().held == HELD);
	}
	for (int i = 1; i < PARKED_MOST; i++)
		parked_end(i);
	expect(info_now().held == 0);
	expect_all_is_served();
	if (child == 0)
		_exit(0);
	reap(child);
	words_expect_distinct(words, 2 * HELD * PARKED_LEN / 8 + 3 * 800);
}

/*
 * Each generation has threads that draw, which the next one loses. The last one
 * tells how many buckets that were.
 */
static void the_sixtieth_generation_is_served(void)
{
	enum { GENERATIONS = 60 };
	uint64_t *lost;
	pid_t child = 0;
	int i;

	lost = mmap(NULL, sizeof *lost, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(lost != MAP_FAILED);
	begin_words((GENERATIONS + 1) * 1000);
	for (i = 0; i < GENERATIONS && child == 0; i++) {
		alarm(CHILD_SECONDS);
		*lost = info_now().held;
		expect(*lost <= (uint64_t)i * THREADS);
		begin_threads(draws_long_ones);
		usleep(2000);
		expect_all_is_served();
		child = fork();
		if (child)
			end_threads();
	}
	if (child == 0)
		expect_all_is_served();
	else
		reap(child);
	if (i > 1)
		_exit(0);
	if (serves(LONG))
		expect(*lost > 0);
	words_expect_distinct(words, (GENERATIONS + 1) * 800);
}

int main(void)
{
	static struct promise promises[] = {
		APART(a_draw_goes_on_on_another_thread),
		APART(a_draw_goes_on_in_parent_and_child),
		APART(a_child_counts_what_other_threads_held),
		APART(the_sixtieth_generation_is_served),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("fork_held", promises, COUNT(promises));
}
