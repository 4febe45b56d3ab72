/*
 * Where are requests counted, by who asked and who answered? In a file that
 * `fastrand --explain` makes, that FASTRAND_EXPLAIN names, and that every
 * process with the library maps. So the counts are kept however a process ends,
 * and while it runs. The layout is the same for 32 and 64 bits.
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
	_Atomic(uint64_t) programs[TIERS];	/* by their tier at the start */
	_Atomic(uint64_t) forks;		/* their children by fork(3) */
	struct explain_account {
		_Atomic(uint64_t) served, bytes, kernel[FILL_REFUSALS];
	} accounts[EXPLAIN_SOURCES];
};

/* A file of another layout has another magic number. */
#define EXPLAIN_MAGIC (0x316e696c70786566u + sizeof(struct explain_record))

/*
 * A file that is not empty has one page that can be accessed through a mapping,
 * and the record must fit into it.
 */
_Static_assert(sizeof(struct explain_record) <= 4096, "more than a page");

#endif
