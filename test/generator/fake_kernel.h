/*
 * A machine that does as it is told: the rooms generation, seed, hardware,
 * signals and clock, for tests that have to know every key and nonce, and when
 * a generation moves.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "generator/bucket.h"
#include "source/clock.h"
#include "source/generation.h"
#include "source/hardware.h"
#include "source/seed.h"
#include "source/signals.h"
#include "source/vdso.h"
#include "chacha20/wipe.h"

static volatile uint64_t fake_generation = 1;
static const volatile uint64_t fake_nowhere;

const volatile uint64_t *generation_page = &fake_generation;

static unsigned int fake_seeds, fake_nonces;	/* given so far */
static bool fake_refuses;		/* a seed is not to be had */
static bool fake_disagrees;		/* the vDSO knows another generation */
static bool fake_unreachable;		/* the vDSO is not the one we knew */
static uint64_t fake_found;		/* a lost page is found, and says so */
static bool fake_dead;			/* the processor's generator */
static uint64_t fake_signals = 7, fake_second = 1;
static void (*fake_meanwhile)(void);	/* happens while a seed is fetched */

/* The n-th word of a sequence; no two are the same, none is 0. */
static inline uint64_t fake_word(uint64_t n)
{
	n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return n ^ n >> 32;
}

static inline void fake_seed(uint8_t key[static SEED_SIZE], unsigned int n)
{
	for (unsigned int i = 0; i < SEED_SIZE / 8; i++) {
		uint64_t word = fake_word(4 * (uint64_t)n + i);

		memcpy(key + 8 * i, &word, 8);
	}
}

static inline uint64_t fake_nonce(unsigned int n)
{
	return fake_word((UINT64_C(1) << 40) + n);
}

bool seed_read(uint8_t key[static SEED_SIZE], struct vdso_state *state)
{
	(void)state;
	if (fake_refuses)
		return false;
	fake_seed(key, fake_seeds++);
	wipe_registers();
	if (fake_meanwhile)
		fake_meanwhile();
	return true;
}

bool hardware_words(uint64_t *words, int count, uint64_t *last)
{
	for (int i = 0; i < count; i++)
		*last = words[i] = fake_nonce(fake_nonces++);
	return !fake_dead;
}

uint64_t hardware_nonce(uint64_t *last)
{
	uint64_t word;

	return hardware_words(&word, 1, last) ? word : 0;
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

bool signals_present;

uint64_t signals_now(void)
{
	return fake_signals;
}

void signals_start(void)
{
}

const char *signals_name(void)
{
	return "none";
}

uint64_t clock_second(void)
{
	return fake_second;
}

int64_t clock_nanoseconds(void)
{
	return (int64_t)(fake_second * 1000000000);
}

bool generation_start(void)
{
	return true;
}

bool generation_reachable(void)
{
	return !fake_unreachable;
}

bool generation_agrees(const struct vdso_state *state, uint64_t generation)
{
	(void)state;
	return !fake_disagrees && *generation_page == generation;
}

bool generation_lost(void)
{
	fake_generation = fake_found;
	return fake_found;
}

void generation_end(void)
{
	generation_page = &fake_nowhere;
}

/* All leases belong to a stack that nobody has: a loop gets none. */
static inline void fake_no_leases(void)
{
	for (unsigned int i = BUCKETS_SHARED; i < BUCKETS; i++)
		bucket_common.lines[i].owner = BUCKET_BUSY + 1;
}

/* But this stack has one. */
static inline void fake_lease(uintptr_t stack)
{
	bucket_common.lines[bucket_lease(stack)].owner = stack;
	bucket_common.any_leased = true;
}

#endif
