/*
 * A function on a stack of its own, which may be left in a signal handler, and
 * gone on with later, in another thread: contexts, as programs have that switch
 * them themselves.
 */
#ifndef STEP_CONTEXT_H
#define STEP_CONTEXT_H

#include "step_plan.h"

#if defined(__x86_64__)

#include <pthread.h>
#include <semaphore.h>

enum { CONTEXT_STACK = 64 * 1024, CONTEXT_SAVED = 7 };

struct context {
	void (*body)(void);
	void *at;	/* its stack pointer, when it does not run */
	void *from;	/* that of the thread that runs it */
	struct step *steps; /* what it was about, when it was left */
	bool ended;
	_Alignas(64) uint8_t stack[CONTEXT_STACK];
};

/* The one that runs. Never two at a time: the others wait for it. */
static struct context *context_now;

/*
 * Leaves a stack, whose pointer goes to *left, for one that was left: what a
 * call preserves is on it. Masks of signals are the same everywhere.
 */
static __attribute__((naked, noinline, unused)) void
context_switch(void **left __attribute__((unused)),
	       void *to __attribute__((unused)))
{
	__asm__("push %rbp\n\t"
		"push %rbx\n\t"
		"push %r12\n\t"
		"push %r13\n\t"
		"push %r14\n\t"
		"push %r15\n\t"
		"mov %rsp, (%rdi)\n\t"
		"mov %rsi, %rsp\n\t"
		"pop %r15\n\t"
		"pop %r14\n\t"
		"pop %r13\n\t"
		"pop %r12\n\t"
		"pop %rbx\n\t"
		"pop %rbp\n\t"
		"ret");
}

static void context_first(void)
{
	struct context *c = context_now;

	c->body();
	c->ended = true;
	context_switch(&c->at, c->from);
}

static inline void context_begin(struct context *c, void (*body)(void))
{
	void (*first)(void) = context_first;
	/* As if called from nowhere: aligned to 16, less a word. */
	uint8_t *top = c->stack + CONTEXT_STACK - 8;

	c->body = body;
	c->ended = false;
	c->steps = NULL;
	c->at = top - CONTEXT_SAVED * 8;
	memset(c->at, 0, CONTEXT_SAVED * 8);
	memcpy(top - 8, &first, sizeof first);
}

/* In this thread, until it parks or ends. */
static inline void context_run(struct context *c)
{
	struct step *mine = step_now();

	context_now = c;
	step_become(c->steps);
	context_switch(&c->from, c->at);
	step_become(mine);
}

/* Within one: returns when it is run again. */
static inline void context_park(void)
{
	struct context *c = context_now;

	c->steps = step_now();
	context_switch(&c->at, c->from);
}

/* A thread that runs what it is told to. */
struct worker {
	pthread_t thread;
	sem_t told, done;
	struct context *context;
};

static inline void wait_for(sem_t *s)
{
	while (sem_wait(s) != 0)
		;
}

static void *worker_works(void *with)
{
	struct worker *w = with;

	for (;;) {
		wait_for(&w->told);
		context_run(w->context);
		sem_post(&w->done);
	}
	return NULL;
}

static inline bool worker_begin(struct worker *w)
{
	return sem_init(&w->told, 0, 0) == 0 && sem_init(&w->done, 0, 0) == 0 &&
	       pthread_create(&w->thread, NULL, worker_works, w) == 0;
}

/* By a worker, or, if that is NULL, in this thread. */
static inline void context_run_by(struct worker *w, struct context *c)
{
	if (!w) {
		context_run(c);
		return;
	}
	w->context = c;
	sem_post(&w->told);
	wait_for(&w->done);
}

/* The one that a test is about, and who goes on with it. */
static struct context context;
static struct worker *goes_on;

static inline void go_on(void)
{
	if (!context.ended)
		context_run_by(goes_on, &context);
}

/*
 * After other draws; or in the middle of one, so that what was begun first may
 * go on while the other is left, and the other then.
 */
static inline void go_on_among_others(void (*got)(const uint8_t *, size_t))
{
	static struct draw other;

	draw_some(got);
	if (rand() % 2) {
		step_to(draw, &other, any_place_of(&other), go_on);
		if (other.served)
			got(other.out, len_of(other.as));
	}
	go_on();
	draw_some(got);
}

#endif

#endif
