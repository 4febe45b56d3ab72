/*
 * Draws a few bytes from the batch of a bucket, on x86-64. The C code in
 * fill_draw.h is the reference, and explains these functions: here are the same
 * steps in the same order.
 *
 * This is assembly because the bytes must be nowhere but in registers that are
 * cleared at the end, while a compiler copies a variable as it likes.
 */
#ifndef FILL_DRAW_X86_64_H
#define FILL_DRAW_X86_64_H

#include <stddef.h>

#include "bucket.h"
#include "fill_checks.h"

/*
 * At the end the flags say whether the stamp equals the generation in the page,
 * and is not 0. A stamp of 0 is below 1 and not equal to 1, so the first
 * comparison leaves "not equal", and the page is not read. The instructions
 * after the comparisons do not change the flags.
 */
#define FILL_SPEND "mov %[spent], %c[stock](%[b])\n\t"
#define FILL_LOOK_AND_GIVE \
	"mov (%[b]), %[stamp]\n\t" \
	"cmp $1, %[stamp]\n\t" \
	"jb 1f\n\t" \
	"cmp (%[page]), %[stamp]\n\t" \
	"jne 1f\n\t" \
	"mov %[stack], (%[owner])\n\t"

#define FILL_RESULTS(ok, stamp_) "=@cce"(ok), [stamp] "=&r"(stamp_)
#define FILL_ARGUMENTS(i, b_, first_, spent_, stack_) \
	[b] "r"(b_), [first] "r"(first_), [spent] "r"(spent_), \
	[stock] "i"(offsetof(struct bucket, stock)), \
	[page] "r"(__atomic_load_n(&generation_page, __ATOMIC_RELAXED)), \
	[stack] "r"(stack_), \
	[owner] "r"(&bucket_common.lines[i].owner)

_Static_assert(offsetof(struct bucket, stamp) == 0, "as FILL_LOOK_AND_GIVE reads");

#define FILL_MOVE_4 "mov"
#define FILL_MOVE_8 "mov"
#define FILL_MOVE_16 "movups"
#define FILL_ERASE_4(at) "movl $0, " at "\n\t"
#define FILL_ERASE_8(at) "movq $0, " at "\n\t"
#define FILL_ERASE_16(at) "pxor %%xmm2, %%xmm2\n\tmovups %%xmm2, " at "\n\t"
#define FILL_CLEAR_4(word) "mov $0, " word "\n\t"
#define FILL_CLEAR_8(word) "mov $0, " word "\n\t"
#define FILL_CLEAR_16(word) "pxor " word ", " word "\n\t"

/*
 * Defines fill_draw_n, which moves n bytes in each of two registers, head and
 * tail. The arguments after these two are all the registers that it uses.
 */
#define FILL_DRAW(n, head, tail, ...) \
	INLINE bool fill_draw_##n(unsigned int i, uint8_t *out, size_t len, \
				  uintptr_t stack) \
	{ \
		struct bucket *b = &bucket_common.buckets[i]; \
		uint64_t stock = bucket_stock(b), stamp; \
		uint64_t spent = bucket_spent(stock, (uint32_t)len); \
		uint8_t *first = b->batch + BUCKET_BATCH - bucket_left(stock); \
		bool ok; \
\
		if (__builtin_expect(bucket_left(stock) < len, 0)) { \
			bucket_lease_give(&bucket_common, i, stack); \
			return false; \
		} \
		if (__builtin_constant_p(len) && len == n) \
			__asm__ volatile( \
				FILL_MOVE_##n " (%[first]), " head "\n\t" \
				FILL_SPEND \
				FILL_ERASE_##n("(%[first])") \
				FILL_LOOK_AND_GIVE \
				FILL_MOVE_##n " " head ", (%[out])\n\t" \
				"1:\n\t" \
				FILL_CLEAR_##n(head) \
				: FILL_RESULTS(ok, stamp) \
				: FILL_ARGUMENTS(i, b, first, spent, stack), \
				  [out] "r"(out) \
				: __VA_ARGS__, "memory"); \
		else \
			__asm__ volatile( \
				FILL_MOVE_##n " (%[first]), " head "\n\t" \
				FILL_MOVE_##n " -" #n "(%[first], %[len]), " \
					tail "\n\t" \
				FILL_SPEND \
				FILL_ERASE_##n("(%[first])") \
				FILL_ERASE_##n("-" #n "(%[first], %[len])") \
				FILL_LOOK_AND_GIVE \
				FILL_MOVE_##n " " head ", (%[out])\n\t" \
				FILL_MOVE_##n " " tail ", -" #n \
					"(%[out], %[len])\n\t" \
				"1:\n\t" \
				FILL_CLEAR_##n(head) \
				FILL_CLEAR_##n(tail) \
				: FILL_RESULTS(ok, stamp) \
				: FILL_ARGUMENTS(i, b, first, spent, stack), \
				  [out] "r"(out), [len] "r"(len) \
				: __VA_ARGS__, "memory"); \
		if (__builtin_expect(!ok, 0)) \
			fill_undraw(i, stock, len, stack); \
		return ok; \
	}

FILL_DRAW(4, "%%r10d", "%%r11d", "r10", "r11", "cc")
FILL_DRAW(8, "%%r10", "%%r11", "r10", "r11", "cc")
FILL_DRAW(16, "%%xmm0", "%%xmm1", "xmm0", "xmm1", "xmm2", "cc")

INLINE int64_t fill_draw_word(unsigned int i, uintptr_t stack)
{
	struct bucket *b = &bucket_common.buckets[i];
	uint64_t stock = bucket_stock(b), stamp;
	uint64_t spent = bucket_spent(stock, sizeof(uint32_t));
	uint8_t *first = b->batch + BUCKET_BATCH - bucket_left(stock);
	uint32_t word;
	bool ok;

	if (__builtin_expect(bucket_left(stock) < sizeof word, 0)) {
		bucket_lease_give(&bucket_common, i, stack);
		return -1;
	}
	/*
	 * The word is in the register of the return value, which any other
	 * return value overwrites.
	 */
	__asm__ volatile("mov (%[first]), %[word]\n\t"
			 FILL_SPEND
			 FILL_ERASE_4("(%[first])")
			 FILL_LOOK_AND_GIVE
			 "1:"
			 : FILL_RESULTS(ok, stamp), [word] "=&a"(word)
			 : FILL_ARGUMENTS(i, b, first, spent, stack)
			 : "cc", "memory");
	if (__builtin_expect(ok, 1))
		return word;
	fill_undraw(i, stock, sizeof word, stack);
	return -1;
}

#endif
