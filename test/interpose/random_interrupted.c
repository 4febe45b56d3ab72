/*
 * The random names may be cancelled, interrupted, left by a jump and drawn from
 * on any stack: a thread ends where the kernel's call would let it end, no draw
 * spoils another, and all go on being served.
 */
#include "support/draws.h"

#include <ucontext.h>

/*
 * Cancellation.
 */

static void *draws_for_ever(void *len)
{
	uint8_t bytes[4096];

	for (;;)
		if (getrandom(bytes, (size_t)len, 0) < 0)
			abort();
	return NULL;
}

static bool end_was_cancelled(pthread_t thread)
{
	void *result = NULL;

	expect(pthread_join(thread, &result) == 0);
	return result == PTHREAD_CANCELED;
}

static void a_loop_of_getrandom_is_cancelled(void)
{
	for (int i = 0; i < 60; i++) {
		void *len = (void *)(i % 2 ? 16L : 4096L);
		pthread_t thread = begin_thread(draws_for_ever, len);

		usleep(1000);
		expect(pthread_cancel(thread) == 0);
		expect(end_was_cancelled(thread));
	}
	expect(info_now().held == 0);
}

static atomic_int came_past;

static void *draws_with_cancellation_pending(void *draw)
{
	uint8_t bytes[512];

	pthread_cancel(pthread_self());
	((const struct way *)draw)->draw(bytes, 16);
	came_past++;
	((const struct way *)draw)->draw(bytes, sizeof bytes);
	came_past++;
	pthread_testcancel();
	came_past++;
	return NULL;
}

static void getrandom_acts_on_a_pending_cancellation(void)
{
	pthread_t thread =
		begin_thread(draws_with_cancellation_pending, (void *)&ways[0]);

	expect(end_was_cancelled(thread));
	expect(came_past == 0);
	expect(info_now().held == 0);
}

static void the_others_are_no_cancellation_points(void)
{
	for (size_t w = 1; w < COUNT(ways); w++) {
		pthread_t thread;

		came_past = 0;
		thread = begin_thread(draws_with_cancellation_pending,
				      (void *)&ways[w]);
		expect(end_was_cancelled(thread));
		expect(came_past == 2);
	}
}

static void *draws_uncancellably(void *unused)
{
	uint8_t bytes[512];
	int old;

	(void)unused;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cancel(pthread_self());
	for (int i = 0; i < 1000; i++)
		if (getrandom(bytes, i % 2 ? 16 : 512, 0) < 0)
			abort();
	came_past++;
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	came_past++;
	return NULL;
}

static void disabled_cancellation_waits(void)
{
	expect(end_was_cancelled(begin_thread(draws_uncancellably, NULL)));
	expect(came_past == 1);
}

/*
 * Signals.
 */

static struct words *storm_words;
static volatile sig_atomic_t storms;

static void draw_in_handler(int unused)
{
	static uint64_t bytes[128];
	const struct way *way = &ways[(size_t)storms % COUNT(ways)];
	size_t len = storms % 4 ? 8 : sizeof bytes;
	int saved = errno;

	(void)unused;
	errno = SENTINEL;
	way->draw(bytes, len);
	/* fastrand_vgetrandom and others may be interrupted: EINTR is seen. */
	if (errno != SENTINEL && errno != EINTR)
		abort();
	words_add(storm_words, bytes, len);
	storms++;
	errno = saved;
}

/* No draw spoils, or waits for, the one that it interrupts. */
static void handlers_draw_while_the_program_draws(void)
{
	static uint64_t bytes[20000 / 8];
	static const size_t sizes[] = {8, 16, 32, 8, 264, 8, 1024, 20000};
	struct fastrand_info before = info_now(), after;

	storm_words = words_new(1000000);
	storm_begin(draw_in_handler, 60);
	for (size_t i = 0; storms < 6000; i++) {
		size_t len = sizes[i % COUNT(sizes)];
		const struct way *way = &ways[i / 8 % COUNT(ways)];

		way->draw(bytes, len);
		if (storm_words->count < 900000)
			words_add(storm_words, bytes, len > 64 ? 64 : len);
	}
	storm_end();
	after = info_now();
	words_expect_distinct(storm_words, 6000);
	expect(after.held == 0);
	if (serves(1024))
		expect(after.requests - before.requests > 1000);
}

static sigjmp_buf way_out;
static volatile sig_atomic_t may_jump;

