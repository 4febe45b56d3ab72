/*
 * A child of fork that already has a second thread, or whose earlier handlers
 * have drawn or forked, when the library's handler runs there, draws its own.
 */
#include "support/early.h"
#include "loop.h"
#include "parked.h"

enum { NATURAL = 400 }; /* forks */

static atomic_bool begun, go_on, stepped, finish, done;

static void wait_for(atomic_bool *it)
{
	while (!*it)
		usleep(100);
}

static void begin_early_thread(void *(*body)(void *))
{
	pthread_t thread;

	begun = go_on = stepped = finish = done = false;
	if (pthread_create(&thread, NULL, body, NULL) != 0)
		abort();
	wait_for(&begun);
}

/*
 * The library, and what it has counted: its handler makes that 0 in a child.
 */
static uint64_t counted(void)
{
	struct fastrand_info info = info_now();

	return info.requests + info.kernel;
}

static uint64_t counted_early;
static int prepared_early;

static void count_early(void)
{
	counted_early = counted();
}

static void prepare_early(void)
{
	prepared_early++;
}

static void an_earlier_handler_runs_before_the_librarys(void)
{
	uint8_t bytes[512];
	uint64_t before;
	pid_t child;

	for (int i = 0; i < 1000; i++)
		by_getrandom(bytes, sizeof bytes);
	before = counted();
	expect(before >= 1000);
	expect(!serves(sizeof bytes) || info_now().requests >= 900);
	*early_child = count_early;
	*early_prepare = prepare_early;
	child = fork();
	if (in_child(child)) {
		expect(prepared_early == 1);
		/* All that lay in a bucket's page is wiped; it is not much. */
		expect(counted_early > before / 2);
		expect(counted() == 0);
		_exit(0);
	}
	reap(child);
	expect(counted_early == 0);
}

/*
 * A thread of an earlier handler's.
 */

static void *stops_in_a_draw(void *unused)
{
	(void)unused;
	parked_begin(0);
	begun = true;
	wait_for(&go_on);
	parked_step(0);
	stepped = true;
	wait_for(&finish);
	parked_end(0);
	done = true;
	return NULL;
}

static void begin_one_that_stops(void)
{
	begin_early_thread(stops_in_a_draw);
}

static void *lets_it_go_on(void *unused)
{
	(void)unused;
	go_on = true;
	wait_for(&stepped);
	return NULL;
}

static void *lets_it_end(void *unused)
{
	(void)unused;
	finish = true;
	wait_for(&done);
	return NULL;
}

/*
 * The thread is in the middle of a draw when the library's handler runs, and
 * the child then draws on the same CPU. Were all in one bucket, what comes of
 * it would be the same in both children: see parked_goes_on.
 */
static void a_thread_that_was_there_before_keeps_its_bucket(void)
{
	enum { CHILDREN = 2 };

	need_parked();
	stay_on_this_cpu();
	begin_words(CHILDREN * 10000);
	*early_child = begin_one_that_stops;
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		if (in_child(child)) {
			parked_goes_on(on_this_thread, lets_it_go_on,
				       lets_it_end);
			_exit(0);
		}
		reap(child);
	}
	words_expect_distinct(words, CHILDREN * (3 * PARKED_LEN / 8 + 200));
}

/*
 * Nobody is held up: the thread draws all the time, and keeps its last draws,
 * while the child draws beside it. Half of the children have one CPU for both,
 * so that the thread was stopped where it was.
 */
enum {
	KEPT = 32,
	EACH = (4096 + 136) / 8, /* bulk, and some of a last pass */
	MINE = 512,
	MINE_EACH = 328 / 8,
};
static uint64_t theirs[KEPT][EACH];

static void *draws_on_and_on(void *unused)
{
	(void)unused;
	for (size_t i = 0; !go_on; i++) {
		by_getrandom(theirs[i % KEPT], sizeof *theirs);
		begun = true;
	}
	done = true;
	return NULL;
}

static void begin_one_that_draws(void)
{
	begin_early_thread(draws_on_and_on);
}

/* All of it is compared in the child, and some of it across children. */
static void draw_beside_a_thread(void)
{
	struct words *here = words_new(KEPT * EACH + MINE * MINE_EACH);

	for (int i = 0; i < MINE; i++) {
		uint64_t mine[MINE_EACH];

		by_getrandom(mine, sizeof mine);
		words_add(here, mine, sizeof mine);
		if (i < 128)
			words_add(words, mine, 8);
	}
	go_on = true;
	wait_for(&done);
	for (size_t i = 0; i < KEPT; i++) {
		/* It may not have come so far. */
		if (!theirs[i][EACH - 1])
			continue;
		words_add(here, theirs[i], sizeof theirs[i]);
		words_add(words, &theirs[i][0], 8);
		words_add(words, &theirs[i][EACH - 1], 8);
	}
	words_expect_distinct(here, MINE * MINE_EACH);
}

static void threads_that_were_there_before_draw_their_own(void)
{
	begin_words(200 + NATURAL * (128 + 2 * KEPT));
	*early_child = begin_one_that_draws;
	for (int i = 0; i < NATURAL; i++) {
		pid_t child;

		if (i == NATURAL / 2)
			stay_on_this_cpu();
		child = fork();
		if (in_child(child)) {
			draw_beside_a_thread();
			_exit(0);
		}
		reap(child);
	}
	words_expect_distinct(words, NATURAL * 130);
}

