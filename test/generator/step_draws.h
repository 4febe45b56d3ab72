/*
 * The draws that are stepped through, and how they find their buckets. The
 * kernel is the real one; only the hardware's nonces are left out, because
 * separation must not depend on them.
 */
#ifndef STEP_DRAWS_H
#define STEP_DRAWS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "step.h"

#if !defined(__x86_64__)

/* The whole of such a program. */
static void steps_need_x86_64(void **state)
{
	(void)state;
	print_message("skipped: this processor has no trap flag\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_need_x86_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "generator/bucket.h"
#include "system/cpu.h"
#include "generator/fill_small.h"
#include "source/generation.h"
#include "source/hardware.h"
#include "source/tier.h"
#include "source/vdso.h"
#include "support/word.h"

uint64_t hardware_nonce(uint64_t *last)
{
	return *last = 0;
}

bool hardware_words(uint64_t *words, int count, uint64_t *last)
{
	memset(words, 0, (size_t)count * sizeof *words);
	*last = 0;
	return true;
}

void hardware_start(void)
{
}

bool hardware_there(void)
{
	return true;
}

const char *hardware_name(void)
{
	return "none";
}

enum {
	LEN_MAX = 2048,
	STEPS = 1 << 18,	/* instructions of the longest draw */
	PLACES = 4096,		/* of them, where something happens */
	SAMPLES = 16,		/* of these, within key stream and vDSO */
};

/*
 * The draws.
 */

/* A kind of request, and how its bucket is found. */
struct drawing {
	const char *name;
	size_t len;		/* 0: a word */
	void (*prepare)(const struct drawing *);
	bool leased;
};

/* Whose lease: those that draw at the same time have stacks of their own. */
enum who { OURS, ANOTHERS, A_THREADS, LESSEES };

/* A request, and what it got. */
struct draw {
	const struct drawing *as;
	enum who who;
	bool served;
	uint8_t out[LEN_MAX];
};

/*
 * Numbers that stack pointers could be: those that have a lease, and one that
 * never gets it, since its place is taken.
 */
static const uintptr_t lessees[] = {
	[OURS] = 0x7ffc12345000,
	[ANOTHERS] = 0x7ffc12348000,
	[A_THREADS] = 0x7ffc1234b000,
};
static const uintptr_t nobody = 0x7ffc00000000;

static inline size_t len_of(const struct drawing *d)
{
	return d->len ? d->len : 4;
}

/* For step: all draws that are stepped through are this code. */
static __attribute__((noinline, unused)) void draw(void *with)
{
	struct draw *d = with;
	uintptr_t stack = d->as->leased ? lessees[d->who] : nobody;
	size_t len = d->as->len;
	int64_t word;

	if (len) {
		d->served = fill_quick(d->out, len, stack) ||
			    fill_slow(d->out, len, stack);
		return;
	}
	word = draw_word_from(stack);
	d->served = word >= 0;
	memcpy(d->out, &word, 4);
}

/* Draws of other kinds, by ANOTHERS lease and by lock, that somebody gets. */
static inline void draw_some(void (*got)(const uint8_t *, size_t))
{
	static const struct drawing some[] = {
		{.len = 16, .leased = true},
		{.len = 0, .leased = true},
		{.len = 32},
		{.len = 300},
		{.len = 1100},
	};
	struct draw d = {.who = ANOTHERS};

	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		d.as = &some[i];
		draw(&d);
		if (d.served)
			got(d.out, len_of(d.as));
	}
}

/*
 * The buckets.
 */

static inline unsigned int bucket_index(const struct drawing *d, enum who who)
{
	return d->leased ? bucket_lease(lessees[who]) :
			   cpu_here(cpu_thread()) % BUCKETS_SHARED;
}

static inline struct bucket *bucket_of(const struct drawing *d)
{
	return &bucket_common.buckets[bucket_index(d, OURS)];
}

/* Is it held, so that this draw would have to take another? */
static inline bool is_held(const struct drawing *d, enum who who)
{
	uintptr_t owner = bucket_common.lines[bucket_index(d, who)].owner;

	return owner && owner != lessees[who];
}

static inline void hold(const struct drawing *d, enum who who)
{
	bucket_common.lines[bucket_index(d, who)].owner =
		d->leased ? BUCKET_BUSY : nobody;
}

/* Buckets that were not given back. */
static inline unsigned int held(void)
{
	unsigned int count = 0;

	for (int i = 0; i < BUCKETS; i++)
		count += bucket_common.lines[i].owner != 0 &&
			 (i < BUCKETS_SHARED ||
			  bucket_common.lines[i].owner == BUCKET_BUSY);
	return count;
}

static inline void give_all_back(void)
{
	for (int i = 0; i < BUCKETS; i++)
		bucket_common.lines[i].owner = 0;
	bucket_common.lines[bucket_lease(nobody)].owner = nobody + 16;
	for (int who = OURS; who < LESSEES; who++) {
		struct bucket_line *l =
			&bucket_common.lines[bucket_lease(lessees[who])];

		assert_int_equal(l->owner, 0);
		l->owner = lessees[who];
	}
	bucket_common.any_leased = true;
}

/* How a bucket may be found. */
static inline void wiped(const struct drawing *d)
{
	(void)d;
	for (int i = 0; i < BUCKETS; i++)
		if (bucket_common.lines[i].reseeds)
			memset(&bucket_common.buckets[i], 0,
			       sizeof(struct bucket));
}

static inline void warm(const struct drawing *d)
{
	struct draw first = {.as = d};

	wiped(d);
	draw(&first);
}

static inline void nearly_empty(const struct drawing *d)
{
	warm(d);
	bucket_set_stock(bucket_of(d), 2);
}

static inline void worn_out(const struct drawing *d)
{
	nearly_empty(d);
	bucket_of(d)->refills = 1024;
}

static inline void outdated(const struct drawing *d)
{
	warm(d);
	bucket_set_stamp(bucket_of(d), 1);
}

static const struct drawing from_stock[] = {
	{"4 bytes, leased", 4, warm, true},
	{"a word, leased", 0, warm, true},
	{"7 bytes, leased", 7, warm, true},
	{"8 bytes, leased", 8, warm, true},
	{"32 bytes, leased", 32, warm, true},
	{"31 bytes, leased, refill", 31, nearly_empty, true},
	{"a word, leased, refill", 0, nearly_empty, true},
	{"16 bytes, leased, new page", 16, wiped, true},
	{"8 bytes, leased, reseeded", 8, outdated, true},
	{"8 bytes, leased, key worn out", 8, worn_out, true},
	{"4 bytes", 4, warm, false},
	{"a word", 0, warm, false},
	{"32 bytes", 32, warm, false},
	{"100 bytes", 100, warm, false},
	{"1000 bytes", 1000, warm, false},
	{"4 bytes, refill", 4, nearly_empty, false},
	{"a word, new page", 0, wiped, false},
	{"32 bytes, new page", 32, wiped, false},
	{"16 bytes, reseeded", 16, outdated, false},
	{"100 bytes, key worn out", 100, worn_out, false},
	{"2000 bytes", 2000, warm, false},
	{"2000 bytes, new page", 2000, wiped, false},
	{NULL, 0, NULL, false},
};

enum { DRAWINGS = sizeof from_stock / sizeof *from_stock };

static const struct drawing without_stock[] = {
	{"a word", 0, wiped, false},
	{"32 bytes", 32, wiped, false},
	{"100 bytes", 100, wiped, false},
	{"300 bytes", 300, wiped, false},
	{"2000 bytes, again", 2000, warm, false},
	{NULL, 0, NULL, false},
};

/* The one that this process was told to have, and has. */
static enum tier tier_told;

/* What tier kernel leaves to the kernel is none of these. */
static inline const struct drawing *drawings(void)
{
	if (tier_told == TIER_PAGE)
		return from_stock;
	return &without_stock[tier_told == TIER_KERNEL ? 3 : 0];
}

#endif

#endif
