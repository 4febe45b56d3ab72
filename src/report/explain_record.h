/*
 * Where it is counted who asked for random bytes, and who answered: a file that
 * `fastrand --explain` makes and names in FASTRAND_EXPLAIN, and that every
 * process with the library maps. So it counts however a process ends, or while
 * it runs. The same for 32 and 64 bit.
 */
#ifndef EXPLAIN_RECORD_H
#define EXPLAIN_RECORD_H

#include <stdatomic.h>
#include <stdint.h>

#include "generator/fill.h"
#include "source/tier.h"

enum explain_source {
	EXPLAIN_GETRANDOM,
	EXPLAIN_GETENTROPY,
	EXPLAIN_ARC4RANDOM,
	EXPLAIN_READ,
	EXPLAIN_SYSCALL,
	EXPLAIN_FASTRAND,
	EXPLAIN_SOURCES
};

struct explain_record {
	uint64_t magic;
	_Atomic(uint64_t) programs[TIERS];	/* by the tier of their start */
	_Atomic(uint64_t) forks;		/* by fork(3), of those */
	struct explain_account {
		_Atomic(uint64_t) served, bytes, kernel[FILL_REFUSALS];
	} accounts[EXPLAIN_SOURCES];
};

/* Another layout is another kind of file. */
#define EXPLAIN_MAGIC (0x316e696c70786566u + sizeof(struct explain_record))

/* A file that is not empty has a page to be mapped. */
_Static_assert(sizeof(struct explain_record) <= 4096, "more than a page");

#endif
