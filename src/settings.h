/*
 * What does the user ask for by environment variables? They are read once. In a
 * program that runs with more rights than its caller (AT_SECURE) they are not
 * read at all.
 *
 *   FASTRAND_SOURCE=page|call|hardware|kernel|off
 *                              this tier, or a lower one
 *   FASTRAND_STATS=1|0         a report on stderr at exit
 *   FASTRAND_EXPLAIN=/file     the record of fastrand --explain
 *   FASTRAND_TRUST_FDS=1|0     no proof at each read of a descriptor
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>

#include "source/tier.h"

struct settings {
	enum tier ceiling;
	bool stats;
	bool trust_fds;
	const char *explain;	/* NULL: nothing is counted */
};

/*
 * Reads the settings. If a value is not allowed, one line on stderr says so, *s
 * is ceiling TIER_OFF and nothing else, and the result is false.
 */
bool settings_read(struct settings *s);

#endif
