/*
 * The way of nearly every request: a few bytes out of the common stock, of a
 * length known to the compiler. They stay in registers until the bucket is given
 * back, so that a bad pointer of the caller faults with nothing held.
 *
 * This header is the quick half, for loops, which have a bucket leased; it is
 * inlined into the shims. The slow half takes other buckets by their lock, or
 * sends a request the long way. A shim asks the one, and then the other with the
 * same stack, in a call that ends its own: so it has no stack frame to build.
 */
#ifndef FILL_SMALL_H
#define FILL_SMALL_H

#include <string.h>

#include "bucket.h"
#include "cpu.h"
#include "fill.h"
#include "fill_checks.h"
#include "wipe.h"

#define INLINE static inline __attribute__((always_inline))

/*
 * As fill. stack: cpu_stack() of the shim, the same as it gave to fill_quick.
 */
bool fill_slow(void *out, size_t len, uintptr_t stack);

/* To those of the stack that it is leased to; or to all, who have it by lock. */
enum { FILL_TO_ALL = 0 };

INLINE void fill_give(unsigned int i, uintptr_t stack)
{
	bucket_lease_give(&bucket_common, i, stack);
	atomic_signal_fence(memory_order_seq_cst);
}

/*
 * From bucket i, which the caller holds and this gives back: one to two words, the
 * first and the last of len bytes, which may overlap. A length that the
 * compiler knows to be one word is one. One look at the stamp, the last one, is
 * enough: bytes of an old key, or of none, are thrown away. false: nothing was
 * drawn.
 *
 * Position first, then erasure: who jumps out of a handler between the two skips
 * bytes that nobody got, and does not get zeros the next time.
 *
 * Each way out clears its own registers: where two ways meet, the compiler may
 * have made copies to bring them together. Bytes that are thrown away are
 * cleared like others: they may be a parent's.
 */
#define FILL_DRAW(name, word_type, wipe) \
	INLINE bool name(unsigned int i, uint8_t *out, size_t len, \
			 uintptr_t stack) \
	{ \
		const bool one = __builtin_constant_p(len) && \
				 len == sizeof(word_type); \
		struct bucket *b = &bucket_common.buckets[i]; \
		uint64_t stock = bucket_stock(b); \
		uint8_t *first = b->batch + BUCKET_BATCH - bucket_left(stock); \
		uint8_t *last = first + len - sizeof(word_type); \
		word_type head, tail; \
\
		if (__builtin_expect(bucket_left(stock) < len, 0)) { \
			fill_give(i, stack); \
			return false; \
		} \
		memcpy(&head, first, sizeof head); \
		if (!one) \
			memcpy(&tail, last, sizeof tail); \
		bucket_set_stock(b, bucket_spent(stock, (uint32_t)len)); \
		atomic_signal_fence(memory_order_seq_cst); \
		memset(first, 0, sizeof head); \
		if (!one) \
			memset(last, 0, sizeof tail); \
		/* As in fill.c: was it whole all the time? */ \
		atomic_thread_fence(memory_order_acquire); \
		if (__builtin_expect(!fill_current(b), 0)) { \
			wipe(&head); \
			if (!one) \
				wipe(&tail); \
			bucket_set_stock(b, stock - len); \
			bucket_common.lines[i].bytes -= len; \
			fill_give(i, stack); \
			return false; \
		} \
		fill_give(i, stack); \
		memcpy(out, &head, sizeof head); \
		wipe(&head); \
		if (!one) { \
			memcpy(out + len - sizeof tail, &tail, sizeof tail); \
			wipe(&tail); \
		} \
		return true; \
	}

FILL_DRAW(fill_draw_4, uint32_t, wipe_32)
FILL_DRAW(fill_draw_8, uint64_t, wipe_64)
FILL_DRAW(fill_draw_16, wipe_two_words, wipe_128)

/* 4 to 32 bytes, likewise. */
INLINE bool fill_draw(unsigned int i, uint8_t *out, size_t len, uintptr_t stack)
{
	return len >= 16 ? fill_draw_16(i, out, len, stack) :
	       len >= 8	 ? fill_draw_8(i, out, len, stack) :
			   fill_draw_4(i, out, len, stack);
}

/* From the bucket leased to stack. false: there is none, or nothing in it. */
INLINE bool fill_leased(uint8_t *out, size_t len, uintptr_t stack)
{
	unsigned int i = bucket_lease(stack);

	return bucket_lease_take(&bucket_common, i, stack) &&
	       fill_draw(i, out, len, stack);
}

/* The commonest lengths. false: nothing was drawn; ask fill_slow. */
INLINE bool fill_quick(void *out, size_t len, uintptr_t stack)
{
	if (__builtin_expect(!fill_plausible(out, len), 0))
		return false;
	if (len == 16)
		return fill_leased(out, 16, stack);
	if (len == 8)
		return fill_leased(out, 8, stack);
	if (len == 4)
		return fill_leased(out, 4, stack);
	if (len == 32)
		return fill_leased(out, 32, stack);
	return false;
}

/*
 * Four bytes as a number that never touches the stack; negative: nothing was
 * drawn; ask fill_slow.
 */
INLINE int64_t fill_quick_word(uintptr_t stack)
{
	uint32_t word;

	return fill_leased((uint8_t *)&word, sizeof word, stack) ?
		       (int64_t)word : -1;
}

#endif
