/*
 * Draws a few bytes from the batch of a bucket, in C. This is for processors
 * that have no assembly for it, for tools that do not look into assembly, and
 * for comparison with the assembly (FILL_DRAW_IN_C; test/generator/reference.sh). See
 * fill_small.h.
 *
 * fill_draw_N draws len bytes, from N to 2 N of them, as two words of N bytes:
 * the first N and the last N bytes, which may overlap. If the compiler knows
 * that len is N, one word is drawn. The bytes come from bucket i, which the
 * caller holds and which this function releases. One look at the stamp, after
 * the bytes were read, is enough, because bytes of an old key, or of no key,
 * are thrown away. The bytes are kept in registers until the bucket is
 * released, and afterwards they are nowhere but at out. false: nothing was
 * drawn.
 *
 * fill_draw_word draws four bytes in the same way and returns them as a number.
 * A negative result means that nothing was drawn.
 *
 * stack is the stack pointer that the bucket is leased to, or FILL_TO_ALL.
 */
#ifndef FILL_DRAW_H
#define FILL_DRAW_H

#include "bucket.h"
#include "fill_checks.h"
#include "chacha20/wipe.h"

/*
 * The position is advanced before the bytes are erased. If a handler that
 * interrupts between the two jumps away, bytes are skipped that nobody got. In
 * the other order the next draw would return zeros.
 *
 * Each return path clears its own registers, because where two paths meet the
 * compiler may have made copies in order to join them. Bytes that are thrown
 * away are cleared like others, because they may be those of the parent.
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
			bucket_lease_give(&bucket_common, i, stack); \
			return false; \
		} \
		head = *(const word_type *)first; \
		if (!one) \
			tail = *(const word_type *)last; \
		bucket_set_stock(b, bucket_spent(stock, (uint32_t)len)); \
		atomic_signal_fence(memory_order_seq_cst); \
		*(word_type *)first = (word_type){0}; \
		if (!one) \
			*(word_type *)last = (word_type){0}; \
		/* As in fill.c: was the bucket intact all the time? */ \
		atomic_thread_fence(memory_order_acquire); \
		if (__builtin_expect(!fill_current(b), 0)) { \
			wipe(head); \
			if (!one) \
				wipe(tail); \
			fill_undraw(i, stock, len, stack); \
			return false; \
		} \
		bucket_lease_give(&bucket_common, i, stack); \
		atomic_signal_fence(memory_order_seq_cst); \
		*(word_type *)out = head; \
		wipe(head); \
		if (!one) { \
			*(word_type *)(out + len - sizeof tail) = tail; \
			wipe(tail); \
		} \
		return true; \
	}

FILL_DRAW(fill_draw_4, wipe_word_32, WIPE_32)
FILL_DRAW(fill_draw_8, wipe_word_64, WIPE_64)
FILL_DRAW(fill_draw_16, wipe_word_128, WIPE_128)

INLINE int64_t fill_draw_word(unsigned int i, uintptr_t stack)
{
	wipe_word_32 word;

	return fill_draw_4(i, (uint8_t *)&word, sizeof word, stack) ?
		       (int64_t)word : -1;
}

#endif
