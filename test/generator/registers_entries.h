/*
 * The entry points, by which bytes that were drawn come to a caller, and how
 * each is asked for a number of them: by words, in the order of its arguments.
 */
#ifndef REGISTERS_ENTRIES_H
#define REGISTERS_ENTRIES_H

#include "support/draws.h"

#include <stdio_ext.h>

enum { MOST = 70000 }; /* bytes that are asked for */

/* They go here; and those that read, read from these. */
static uint8_t *drawn;
static int device;
static FILE *stream;
static struct iovec halves[3];

enum {
	READS = 1,	/* the device */
	ANSWERS = 2,	/* with the number itself */
	HALVES = 4,	/* is asked for two halves */
	ALONE = 8,	/* has buckets of its own, and no leases */
	STREAMS = 16,	/* reads one */
};

struct entry {
	const char *name;
	void (*ask)(uintptr_t *words, size_t len);
	size_t least, most;
	unsigned int is;
	const char *libcs; /* which answers for ours in tier off */
};

static inline void ask_buffer(uintptr_t *words, size_t len)
{
	words[0] = (uintptr_t)drawn;
	words[1] = len;
}

static inline void ask_nothing(uintptr_t *words, size_t len)
{
	(void)words;
	(void)len;
}

/* So that the answer is the upper bytes of the word that was drawn. */
static inline void ask_bound(uintptr_t *words, size_t len)
{
	words[0] = (uintptr_t)1 << 8 * len;
}

static inline void ask_syscall(uintptr_t *words, size_t len)
{
	words[0] = SYS_getrandom;
	ask_buffer(words + 1, len);
}

static inline void ask_state(uintptr_t *words, size_t len)
{
	words[0] = (uintptr_t)&draws_state;
	ask_buffer(words + 1, len);
}

static inline void ask_read(uintptr_t *words, size_t len)
{
	words[0] = (uintptr_t)device;
	ask_buffer(words + 1, len);
}

static inline void ask_read_chk(uintptr_t *words, size_t len)
{
	ask_read(words, len);
	words[3] = len;
}

static inline void ask_pread_chk(uintptr_t *words, size_t len)
{
	ask_read(words, len);
	words[4] = len;
}

static inline void ask_pread64_chk(uintptr_t *words, size_t len)
{
	ask_read(words, len);
	words[3 + sizeof(off64_t) / sizeof *words] = len;
}

static inline void ask_readv(uintptr_t *words, size_t len)
{
	halves[0] = (struct iovec){drawn, len / 2};
	halves[2] = (struct iovec){drawn + len / 2, len - len / 2};
	words[0] = (uintptr_t)device;
	words[1] = (uintptr_t)halves;
	words[2] = COUNT(halves);
}

static inline void ask_syscall_read(uintptr_t *words, size_t len)
{
	words[0] = SYS_read;
	ask_read(words + 1, len);
}

/* With nothing in the stream's buffer: the bytes there came earlier. */
static inline void ask_fread(uintptr_t *words, size_t len)
{
	__fpurge(stream);
	words[0] = (uintptr_t)drawn;
	words[1] = 1;
	words[2] = len;
	words[3] = (uintptr_t)stream;
}

static inline void ask_fread_chk(uintptr_t *words, size_t len)
{
	ask_fread(words + 1, len);
	words[0] = (uintptr_t)drawn;
	words[1] = len;
	words[2] = 1;
}

static const struct entry entries[] = {
	{"getrandom", ask_buffer, 1, MOST, 0, "getrandom"},
	{"getentropy", ask_buffer, 1, 256, 0, "getentropy"},
	{"arc4random", ask_nothing, 4, 4, ANSWERS, "arc4random"},
	{"arc4random_buf", ask_buffer, 1, MOST, 0, "arc4random_buf"},
	{"arc4random_uniform", ask_bound, 1, 3, ANSWERS, "arc4random_uniform"},
	{"syscall(SYS_getrandom)", ask_syscall, 1, MOST, 0, "syscall"},
	{"fastrand_getrandom", ask_buffer, 1, MOST, 0, NULL},
	{"fastrand_buf", ask_buffer, 1, MOST, 0, "arc4random_buf"},
	{"fastrand_u32", ask_nothing, 4, 4, ANSWERS, "arc4random"},
	{"fastrand_uniform", ask_bound, 1, 3, ANSWERS, "arc4random_uniform"},
	{"fastrand_vgetrandom", ask_state, 1, MOST, ALONE, NULL},
	{"read", ask_read, 1, MOST, READS, "read"},
	{"__read", ask_read, 1, MOST, READS, "__read"},
	{"__read_chk", ask_read_chk, 1, MOST, READS, "__read_chk"},
	{"pread", ask_read, 1, MOST, READS, "pread"},
	{"pread64", ask_read, 1, MOST, READS, "pread64"},
	{"__pread64", ask_read, 1, MOST, READS, "__pread64"},
	{"__pread_chk", ask_pread_chk, 1, MOST, READS, "__pread_chk"},
	{"__pread64_chk", ask_pread64_chk, 1, MOST, READS, "__pread64_chk"},
	{"readv", ask_readv, 1, MOST, READS | HALVES, "readv"},
	{"preadv", ask_readv, 1, MOST, READS | HALVES, "preadv"},
	{"preadv64", ask_readv, 1, MOST, READS | HALVES, "preadv64"},
	{"preadv2", ask_readv, 1, MOST, READS | HALVES, "preadv2"},
	{"preadv64v2", ask_readv, 1, MOST, READS | HALVES, "preadv64v2"},
	{"syscall(SYS_read)", ask_syscall_read, 1, MOST, READS, "syscall"},
	{"fread", ask_fread, 4096, MOST, READS | STREAMS, "fread"},
	{"fread_unlocked", ask_fread, 4096, MOST, READS | STREAMS,
	 "fread_unlocked"},
	{"__fread_chk", ask_fread_chk, 4096, MOST, READS | STREAMS,
	 "__fread_chk"},
	{"__fread_unlocked_chk", ask_fread_chk, 4096, MOST, READS | STREAMS,
	 "__fread_unlocked_chk"},
};

/* So many bytes a request takes, and its draws have each, if it is served. */
static inline size_t takes(const struct entry *e, size_t len)
{
	return e->is & ANSWERS ? sizeof(uint32_t) : len;
}

static inline size_t each(const struct entry *e, size_t len)
{
	return takes(e, len) / (e->is & HALVES ? 2 : 1);
}

/* A read must be worth the proof of its descriptor. */
static inline bool must_serve(const struct entry *e, size_t len)
{
	if (e->is & READS && !tier_is("page") && !preload_trusts() &&
	    len < SERVED_LEN)
		return false;
	return serves(each(e, len));
}

#endif
