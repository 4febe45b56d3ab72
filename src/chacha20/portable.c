/*
 * ChaCha20 in plain C, one block at a time. It is for machines that have no
 * better variant, and the reference for the variants of those that have one.
 * Therefore it is written to be clear. It works in either byte order.
 */
#include "chacha20.h"
#include "wipe.h"

static inline uint32_t left(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static inline void quarter(uint32_t x[16], int a, int b, int c, int d)
{
	x[a] += x[b]; x[d] = left(x[d] ^ x[a], 16);
	x[c] += x[d]; x[b] = left(x[b] ^ x[c], 12);
	x[a] += x[b]; x[d] = left(x[d] ^ x[a], 8);
	x[c] += x[d]; x[b] = left(x[b] ^ x[c], 7);
}

/*
 * This is never inlined, because what it leaves on the stack must be below the
 * frame of its caller, where wipe_dead_frame() clears it.
 */
static __attribute__((noinline))
void pass(struct chacha20 *c, uint8_t *out, size_t blocks)
{
	uint32_t x[16];
	int i;

	for (; blocks > 0; blocks--) {
		for (i = 0; i < 16; i++)
			x[i] = c->state[i];

		for (i = 0; i < 10; i++) {
			quarter(x, 0, 4,  8, 12);
			quarter(x, 1, 5,  9, 13);
			quarter(x, 2, 6, 10, 14);
			quarter(x, 3, 7, 11, 15);
			quarter(x, 0, 5, 10, 15);
			quarter(x, 1, 6, 11, 12);
			quarter(x, 2, 7,  8, 13);
			quarter(x, 3, 4,  9, 14);
		}

		for (i = 0; i < 16; i++) {
			x[i] += c->state[i];
			*out++ = (uint8_t)x[i];
			*out++ = (uint8_t)(x[i] >> 8);
			*out++ = (uint8_t)(x[i] >> 16);
			*out++ = (uint8_t)(x[i] >> 24);
		}

		c->state[12]++;
		c->state[13] += c->state[12] == 0;
	}
}

static void portable_blocks(struct chacha20 *c, uint8_t *out, size_t blocks)
{
	pass(c, out, blocks);
	wipe_dead_frame();
	wipe_registers();
}

chacha20_blocks *chacha20_portable(void)
{
	return portable_blocks;
}
