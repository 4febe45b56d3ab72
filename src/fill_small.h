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

#define INLINE static inline __attribute__((always_inline))

/*
 * As fill. stack: cpu_stack() of the shim, the same as it gave to fill_quick.
 */
bool fill_slow(void *out, size_t len, uintptr_t stack);

/*
 * len bytes of w to 2 * w: the first w to head, the last w to tail, which may
 * overlap. One look at the stamp, the last one, is enough: bytes of an old key,
 * or of none, are thrown away. false: nothing was drawn.
 *
 * Position first, then erasure: who jumps out of a handler between the two skips
 * bytes that nobody got, and does not get zeros the next time.
 */
INLINE bool fill_draw(unsigned int i, void *head, void *tail, size_t len,
		 const size_t w)
{
	struct bucket *b = &bucket_common.buckets[i];
	uint64_t stock = bucket_stock(b);
	uint8_t *from = b->batch + BUCKET_BATCH - bucket_left(stock);
	uint8_t *last = from + len - w;

	if (__builtin_expect(bucket_left(stock) < len, 0))
		return false;
	memcpy(head, from, w);
	memcpy(tail, last, w);
	bucket_set_stock(b, bucket_spent(stock, (uint32_t)len));
	atomic_signal_fence(memory_order_seq_cst);
	memset(from, 0, w);
	memset(last, 0, w);
	/* As in fill.c: was it whole all the time? */
	atomic_thread_fence(memory_order_acquire);
	if (__builtin_expect(fill_current(b), 1))
		return true;
	bucket_set_stock(b, stock - len);
	bucket_common.lines[i].bytes -= len;
	return false;
}

/* From the bucket leased to stack. false: there is none, or nothing in it. */
#define FILL_LEASED(name, word_type) \
	INLINE bool name(uint8_t *out, size_t len, uintptr_t stack) \
	{ \
		unsigned int i = bucket_lease(stack); \
		word_type head, tail; \
		bool ok; \
\
		if (__builtin_expect(!bucket_lease_take(&bucket_common, i, \
							stack), 0)) \
			return false; \
		ok = fill_draw(i, &head, &tail, len, sizeof head); \
		bucket_lease_give(&bucket_common, i, stack); \
		atomic_signal_fence(memory_order_seq_cst); \
		if (__builtin_expect(!ok, 0)) \
			return false; \
		memcpy(out, &head, sizeof head); \
		memcpy(out + len - sizeof tail, &tail, sizeof tail); \
		return true; \
	}

/* A structure of two words would pass through the stack, and stay there. */
typedef uint64_t fill_two_words __attribute__((vector_size(16)));

FILL_LEASED(fill_leased_4, uint32_t)
FILL_LEASED(fill_leased_8, uint64_t)
FILL_LEASED(fill_leased_16, fill_two_words)

/* The commonest lengths. false: nothing was drawn; ask fill_slow. */
INLINE bool fill_quick(void *out, size_t len, uintptr_t stack)
{
	if (__builtin_expect(!fill_plausible(out, len), 0))
		return false;
	if (len == 16)
		return fill_leased_16(out, 16, stack);
	if (len == 8)
		return fill_leased_8(out, 8, stack);
	if (len == 4)
		return fill_leased_4(out, 4, stack);
	if (len == 32)
		return fill_leased_16(out, 32, stack);
	return false;
}

/*
 * Four bytes as a number that never touches the stack; negative: nothing was
 * drawn; ask fill_slow_word.
 */
INLINE int64_t fill_quick_word(uintptr_t stack)
{
	unsigned int i = bucket_lease(stack);
	uint32_t word, same;
	bool ok;

	if (__builtin_expect(!bucket_lease_take(&bucket_common, i, stack), 0))
		return -1;
	ok = fill_draw(i, &word, &same, sizeof word, sizeof word);
	bucket_lease_give(&bucket_common, i, stack);
	return __builtin_expect(ok, 1) ? (int64_t)word : -1;
}

/* Still negative: ask the kernel. */
int64_t fill_slow_word(uintptr_t stack);

#endif
