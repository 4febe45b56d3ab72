/*
 * The core. It says true: len bytes, as good as the kernel's own, are at out;
 * or false: ask the kernel (out may have been written to). There is no third
 * answer. Any thread, signal handlers, before the constructor, after fork.
 * Never waits, never allocates; errno is left alone.
 */
#ifndef FILL_H
#define FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket_set;

/* Why a request was left to the kernel; counted. */
enum fill_refusal {
	FILL_OFF,	/* tier off, or not started yet */
	FILL_POINTER,	/* cannot be mapped memory, or nothing to write */
	FILL_SMALL,	/* the system call is the cheapest answer */
	FILL_HELD,	/* every bucket is held */
	FILL_SEED,	/* the kernel gave no key, or has no entropy yet */
	FILL_STALE,	/* wiped or outdated twice in one request */
	FILL_HARDWARE,	/* tier hardware: the processor gave none */
	FILL_FLAGS,	/* flags that the kernel alone can answer */
	FILL_REFUSALS
};

bool fill(void *out, size_t len);

/* The same from a set of buckets of its own; NULL is one without memory. */
bool fill_from(struct bucket_set *set, void *out, size_t len);

/* The same from bucket i of a set, which the caller holds; tier page only. */
bool fill_held(struct bucket_set *set, unsigned int i, void *out, size_t len);

/*
 * Is there hope for a request of this length, and is the answer so much cheaper
 * than the kernel's read that it pays to prove a descriptor for it?
 */
bool fill_pays_proof(size_t len);

/* Counts a refusal; false. For those who can tell before they ask. */
bool fill_refuse(enum fill_refusal why);

/* This thread's last one. */
enum fill_refusal fill_last_refusal(void);

/* How often. */
uint64_t fill_refused(enum fill_refusal why);

#endif
