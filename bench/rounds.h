/*
 * How are contenders compared? All contenders of a section do a round, one
 * after the other, again and again; medians over the rounds are the results.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "worker.h"

enum { POINTS_MAX = 24 };

struct plan {
	const char *section;	/* under which the numbers are printed */
	const char *of;		/* whose contenders take part */
	int only;		/* those that have all of these flags */
	enum what how;
	int rounds;
	uint64_t ns;		/* of one round of one contender */
	struct point {
		uint64_t size;	/* of a request */
		int threads;
	} points[POINTS_MAX];
	int count;		/* of points */
};

/*
 * Prints a line for each median, and one for the best "ns":
 * section, name, size, threads, metric and value, with tabs between.
 */
void rounds_run(const struct plan *p);

/*
 * Prints one line about a contender that did not take part, or not as it
 * should; it is shown under the section's table.
 */
void note(const char *section, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
