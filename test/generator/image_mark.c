/*
 * Is this still memory that fork wipes? After a restore by CRIU before 4.2 it
 * is not, and parent and child would draw the same. The child's fork handler
 * has to find that out, whatever became of the memory, and of the process,
 * before.
 */
#include "image_mark.h"
#include "step.h"

/*
 * Restored.
 */

/*
 * As CRIU before 4.2 does it, which knows nothing of droppable memory: that
 * comes back as it was, as memory that fork copies.
 */
static void restore_as_ordinary_memory(void)
{
	uint8_t *image = malloc(PAGES);

	expect(image != NULL);
	memcpy(image, bucket_common.buckets, PAGES);
	expect(mmap(bucket_common.buckets, PAGES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == bucket_common.buckets);
	memcpy(bucket_common.buckets, image, PAGES);
	free(image);
}

/* Where there was no key there is none that both could have. */
static void expect_noticed(bool any)
{
	if (any)
		expect(tier_now() == TIER_KERNEL);
	expect(!any_key_to_be_had());
}

static void fork_and_draw(int generations)
{
	bool any = any_key();
	pid_t child = fork();

	if (in_child(child)) {
		expect_noticed(any);
		draw_here();
		if (generations > 1)
			fork_and_draw(generations - 1);
		_exit(0);
	}
	draw_here();
	reap(child);
}

static void (*event)(void);
static bool draws_after;

static void part_after_event(void)
{
	draw_here();
	event();
	if (draws_after)
		draw_here();
	restore_as_ordinary_memory();
	for (int i = 0; i < 3; i++)
		fork_and_draw(2);
	expect(tier_now() == usual);
	words_expect_distinct(words, 10 * ALL_LENGTHS);
}

static void part_after(void (*what)(void))
{
	event = what;
	for (int how = 0; how < 4; how++) {
		draws_after = how % 2;
		from_some = how / 2;
		keep_apart(part_after_event);
	}
}

#define PARTS_AFTER(what) \
	static void parts_after_##what(void) \
	{ \
		part_after(what); \
	}

PARTS_AFTER(nothing_happens)
PARTS_AFTER(memory_is_short)
PARTS_AFTER(all_is_dropped)
PARTS_AFTER(each_page_is_dropped)
PARTS_AFTER(every_other_page_is_dropped)
PARTS_AFTER(all_but_the_last_are_dropped)
PARTS_AFTER(it_goes_on_after_underscore_fork)
PARTS_AFTER(it_goes_on_after_a_raw_clone)
PARTS_AFTER(it_goes_on_after_fork)

/*
 * An earlier handler's draws in the child are its parent's, where nobody has
 * looked yet. They are not recorded.
 */
static int depth;
static pid_t inner;

static void fork_unrecorded(void)
{
	if (depth++)
		return;
	draw_unrecorded();
	inner = fork();
	draw_unrecorded();
}

static void restored_with(void (*early)(void))
{
	draw_here();
	restore_as_ordinary_memory();
	early_handler_child = early;
}

static void parts_though_an_earlier_handler_draws(void)
{
	restored_with(draw_unrecorded);
	for (int i = 0; i < 10; i++)
		fork_and_draw(1);
	words_expect_distinct(words, 21 * ALL_LENGTHS);
}

static void parts_though_an_earlier_handler_forks(void)
{
	need_forks_in_handlers();
	restored_with(fork_unrecorded);
	for (int i = 0; i < 10; i++) {
		bool any = any_key();
		pid_t child = fork();

		if (in_child(child)) {
			expect_noticed(any);
			draw_here();
			if (inner)
				reap(inner);
			_exit(0);
		}
		draw_here();
		reap(child);
	}
	words_expect_distinct(words, 31 * ALL_LENGTHS);
}

/* A page that has no mark, but a key, beside others that have both. */
static void draw_anew(void)
{
	drop_page(cpu_here(cpu_thread()) % BUCKETS_SHARED);
	draw_unrecorded();
}

static void parts_though_a_key_comes_after_the_library_prepared(void)
{
	from_some = true;
	restored_with(NULL);
	early_handler_prepare = draw_anew;
	for (int i = 0; i < 10; i++)
		fork_and_draw(1);
	words_expect_distinct(words, 21 * ALL_LENGTHS);
}

/*
 * There was no key at all when the library prepared, and so none to mark: it is
 * made after that, by a handler or by another thread, or in the child.
 */
static void *draws(void *unused)
{
	(void)unused;
	draw_unrecorded();
	return NULL;
}

static void let_a_thread_draw(void)
{
	pthread_t thread;

	expect(pthread_create(&thread, NULL, draws, NULL) == 0);
	expect(pthread_join(thread, NULL) == 0);
}

static void (*late)(void), (*later)(void);

static void part_with_the_first_key(void)
{
	pid_t child;

	restore_as_ordinary_memory();
	expect(!any_key());
	early_handler_prepare = late;
	early_handler_child = later;
	child = fork();
	if (in_child(child)) {
		expect(tier_now() == TIER_KERNEL);
		expect(!any_key_to_be_had());
		draw_here();
		if (inner)
			reap(inner);
		_exit(0);
	}
	draw_here();
	reap(child);
	words_expect_distinct(words, 2 * ALL_LENGTHS);
}

static void parts_though_the_first_key_comes_after_the_library_prepared(void)
{
	words = words_new(RECORD);
	late = draw_unrecorded;
	keep_apart(part_with_the_first_key);
	late = let_a_thread_draw;
	keep_apart(part_with_the_first_key);
	late = NULL;
	later = fork_unrecorded;
	keep_apart(part_with_the_first_key);
}

/*
 * Who was forked by a prepare handler goes on as the parent of the outer fork, and
 * forks again when that is over.
 */
static bool begun_inside;

static void fork_inside(void)
{
	early_handler_prepare = NULL;
	inner = fork();
	begun_inside = in_child(inner);
}

static void parts_though_a_prepare_handler_forked_it(void)
{
	pid_t outer;

	draw_here();
	early_handler_prepare = fork_inside;
	outer = fork();
	if (in_child(outer))
		_exit(0);
	reap(outer);
	if (!begun_inside) {
		reap(inner);
		return;
	}
	draw_here();
	restore_as_ordinary_memory();
	for (int i = 0; i < 3; i++)
		fork_and_draw(1);
	words_expect_distinct(words, 8 * ALL_LENGTHS);
	_exit(0);
}

static void *forks_and_draws(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10; i++)
		fork_and_draw(1);
	return NULL;
}

