/*
 * Who asked, for how much, and who answered: counted for `fastrand --explain`,
 * and only then. No bucket is leased while we explain, so every request passes
 * through the slow half of its shim.
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "explain_record.h"

/* NULL: nobody wants to know. */
extern __attribute__((visibility("hidden")))
struct explain_record *explain_record;

/*
 * Maps the file, and counts this program. A file that cannot be opened (as from
 * another root), or is another user's, is none; one that is something else is
 * said.
 */
void explain_start(const char *file, enum tier tier);

static inline bool explain_wanted(void)
{
	return __builtin_expect(__atomic_load_n(&explain_record,
						__ATOMIC_RELAXED) != NULL, 0);
}

/* A request of len bytes was served, or not: the last refusal says why. */
void explain_note(enum explain_source source, size_t len, bool served);

static inline bool explain(enum explain_source source, size_t len, bool served)
{
	if (explain_wanted())
		explain_note(source, len, served);
	return served;
}

/* For a constructor: children of fork(3) are counted from now on. */
void explain_children(void);

#endif
