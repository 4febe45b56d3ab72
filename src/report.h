/*
 * What a program, or a person at its end, is told of what we did.
 */
#ifndef REPORT_H
#define REPORT_H

#include "../include/fastrand.h"

/* The contract is fastrand_info's. */
void report_fill(struct fastrand_info *info);

/* On stderr, a few lines, if the user wants them and has not had them. */
void report_at_end(void);

#endif
