/*
 * ChaCha20 key stream: RFC 8439 section 2.3, with the counter and nonce of the
 * original (D. J. Bernstein, 2008): 64 bits each, in words 12-13 and 14-15.
 *
 * A variant is a file with a getter that returns the function, or NULL where
 * this processor (or this build) cannot run it. All variants produce the same
 * bytes. None allocates, waits, or makes a system call; all are signal-safe.
 */
#ifndef CHACHA20_H
#define CHACHA20_H

#include <stddef.h>
#include <stdint.h>

enum {
	CHACHA20_KEY = 32,
	CHACHA20_BLOCK = 64,
	/* What the widest variant makes at once; multiples of it are fastest. */
	CHACHA20_PASS = 8 * CHACHA20_BLOCK,
};

/*
 * A key at work. It lives in a bucket's page, never on the stack: a fork or a
 * drop between any two instructions zeroes it with the rest of that page.
 */
struct chacha20 {
	uint32_t state[16];	/* constants, key, counter, nonce */
	uint8_t spill[448];	/* for registers that a variant runs out of */
} __attribute__((aligned(64)));

/*
 * Writes blocks * CHACHA20_BLOCK bytes of key stream to out, which may have any
 * alignment and does not overlap *c, and advances the counter by blocks. On
 * return the key and the key stream are in c->state and out, and nowhere else:
 * not in registers, not on the dead stack, not in c->spill.
 */
typedef void chacha20_blocks(struct chacha20 *c, uint8_t *out, size_t blocks);

/* Sets c to this key, this nonce and counter 0. */
void chacha20_start(struct chacha20 *c, const uint8_t key[static CHACHA20_KEY],
		    uint64_t nonce);

/* Forgets the key. */
void chacha20_end(struct chacha20 *c);

chacha20_blocks *chacha20_portable(void);
chacha20_blocks *chacha20_neon(void);
chacha20_blocks *chacha20_ssse3(void);
chacha20_blocks *chacha20_avx2(void);
chacha20_blocks *chacha20_avx512(void);

/* The fastest that this processor runs; *name, if not NULL, is its name. */
chacha20_blocks *chacha20_best(const char **name);

#endif
