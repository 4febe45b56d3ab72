/*
 * A parent and its children never draw the same bytes, however they part, and
 * whoever else draws, holds a bucket or is in the middle of a draw then.
 */
#include "support/forks.h"

#include <spawn.h>

extern char **environ;

/* Parts; both draw, and the child has ended when this returns. */
static void part(pid_t (*split)(void))
{
	pid_t child = split();

	if (in_child(child)) {
		words_draw_all_ways(words);
		_exit(0);
	}
	words_draw_all_ways(words);
	reap(child);
}

/* With more or less of the stock spent, by small and long draws. */
static void expect_parted(pid_t (*split)(void))
{
	words = words_new(600000);
	for (int round = 0; round < 25; round++) {
		words_draw_all_ways(words);
		words_draw(words, &ways[0], 5 * round);
		part(split);
	}
	words_expect_distinct(words, 25 * 3 * COUNT(ways) * 500);
	words_free(words);
}

static void a_child_of_fork_draws_its_own(void)
{
	expect_parted(fork);
}

static void a_child_of_underscore_fork_draws_its_own(void)
{
	if (!_Fork)
		skip_because("libc has no _Fork");
	expect_parted(underscore_fork);
}

static void a_child_of_a_raw_clone_draws_its_own(void)
{
	expect_parted(raw_clone);
}

static void a_child_of_clone_by_syscall_draws_its_own(void)
{
	expect_parted(syscall_clone);
}

/* The very first draw of a bucket comes after the fork, or in the child. */
static void the_first_draw_may_come_after_the_fork(void)
{
	words = words_new(60000);
	part(fork);
	words_expect_distinct(words, 2 * COUNT(ways) * 500);
}

static void draw_and_go_deeper(int depth)
{
	pid_t child = 0;

	words_draw_all_ways(words);
	if (depth < 8) {
		child = splits[depth % COUNT(splits)]();
		if (in_child(child)) {
			draw_and_go_deeper(depth + 1);
			_exit(0);
		}
	}
	words_draw_all_ways(words);
	if (child)
		reap(child);
}

static void grandchildren_draw_their_own(void)
{
	words = words_new(200000);
	draw_and_go_deeper(0);
	words_expect_distinct(words, 9 * 2 * COUNT(ways) * 500);
}

/* It shares its parent's memory, and with it what is left of the stock. */
static void a_child_of_vfork_draws_its_own(void)
{
	static pid_t child;
	static int round;

	words = words_new(400000);
	for (round = 0; round < 20; round++) {
		words_draw_all_ways(words);
		child = vfork();
		if (child == 0) {
			words_draw_all_ways(words);
			_exit(0);
		}
		words_draw_all_ways(words);
		expect(child > 0);
		reap(child);
	}
	words_expect_distinct(words, 20 * 3 * COUNT(ways) * 500);
	expect(info_now().held == 0);
}

static int draws_much(void *unused)
{
	(void)unused;
	for (int i = 0; i < 30; i++)
		words_draw_all_ways(words);
	return 0;
}

/*
 * It has its parent's thread pointer too: to the locks they are the same
 * thread, at the same time.
 */
static void a_child_that_shares_all_memory_draws_its_own(void)
{
	pid_t child;

	only_where_off_is_the_kernel();
	words = words_new(600000);
	child = clone_with_memory(draws_much);
	draws_much(NULL);
	expect(child > 0);
	reap(child);
	words_expect_distinct(words, 60 * COUNT(ways) * 500);
	expect(info_now().held == 0);
}

static int draws_till_killed(void *unused)
{
	static uint64_t bytes[LONG / 8];

	(void)unused;
	for (;;)
		by_getrandom(bytes, sizeof bytes);
	return 0;
}

/* Each may lose one bucket, which stays counted. */
static void children_that_share_memory_are_killed(void)
{
	enum { KILLED = 40 };

	only_where_off_is_the_kernel();
	words = words_new(600000);
	for (int i = 0; i < KILLED; i++) {
		pid_t child = clone_with_memory(draws_till_killed);
		int status;

		expect(child > 0);
		usleep(2000);
		expect(kill(child, SIGKILL) == 0);
		expect(waitpid(child, &status, 0) == child);
		words_draw_all_ways(words);
	}
	expect(info_now().held <= KILLED);
	words_expect_distinct(words, KILLED * COUNT(ways) * 500);
}

