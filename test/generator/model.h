/*
 * What the library has to answer, byte for byte, given the kernel's seeds and
 * the hardware's nonces: the rules of DESIGN.md in the plainest C, one block at
 * a time, sharing no code with src.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fake_kernel.h"

enum {
	MODEL_PIECE = 65536,
	MODEL_PASS = 512,
	MODEL_BATCH = 992,
	MODEL_REFILLS = 1024,
	MODEL_SMALL = 256,
};

/* One generator. Zero has no key yet. */
struct model {
	uint64_t generation;
	uint8_t key[32];
	uint8_t batch[MODEL_BATCH];
	unsigned int left, refills;	/* left: in tier hardware, bytes made */
};

/* How many seeds and nonces the library should have taken by now. */
static unsigned int model_seeds, model_nonces;

/* Told of each key that should be nowhere any more. */
static void (*model_forgets)(const uint8_t key[static 32]);

static inline void model_forget(const uint8_t key[static 32])
{
	if (model_forgets)
		model_forgets(key);
}

static inline uint32_t model_word(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void model_quarter(uint32_t *a, uint32_t *b, uint32_t *c,
				 uint32_t *d)
{
	static const int by[4] = {16, 12, 8, 7};

	for (int i = 0; i < 4; i++) {
		uint32_t *sum = i % 2 ? c : a, *with = i % 2 ? d : b;
		uint32_t *turned = i % 2 ? b : d;

		*sum += *with;
		*turned ^= *sum;
		*turned = *turned << by[i] | *turned >> (32 - by[i]);
	}
}

/* RFC 8439, section 2.3; counter and nonce of 64 bits each. */
static inline void model_block(uint8_t out[static 64],
			       const uint8_t key[static 32], uint64_t counter,
			       uint64_t nonce)
{
	static const uint8_t constant[] = "expand 32-byte k";
	uint32_t begin[16], x[16];

	for (int i = 0; i < 4; i++)
		begin[i] = model_word(constant + 4 * i);
	for (int i = 0; i < 8; i++)
		begin[4 + i] = model_word(key + 4 * i);
	begin[12] = (uint32_t)counter;
	begin[13] = (uint32_t)(counter >> 32);
	begin[14] = (uint32_t)nonce;
	begin[15] = (uint32_t)(nonce >> 32);
	memcpy(x, begin, sizeof x);
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 4; i++) {
			int turn = round % 2;

			model_quarter(&x[i], &x[4 + (i + turn) % 4],
				      &x[8 + (i + 2 * turn) % 4],
				      &x[12 + (i + 3 * turn) % 4]);
		}
	for (int i = 0; i < 64; i++)
		out[i] = (uint8_t)((x[i / 4] + begin[i / 4]) >> 8 * (i % 4));
}

/* len bytes of key stream, beginning with a block. */
static inline void model_stream(uint8_t *out, size_t len, const uint8_t *key,
				uint64_t block, uint64_t nonce)
{
	for (uint8_t bytes[64]; len; block++) {
		size_t part = len < sizeof bytes ? len : sizeof bytes;

		model_block(bytes, key, block, nonce);
		memcpy(out, bytes, part);
		out += part;
		len -= part;
	}
}

static inline uint8_t *model_take(struct model *m, uint8_t *out, size_t len)
{
	memcpy(out, m->batch + MODEL_BATCH - m->left, len);
	m->left -= (unsigned int)len;
	return out + len;
}

static inline void model_refill(struct model *m, uint8_t **out, size_t *len)
{
	size_t bulk = *len > MODEL_BATCH ? *len - *len % MODEL_PASS : 0;
	uint64_t nonce = fake_nonce(model_nonces++);
	uint8_t next[32 + MODEL_BATCH];

	model_stream(*out, bulk, m->key, 0, nonce);
	model_stream(next, sizeof next, m->key, bulk / 64, nonce);
	model_forget(m->key);
	memcpy(m->key, next, 32);
	memcpy(m->batch, next + 32, MODEL_BATCH);
	m->left = MODEL_BATCH;
	m->refills++;
	*out += bulk;
	*len -= bulk;
}

/*
 * Tier page: what a request for len bytes gets. short_way: of 4 to 32
 * bytes by fill or as a word, for which stock is good until it is used up.
 */
static inline void model_draw(struct model *m, uint64_t now, uint8_t *out,
			      size_t len, bool short_way)
{
	for (size_t piece; len; len -= piece) {
		size_t rest = piece = len < MODEL_PIECE ? len : MODEL_PIECE;
		size_t first;

		if (m->generation != now ||
		    (m->refills >= MODEL_REFILLS &&
		     !(short_way && m->left >= len))) {
			model_forget(m->key);
			fake_seed(m->key, model_seeds++);
			m->generation = now;
			m->left = m->refills = 0;
		}
		first = rest < m->left ? rest : m->left;
		out = model_take(m, out, first);
		rest -= first;
		if (!rest)
			continue;
		model_refill(m, &out, &rest);
		out = model_take(m, out, rest);
	}
}

/* Tiers call and kernel. */
static inline void model_expand(uint8_t *out, size_t len)
{
	for (size_t piece; len; len -= piece, out += piece) {
		uint8_t key[32];

		piece = len < MODEL_PIECE ? len : MODEL_PIECE;
		fake_seed(key, model_seeds++);
		model_forget(key);
		if (piece <= sizeof key)
			memcpy(out, key, piece);
		else
			model_stream(out, piece, key, 0,
				     fake_nonce(model_nonces++));
	}
}

/*
 * Tier hardware: words of the processor's are taken in under a key of the
 * kernel's, which lasts a second or a MiB: one block of it is the next key and
 * this request's.
 */
static inline void model_mix(struct model *m, uint64_t second, uint8_t *out,
			     size_t len)
{
	for (size_t piece; len; len -= piece, out += piece) {
		uint64_t words[4];
		uint8_t keys[64];

		piece = len < MODEL_PIECE ? len : MODEL_PIECE;
		if (m->generation != second || m->left >= 1024 * 1024) {
			model_forget(m->key);
			fake_seed(m->key, model_seeds++);
			m->generation = second;
			m->left = 0;
		}
		for (int i = 0; i < 4; i++)
			words[i] = fake_nonce(model_nonces++);
		model_block(keys, m->key, words[0], words[1]);
		model_forget(m->key);
		model_forget(keys);
		memcpy(m->key, keys + 32, 32);
		model_stream(out, piece, keys, words[2], words[3]);
		m->left += (unsigned int)piece;
	}
}

#endif
