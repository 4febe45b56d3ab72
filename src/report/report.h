/*
 * What a program, or a person at its end, is told of what we did.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include "fastrand.h"

/* At the start: does the user want a report at exit, and are tags trusted? */
void report_start(bool wanted, bool trusts_fds);

/* No report: in a sandbox what it takes to speak may not be allowed. */
void report_never(void);

/* The contract is fastrand_info's. */
void report_fill(struct fastrand_info *info);

/* On stderr, a few lines, if the user wants them and has not had them. */
void report_at_end(void);

#endif
