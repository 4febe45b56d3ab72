/*
 * Loops of small draws part as other draws do, though they are served in a
 * quicker way: in a child that goes on with one, in threads on the stacks of
 * others, and where all memory is shared.
 */
#include "support/forks.h"
#include "loop.h"

static void loop_all(int count)
{
	loop(count, count);
}

/* From the same place of the same stack, as the compiler sees to it. */
static void a_child_goes_on_with_a_loop(void)
{
	words = words_new(400000);
	for (int round = 0; round < 60; round++) {
		pid_t child = -1;

		for (int turn = 0; turn < 3; turn++) {
			loop_all(round || turn ? 1000 : HABIT);
			if (turn == 0)
				child = splits[(size_t)round % COUNT(splits)]();
			if (turn == 0 && in_child(child))
				round = 60;
		}
		if (child == 0)
			_exit(0);
		reap(child);
	}
	words_expect_distinct(words, HABIT + 59 * 3000 + 60 * 2000);
}

static void a_child_of_vfork_goes_on_with_a_loop(void)
{
	static volatile int round, turn;
	static volatile pid_t child;

	words = words_new(400000);
	for (round = 0; round < 60; round++) {
		child = -1;
		for (turn = 0; turn < 3; turn++) {
			if (turn == 1)
				child = vfork();
			loop_all(round || turn ? 1000 : HABIT);
			if (child == 0)
				_exit(0);
		}
		reap(child);
	}
	words_expect_distinct(words, HABIT + 59 * 4000);
	expect(info_now().held == 0);
}

static atomic_int in_step;

static int loops(void *unused)
{
	(void)unused;
	in_step++;
	while (in_step % 2)
		;
	loop_all(20 * HABIT);
	return 0;
}

/* Both at the same time, if there are CPUs for it. */
static void a_child_that_shares_all_memory_loops(void)
{
	pid_t child;

	only_where_off_is_the_kernel();
	words = words_new(90 * HABIT);
	loop_all(2 * HABIT);
	for (int round = 0; round < 2; round++) {
		child = clone_with_memory(loops);
		expect(child > 0);
		loops(NULL);
		reap(child);
	}
	words_expect_distinct(words, 82 * HABIT);
	expect(info_now().held == 0);
}

static void *loops_till_enough(void *unused)
{
	(void)unused;
	while (!enough)
		loop(100, words->count < 400000 ? 100 : 0);
	return NULL;
}

static void *loops_for_a_while(void *unused)
{
	(void)unused;
	loop_all(3000);
	return NULL;
}

/* The child's threads get the stacks of those that it has no more. */
static void a_childs_threads_loop_on_its_parents_stacks(void)
{
	words = words_new(900000);
	begin_threads(loops_till_enough);
	usleep(20000);
	for (int round = 0; round < 30; round++) {
		pid_t child = fork();

		if (in_child(child)) {
			begin_threads(loops_for_a_while);
			end_threads();
			_exit(0);
		}
		reap(child);
	}
	end_threads();
	words_expect_distinct(words, 30 * THREADS * 3000);
}

int main(void)
{
	static struct promise promises[] = {
		APART(a_child_goes_on_with_a_loop),
		APART(a_child_of_vfork_goes_on_with_a_loop),
		APART(a_child_that_shares_all_memory_loops),
		APART(a_childs_threads_loop_on_its_parents_stacks),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("fork_loops", promises, COUNT(promises));
}
