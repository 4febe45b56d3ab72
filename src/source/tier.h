/*
 * Where does randomness come from? A tier is one way to get it. The best tier
 * that can be proved to work is used. Every doubt leads to a lower tier, and no
 * way leads up again. We never choose the tier hardware ourselves, because the
 * kernel does better than it where the hypervisor tells the kernel of clones.
 */
#ifndef TIER_H
#define TIER_H

#include <stdbool.h>

enum tier {
	TIER_OFF,	/* every request is passed to the next library */
	TIER_KERNEL,	/* one system call a request; long ones are expanded */
	TIER_HARDWARE,	/* only by choice: the processor's words */
	TIER_CALL,	/* one call of the vDSO a request, which is expanded */
	TIER_PAGE,	/* stock is kept while the kernel's page agrees */
	TIERS
};

/*
 * True once a tier was chosen, and everything was found out that this needs.
 * The first caller does that work (in start.c, where this function is defined
 * because that file may include every wing). False while another thread, or the
 * draw that a signal handler has interrupted, is doing the work, because nobody
 * waits for it. Afterwards this costs one load.
 */
bool tier_ready(void);

/* TIER_OFF until tier_set() is called. Safe to call at any time. */
enum tier tier_now(void);

/*
 * To be called once, at start-up. why: the reason for not using a better tier,
 * or "".
 */
void tier_set(enum tier tier, const char *why);

/*
 * Changes to a lower tier, for good. If the tier is already as low, nothing is
 * done. why is a string constant.
 */
void tier_lower(enum tier to, const char *why);

const char *tier_why(void);

const char *tier_name(enum tier tier);

#endif
