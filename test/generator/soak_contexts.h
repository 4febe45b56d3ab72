/*
 * Contexts that draw, are put aside by a timer in the middle of it, and are
 * gone on with by any thread, as preemptive user-level threads are; and in
 * children, where each goes on as it does in the parent.
 */
#ifndef SOAK_CONTEXTS_H
#define SOAK_CONTEXTS_H

#include "soak.h"

#include <ucontext.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum {
	CONTEXTS = 8,
	CONTEXT_STACK = 128 * 1024,
	CONTEXT_KEPT = 256, /* bytes, of each draw the last */
};

/*
 * What ends a draw of so many bytes is its last look at the stamp, after all of
 * it was written. So a draw whose last word is still 0 when a process forks is
 * not over, and has to end differently in parent and child. If it may have been
 * over, its bytes are the parent's.
 */
struct context {
	ucontext_t at, *back;
	char *stack;
	uint8_t *bytes;
	size_t len;
	uint64_t dice;
	bool is_parents;
	atomic_bool taken;
};

static struct context contexts[CONTEXTS];
static _Thread_local struct context *running;
static atomic_bool contexts_yield; /* when a draw is over */

/*
 * On the way from a thread's own stack to the context's, and back, it is not
 * put aside. By whom it is gone on with is not known: nothing of the thread's
 * is looked at after that.
 */
static void put_aside(int unused)
{
	char *frame = __builtin_frame_address(0);
	struct context *c = running;

	(void)unused;
	if (c && frame >= c->stack && frame < c->stack + CONTEXT_STACK)
		swapcontext(&c->at, c->back);
}

/* Those that end slices, and those of the other storm. */
static inline sigset_t signals_of(bool both)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	if (both)
		sigaddset(&signals, SIGUSR1);
	return signals;
}

static inline void set_signals(int how, bool both)
{
	sigset_t signals = signals_of(both);

	if (pthread_sigmask(how, &signals, NULL) != 0)
		abort();
}

/*
 * Its last word is the last that is written. Words by themselves, and what is
 * drawn by a few bytes, are written when the draw is over.
 */
static inline const struct way *context_chooses(struct context *c)
{
	const struct way *way;

	do
		way = &ways[roll(&c->dice) % COUNT(ways)];
	while (way->request == 4);
	c->len = LONG;
	if (roll(&c->dice) % 4 == 0)
		c->len = CONTEXT_KEPT *
			 (2 + roll(&c->dice) % (LONG / CONTEXT_KEPT - 1));
	memset(c->bytes + c->len - 8, 0, 8);
	return way;
}

/* What it drew is kept, or not, while nothing can put it aside. */
static void context_draws(int i)
{
	struct context *c = &contexts[i];

	for (;;) {
		const struct way *way = context_chooses(c);

		set_signals(SIG_UNBLOCK, false);
		way->draw(c->bytes, c->len);
		set_signals(SIG_BLOCK, false);
		if (!c->is_parents)
			keep_all(c->bytes + c->len - CONTEXT_KEPT,
				 CONTEXT_KEPT);
		c->is_parents = false;
		if (contexts_yield)
			swapcontext(&c->at, c->back);
	}
}

static inline bool context_may_be_over(const struct context *c)
{
	uint64_t last = 0;

	if (c->len)
		memcpy(&last, c->bytes + c->len - sizeof last, sizeof last);
	return last != 0;
}

/* Before there are threads. No handler of the other storm comes into them. */
static inline void contexts_begin(void)
{
	struct sigaction action = {.sa_handler = put_aside,
				   .sa_flags = SA_RESTART};

	expect(sigaction(SIGUSR2, &action, NULL) == 0);
	for (int i = 0; i < CONTEXTS; i++) {
		struct context *c = &contexts[i];

		c->stack = map_private(CONTEXT_STACK);
		c->bytes = map_private(LONG);
		c->dice = (uint64_t)i * 7919 + (uint64_t)getpid() * 2 + 1;
		expect(getcontext(&c->at) == 0);
		c->at.uc_stack.ss_sp = c->stack;
		c->at.uc_stack.ss_size = CONTEXT_STACK;
		c->at.uc_link = NULL;
		c->at.uc_sigmask = signals_of(true);
		makecontext(&c->at, (void (*)(void))context_draws, 1, i);
	}
}

/* Until it is put aside, or yields. False: somebody else has it. */
static inline bool context_go_on(struct context *c)
{
	ucontext_t back;

	if (atomic_exchange(&c->taken, true))
		return false;
	c->back = &back;
	running = c;
	swapcontext(&back, &c->at);
	running = NULL;
	c->taken = false;
	return true;
}

static inline void *contexts_go_on(void *unused)
{
	(void)unused;
	for (int i = 0; i < CONTEXTS; i++)
		context_go_on(&contexts[i]);
	return NULL;
}

/* When no thread goes on with any, all end what they are about. */
static inline void contexts_end(void)
{
	contexts_yield = true;
	contexts_go_on(NULL);
}

/* A timer of this thread's; the signals come while a context draws. */
static _Thread_local int slice_timer = -1;

static inline void end_slice_after(long microseconds)
{
	struct itimerspec once = {.it_value = {0, microseconds * 1000}};

	if (slice_timer < 0) {
		struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
					 .sigev_signo = SIGUSR2};

		event.sigev_notify_thread_id = (pid_t)RAW(SYS_gettid);
		set_signals(SIG_BLOCK, true);
		if (RAW(SYS_timer_create, CLOCK_MONOTONIC, &event,
			&slice_timer) != 0)
			abort();
	}
	if (RAW(SYS_timer_settime, slice_timer, 0, &once, NULL) != 0)
		abort();
}

static inline bool context_slice(uint64_t *dice)
{
	end_slice_after(10 + (long)(roll(dice) % 200));
	return context_go_on(&contexts[roll(dice) % CONTEXTS]);
}

/* On this thread, and then on another: children of libc's fork may have one. */
static void contexts_in_child(bool by_fork, uint64_t *dice)
{
	pthread_t thread;

	slice_timer = -1;
	for (int i = 0; i < CONTEXTS; i++)
		contexts[i].is_parents = context_may_be_over(&contexts[i]);
	draw_some(dice);
	for (int i = 0; i < 20; i++)
		context_slice(dice);
	contexts_yield = true;
	if (!by_fork)
		contexts_go_on(NULL);
	else if (pthread_create(&thread, NULL, contexts_go_on, NULL) != 0)
		note_wrong("a thread", errno);
	draw_some(dice);
	if (by_fork)
		pthread_join(thread, NULL);
}

static void contexts_are_put_aside(uint64_t *dice)
{
	soak->slices += context_slice(dice);
	if (roll(dice) % 4 == 0)
		fork_by(splits[roll(dice) % COUNT(splits)], dice,
			contexts_in_child);
	keep_to_rate();
}

#endif