static void parts_though_several_threads_fork(void)
{
	draw_here();
	restore_as_ordinary_memory();
	begin_threads(forks_and_draws);
	end_threads();
	words_expect_distinct(words, (1 + 2 * 10 * THREADS) * ALL_LENGTHS);
}

#if defined(__x86_64__)

/* Before each instruction of one thread's prepare handler another one forks. */
enum { ALL_WAS_STEPPED = 3 };

static unsigned long forks_before;

static void *forks_once(void *unused)
{
	(void)unused;
	fork_and_draw(1);
	return NULL;
}

static bool another_forks(unsigned long at, uintptr_t instruction,
			  uintptr_t stack_pointer)
{
	pthread_t thread;

	(void)instruction;
	(void)stack_pointer;
	if (at < forks_before)
		return true;
	expect(pthread_create(&thread, NULL, forks_once, NULL) == 0);
	expect(pthread_join(thread, NULL) == 0);
	return false;
}

static void prepare(void *unused)
{
	(void)unused;
	bucket_fork_prepare();
}

static void part_of_two_threads_that_fork(void)
{
	unsigned long steps;
	pid_t child;

	draw_here();
	restore_as_ordinary_memory();
	steps = step(prepare, NULL, another_forks);
	child = raw_clone();
	if (in_child(child)) {
		expect(!bucket_fork_wiped());
		_exit(0);
	}
	bucket_fork_parent();
	reap(child);
	if (steps <= forks_before)
		_exit(ALL_WAS_STEPPED);
}

static void parts_though_another_thread_forks_meanwhile(void)
{
	int status = 0;

	words = words_new(RECORD);
	for (forks_before = 0; !status; forks_before++)
		status = status_apart(part_of_two_threads_that_fork);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == ALL_WAS_STEPPED);
	expect(forks_before > 20);
	words_expect_distinct(words, forks_before * 2 * ALL_LENGTHS);
}

#else

static void parts_though_another_thread_forks_meanwhile(void)
{
	skip_because("only x86-64 steps one instruction at a time");
}

#endif

static bool key_before;

static void expect_noticed_by_pid_1(void)
{
	expect_noticed(key_before);
}

static void parts_though_parent_and_child_are_pid_1(void)
{
	become_pid_1();
	draw_here();
	restore_as_ordinary_memory();
	key_before = any_key();
	fork_pid_1(expect_noticed_by_pid_1);
}

/* A handler forks in the middle of a draw, which goes on in both. */
static bool forks_next;
static chacha20_blocks *stream;
static pid_t forked;

static void forking_stream(struct chacha20 *c, uint8_t *to, size_t blocks)
{
	stream(c, to, blocks);
	if (forks_next) {
		forks_next = false;
		forked = fork();
	}
}

static void parts_in_the_middle_of_a_draw(void)
{
	uint8_t *theirs = mmap(NULL, 1000, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(theirs != MAP_FAILED);
	draw(1000);
	restore_as_ordinary_memory();
	stream = chacha20_best(NULL);
	bucket_stream = forking_stream;
	for (int i = 0; i < ROUNDS; i++) {
		forks_next = true;
		draw(1000);
		expect(!forks_next);
		if (!forked) {
			memcpy(theirs, out, 1000);
			_exit(0);
		}
		reap(forked);
		for (size_t at = 0; at + 8 <= 1000; at += 8)
			expect(memcmp(out + at, theirs + at, 8) != 0);
	}
}

static const struct promise roles[] = {
	HERE(parts_after_nothing_happens),
	HERE(parts_after_memory_is_short),
	HERE(parts_after_all_is_dropped),
	HERE(parts_after_each_page_is_dropped),
	HERE(parts_after_every_other_page_is_dropped),
	HERE(parts_after_all_but_the_last_are_dropped),
	HERE(parts_after_it_goes_on_after_underscore_fork),
	HERE(parts_after_it_goes_on_after_a_raw_clone),
	HERE(parts_after_it_goes_on_after_fork),
	HERE(parts_though_an_earlier_handler_draws),
	HERE(parts_though_an_earlier_handler_forks),
	HERE(parts_though_a_key_comes_after_the_library_prepared),
	HERE(parts_though_the_first_key_comes_after_the_library_prepared),
	HERE(parts_though_a_prepare_handler_forked_it),
	HERE(parts_though_several_threads_fork),
	HERE(parts_though_another_thread_forks_meanwhile),
	HERE(parts_though_parent_and_child_are_pid_1),
	HERE(parts_in_the_middle_of_a_draw),
};

int main(int count, char **arguments)
{
	return keep_in_all_tiers("image_mark", count, arguments, roles,
				 COUNT(roles));
}
