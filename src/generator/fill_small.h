/*
 * How is nearly every request served: a few bytes from the common stock, of a
 * length that the compiler knows? The bytes stay in registers until the bucket
 * is released, so that no bucket is held when a bad pointer of the caller
 * faults.
 *
 * This header is the fast half, for loops, which have a leased bucket. It is
 * inlined into the shims. The slow half takes other buckets by their lock, or
 * passes the request to fill_from(). A shim calls the fast half, and if that
 * fails it calls the slow half with the same stack pointer as its last act. The
 * compiler makes a jump of that call, so the shim needs no stack frame.
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

/* If set, every request has to pass through fill_slow(). */
extern __attribute__((visibility("hidden"))) atomic_bool fill_without_leases;

/*
 * Does the same as fill(). stack is the cpu_stack() of the shim, and has to be
 * the value that the shim passed to fill_quick().
 */
bool fill_slow(void *out, size_t len, uintptr_t stack);

/* Draws 4 to 32 bytes as fill_draw_4 does. */
INLINE bool fill_draw(unsigned int i, uint8_t *out, size_t len, uintptr_t stack)
{
	return len >= 16 ? fill_draw_16(i, out, len, stack) :
	       len >= 8	 ? fill_draw_8(i, out, len, stack) :
			   fill_draw_4(i, out, len, stack);
}

/*
 * Draws from the bucket that is leased to stack. false: there is no such
 * bucket, or it has too few bytes.
 */
INLINE bool fill_leased(uint8_t *out, size_t len, uintptr_t stack)
{
	unsigned int i = bucket_lease(stack);

	return bucket_lease_take(&bucket_common, i, stack) &&
	       fill_draw(i, out, len, stack);
}

/*
 * Serves the most common lengths. false: nothing was drawn; call fill_slow().
 */
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
 * Draws four bytes as a number that is never in memory of the stack. A negative
 * result means that nothing was drawn: call fill_slow().
 */
INLINE int64_t fill_quick_word(uintptr_t stack)
{
	unsigned int i = bucket_lease(stack);

	return bucket_lease_take(&bucket_common, i, stack) ?
		       fill_draw_word(i, stack) : -1;
}

#endif
