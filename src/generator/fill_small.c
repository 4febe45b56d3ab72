/*
 * The slow half of small requests: their bucket is not leased, or it is empty.
 */
#include "fill_small.h"

#include "source/signals.h"
#include "source/tier.h"

atomic_bool fill_without_leases;

#define NOINLINE static __attribute__((noinline))

__attribute__((cold)) void fill_undraw(unsigned int i, uint64_t stock,
				       size_t len, uintptr_t stack)
{
	struct bucket *b = &bucket_common.buckets[i];

	/* If the page was wiped meanwhile, it has no stock to go on with. */
	if (b->refills) {
		bucket_set_stock(b, stock - len);
		bucket_common.lines[i].bytes -= len;
	} else {
		bucket_set_stock(b, 0);
	}
	bucket_lease_give(&bucket_common, i, stack);
}

/*
 * Draws from a bucket taken by its lock: that of this CPU, or any other. A
 * thread that is preempted during a draw keeps the bucket of its CPU until it
 * runs again; meanwhile the other threads on that CPU draw from other buckets.
 */
NOINLINE bool draw_locked(void *out, size_t len)
{
	unsigned int i = bucket_take_here(&bucket_common);

	if (__builtin_expect(i == BUCKETS, 0))
		i = bucket_take(&bucket_common);
	return i != BUCKETS && fill_draw(i, out, len, FILL_TO_ALL);
}

/* Draws from the leased bucket, even if it is empty or has an old key. */
NOINLINE bool draw_leased(void *out, size_t len, uintptr_t stack)
{
	unsigned int i = bucket_lease(stack);
	bool ok;

	if (fill_leased(out, len, stack))
		return true;
	if (tier_now() != TIER_PAGE ||
	    !bucket_lease_take(&bucket_common, i, stack))
		return false;
	ok = fill_held(&bucket_common, i, out, len);
	bucket_lease_give(&bucket_common, i, stack);
	return ok;
}

/*
 * Serves what neither the leased bucket nor a locked one could serve, and
 * counts it towards a lease.
 */
static bool fill_and_count(void *out, size_t len, uintptr_t stack)
{
	bool ok = fill_from(&bucket_common, out, len);

	if (ok && tier_now() == TIER_PAGE && !fill_without_leases)
		bucket_lease_wanted(&bucket_common, stack);
	return ok;
}

bool fill_slow(void *out, size_t len, uintptr_t stack)
{
	/*
	 * Checking the second signals takes a function call, and the function
	 * may leave on its stack what is in registers while it runs.
	 */
	if (len < 4 || len > 32 ||
	    __atomic_load_n(&signals_present, __ATOMIC_RELAXED) ||
	    !fill_plausible(out, len))
		return fill_from(&bucket_common, out, len);
	if (bucket_lease_is(&bucket_common, stack) &&
	    draw_leased(out, len, stack))
		return true;
	return draw_locked(out, len) || fill_and_count(out, len, stack);
}

bool fill(void *out, size_t len)
{
	uintptr_t stack = cpu_stack();

	return fill_quick(out, len, stack) || fill_slow(out, len, stack);
}
