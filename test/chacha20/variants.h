/*
 * The variants of ChaCha20, a test once for each, and where each begins.
 */
#ifndef VARIANTS_H
#define VARIANTS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "chacha20/chacha20.h"

enum {
	/* More than the widest variant makes in a pass, twice over the next. */
	BLOCKS = 40,
	BYTES = BLOCKS * CHACHA20_BLOCK,
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct variant {
	const char *name;
	chacha20_blocks *(*get)(void);
} variants[] = {
	/* As chacha20_best prefers them. */
	{"avx512", chacha20_avx512},
	{"avx2", chacha20_avx2},
	{"ssse3", chacha20_ssse3},
	{"neon", chacha20_neon},
	{"portable", chacha20_portable},
};

/* The test once for each variant, named after both. */
#define PROMISE_OF(i, variant, test) \
	{variant ": " #test, test, NULL, NULL, (void *)&variants[i]}
#define PROMISE(test) \
	PROMISE_OF(0, "avx512", test), PROMISE_OF(1, "avx2", test), \
	PROMISE_OF(2, "ssse3", test), PROMISE_OF(3, "neon", test), \
	PROMISE_OF(4, "portable", test)

static inline chacha20_blocks *variant_here(void **state)
{
	const struct variant *variant = *state;
	chacha20_blocks *blocks = variant->get();

	if (!blocks)
		skip();
	return blocks;
}

static inline void set_counter(struct chacha20 *c, uint64_t counter)
{
	c->state[12] = (uint32_t)counter;
	c->state[13] = (uint32_t)(counter >> 32);
}

/* A key without a word that is likely anywhere else; another for each n. */
static inline void start_at(struct chacha20 *c, unsigned int n,
			    uint64_t counter)
{
	uint8_t key[CHACHA20_KEY];
	uint32_t x = 0x9e3779b9 * (n + 1);
	size_t i;

	for (i = 0; i < sizeof key; i++) {
		x = x * 1664525 + 1013904223;
		key[i] = (uint8_t)(x >> 24);
	}
	memset(c, 0, sizeof *c);
	chacha20_start(c, key, 0x0123456789abcdef * (n + 1));
	set_counter(c, counter);
}

#endif
