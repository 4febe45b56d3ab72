/*
 * What time is it? By the vDSO's own clock: libc's may be another preload's, and
 * stand still; the system call is none that a sandbox expects.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC; negative: there is no such clock. */
int64_t clock_nanoseconds(void);

/* CLOCK_MONOTONIC_COARSE in seconds, from 1 on; 0: there is no such clock. */
uint64_t clock_second(void);

#endif
