/*
 * The checks at the beginning and at the end of every request, for fill.c and
 * fill_small.c.
 */
#ifndef FILL_CHECKS_H
#define FILL_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bucket.h"
#include "source/generation.h"

/* The end of user space, as a process has it unless it asks for more. */
#if UINTPTR_MAX == UINT32_MAX
#define FILL_USER_END ((uintptr_t)0xffffe000)
#elif defined(__aarch64__)
#define FILL_USER_END ((uintptr_t)1 << 48)
#else
#define FILL_USER_END (((uintptr_t)1 << 47) - 4096)
#endif

/*
 * False for addresses that user space never has, or that it may have but never
 * uses. There the kernel answers: with EFAULT, or by serving the request.
 * Tagged pointers are among these addresses.
 */
static inline bool fill_plausible(const void *out, size_t len)
{
	const uintptr_t low = 65536, high = FILL_USER_END;

	return len && len < high - low &&
	       (uintptr_t)out - low < high - low - len;
}

/*
 * The stamp is tested first, because with a stamp of 0 the page must not be
 * read.
 */
static inline bool fill_current(const struct bucket *b)
{
	uint64_t stamp = bucket_stamp(b);

	return stamp && stamp == generation_now();
}

#define INLINE static inline __attribute__((always_inline))

/* Passed in place of a stack pointer if the bucket was taken by its lock. */
enum { FILL_TO_ALL = 0 };

/*
 * Takes len bytes out of stock that were of an old key, and that were given to
 * nobody. Then releases the bucket. It is a function of its own because it is
 * rarely called, and the draw needs no stack frame for it this way.
 */
void fill_undraw(unsigned int i, uint64_t stock, size_t len, uintptr_t stack);

#endif
