/*
 * What the tests of fill*.c share: each begins with a new library on a kernel
 * without faults; the bucket that serves is known, and so is every byte of it.
 */
#ifndef FILL_BEGIN_H
#define FILL_BEGIN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fastrand.h"
#include "generator/bucket.h"
#include "generator/fill.h"
#include "generator/fill_small.h"
#include "model.h"
#include "source/tier.h"
#include "support/word.h"
#include "system/cpu.h"

enum { MOST = 200000, LENGTHS = 8 };

static const size_t lengths[LENGTHS] = {4, 8, 16, 32, 1, 100, 1000, 70000};
static uint8_t out[MOST + 64], foretold[MOST];

/* Nobody else is here, and the thread has no CPU number: always the same. */
static inline unsigned int here(void)
{
	return cpu_here(cpu_thread()) % BUCKETS_SHARED;
}

/* A number that a stack pointer could be, and a bucket may be leased to. */
static const uintptr_t stack = 0x7ffc12345000;
static bool leased;

static inline struct bucket *bucket(void)
{
	return &bucket_common.buckets[leased ? bucket_lease(stack) : here()];
}

/* As fill, or as from that stack. */
static inline bool draw(void *to, size_t len)
{
	if (!leased)
		return fill(to, len);
	return fill_quick(to, len, stack) || fill_slow(to, len, stack);
}

static inline void lease(void)
{
	leased = true;
	fake_lease(stack);
}

static inline bool zeros(const uint8_t *bytes, size_t len)
{
	while (len--)
		if (*bytes++)
			return false;
	return true;
}

static inline void wipe(void)
{
	memset(bucket(), 0, sizeof(struct bucket));
}

static inline void move(void)
{
	fake_generation++;
}

/* The model of a bucket that takes its key now. */
static inline struct model model_now(void)
{
	model_seeds = fake_seeds;
	model_nonces = fake_nonces;
	return (struct model){0};
}

static inline void expect_foretold(struct model *m, size_t len)
{
	model_draw(m, fake_generation, foretold, len, false);
	assert_memory_equal(out, foretold, len);
}

static inline void expect_refusal(enum fill_refusal why, void *to, size_t len)
{
	uint64_t before = fill_refused(why);

	assert_false(fill(to, len));
	assert_int_equal(fill_refused(why), before + 1);
}

static inline struct fastrand_info info(void)
{
	struct fastrand_info now;

	fastrand_info(&now, sizeof now);
	return now;
}

/* Something happens in mid-draw, so many times. */
static void (*happening)(void);
static int happenings;

static inline void eventful_stream(struct chacha20 *c, uint8_t *to,
				   size_t blocks)
{
	chacha20_best(NULL)(c, to, blocks);
	if (happenings > 0) {
		happenings--;
		happening();
	}
}

static inline void happen(void (*what)(void), int times)
{
	bucket_stream = eventful_stream;
	happening = what;
	happenings = times;
}

/* ... or while a key is fetched. */
static inline void meanwhile(void)
{
	if (happenings > 0) {
		happenings--;
		happening();
	}
}

/* Each test begins with a new library on a kernel without faults. */
static inline int begin(void **state)
{
	(void)state;
	cpu_rseq_offset = 0;
	memset(bucket_common.buckets, 0,
	       bucket_common.used * sizeof(struct bucket));
	memset(&bucket_common.buckets[bucket_lease(stack)], 0,
	       sizeof(struct bucket));
	memset(bucket_common.lines, 0, BUCKETS * sizeof(struct bucket_line));
	leased = false;
	bucket_common.used = 0;
	bucket_common.any_leased = false;
	fake_no_leases();
	bucket_stream = chacha20_best(NULL);
	generation_page = &fake_generation;
	fake_generation = 1;
	fake_found = 0;
	fake_refuses = fake_disagrees = fake_unreachable = false;
	fake_dead = signals_present = false;
	fake_signals = 7;
	fake_meanwhile = NULL;
	happenings = 0;
	tier_set(TIER_PAGE, "");
	return 0;
}

#define PROMISE(name) cmocka_unit_test_setup(name, begin)

#endif
