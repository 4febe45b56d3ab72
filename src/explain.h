/*
 * Who asked, for how much, and who answered: told to `fastrand --explain`.
 *
 * With FASTRAND_EXPLAIN=/absolute/file a process appends, at its end, a line a
 * source to that file. Only then is anything counted here: no bucket is leased
 * while we explain, so every request passes through the slow half of its shim.
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

enum explain_source {
	EXPLAIN_GETRANDOM,
	EXPLAIN_GETENTROPY,
	EXPLAIN_ARC4RANDOM,
	EXPLAIN_READ,
	EXPLAIN_SYSCALL,
	EXPLAIN_FASTRAND,
	EXPLAIN_SOURCES
};

/* Does anybody want to know? */
extern __attribute__((visibility("hidden"))) bool explain_on;

/* A request of len bytes was served, or not: the last refusal says why. */
void explain_note(enum explain_source source, size_t len, bool served);

static inline bool explain(enum explain_source source, size_t len, bool served)
{
	if (__builtin_expect(__atomic_load_n(&explain_on, __ATOMIC_RELAXED), 0))
		explain_note(source, len, served);
	return served;
}

/* The child of fork(3) counts for itself. */
void explain_forked(void);

/* Appends what there is to say. */
void explain_at_end(const char *file);

#endif
