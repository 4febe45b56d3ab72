/*
 * Which names asked for how many bytes, and who answered? This is counted for
 * `fastrand --explain`, and only then. While it is counted no bucket is leased,
 * so that every request passes through the slow half of its shim.
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "explain_record.h"

/* NULL: nothing is counted */
extern __attribute__((visibility("hidden")))
struct explain_record *explain_record;

/*
 * Maps the file, and counts this program in it. A file that cannot be opened
 * (for example, after a chroot) or that belongs to another user is ignored. A
 * file that is no record is ignored too, and a line on stderr says so.
 */
void explain_start(const char *file, enum tier tier);

static inline bool explain_wanted(void)
{
	return __builtin_expect(__atomic_load_n(&explain_record,
						__ATOMIC_RELAXED) != NULL, 0);
}

/*
 * Counts a request of len bytes. If it was not served, the reason is that of
 * the last refusal.
 */
void explain_note(enum explain_source source, size_t len, bool served);

static inline bool explain(enum explain_source source, size_t len, bool served)
{
	if (explain_wanted())
		explain_note(source, len, served);
	return served;
}

/* To be called by a constructor: counts the children of fork(3) from now on. */
void explain_children(void);

#endif
