/* What does it cost a program that needs no randomness to be preloaded? */
#ifndef BENCH_STARTUP_H
#define BENCH_STARTUP_H

/*
 * Runs /bin/true n times each without preload, with the empty library and
 * with ours, in turns. Section "startup", names "nothing", "empty" and "ours":
 * "us", "best_us"; for the last two "over_nothing_us", for ours
 * "over_empty_us" (medians of the differences within a turn); "dirty_pages",
 * "resident_kib" (means). empty may be NULL: it is left out, with a note.
 */
void startup_measure(const char *empty, int n);

#endif
