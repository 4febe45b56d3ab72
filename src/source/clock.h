/*
 * What time is it? The vDSO's own clock tells. libc's clock is not used,
 * because it may be that of another preloaded library, which may stand still.
 * Nor is the system call used, because sandboxes do not expect it.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Reads CLOCK_MONOTONIC. Negative: there is no such clock. */
int64_t clock_nanoseconds(void);

/*
 * Reads CLOCK_MONOTONIC_COARSE, in seconds counted from 1. 0: there is no such
 * clock.
 */
uint64_t clock_second(void);

#endif
