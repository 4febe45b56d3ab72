/*
 * What does the library tell a program, or a user at its end, about its work?
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include "fastrand.h"

/*
 * To be called at the start. wanted: the user wants a report at exit.
 * trusts_fds: tags of descriptors are trusted without proof.
 */
void report_start(bool wanted, bool trusts_fds);

/*
 * Cancels the report, because a sandbox may forbid the system calls that it
 * takes.
 */
void report_never(void);

/* Does what fastrand_info() does; see fastrand.h. */
void report_fill(struct fastrand_info *info);

/*
 * Writes a few lines on stderr, if the user wants them and they were not
 * written yet.
 */
void report_at_end(void);

#endif
