/*
 * The slow half of small requests: buckets that are not leased, or empty.
 */
#include "fill_small.h"

#include "explain.h"
#include "signals.h"
#include "tier.h"

#define APART static __attribute__((noinline))

/* For whom the quick ways are shut, and who may come again. */
APART bool the_long_way(void *out, size_t len, uintptr_t stack)
{
	bool ok = fill_from(&bucket_common, out, len);

	if (ok && tier_now() == TIER_PAGE && !explain_wanted())
		bucket_lease_wanted(&bucket_common, stack);
	return ok;
}

/* A leased bucket that is empty, or of an old key. */
static bool the_long_way_leased(void *out, size_t len, uintptr_t stack)
{
	unsigned int i = bucket_lease(stack);
	bool ok = fill_held(&bucket_common, i, out, len);

	bucket_lease_give(&bucket_common, i, stack);
	return ok;
}

/*
 * By lock: from this CPU's bucket, or from any. A thread that was preempted in a
 * draw keeps its CPU's bucket until it runs again; meanwhile the others there
 * draw from another.
 */
#define LOCKED(name, word_type, take, when_held) \
	APART bool name(uint8_t *out, size_t len, uintptr_t stack) \
	{ \
		unsigned int i = take(&bucket_common); \
		word_type head, tail; \
		bool ok; \
\
		if (__builtin_expect(i == BUCKETS, 0)) \
			return when_held(out, len, stack); \
		ok = fill_draw(i, &head, &tail, len, sizeof head); \
		bucket_give(&bucket_common, i); \
		atomic_signal_fence(memory_order_seq_cst); \
		if (__builtin_expect(!ok, 0)) \
			return the_long_way(out, len, stack); \
		memcpy(out, &head, sizeof head); \
		memcpy(out + len - sizeof tail, &tail, sizeof tail); \
		return true; \
	}
#define WIDTH(name, word_type) \
	LOCKED(name##_any, word_type, bucket_take, the_long_way) \
	LOCKED(name##_here, word_type, bucket_take_here, name##_any)

WIDTH(locked_4, uint32_t)
WIDTH(locked_8, uint64_t)
WIDTH(locked_16, fill_two_words)

bool fill_slow(void *out, size_t len, uintptr_t stack)
{
	/*
	 * Second signals are asked by a function, and what is in registers
	 * while it runs may be left on its stack.
	 */
	if (len < 4 || len > 32 ||
	    __atomic_load_n(&signals_present, __ATOMIC_RELAXED) ||
	    !fill_plausible(out, len))
		return fill_from(&bucket_common, out, len);
	if (bucket_lease_is(&bucket_common, stack)) {
		if (len > 16 ? fill_leased_16(out, len, stack) :
		    len > 8  ? fill_leased_8(out, len, stack) :
			       fill_leased_4(out, len, stack))
			return true;
		if (tier_now() == TIER_PAGE &&
		    bucket_lease_take(&bucket_common, bucket_lease(stack),
				      stack))
			return the_long_way_leased(out, len, stack);
	}
	return len > 16 ? locked_16_here(out, len, stack) :
	       len > 8  ? locked_8_here(out, len, stack) :
			  locked_4_here(out, len, stack);
}

bool fill(void *out, size_t len)
{
	uintptr_t stack = cpu_stack();

	return fill_quick(out, len, stack) || fill_slow(out, len, stack);
}

int64_t fill_slow_word(uintptr_t stack)
{
	uint32_t word;
	int64_t answer = -1;

	if (fill_slow(&word, sizeof word, stack))
		answer = word;
	/* Not by a call: it would save the register that has the answer. */
	*(volatile uint32_t *)&word = 0;
	return answer;
}
