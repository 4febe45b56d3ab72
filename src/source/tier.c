/* Where does randomness come from? See tier.h. */
#include "tier.h"

#include <stdatomic.h>

static _Atomic(enum tier) tier;
static _Atomic(const char *) reason = "not started";

enum tier tier_now(void)
{
	return atomic_load_explicit(&tier, memory_order_relaxed);
}

void tier_set(enum tier to, const char *why)
{
	atomic_store(&reason, why);
	atomic_store(&tier, to);
}

void tier_lower(enum tier to, const char *why)
{
	enum tier from = tier_now();

	while (from > to)
		if (atomic_compare_exchange_weak(&tier, &from, to))
			atomic_store(&reason, why);
}

const char *tier_why(void)
{
	return atomic_load(&reason);
}

const char *tier_name(enum tier t)
{
	static const char *const names[TIERS] = {
		[TIER_OFF] = "off",
		[TIER_KERNEL] = "kernel",
		[TIER_HARDWARE] = "hardware",
		[TIER_CALL] = "call",
		[TIER_PAGE] = "page",
	};

	return names[t];
}
