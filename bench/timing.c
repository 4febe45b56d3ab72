/* Calibration of the tick, and order statistics. */
#include "timing.h"

#include <math.h>
#include <stdlib.h>

const char *tick_name(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return "rdtsc";
#else
	return "clock_gettime";
#endif
}

double tick_ns(void)
{
	static double length;
	uint64_t ns, t;

	if (length != 0)
		return length;
	ns = now_ns();
	t = tick();
	while (now_ns() - ns < 10000000)
		;
	t = tick() - t;
	ns = now_ns() - ns;
	return length = (double)ns / (double)t;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double percentile(double *v, size_t n, double p)
{
	if (n == 0)
		return NAN;
	qsort(v, n, sizeof *v, by_value);
	return v[(size_t)(p * (double)(n - 1) + 0.5)];
}

double median(double *v, size_t n)
{
	if (n == 0)
		return NAN;
	qsort(v, n, sizeof *v, by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
