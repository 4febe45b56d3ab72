/*
 * What every request is asked, first and last; for fill.c and fill_small.c.
 */
#ifndef FILL_CHECKS_H
#define FILL_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bucket.h"
#include "source/generation.h"

/* Where user space ends, at the most that anybody has without asking for more. */
#if UINTPTR_MAX == UINT32_MAX
#define FILL_USER_END ((uintptr_t)0xffffe000)
#elif defined(__aarch64__)
#define FILL_USER_END ((uintptr_t)1 << 48)
#else
#define FILL_USER_END (((uintptr_t)1 << 47) - 4096)
#endif

/*
 * Addresses that user space never has, or may have and never uses: the kernel
 * says EFAULT, or serves. Tagged pointers are among them.
 */
static inline bool fill_plausible(const void *out, size_t len)
{
	const uintptr_t low = 65536, high = FILL_USER_END;

	return len && len < high - low &&
	       (uintptr_t)out - low < high - low - len;
}

/* The stamp first: with a stamp of 0 the page must not be read. */
static inline bool fill_current(const struct bucket *b)
{
	uint64_t stamp = bucket_stamp(b);

	return stamp && stamp == generation_now();
}

#define INLINE static inline __attribute__((always_inline))

/* In place of the stack that a bucket is leased to: it was taken by its lock. */
enum { FILL_TO_ALL = 0 };

/*
 * What a draw found of len bytes was of an old key: they are gone from stock, and
 * nobody was served. Gives the bucket back. Apart, since it is rare: the draw
 * needs no frame for it.
 */
void fill_undraw(unsigned int i, uint64_t stock, size_t len, uintptr_t stack);

#endif
