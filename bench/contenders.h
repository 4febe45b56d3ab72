/*
 * Who takes part. A contender lives alone in a worker process (worker.h), so
 * that its environment is its own and its state can be plain statics.
 */
#ifndef BENCH_CONTENDERS_H
#define BENCH_CONTENDERS_H

#include <stddef.h>
#include <stdint.h>

/* The disciplines; a contender is in one of them. */
enum section {
	REQUEST,	/* fill a buffer */
	WORD,		/* one 32-bit number */
	KEYSTREAM,	/* ChaCha20 and nothing else */
	URANDOM,	/* read of /dev/urandom */
	OTHER_NULL,	/* read of something else: what does ours add? */
	OTHER_FILE,
	OTHER_PIPE,
	SECTIONS
};

extern const char *const section_name[SECTIONS];

enum flags {
	OURS = 1,	/* ought to be served by our library */
	KERNEL_SMALL = 2, /* ours, but leaves small requests to the kernel */
	KERNEL_ALL = 128,	/* ours, told to forward everything */
	PRELOADED = 4,	/* LD_PRELOAD; otherwise dlopen, if it is ours */
	TRUSTING = 8,	/* FASTRAND_TRUST_FDS=1 */
	SHORT = 16,	/* takes part in short runs */
	LATENCY = 32,	/* its single calls are timed, too */
	THREADS = 64,	/* it runs on many threads, too */
};

/* n requests of len bytes to buf; how many of them went wrong? */
typedef uint64_t loop(uint8_t *buf, size_t len, uint64_t n);

struct contender {
	enum section section;
	const char *name;
	int flags;
	const char *source;	/* FASTRAND_SOURCE; NULL: the best tier */
	/* In the worker, once: NULL, or why this contender cannot run here. */
	const char *(*open)(const struct contender *self);
	loop *run;
	loop *baseline;		/* NULL, or timed in turns with run */
	int which;		/* for open */
	const char *setting;	/* one more "NAME=value" */
};

extern const struct contender contenders[];
extern const size_t contenders_count;

/* The path of our library, for open and for LD_PRELOAD. */
extern const char *library_path;

/* A symbol of our library wherever it is: loaded by open, or preloaded. */
void *library_symbol(const char *name);

/* The parts, a file each. */
const char *peer_open(const struct contender *);	/* peers.c */
const char *peer_word_open(const struct contender *);
loop peer_run, peer_word_run;
enum {
	OPENSSL, SODIUM, SODIUM_INTERNAL, LIBBSD, GNUTLS, GCRYPT
};

const char *keystream_open(const struct contender *);	/* keystream.c */
loop keystream_run, keystream_openssl_run;
enum {
	PORTABLE, SSSE3, AVX2, AVX512, NEON, EVP, EVP_NO_AVX512
};
/* The variant that the library takes on this machine, as a contender. */
const char *keystream_best(void);

const char *urandom_open(const struct contender *);	/* reads.c */
const char *other_open(const struct contender *);
loop urandom_run, other_run, other_baseline, pipe_run, pipe_baseline;

#endif
