/*
 * What is asked of a worker, and what does it answer? A worker is a process
 * with one contender in it, which only does what it is asked to: "do a round
 * of this size". So contenders that differ in their environment alternate in
 * one run, one at a time.
 */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include "contenders.h"

#include <stdbool.h>
#include <sys/types.h>

enum what {
	HELLO,		/* are you ready, and what is the library like? */
	ROUND,		/* time a batch of requests */
	SINGLES,	/* time single requests */
	CROWD,		/* run on this many threads at once */
	MEMORY,		/* what memory does /bin/true take? */
};

struct ask {
	enum what what;
	int threads;
	uint64_t size;
	uint64_t ns;		/* about how long this may take */
};

enum { FIGURES_MAX = 8 };

struct answer {
	char why[160];		/* not empty: cannot run, and why */
	char tier[16], tier_why[96], memory[24], chacha20[24], hardware[16];
	uint64_t calls, bad;	/* requests made; those that failed */
	int figures;
	struct {
		char name[16];
		double value;
	} figure[FIGURES_MAX];
};

/* The child's whole life: main calls it and returns what it returns. */
int worker_main(const struct contender *self);

/* The parent's side. */
struct worker {
	const struct contender *contender;
	pid_t pid;		/* 0: not running */
	int to, from;
	char why[200];		/* why not running */
	struct answer hello;
};

/* Starts one and greets it; false: w->why says why not. */
bool worker_start(struct worker *w, const struct contender *c);

/* False if it died, hung or failed: w->why says so, and it is gone. */
bool worker_ask(struct worker *w, const struct ask *ask, struct answer *answer);

void worker_end(struct worker *w);

#endif
