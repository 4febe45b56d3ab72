/* The results as tables: for the terminal, and the goals in markdown. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stddef.h>
#include <stdint.h>

void table_head(void);		/* machine, kernel, tier */
void table_ratios(void);	/* the short answer */
void table_requests(void);
void table_words(void);
void table_keystream(void);
void table_latency(void);
void table_threads(void);
void table_urandom(void);
void table_others(void);
void table_startup(void);

void goals_print(void);		/* goals.c */

/* "5.93 ns", "7.70 us"; "-" for NAN. Returns to. */
const char *text_time(char *to, size_t room, double ns);

/* What the tables look at, and so what the measurements offer. */
extern const uint64_t request_sizes[], keystream_sizes[], latency_sizes[],
	urandom_sizes[];	/* 0 ends each */
extern const int thread_counts[];
enum { THREADS_SIZE = 32, OTHER_SIZE = 16 };

#endif