/*
 * Loops, of which each has a bucket leased to its stack: the thread's stack is
 * that of one which did not come along, and may have been in mid-draw.
 */
static void *loops_on(void *unused)
{
	(void)unused;
	while (!enough)
		loop(1000, 20);
	return NULL;
}

static void *loops_early(void *unused)
{
	(void)unused;
	begun = true;
	loop(4000, 4000);
	done = true;
	return NULL;
}

static void begin_one_that_loops(void)
{
	begin_early_thread(loops_early);
}

static void loops_that_were_there_before_draw_their_own(void)
{
	enum { CHILDREN = 40 };

	begin_words(900000);
	loop(HABIT, 100);
	begin_threads(loops_on);
	usleep(20000);
	*early_child = begin_one_that_loops;
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		if (in_child(child)) {
			loop(4000, 4000);
			wait_for(&done);
			_exit(0);
		}
		loop(1000, 1000);
		reap(child);
	}
	end_threads();
	words_expect_distinct(words, CHILDREN * 9000);
}

/*
 * Earlier handlers that fork. What they make is a child of the child, in which
 * the library's handler runs twice: for the inner fork, and for the outer.
 */
static char usual_tier[16];
static int depth;
static size_t early_turn;
static pid_t inner;

static void draw_and_see_the_tier(int count)
{
	words_draw(words, &ways[0], count);
	words_draw(words, &ways[3], count);
	if (!tier_is(usual_tier))
		fprintf(stderr, "tier %s: %s\n", info_now().tier,
			info_now().why);
	expect(tier_is(usual_tier));
}

/* Forks. Both draw, and the child has something more to do. */
static void fork_and_see_the_tier(void (*in_the_child)(void))
{
	pid_t child = fork();

	if (in_child(child)) {
		draw_and_see_the_tier(20);
		in_the_child();
		_exit(0);
	}
	draw_and_see_the_tier(20);
	reap(child);
}

static void note_the_tier(void)
{
	snprintf(usual_tier, sizeof usual_tier, "%s", info_now().tier);
}

static void fork_early(void)
{
	if (depth++)
		return;
	draw_and_see_the_tier(20);
	inner = splits[early_turn % COUNT(splits)]();
	if (inner == 0)
		alarm(CHILD_SECONDS);
	draw_and_see_the_tier(20);
}

static void reap_inner(void)
{
	if (inner)
		reap(inner);
}

static void an_earlier_handler_forks(void)
{
	enum { ROUNDS = 5 * COUNT(splits) };

	need_forks_in_handlers();
	note_the_tier();
	begin_words(ROUNDS * 500);
	*early_child = fork_early;
	for (early_turn = 0; early_turn < ROUNDS; early_turn++)
		fork_and_see_the_tier(reap_inner);
	words_expect_distinct(words, ROUNDS * 6 * 40);
}

static void *forks_early(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(splits); i++) {
		pid_t child;

		draw_and_see_the_tier(20);
		child = splits[i]();
		if (in_child(child)) {
			draw_and_see_the_tier(20);
			_exit(0);
		}
		begun = true;
		draw_and_see_the_tier(20);
		reap(child);
	}
	done = true;
	return NULL;
}

static void begin_one_that_forks(void)
{
	if (!depth++)
		begin_early_thread(forks_early);
}

static void wait_and_see_the_tier(void)
{
	wait_for(&done);
	draw_and_see_the_tier(20);
}

static void a_thread_that_was_there_before_forks(void)
{
	enum { ROUNDS = 20 };

	need_forks_in_handlers();
	note_the_tier();
	begin_words(ROUNDS * 1000);
	*early_child = begin_one_that_forks;
	for (int i = 0; i < ROUNDS; i++)
		fork_and_see_the_tier(wait_and_see_the_tier);
	words_expect_distinct(words, ROUNDS * (3 + 3 * COUNT(splits)) * 40);
}

/* In the parent they run after the library's; in the child before it. */
static void draw_early(void)
{
	draw_and_see_the_tier(20);
}

static void nothing_more(void)
{
}

static void earlier_handlers_draw(void)
{
	enum { ROUNDS = 100 };

	note_the_tier();
	begin_words(ROUNDS * 200 + 200);
	*early_prepare = *early_child = draw_early;
	for (int i = 0; i < ROUNDS; i++)
		fork_and_see_the_tier(nothing_more);
	words_expect_distinct(words, ROUNDS * 4 * 40);
}

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		APART(an_earlier_handler_runs_before_the_librarys),
		APART(earlier_handlers_draw),
		APART(a_thread_that_was_there_before_keeps_its_bucket),
		APART(threads_that_were_there_before_draw_their_own),
		APART(loops_that_were_there_before_draw_their_own),
		APART(an_earlier_handler_forks),
		APART(a_thread_that_was_there_before_forks),
	};

	(void)count;
	if (!early_begin(arguments))
		return 2;
	return promises_keep("fork_early", promises, COUNT(promises));
}
