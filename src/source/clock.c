/* What time is it? See clock.h. */
#include "clock.h"

#include <stddef.h>
#include <time.h>

#include "vdso.h"

typedef int clock_function(clockid_t, struct timespec *);

/*
 * The function is looked up at each call until it is found. In a vDSO that has
 * none this costs little, because the clock is then asked only rarely.
 */
static clock_function *find(void)
{
	static clock_function *found;
	clock_function *clock = __atomic_load_n(&found, __ATOMIC_RELAXED);

	if (!clock)
		clock = vdso_function("__vdso_clock_gettime");
	if (!clock)
		clock = vdso_function("__kernel_clock_gettime");
	__atomic_store_n(&found, clock, __ATOMIC_RELAXED);
	return clock;
}

int64_t clock_nanoseconds(void)
{
	clock_function *clock = find();
	struct timespec now;

	if (!clock || clock(CLOCK_MONOTONIC, &now))
		return -1;
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

uint64_t clock_second(void)
{
	clock_function *clock = find();
	struct timespec now;

	if (!clock || clock(CLOCK_MONOTONIC_COARSE, &now))
		return 0;
	return (uint64_t)now.tv_sec + 1;
}
