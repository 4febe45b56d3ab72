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

#include "bucket.h"
#include "system/cpu.h"
#include "fill.h"
#include "fill_checks.h"

#if defined(__x86_64__) && defined(__LP64__) && !defined(FILL_DRAW_IN_C)
#include "fill_draw_x86_64.h"
#else
#include "fill_draw.h"
#endif

/* Set where every request is to pass through fill_slow. */
extern __attribute__((visibility("hidden"))) atomic_bool fill_without_leases;

/*
 * As fill. stack: cpu_stack() of the shim, the same as it gave to fill_quick.
 */
bool fill_slow(void *out, size_t len, uintptr_t stack);

/* 4 to 32 bytes, as fill_draw_4. */
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
	unsigned int i = bucket_lease(stack);

	return bucket_lease_take(&bucket_common, i, stack) ?
		       fill_draw_word(i, stack) : -1;
}

#endif
