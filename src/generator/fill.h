/*
 * The core of the library. True means that len bytes as good as the kernel's
 * own have been written to out. False means that the caller has to ask the
 * kernel; out may have been written to. There is no third answer. These
 * functions may be called from any thread, in signal handlers, before the
 * constructor has run and after fork. They never wait and never allocate, and
 * they leave errno alone.
 */
#ifndef FILL_H
#define FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket_set;

/* Why a request was left to the kernel. Each reason is counted. */
enum fill_refusal {
	FILL_OFF,	/* tier off, or not started yet */
	FILL_POINTER,	/* it cannot be mapped memory, or len is 0 */
	FILL_SMALL,	/* the system call is the fastest answer */
	FILL_HELD,	/* every bucket is held */
	FILL_SEED,	/* the kernel gave no key, or has no entropy yet */
	FILL_STALE,	/* wiped or outdated twice in one request */
	FILL_HARDWARE,	/* tier hardware: the processor gave no word */
	FILL_FLAGS,	/* flags that the kernel alone can answer */
	FILL_REFUSALS
};

bool fill(void *out, size_t len);

/*
 * Does the same from another set of buckets. NULL stands for a set without
 * memory.
 */
bool fill_from(struct bucket_set *set, void *out, size_t len);

/*
 * Does the same from bucket i of a set, which the caller holds. For tier page
 * only.
 */
bool fill_held(struct bucket_set *set, unsigned int i, void *out, size_t len);

/*
 * Would fill() be likely to serve a request of this length, and so much faster
 * than the kernel's read that the system call which proves a descriptor pays?
 */
bool fill_pays_proof(size_t len);

/*
 * Counts a refusal and returns false. A shim calls this itself where it knows
 * without fill() that the kernel has to answer.
 */
bool fill_refuse(enum fill_refusal why);

/* The reason for the last refusal in this thread. */
enum fill_refusal fill_last_refusal(void);

/* How many requests were refused for this reason. */
uint64_t fill_refused(enum fill_refusal why);

#endif
