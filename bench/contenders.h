/*
 * What is a contender? One row of the table in contenders.c. A contender runs
 * alone in a worker process (worker.h), so its environment is its own and its
 * state can be plain static variables.
 */
#ifndef BENCH_CONTENDERS_H
#define BENCH_CONTENDERS_H

#include "chacha20/chacha20.h"

#include <stddef.h>
#include <stdint.h>

enum flags {
	OURS = 1,	/* our library ought to serve it in the process */
	PRELOADED = 2,	/* its worker runs with LD_PRELOAD=$LIB */
	SHORT = 4,	/* it takes part in short runs, too */
	LATENCY = 8,	/* its single calls are timed, too */
	THREADS = 16,	/* it runs on many threads, too */
};

/* Makes n requests of len bytes to buf; returns how many of them failed. */
typedef uint64_t loop(uint8_t *buf, size_t len, uint64_t n);

struct contender {
	const char *section, *name;
	int flags;
	/*
	 * Its function: names of a library, of which the first that is
	 * installed is taken, and the symbol in it. "$LIB" stands for the
	 * value of that environment variable. NULL: it needs no library.
	 */
	const char *so, *symbol;
	loop *run;
	/* NULL, or prepares it; returns NULL, or why it cannot run here. */
	const char *(*setup)(const struct contender *self);
	loop *baseline;		/* NULL, or timed in turns with run */
	const char *setting;	/* NULL, or a variable, "NAME=value" */
	size_t kernel_up_to;	/* requests this small go to the kernel */
	chacha20_blocks *(*variant)(void);	/* keystream_setup asks it */
};

extern const struct contender contenders[];
extern const size_t contenders_count;

/* open.c. Called in the worker, once: NULL, or why it cannot run here. */
const char *contender_open(const struct contender *self);

/* What contender_open found; the loops call it. */
extern void *contender_function;

/* Another symbol of the same library, or, without one, of the process. */
void *contender_symbol(const char *name);

/* The name, or the value of the environment variable if it is "$NAME". */
const char *contender_path(const char *name);

/* How functions are called, by their kind. */
loop getrandom_run, syscall_run, vdso_run, buf_run, word_run; /* calls.c */
loop openssl_run, gnutls_run, gcrypt_run;
loop keystream_run, evp_run;	/* keystream.c */
loop urandom_run, other_run, other_baseline;	/* reads.c */
loop startup_run, startup_baseline;	/* startup.c */

/* What has to be done before the first call. */
const char *sodium_system_setup(const struct contender *);	/* open.c */
const char *sodium_internal_setup(const struct contender *);
const char *gcrypt_setup(const struct contender *);
const char *keystream_setup(const struct contender *);
const char *evp_setup(const struct contender *);
const char *urandom_setup(const struct contender *);
const char *null_setup(const struct contender *);
const char *file_setup(const struct contender *);
const char *pipe_setup(const struct contender *);
const char *startup_setup(const struct contender *);

/* The pages that /bin/true has written to and its KiB resident, as it exits. */
int startup_memory(double *dirty_pages, double *resident_kib);

#endif
