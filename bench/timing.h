/*
 * What time is it? Nanoseconds from CLOCK_MONOTONIC for batches; ticks (the
 * time stamp counter where there is one) for single calls.
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

#if defined(__x86_64__) || defined(__i386__)
#define TICK_NAME "rdtsc"

/* The fences keep the timed call from leaking out at either end. */
static inline uint64_t tick(void)
{
	uint64_t t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
}
#else
#define TICK_NAME "clock_gettime"

static inline uint64_t tick(void)
{
	return now_ns();
}
#endif

/* The length of a tick in nanoseconds; it takes 10 ms to find out. */
static inline double tick_ns(void)
{
	uint64_t ns = now_ns(), t = tick();

	while (now_ns() - ns < 10000000)
		;
	t = tick() - t;
	return (double)(now_ns() - ns) / (double)t;
}

#endif
