/*
 * What the user asks for by environment variables; read once, and not at all by
 * a program that runs with more rights than its caller (AT_SECURE).
 *
 *   FASTRAND_SOURCE=page|call|hardware|kernel|off
 *                                          this tier, or a lower one
 *   FASTRAND_STATS=1|0                     a report on stderr at exit
 *   FASTRAND_EXPLAIN=/file                 where fastrand --explain counts
 *   FASTRAND_TRUST_FDS=1|0                 no proof at each read of a descriptor
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>

#include "source/tier.h"

struct settings {
	enum tier ceiling;
	bool stats;
	bool trust_fds;
	const char *explain;	/* NULL: nobody wants to know */
};

/*
 * A value that is not allowed: one line on stderr, *s is ceiling TIER_OFF, and
 * false.
 */
bool settings_read(struct settings *s);

#endif
