/*
 * How does a key stream begin and end, and which variant makes it? See
 * chacha20.h.
 */
#include "chacha20.h"
#include "wipe.h"

#include <string.h>

static uint32_t little_endian(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

void chacha20_start(struct chacha20 *c, const uint8_t key[static CHACHA20_KEY],
		    uint64_t nonce)
{
	static const uint32_t expand_32_byte_k[4] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
	};
	int i;

	for (i = 0; i < 4; i++)
		c->state[i] = expand_32_byte_k[i];
	for (i = 0; i < 8; i++)
		c->state[4 + i] = little_endian(key + 4 * i);
	c->state[12] = 0;
	c->state[13] = 0;
	c->state[14] = (uint32_t)nonce;
	c->state[15] = (uint32_t)(nonce >> 32);
	/*
	 * The key passed through registers that the next pass may not
	 * overwrite.
	 */
	wipe_registers();
}

void chacha20_end(struct chacha20 *c)
{
	/*
	 * c->spill is clean after every pass. To wipe it again would cost time.
	 */
	memset(c->state, 0, sizeof c->state);
	/* Without a reader of *c the compiler would remove the memset. */
	__asm__ volatile ("" : : "r" (c) : "memory");
}

chacha20_blocks *chacha20_best(const char **name)
{
	static const struct {
		chacha20_blocks *(*variant)(void);
		const char *name;
	} fastest_first[] = {
		{ chacha20_avx512, "avx512" },
		{ chacha20_avx2, "avx2" },
		{ chacha20_ssse3, "ssse3" },
		{ chacha20_neon, "neon" },
		{ chacha20_portable, "portable" },
	};
	chacha20_blocks *blocks = NULL;
	unsigned int i;

	/* The loop ends because portable is never NULL. */
	for (i = 0; !blocks; i++) {
		blocks = fastest_first[i].variant();
		if (blocks && name)
			*name = fastest_first[i].name;
	}
	return blocks;
}
