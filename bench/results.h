/*
 * Everything that a run has found out, as one list of numbers, and as the
 * machine-readable file: tab-separated, "# key<TAB>text" lines about the
 * machine first, then one number a line under a line of headings.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * size is that of a request in bytes; threads counts them; 0: no matter. A
 * number that is there already is replaced.
 */
void result_add(const char *section, const char *name, uint64_t size,
		int threads, const char *metric, double value);

/* NAN if it was not measured. */
double result_get(const char *section, const char *name, uint64_t size,
		  int threads, const char *metric);

/*
 * The machine and the library, in words; "" if it was not said. A key may
 * occur more than once ("note"); the first is got.
 */
void about_set(const char *key, const char *text);
const char *about_get(const char *key);

/* False, with errno, if the file cannot be written or read. */
bool results_save(const char *path);
bool results_load(const char *path);

#endif
