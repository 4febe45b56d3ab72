/*
 * ChaCha20 key stream: RFC 8439 section 2.3, but with the counter and the nonce
 * of the original (D. J. Bernstein, 2008), which have 64 bits each, in words
 * 12-13 and 14-15.
 *
 * A variant is a file with a getter. The getter returns the function, or NULL
 * if this processor (or this build) cannot run it. All variants produce the
 * same bytes. None of them allocates, waits or makes a system call, and all are
 * safe in signal handlers.
 */
#ifndef CHACHA20_H
#define CHACHA20_H

#include <stddef.h>
#include <stdint.h>

enum {
	CHACHA20_KEY = 32,
	CHACHA20_BLOCK = 64,
	/*
	 * The unit of bulk output: eight blocks, which are one pass of the AVX2
	 * variant.
	 */
	CHACHA20_PASS = 8 * CHACHA20_BLOCK,
};

/*
 * The state of a key stream that is being made. It lives in the page of a
 * bucket, never on the stack, so that a fork, or the kernel dropping the page,
 * zeroes it with the rest of that page between any two instructions.
 */
struct chacha20 {
	uint32_t state[16];	/* constants, key, counter, nonce */
	uint8_t spill[448];	/* for rows that do not fit in registers */
} __attribute__((aligned(64)));

/*
 * Writes blocks * CHACHA20_BLOCK bytes of key stream to out, and advances the
 * counter by blocks. out may have any alignment and does not overlap *c. On
 * return the key and the key stream are in c->state and out, and nowhere else:
 * not in registers, not on the stack below the caller's frame, and not in
 * c->spill.
 */
typedef void chacha20_blocks(struct chacha20 *c, uint8_t *out, size_t blocks);

/* Sets c to this key, to this nonce and to counter 0. */
void chacha20_start(struct chacha20 *c, const uint8_t key[static CHACHA20_KEY],
		    uint64_t nonce);

/* Wipes the key. */
void chacha20_end(struct chacha20 *c);

chacha20_blocks *chacha20_portable(void);
chacha20_blocks *chacha20_neon(void);
chacha20_blocks *chacha20_ssse3(void);
chacha20_blocks *chacha20_avx2(void);
chacha20_blocks *chacha20_avx512(void);

/*
 * Returns the fastest variant that this processor can run. If name is not NULL,
 * *name becomes the name of the variant.
 */
chacha20_blocks *chacha20_best(const char **name);

#endif