static void a_spawned_program_draws_its_own(void)
{
	char number[16];
	char *arguments[] = {"/proc/self/exe", "draw-to", number, NULL};
	uint64_t drawn[512];
	int ends[2];

	words = words_new(100000);
	expect(pipe(ends) == 0);
	snprintf(number, sizeof number, "%d", ends[1]);
	for (int i = 0; i < 10; i++) {
		pid_t child = 0;

		words_draw_all_ways(words);
		expect(posix_spawn(&child, arguments[0], NULL, NULL, arguments,
				   environ) == 0);
		reap(child);
		expect(read(ends[0], drawn, sizeof drawn) == sizeof drawn);
		words_add(words, drawn, sizeof drawn);
	}
	words_expect_distinct(words, 10 * 512 + 10 * COUNT(ways) * 500);
}

/* What a spawned program does: main of its own. */
static int draw_to(int fd)
{
	uint64_t drawn[512];

	for (size_t i = 0; i < COUNT(drawn); i++)
		ways[i % COUNT(ways)].draw(&drawn[i], sizeof *drawn);
	return write(fd, drawn, sizeof drawn) != sizeof drawn;
}

/*
 * Counts.
 */

static void expect_counts_of_its_own(void)
{
	uint8_t bytes[512];
	struct fastrand_info info = info_now();

	expect(info.requests == 0);
	expect(info.bytes == 0);
	expect(info.refills == 0);
	expect(info.reseeds == 0);
	expect(info.kernel == 0);
	for (int i = 0; i < 100; i++)
		expect(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
	info = info_now();
	expect(info.requests + info.kernel == 100);
	expect(info.requests >= (serves(sizeof bytes) ? 97 : 0));
	/* What was drawn twice, since the kernel reseeded, counts twice. */
	expect(info.bytes >= info.requests * sizeof bytes);
	expect(info.bytes <= (info.requests + 3) * sizeof bytes);
	expect(serves(sizeof bytes) || info.requests == 0);
}

static void a_child_of_fork_counts_from_0(void)
{
	struct fastrand_info before, after;
	pid_t child;

	words = words_new(100000);
	for (int i = 0; i < 5; i++) {
		words_draw_all_ways(words);
		before = info_now();
		child = fork();
		if (in_child(child)) {
			expect_counts_of_its_own();
			_exit(0);
		}
		reap(child);
		after = info_now();
		expect(after.requests == before.requests);
		expect(after.kernel == before.kernel);
	}
}

/*
 * Other threads.
 */

static void *draws_for_long(void *with)
{
	static _Thread_local uint64_t bytes[LONG / 8];
	size_t turn = (size_t)with;

	while (!enough) {
		const struct way *way = &ways[turn++ % COUNT(ways)];
		size_t len = way->request == 4 || turn % 3 ? 64 : sizeof bytes;

		way->draw(bytes, len);
		if (words->count < 500000)
			words_add(words, bytes, 64);
	}
	return NULL;
}

/*
 * What they hold is given back by them or never: not in the child, which draws
 * from other buckets.
 */
static void a_child_of_fork_is_served_whatever_others_held(void)
{
	int held = 0, forks = 0;
	pid_t child;

	if (!serves(LONG))
		skip_because("nothing is ever held where nothing is served");
	words = words_new(10);
	begin_threads(draws_long_ones);
	for (; held < 50 && forks < 2000; forks++) {
		held += info_now().held > 0;
		child = fork();
		if (in_child(child)) {
			uint64_t lost = info_now().held;

			expect(lost <= THREADS);
			expect_counts_of_its_own();
			expect(info_now().held == lost);
			_exit(0);
		}
		reap(child);
	}
	end_threads();
	expect(held == 50);
	expect(info_now().held == 0);
}

/* Every child draws; what it loses of buckets does not stop it. */
static void a_parent_forks_while_others_draw(void)
{
	pid_t child;

	words = words_new(700000);
	begin_threads(draws_for_long);
	for (size_t i = 0; i < 240; i++) {
		child = splits[i % COUNT(splits)]();
		if (in_child(child)) {
			uint64_t bytes[64];

			for (size_t w = 0; w < COUNT(ways); w++) {
				words_draw(words, &ways[w], 20);
				ways[w].draw(bytes, sizeof bytes);
				words_add(words, bytes, sizeof bytes);
			}
			_exit(0);
		}
		words_draw(words, &ways[i % COUNT(ways)], 50);
		reap(child);
	}
	end_threads();
	words_expect_distinct(words, 240 * (50 + COUNT(ways) * 84));
}

static void *forks_and_draws(void *with)
{
	pid_t (*split)(void) = splits[(size_t)with % COUNT(splits)];

	for (int i = 0; i < 10; i++) {
		words_draw_all_ways(words);
		part(split);
	}
	return NULL;
}

static void threads_fork_at_the_same_time(void)
{
	words = words_new(800000);
	begin_threads(forks_and_draws);
	end_threads();
	words_expect_distinct(words, THREADS * 10 * 3 * COUNT(ways) * 500);
}

/*
 * Threads that the program makes itself, with a thread pointer of its own: what
 * lies there need not be its address, and may be 0.
 */
#if defined(__x86_64__)

enum { OWN_THREADS = 2, OWN_DRAWS = 200000, OWN_BLOCK = 262144 };

static atomic_bool all_are_there;

static int draws_by_number(void *unused)
{
	uint64_t word[2];

	(void)unused;
	while (!all_are_there)
		sched_yield();
	for (int i = 0; i < OWN_DRAWS; i++) {
		if (syscall(SYS_getrandom, word, sizeof word, 0L) != sizeof word)
			_exit(1);
		words_add(words, word, sizeof word);
	}
	_exit(0);
}

static void threads_whose_pointer_points_to_0_draw(void)
{
	const int flags = CLONE_VM | CLONE_SETTLS | SIGCHLD;
	pid_t child[OWN_THREADS];
	struct fastrand_info before;

	if (!tier_is("page"))
		skip_because("in other tiers such a thread runs libc's code");
	words = words_new(OWN_THREADS * OWN_DRAWS * 2);
	before = info_now();
	for (size_t i = 0; i < OWN_THREADS; i++) {
		char *block = mmap(NULL, 2 * OWN_BLOCK, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		expect(block != MAP_FAILED);
		/* The stack below; then all variables of a thread, and the pointer. */
		child[i] = clone(draws_by_number, block + OWN_BLOCK, flags,
				 NULL, NULL, block + OWN_BLOCK * 3 / 2);
		expect(child[i] > 0);
	}
	all_are_there = true;
	for (size_t i = 0; i < OWN_THREADS; i++)
		reap(child[i]);
	expect(info_now().requests - before.requests >
	       OWN_THREADS * OWN_DRAWS * 9 / 10);
	words_expect_distinct(words, OWN_THREADS * OWN_DRAWS * 2);
}

#else

static void threads_whose_pointer_points_to_0_draw(void)
{
	skip_because("such threads are made on x86-64 only");
}

#endif

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		APART(the_first_draw_may_come_after_the_fork),
		APART(a_child_of_fork_draws_its_own),
		APART(a_child_of_underscore_fork_draws_its_own),
		APART(a_child_of_a_raw_clone_draws_its_own),
		APART(a_child_of_clone_by_syscall_draws_its_own),
		APART(grandchildren_draw_their_own),
		APART(a_child_of_vfork_draws_its_own),
		APART(a_child_that_shares_all_memory_draws_its_own),
		APART(children_that_share_memory_are_killed),
		APART(a_spawned_program_draws_its_own),
		APART(a_child_of_fork_counts_from_0),
		APART(a_child_of_fork_is_served_whatever_others_held),
		APART(a_parent_forks_while_others_draw),
		APART(threads_fork_at_the_same_time),
		APART(threads_whose_pointer_points_to_0_draw),
	};

	if (!draws_begin())
		return 2;
	if (count == 3 && !strcmp(arguments[1], "draw-to"))
		return draw_to(atoi(arguments[2]));
	return promises_keep("fork", promises, COUNT(promises));
}
