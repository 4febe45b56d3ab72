/*
 * A draw that stops in its middle, and that any thread may go on with later: in
 * this process, or in a child as well. It is a context of its own, as
 * preemptive user-level threads are; pages that may not be written to stop it,
 * where a timer would do so by chance.
 */
#ifndef PARKED_H
#define PARKED_H

#include "support/forks.h"

#include <ucontext.h>

enum {
	PARKED_MOST = 8,
	PARKED_PAGE = 4096,
	/* Bulk, and some bytes of a last pass. */
	PARKED_LEN = 3 * PARKED_PAGE + 200,
	PARKED_ROOM = 4 * PARKED_PAGE,
	PARKED_STACK = 128 * 1024, /* signal frames are large on some */
};

struct parked {
	ucontext_t draw, back;
	uint8_t *bytes;
	char *stack;
	bool over;
};

static struct parked parked[PARKED_MOST];

static inline bool parked_open(void *at, size_t size)
{
	return mprotect(at, size, PROT_READ | PROT_WRITE) == 0;
}

/* The thread that comes back to it need not be the one that left. */
static inline void parked_fault(int number, siginfo_t *info, void *unused)
{
	uint8_t *at = info->si_addr;

	(void)unused;
	for (struct parked *p = parked; p < parked + PARKED_MOST; p++) {
		if (!p->bytes || at < p->bytes || at >= p->bytes + PARKED_ROOM)
			continue;
		swapcontext(&p->draw, &p->back);
		if (!parked_open(at - (uintptr_t)at % PARKED_PAGE, PARKED_PAGE))
			abort();
		return;
	}
	signal(number, SIG_DFL);
}

static inline void parked_run(int i)
{
	by_getrandom(parked[i].bytes, PARKED_LEN);
	parked[i].over = true;
}

/* Comes back when draw i has written one page. */
static inline void parked_begin(int i)
{
	struct sigaction action = {.sa_sigaction = parked_fault,
				   .sa_flags = SA_SIGINFO};
	struct parked *p = &parked[i];

	expect(sigaction(SIGSEGV, &action, NULL) == 0);
	if (!p->bytes) {
		p->stack = map_private(PARKED_STACK);
		p->bytes = map_private(PARKED_ROOM);
	}
	expect(mprotect(p->bytes + PARKED_PAGE, PARKED_ROOM - PARKED_PAGE,
			PROT_NONE) == 0);
	p->over = false;
	expect(getcontext(&p->draw) == 0);
	p->draw.uc_stack.ss_sp = p->stack;
	p->draw.uc_stack.ss_size = PARKED_STACK;
	p->draw.uc_link = &p->back;
	makecontext(&p->draw, (void (*)(void))parked_run, 1, i);
	expect(swapcontext(&p->back, &p->draw) == 0);
	expect(!p->over);
}

/* ... and one more. */
static inline void parked_step(int i)
{
	expect(swapcontext(&parked[i].back, &parked[i].draw) == 0);
	expect(!parked[i].over);
}

/* Comes back when it is over, and records its bytes. */
static inline void parked_end(int i)
{
	struct parked *p = &parked[i];

	expect(parked_open(p->bytes, PARKED_ROOM));
	expect(swapcontext(&p->back, &p->draw) == 0);
	expect(p->over);
	words_add(words, p->bytes, PARKED_LEN);
}

static inline void on_this_thread(void *(*body)(void *))
{
	body(NULL);
}

/*
 * Draw 0 goes on, and ends, in the middle of others: of one that comes to its
 * end before, and of one that does not. Were they all in the same bucket, they
 * would leave a key of zeros there, and a stamp that vouches for what comes of
 * it.
 */
static inline void parked_goes_on(void (*elsewhere)(void *(*body)(void *)),
				  void *(*step)(void *), void *(*end)(void *))
{
	words_draw(words, &ways[0], 100);
	parked_begin(1);
	parked_end(1);
	elsewhere(step);
	parked_begin(1);
	elsewhere(end);
	parked_end(1);
	words_draw(words, &ways[0], 100);
}

static inline void need_parked(void)
{
	if (!serves(PARKED_LEN))
		skip_because("the kernel's own answers do not stop in the "
			     "middle of a page");
}

#endif
