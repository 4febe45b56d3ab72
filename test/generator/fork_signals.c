/*
 * A signal handler forks, in the middle of whatever draw it interrupts: parent
 * and child never draw the same bytes, even where both go on with that draw.
 */
#include "support/forks.h"

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

int main(void)
{
	static struct promise promises[] = {
		APART(a_handler_forks_a_child_that_draws),
		APART(a_loop_interrupted_by_fork_parts),
		APART(a_loop_interrupted_by_a_raw_clone_parts),
		APART(a_draw_interrupted_by_fork_parts),
		APART(a_draw_interrupted_by_a_raw_clone_parts),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("fork_signals", promises, COUNT(promises));
}
