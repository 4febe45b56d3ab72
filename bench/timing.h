/*
 * What time is it, and which number stands for many? Nanoseconds from
 * CLOCK_MONOTONIC for batches; ticks (the time stamp counter where there is
 * one) for single calls.
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

/* The fences keep the timed call from leaking out at either end. */
static inline uint64_t tick(void)
{
#if defined(__x86_64__) || defined(__i386__)
	uint64_t t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
#else
	return now_ns();
#endif
}

/* What tick() reads: "rdtsc" or "clock_gettime". */
const char *tick_name(void);

/* The length of a tick; the first call takes 10 ms to find out. */
double tick_ns(void);

/* These sort v; an empty v has the median NAN. p is in 0..1. */
double median(double *v, size_t n);
double percentile(double *v, size_t n, double p);

#endif