static void jump(int unused)
{
	(void)unused;
	if (may_jump) {
		may_jump = 0;
		siglongjmp(way_out, 1);
	}
}

/*
 * A bucket may be lost each time, and stays counted; nothing is drawn twice,
 * and what is left serves.
 */
static void a_handler_jumps_out_of_draws(void)
{
	static volatile int jumps;
	static uint64_t bytes[4096 / 8];
	struct words *words = words_new(300000);

	storm_begin(jump, 200);
	while (jumps < 300) {
		words_draw(words, &ways[0], 100);
		if (sigsetjmp(way_out, 1)) {
			jumps++;
			continue;
		}
		may_jump = 1;
		while (may_jump) {
			by_getrandom(bytes, 16);
			by_getrandom(bytes, sizeof bytes);
		}
	}
	storm_end();
	words_draw_served(words, sizeof bytes, sizeof bytes);
	expect(info_now().held <= 300);
	words_expect_distinct(words, 30000);
}

/* Two contexts of one thread, each in a loop on a stack of its own. */
static ucontext_t contexts[2], whole;
static struct words *context_words;

static void draw_in_turn(int mine)
{
	uint64_t word;

	for (int i = 0; i < 60000; i++) {
		by_getrandom(&word, sizeof word);
		words_add(context_words, &word, sizeof word);
		if (i % 7 == 0)
			swapcontext(&contexts[mine], &contexts[!mine]);
	}
}

static void contexts_draw_in_turn(void)
{
	static char stacks[2][65536];

	context_words = words_new(120000);
	for (int i = 0; i < 2; i++) {
		expect(getcontext(&contexts[i]) == 0);
		contexts[i].uc_stack.ss_sp = stacks[i];
		contexts[i].uc_stack.ss_size = sizeof stacks[i];
		contexts[i].uc_link = i ? &whole : &contexts[1];
		makecontext(&contexts[i], (void (*)(void))draw_in_turn, 1, i);
	}
	expect(swapcontext(&whole, &contexts[0]) == 0);
	words_expect_distinct(context_words, 120000);
}

static void *draws_for_a_while(void *words)
{
	words_draw(words, &ways[0], 1500);
	words_draw(words, &ways[2], 1500);
	return NULL;
}

/* A stack is soon another thread's, and may lie where an older one lay. */
static void threads_come_and_go(void)
{
	struct words *words = words_new(60 * 4 * 3000);

	for (int round = 0; round < 60; round++) {
		pthread_t threads[4];

		for (size_t i = 0; i < COUNT(threads); i++)
			threads[i] = begin_thread(draws_for_a_while, words);
		for (size_t i = 0; i < COUNT(threads); i++)
			expect(pthread_join(threads[i], NULL) == 0);
	}
	words_expect_distinct(words, 60 * 4 * 3000);
	expect(info_now().held == 0);
}

/* Handlers loop on a stack of their own, over a loop that they interrupt. */
static void draw_on_own_stack(int unused)
{
	int saved = errno;

	(void)unused;
	words_draw(storm_words, &ways[0], 200);
	storms++;
	errno = saved;
}

static void handlers_loop_on_another_stack(void)
{
	static char stack[65536];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = draw_on_own_stack,
				   .sa_flags = SA_ONSTACK | SA_RESTART};

	storm_words = words_new(900000);
	storms = 0;
	expect(sigaltstack(&other, NULL) == 0);
	storm_begin(SIG_IGN, 150);
	expect(sigaction(SIGUSR1, &action, NULL) == 0);
	while (storms < 1500) {
		uint64_t word;

		by_getrandom(&word, sizeof word);
		if (storm_words->count < 500000)
			words_add(storm_words, &word, sizeof word);
	}
	storm_end();
	words_expect_distinct(storm_words, 1500 * 200);
	expect(info_now().held == 0);
}

int main(void)
{
	static struct promise promises[] = {
		APART(a_loop_of_getrandom_is_cancelled),
		APART(getrandom_acts_on_a_pending_cancellation),
		APART(the_others_are_no_cancellation_points),
		APART(disabled_cancellation_waits),
		APART(handlers_draw_while_the_program_draws),
		APART(a_handler_jumps_out_of_draws),
		APART(contexts_draw_in_turn),
		APART(threads_come_and_go),
		APART(handlers_loop_on_another_stack),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("random_interrupted", promises, COUNT(promises));
}
