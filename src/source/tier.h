/*
 * Where does randomness come from? The best source that can be proved; every
 * doubt goes one tier down, and never up again. One of them, hardware, is never
 * our choice: the kernel would do better where its hypervisor tells it of clones.
 */
#ifndef TIER_H
#define TIER_H

#include <stdbool.h>

enum tier {
	TIER_OFF,	/* every request is the kernel's */
	TIER_KERNEL,	/* one system call a request; we expand larger ones */
	TIER_HARDWARE,	/* by choice only: the processor's bytes, keyed */
	TIER_CALL,	/* one call of the vDSO a request; we expand it */
	TIER_PAGE,	/* stock is kept, as long as the kernel's page agrees */
	TIERS
};

/*
 * True once a tier has been chosen, and all that this takes has been found out: the
 * first who asks does that (start.c, which is above everybody who asks). False while
 * another thread, or the draw that a handler interrupted, is at it: nobody waits.
 * After the first time one load.
 */
bool tier_ready(void);

/* Off until tier_set; safe to ask at any time. */
enum tier tier_now(void);

/* At start-up, once. why: what kept us from a better tier; "" if nothing. */
void tier_set(enum tier tier, const char *why);

/*
 * From a tier to a lower one, for good; does nothing where that has happened
 * already. why is a string constant.
 */
void tier_lower(enum tier to, const char *why);

const char *tier_why(void);

const char *tier_name(enum tier tier);

#endif
