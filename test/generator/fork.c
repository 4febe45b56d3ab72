/*
 * A parent and its children never draw the same bytes, however they part, and
 * whoever else draws, holds a bucket or is in the middle of a draw then.
 */
#include "support/forks.h"

#include <spawn.h>

extern char **environ;

/* With more or less of the stock spent, by small and long draws. */
static void expect_parted(pid_t (*split)(void))
{
	pid_t child;

	words = words_new(600000);
	for (int round = 0; round < 25; round++) {
		words_draw_all_ways(words);
		words_draw(words, &ways[0], 5 * round);
		child = split();
		if (in_child(child)) {
			words_draw_all_ways(words);
			_exit(0);
		}
		words_draw_all_ways(words);
		reap(child);
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
	pid_t child;

	words = words_new(60000);
	child = fork();
	if (in_child(child)) {
		words_draw_all_ways(words);
		_exit(0);
	}
	words_draw_all_ways(words);
	reap(child);
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

static char stack[256 * 1024] __attribute__((aligned(64)));

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
	child = clone(draws_much, stack + sizeof stack, CLONE_VM | SIGCHLD,
		      NULL);
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
		pid_t child = clone(draws_till_killed, stack + sizeof stack,
				    CLONE_VM | SIGCHLD, NULL);
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
		pid_t child;

		words_draw_all_ways(words);
		child = split();
		if (in_child(child)) {
			words_draw_all_ways(words);
			_exit(0);
		}
		words_draw_all_ways(words);
		reap(child);
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
 * Loops. Who draws the same few bytes from the same place, thousands of times,
 * may be served in some quicker way. It must be as safe for whoever comes to
 * that place later, or at the same time.
 */
enum { HABIT = 40000 };

static __attribute__((noinline)) void loop(int count)
{
	uint64_t word;

	while (count--) {
		if (getrandom(&word, sizeof word, 0) != sizeof word)
			abort();
		words_add(words, &word, sizeof word);
	}
}

/* From the same place of the same stack, as the compiler sees to it. */
static void a_child_goes_on_with_a_loop(void)
{
	words = words_new(400000);
	for (int round = 0; round < 60; round++) {
		pid_t child = -1;

		for (int turn = 0; turn < 3; turn++) {
			loop(round || turn ? 1000 : HABIT);
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
			loop(round || turn ? 1000 : HABIT);
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
	loop(20 * HABIT);
	return 0;
}

/* Both at the same time, if there are CPUs for it. */
static void a_child_that_shares_all_memory_loops(void)
{
	pid_t child;

	only_where_off_is_the_kernel();
	words = words_new(90 * HABIT);
	loop(2 * HABIT);
	for (int round = 0; round < 2; round++) {
		child = clone(loops, stack + sizeof stack, CLONE_VM | SIGCHLD,
			      NULL);
		expect(child > 0);
		loops(NULL);
		reap(child);
	}
	words_expect_distinct(words, 82 * HABIT);
	expect(info_now().held == 0);
}

static void *loops_till_enough(void *unused)
{
	uint64_t word;

	(void)unused;
	while (!enough) {
		if (getrandom(&word, sizeof word, 0) != sizeof word)
			abort();
		if (words->count < 400000)
			words_add(words, &word, sizeof word);
	}
	return NULL;
}

static void *loops_for_a_while(void *unused)
{
	uint64_t word;

	(void)unused;
	for (int i = 0; i < 3000; i++) {
		if (getrandom(&word, sizeof word, 0) != sizeof word)
			abort();
		words_add(words, &word, sizeof word);
	}
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

/*
 * Signal handlers that fork.
 */

static volatile sig_atomic_t forks, drawing, forked_in_this_draw, is_child;
static _Atomic int *finished; /* children; shared */
static pid_t (*handlers_split)(void);

static void fork_and_draw(int unused)
{
	int saved = errno;
	pid_t child = 0;

	(void)unused;
	if (forks < 200) {
		child = splits[(size_t)++forks % COUNT(splits)]();
		if (child < 0)
			abort();
		if (child == 0) {
			alarm(CHILD_SECONDS);
			words_draw(words, &ways[(size_t)forks % COUNT(ways)],
				   20);
			words_draw(words, &ways[0], 20);
			++*finished;
			_exit(0);
		}
		words_draw(words, &ways[(size_t)forks % COUNT(ways)], 20);
	}
	errno = saved;
}

static void begin_to_count_children(void)
{
	finished = mmap(NULL, sizeof *finished, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(finished != MAP_FAILED);
	forks = 0;
}

static void expect_all_children_finished(void)
{
	int status;

	for (;;) {
		pid_t child = waitpid(-1, &status, 0);

		if (child < 0 && errno == ECHILD)
			break;
		if (child > 0)
			expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	expect(*finished == forks);
}

static void a_handler_forks_a_child_that_draws(void)
{
	static uint64_t bytes[LONG / 8];

	words = words_new(700000);
	begin_to_count_children();
	storm_begin(fork_and_draw, 400);
	for (size_t i = 0; forks < 200; i++) {
		size_t len = i % 3 ? 64 : sizeof bytes;

		by_getrandom(bytes, len);
		if (words->count < 600000)
			words_add(words, bytes, 64);
	}
	storm_end();
	expect_all_children_finished();
	expect(info_now().held == 0);
	words_expect_distinct(words, 200 * 60);
}

static void fork_in_this_draw(int unused)
{
	int saved = errno;
	pid_t child;

	(void)unused;
	if (drawing && !is_child && !forked_in_this_draw && forks < 150) {
		child = handlers_split();
		if (child < 0)
			abort();
		if (child == 0) {
			alarm(CHILD_SECONDS);
			is_child = 1;
			words_draw(words, &ways[3], 10);
		} else {
			forks++;
			words_draw(words, &ways[3], 10);
		}
		forked_in_this_draw = 1;
	}
	errno = saved;
}

/*
 * The child returns from the handler into the draw and ends it, as does its
 * parent. Both may have the same bytes only if the draw was over, but for
 * telling us, when the signal came: a few of 10,000 ns. 15 of 150 are allowed,
 * where one in 1,000 is expected (10^-28); all of 150 were seen in a program
 * that went wrong.
 */
static void expect_interrupted_draws_part(pid_t (*split)(void))
{
	enum { KEPT = 16 };
	static uint64_t bytes[LONG / 8];
	struct words *interrupted;
	uint64_t kept[KEPT];

	if (!serves(sizeof bytes))
		skip_because("the kernel's own answers: given in parts, before "
			     "a handler runs");
	words = words_new(400000);
	interrupted = words_new(2 * 150 * KEPT);
	begin_to_count_children();
	handlers_split = split;
	storm_begin(fork_in_this_draw, 300);
	while (forks < 150 && !is_child) {
		forked_in_this_draw = 0;
		drawing = 1;
		by_getrandom(bytes, sizeof bytes);
		drawing = 0;
		if (!forked_in_this_draw)
			continue;
		for (size_t i = 0; i < KEPT; i++)
			kept[i] = bytes[i * COUNT(bytes) / KEPT];
		words_add(interrupted, kept, sizeof kept);
		for (int i = 0; i < 40; i++)
			words_draw(words, &ways[i % 2 ? 0 : 3], 1);
		by_getrandom(bytes, sizeof bytes);
		words_add(words, bytes, 512);
	}
	expect(info_now().held == 0);
	if (is_child) {
		++*finished;
		_exit(0);
	}
	storm_end();
	expect_all_children_finished();
	words_expect_distinct(words, 150 * 2 * (10 + 40 + 64));
	expect(interrupted->count == interrupted->room);
	expect(words_repeated(interrupted) <= 15 * KEPT);
}

/*
 * The same in a loop of small draws. How many of these were over when the
 * signal came is not known, so the one that was interrupted is not compared.
 */
static void expect_interrupted_loops_part(pid_t (*split)(void))
{
	enum { AFTER = 400 };
	uint64_t word;
	int left = 0;

	words = words_new(2 * 150 * (AFTER + 10) + 20000);
	begin_to_count_children();
	handlers_split = split;
	storm_begin(fork_in_this_draw, 300);
	while (forks < 150 || left) {
		drawing = 1;
		if (getrandom(&word, sizeof word, 0) != sizeof word)
			abort();
		drawing = 0;
		if (forked_in_this_draw) {
			forked_in_this_draw = 0;
			left = AFTER;
		} else if (left) {
			left--;
			words_add(words, &word, sizeof word);
		}
		if (is_child && !left) {
			++*finished;
			_exit(0);
		}
	}
	storm_end();
	expect_all_children_finished();
	words_expect_distinct(words, 150 * 2 * 10 + 150 * AFTER);
}

static void a_loop_interrupted_by_fork_parts(void)
{
	expect_interrupted_loops_part(fork);
}

static void a_loop_interrupted_by_a_raw_clone_parts(void)
{
	expect_interrupted_loops_part(raw_clone);
}

static void a_draw_interrupted_by_fork_parts(void)
{
	expect_interrupted_draws_part(fork);
}

static void a_draw_interrupted_by_a_raw_clone_parts(void)
{
	expect_interrupted_draws_part(raw_clone);
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
		APART(a_child_goes_on_with_a_loop),
		APART(a_child_of_vfork_goes_on_with_a_loop),
		APART(a_child_that_shares_all_memory_loops),
		APART(a_childs_threads_loop_on_its_parents_stacks),
		APART(a_handler_forks_a_child_that_draws),
		APART(a_loop_interrupted_by_fork_parts),
		APART(a_loop_interrupted_by_a_raw_clone_parts),
		APART(a_draw_interrupted_by_fork_parts),
		APART(a_draw_interrupted_by_a_raw_clone_parts),
		APART(threads_whose_pointer_points_to_0_draw),
	};

	if (!draws_begin())
		return 2;
	if (count == 3 && !strcmp(arguments[1], "draw-to"))
		return draw_to(atoi(arguments[2]));
	return promises_keep("fork", promises, COUNT(promises));
}
