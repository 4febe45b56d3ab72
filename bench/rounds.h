/*
 * Rounds: all contenders of a section, one after the other, again and again;
 * medians over the rounds go to the results.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "contenders.h"

enum { SIZES_MAX = 16 };

struct plan {
	int only;		/* contenders with all of these flags */
	int rounds;
	uint64_t ns;		/* of one round of one contender */
	uint64_t sizes[SIZES_MAX];	/* 0 ends the list */
	int threads[SIZES_MAX];	/* likewise; for rounds_threads */
};

/* Metrics "ns", "best_ns" and, for ours, "served" (0..1). */
void rounds_times(enum section s, const struct plan *p);

/* Section "latency": "p50", "p99", "p999", "clock_ns", "step_ns". */
void rounds_latency(const struct plan *p);

/*
 * Section "threads": "per_second", "per_cpu_second" (what one processor does
 * in a second of its time) and, for ours, "kernel" (share of requests).
 */
void rounds_threads(const struct plan *p);

/*
 * One line about something that did not take part, or not as it should: shown
 * by notes_print under the section's table, and kept in the file.
 */
void note(const char *section, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void notes_print(const char *section);
void notes_clear(const char *section);	/* but they stay in the file */

#endif
