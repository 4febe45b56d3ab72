/*
 * Every variant of ChaCha20 makes the bytes of RFC 8439, all of them make the
 * same, and none leaves anything behind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

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

static chacha20_blocks *variant_here(void **state)
{
	const struct variant *variant = *state;
	chacha20_blocks *blocks = variant->get();

	if (!blocks)
		skip();
	return blocks;
}

static uint64_t counter_of(const struct chacha20 *c)
{
	return c->state[12] | (uint64_t)c->state[13] << 32;
}

static void set_counter(struct chacha20 *c, uint64_t counter)
{
	c->state[12] = (uint32_t)counter;
	c->state[13] = (uint32_t)(counter >> 32);
}

/* A key without a word that is likely anywhere else; another for each n. */
static void start_at(struct chacha20 *c, unsigned int n, uint64_t counter)
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

/* The yardstick; the RFC's vectors are what it is itself measured by. */
static void expected(uint8_t *out, uint64_t counter, size_t blocks)
{
	struct chacha20 c;

	start_at(&c, 0, counter);
	chacha20_portable()(&c, out, blocks);
}

/*
 * RFC 8439 has a 32-bit counter and three nonce words; here the first of these
 * is the upper half of the counter.
 */
static const struct vector {
	const char *section;
	uint8_t key[CHACHA20_KEY];
	uint32_t counter, nonce[3];
	size_t length;
	uint8_t stream[128];
} vectors[] = {
	{
		"2.3.2",
		{
			0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
			0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
			0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
			0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
		},
		1, {0x09000000, 0x4a000000, 0}, 64,
		{
			0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15,
			0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
			0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03,
			0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
			0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09,
			0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
			0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9,
			0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
		},
	}, {
		"2.4.2",
		{
			0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
			0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
			0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
			0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
		},
		1, {0, 0x4a000000, 0}, 114,
		{
			0x22, 0x4f, 0x51, 0xf3, 0x40, 0x1b, 0xd9, 0xe1,
			0x2f, 0xde, 0x27, 0x6f, 0xb8, 0x63, 0x1d, 0xed,
			0x8c, 0x13, 0x1f, 0x82, 0x3d, 0x2c, 0x06, 0xe2,
			0x7e, 0x4f, 0xca, 0xec, 0x9e, 0xf3, 0xcf, 0x78,
			0x8a, 0x3b, 0x0a, 0xa3, 0x72, 0x60, 0x0a, 0x92,
			0xb5, 0x79, 0x74, 0xcd, 0xed, 0x2b, 0x93, 0x34,
			0x79, 0x4c, 0xba, 0x40, 0xc6, 0x3e, 0x34, 0xcd,
			0xea, 0x21, 0x2c, 0x4c, 0xf0, 0x7d, 0x41, 0xb7,
			0x69, 0xa6, 0x74, 0x9f, 0x3f, 0x63, 0x0f, 0x41,
			0x22, 0xca, 0xfe, 0x28, 0xec, 0x4d, 0xc4, 0x7e,
			0x26, 0xd4, 0x34, 0x6d, 0x70, 0xb9, 0x8c, 0x73,
			0xf3, 0xe9, 0xc5, 0x3a, 0xc4, 0x0c, 0x59, 0x45,
			0x39, 0x8b, 0x6e, 0xda, 0x1a, 0x83, 0x2c, 0x89,
			0xc1, 0x67, 0xea, 0xcd, 0x90, 0x1d, 0x7e, 0x2b,
			0xf3, 0x63,
		},
	}, {
		"A.1 #1", {0}, 0, {0, 0, 0}, 64,
		{
			0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
			0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28,
			0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a,
			0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7,
			0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d,
			0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
			0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c,
			0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86,
		},
	}, {
		"A.1 #2", {0}, 1, {0, 0, 0}, 64,
		{
			0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a,
			0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d,
			0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69,
			0x12, 0xc6, 0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed,
			0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e, 0x43,
			0xd5, 0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5,
			0x31, 0xed, 0x1f, 0x28, 0x51, 0x0a, 0xfb, 0x45,
			0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f,
		},
	}, {
		"A.1 #3", {[31] = 0x01}, 1, {0, 0, 0}, 64,
		{
			0x3a, 0xeb, 0x52, 0x24, 0xec, 0xf8, 0x49, 0x92,
			0x9b, 0x9d, 0x82, 0x8d, 0xb1, 0xce, 0xd4, 0xdd,
			0x83, 0x20, 0x25, 0xe8, 0x01, 0x8b, 0x81, 0x60,
			0xb8, 0x22, 0x84, 0xf3, 0xc9, 0x49, 0xaa, 0x5a,
			0x8e, 0xca, 0x00, 0xbb, 0xb4, 0xa7, 0x3b, 0xda,
			0xd1, 0x92, 0xb5, 0xc4, 0x2f, 0x73, 0xf2, 0xfd,
			0x4e, 0x27, 0x36, 0x44, 0xc8, 0xb3, 0x61, 0x25,
			0xa6, 0x4a, 0xdd, 0xeb, 0x00, 0x6c, 0x13, 0xa0,
		},
	}, {
		"A.1 #4", {[1] = 0xff}, 2, {0, 0, 0}, 64,
		{
			0x72, 0xd5, 0x4d, 0xfb, 0xf1, 0x2e, 0xc4, 0x4b,
			0x36, 0x26, 0x92, 0xdf, 0x94, 0x13, 0x7f, 0x32,
			0x8f, 0xea, 0x8d, 0xa7, 0x39, 0x90, 0x26, 0x5e,
			0xc1, 0xbb, 0xbe, 0xa1, 0xae, 0x9a, 0xf0, 0xca,
			0x13, 0xb2, 0x5a, 0xa2, 0x6c, 0xb4, 0xa6, 0x48,
			0xcb, 0x9b, 0x9d, 0x1b, 0xe6, 0x5b, 0x2c, 0x09,
			0x24, 0xa6, 0x6c, 0x54, 0xd5, 0x45, 0xec, 0x1b,
			0x73, 0x74, 0xf4, 0x87, 0x2e, 0x99, 0xf0, 0x96,
		},
	}, {
		"A.1 #5", {0}, 0, {0, 0, 0x02000000}, 64,
		{
			0xc2, 0xc6, 0x4d, 0x37, 0x8c, 0xd5, 0x36, 0x37,
			0x4a, 0xe2, 0x04, 0xb9, 0xef, 0x93, 0x3f, 0xcd,
			0x1a, 0x8b, 0x22, 0x88, 0xb3, 0xdf, 0xa4, 0x96,
			0x72, 0xab, 0x76, 0x5b, 0x54, 0xee, 0x27, 0xc7,
			0x8a, 0x97, 0x0e, 0x0e, 0x95, 0x5c, 0x14, 0xf3,
			0xa8, 0x8e, 0x74, 0x1b, 0x97, 0xc2, 0x86, 0xf7,
			0x5f, 0x8f, 0xc2, 0x99, 0xe8, 0x14, 0x83, 0x62,
			0xfa, 0x19, 0x8a, 0x39, 0x53, 0x1b, 0xed, 0x6d,
		},
	}, {
		"A.2 #3",
		{
			0x1c, 0x92, 0x40, 0xa5, 0xeb, 0x55, 0xd3, 0x8a,
			0xf3, 0x33, 0x88, 0x86, 0x04, 0xf6, 0xb5, 0xf0,
			0x47, 0x39, 0x17, 0xc1, 0x40, 0x2b, 0x80, 0x09,
			0x9d, 0xca, 0x5c, 0xbc, 0x20, 0x70, 0x75, 0xc0,
		},
		42, {0, 0, 0x02000000}, 127,
		{
			0x45, 0xb2, 0x43, 0x1e, 0xe6, 0xcd, 0xe5, 0xd6,
			0x36, 0x96, 0x8b, 0x2b, 0x08, 0x0b, 0x81, 0xbe,
			0x31, 0xd2, 0xb1, 0x64, 0x6c, 0x29, 0x2d, 0x00,
			0x7d, 0xe7, 0x8b, 0xc1, 0x22, 0x21, 0x91, 0xa0,
			0x60, 0x08, 0x4e, 0xf8, 0x93, 0x48, 0xae, 0xd9,
			0xd5, 0x67, 0x2d, 0xd4, 0x6c, 0x00, 0x06, 0x15,
			0xdd, 0xe3, 0xac, 0x22, 0xff, 0x09, 0xd7, 0xa3,
			0x70, 0x02, 0x5f, 0x90, 0x9e, 0x60, 0x73, 0x9c,
			0x92, 0xfe, 0x01, 0x38, 0xce, 0x63, 0x58, 0x8f,
			0x0a, 0x58, 0x02, 0x53, 0x05, 0x3a, 0x32, 0xd1,
			0x7f, 0x27, 0x57, 0x25, 0x23, 0x7e, 0x8f, 0xf6,
			0xf4, 0x4a, 0x1a, 0x97, 0x1a, 0x50, 0x49, 0x12,
			0x77, 0xea, 0xa2, 0x90, 0xd2, 0xb5, 0x9f, 0x39,
			0x38, 0xb3, 0x35, 0x26, 0x02, 0xca, 0x54, 0x91,
			0xf5, 0xd4, 0xf9, 0x95, 0x01, 0xaa, 0x95, 0x43,
			0x01, 0x1d, 0x0b, 0x1b, 0xa3, 0xed, 0xff,
		},
	},
};

static void the_vectors_of_the_rfc_come_out(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	uint8_t out[128];
	struct chacha20 c;
	size_t i;

	for (i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint64_t nonce = v->nonce[1] | (uint64_t)v->nonce[2] << 32;

		chacha20_start(&c, v->key, nonce);
		set_counter(&c, v->counter | (uint64_t)v->nonce[0] << 32);
		blocks(&c, out, 2);
		if (memcmp(out, v->stream, v->length) != 0)
			fail_msg("RFC 8439, %s", v->section);
	}
}

/* A request may be cut anywhere: the pieces are the whole. */
static void every_split_makes_the_same_bytes(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	uint8_t whole[BYTES], out[BYTES];
	struct chacha20 c;
	size_t first, second, rest;

	expected(whole, 7, BLOCKS);
	for (first = 0; first <= BLOCKS; first++)
		for (second = 0; first + second <= BLOCKS; second++) {
			rest = BLOCKS - first - second;
			memset(out, 0, sizeof out);
			start_at(&c, 0, 7);
			blocks(&c, out, first);
			blocks(&c, out + CHACHA20_BLOCK * first, second);
			blocks(&c, out + sizeof out - CHACHA20_BLOCK * rest,
			       rest);
			assert_memory_equal(out, whole, sizeof out);
			assert_int_equal(counter_of(&c), 7 + BLOCKS);
		}
}

/* Where a variant adds block numbers to the counter, it has to carry. */
static void the_counter_carries_within_any_pass(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	static const uint64_t wraps[] = {
		0, UINT64_C(1) << 31, UINT64_C(1) << 32, UINT64_C(7) << 32,
		UINT64_C(1) << 63,
	};
	uint8_t one_by_one[BYTES], out[BYTES];
	struct chacha20 c;
	uint64_t start;
	size_t i, before, n;

	for (i = 0; i < COUNT(wraps); i++)
		for (before = 0; before <= BLOCKS; before++) {
			start = wraps[i] - before;
			for (n = 0; n < BLOCKS; n++)
				expected(one_by_one + CHACHA20_BLOCK * n,
					 start + n, 1);
			start_at(&c, 0, start);
			blocks(&c, out, BLOCKS);
			assert_memory_equal(out, one_by_one, sizeof out);
			assert_int_equal(counter_of(&c), start + BLOCKS);
		}
}

static void only_the_counter_of_the_state_changes(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	struct chacha20 before, c;
	uint8_t out[BYTES];
	size_t n;

	for (n = 0; n <= BLOCKS; n++) {
		start_at(&before, 0, UINT32_MAX - 20);
		c = before;
		blocks(&c, out, n);
		set_counter(&before, UINT64_C(0xffffffff) - 20 + n);
		assert_memory_equal(c.state, before.state, sizeof c.state);
	}
}

/* Any address will do, and no byte beside the blocks is touched. */
static void any_alignment_is_filled_and_nothing_else(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	static uint8_t area[64 + BYTES + 128] __attribute__((aligned(64)));
	static uint8_t picture[sizeof area];
	uint8_t whole[BYTES];
	struct chacha20 c;
	size_t at, n;

	expected(whole, 0, BLOCKS);
	for (at = 0; at < 64; at++)
		for (n = 0; n <= BLOCKS; n++) {
			memset(area, 0xa5, sizeof area);
			memset(picture, 0xa5, sizeof picture);
			memcpy(picture + 64 + at, whole, n * CHACHA20_BLOCK);
			start_at(&c, 0, 0);
			blocks(&c, area + 64 + at, n);
			assert_memory_equal(area, picture, sizeof area);
		}
}

/* Neither is a byte read there: both neighbours of the pages are closed. */
static void memory_may_end_where_the_blocks_end(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n;
	uint8_t whole[BYTES], *area;
	struct chacha20 c;

	expected(whole, 0, BLOCKS);
	area = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	assert_ptr_not_equal(area, MAP_FAILED);
	area += page;
	assert_int_equal(mprotect(area, page, PROT_READ | PROT_WRITE), 0);

	for (n = 1; n <= BLOCKS; n++) {
		uint8_t *last = area + page - n * CHACHA20_BLOCK;

		start_at(&c, 0, 0);
		blocks(&c, area, n);
		assert_memory_equal(area, whole, n * CHACHA20_BLOCK);
		start_at(&c, 0, 0);
		blocks(&c, last, n);
		assert_memory_equal(last, whole, n * CHACHA20_BLOCK);
	}
	munmap(area - page, 3 * page);
}

static void large_requests_make_the_same_bytes(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	static const size_t sizes[] = {65536, 65536 + 17 * 64, 1048576};
	uint8_t *whole = malloc(1048576), *out = malloc(1048576);
	struct chacha20 c;
	size_t i;

	assert_non_null(whole);
	assert_non_null(out);
	expected(whole, UINT32_MAX - 512, 1048576 / CHACHA20_BLOCK);
	for (i = 0; i < COUNT(sizes); i++) {
		start_at(&c, 0, UINT32_MAX - 512);
		memset(out, 0, sizes[i]);
		blocks(&c, out, sizes[i] / CHACHA20_BLOCK);
		assert_int_equal(memcmp(out, whole, sizes[i]), 0);
	}
	free(whole);
	free(out);
}

/*
 * What a call leaves behind. It runs on a stack of its own, which is all in
 * view afterwards, and its registers are read right after it.
 */

enum { STACK = 64 * 1024 };

static struct scene {
	uint8_t stack[STACK];
	uint8_t registers[32 * 64 + 32 * 8];

	void (*play)(void);
	chacha20_blocks *blocks;
	size_t count;
	struct chacha20 c;
	uint8_t out[BYTES];

	ucontext_t here, there;
} scene __attribute__((aligned(64)));

#if defined(__x86_64__)
#define KEEP_VECTOR(size, op, name, n) \
	op " %%" name #n ", " #size "*" #n "(%0)\n\t"
#define KEEP_SIXTEEN(size, op, name) \
	KEEP_VECTOR(size, op, name, 0) KEEP_VECTOR(size, op, name, 1) \
	KEEP_VECTOR(size, op, name, 2) KEEP_VECTOR(size, op, name, 3) \
	KEEP_VECTOR(size, op, name, 4) KEEP_VECTOR(size, op, name, 5) \
	KEEP_VECTOR(size, op, name, 6) KEEP_VECTOR(size, op, name, 7) \
	KEEP_VECTOR(size, op, name, 8) KEEP_VECTOR(size, op, name, 9) \
	KEEP_VECTOR(size, op, name, 10) KEEP_VECTOR(size, op, name, 11) \
	KEEP_VECTOR(size, op, name, 12) KEEP_VECTOR(size, op, name, 13) \
	KEEP_VECTOR(size, op, name, 14) KEEP_VECTOR(size, op, name, 15)
#define KEEP_UPPER_SIXTEEN(size, op, name) \
	KEEP_VECTOR(size, op, name, 16) KEEP_VECTOR(size, op, name, 17) \
	KEEP_VECTOR(size, op, name, 18) KEEP_VECTOR(size, op, name, 19) \
	KEEP_VECTOR(size, op, name, 20) KEEP_VECTOR(size, op, name, 21) \
	KEEP_VECTOR(size, op, name, 22) KEEP_VECTOR(size, op, name, 23) \
	KEEP_VECTOR(size, op, name, 24) KEEP_VECTOR(size, op, name, 25) \
	KEEP_VECTOR(size, op, name, 26) KEEP_VECTOR(size, op, name, 27) \
	KEEP_VECTOR(size, op, name, 28) KEEP_VECTOR(size, op, name, 29) \
	KEEP_VECTOR(size, op, name, 30) KEEP_VECTOR(size, op, name, 31)

#define CLEAR(n) "vpxord %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
#define CLEAR_FOUR(a, b, c, d) CLEAR(a) CLEAR(b) CLEAR(c) CLEAR(d)
#define LOWER_SIXTEEN \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
	"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

static bool has_zmm, has_ymm;
#endif

static void look_at_the_processor(void)
{
#if defined(__x86_64__)
	has_zmm = __builtin_cpu_supports("avx512f");
	has_ymm = __builtin_cpu_supports("avx");
#endif
}

/* Inlined, so that it reads the registers before anything else uses them. */
static inline __attribute__((always_inline)) void keep_registers(void)
{
#if defined(__x86_64__)
	__asm__ volatile (
		"movq %%rax, 0(%0)\n\tmovq %%rcx, 8(%0)\n\t"
		"movq %%rdx, 16(%0)\n\tmovq %%rsi, 24(%0)\n\t"
		"movq %%rdi, 32(%0)\n\tmovq %%r8, 40(%0)\n\t"
		"movq %%r9, 48(%0)\n\tmovq %%r10, 56(%0)\n\t"
		"movq %%r11, 64(%0)"
		: : "b" (scene.registers + 32 * 64) : "memory");
	if (has_zmm)
		__asm__ volatile (
			KEEP_SIXTEEN(64, "vmovdqu64", "zmm")
			KEEP_UPPER_SIXTEEN(64, "vmovdqu64", "zmm")
			: : "b" (scene.registers) : "memory");
	else if (has_ymm)
		__asm__ volatile (KEEP_SIXTEEN(32, "vmovdqu", "ymm")
			: : "b" (scene.registers) : "memory");
	else
		__asm__ volatile (KEEP_SIXTEEN(16, "movdqu", "xmm")
			: : "b" (scene.registers) : "memory");
#elif defined(__aarch64__)
	register uint8_t *at __asm__ ("x19") = scene.registers;

	__asm__ volatile (
		"stp q0, q1, [%0]\n\tstp q2, q3, [%0, #32]\n\t"
		"stp q4, q5, [%0, #64]\n\tstp q6, q7, [%0, #96]\n\t"
		"stp q8, q9, [%0, #128]\n\tstp q10, q11, [%0, #160]\n\t"
		"stp q12, q13, [%0, #192]\n\tstp q14, q15, [%0, #224]\n\t"
		"stp q16, q17, [%0, #256]\n\tstp q18, q19, [%0, #288]\n\t"
		"stp q20, q21, [%0, #320]\n\tstp q22, q23, [%0, #352]\n\t"
		"stp q24, q25, [%0, #384]\n\tstp q26, q27, [%0, #416]\n\t"
		"stp q28, q29, [%0, #448]\n\tstp q30, q31, [%0, #480]\n\t"
		"add %0, %0, #512\n\t"
		"stp x0, x1, [%0]\n\tstp x2, x3, [%0, #16]\n\t"
		"stp x4, x5, [%0, #32]\n\tstp x6, x7, [%0, #48]\n\t"
		"stp x8, x9, [%0, #64]\n\tstp x10, x11, [%0, #80]\n\t"
		"stp x12, x13, [%0, #96]\n\tstp x14, x15, [%0, #112]\n\t"
		"stp x16, x17, [%0, #128]"
		: "+r" (at) : : "memory");
#endif
}

/* libc's own memcpy leaves words there, and they would be found. */
static inline __attribute__((always_inline)) void clear_registers(void)
{
#if defined(__x86_64__)
	if (has_zmm)
		__asm__ volatile (
			CLEAR_FOUR(16, 17, 18, 19) CLEAR_FOUR(20, 21, 22, 23)
			CLEAR_FOUR(24, 25, 26, 27) CLEAR_FOUR(28, 29, 30, 31)
			: : : "memory");
	if (has_ymm)
		__asm__ volatile ("vzeroall" : : : LOWER_SIXTEEN, "memory");
#endif
}

static void play_a_call(void)
{
	clear_registers();
	scene.blocks(&scene.c, scene.out, scene.count);
	keep_registers();
}

static void act(void (*play)(void))
{
	memset(scene.stack, 0x5a, sizeof scene.stack);
	memset(scene.registers, 0x5a, sizeof scene.registers);
	assert_int_equal(getcontext(&scene.there), 0);
	scene.there.uc_stack.ss_sp = scene.stack;
	scene.there.uc_stack.ss_size = sizeof scene.stack;
	scene.there.uc_link = &scene.here;
	makecontext(&scene.there, play, 0);
	assert_int_equal(swapcontext(&scene.here, &scene.there), 0);
}

static int ascending(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Is any of these words there? */
static bool holds(const void *place, size_t size, uint32_t *words, size_t count)
{
	size_t i;
	uint32_t word;

	qsort(words, count, sizeof *words, ascending);
	for (i = 0; i + sizeof word <= size; i += sizeof word) {
		memcpy(&word, (const uint8_t *)place + i, sizeof word);
		if (bsearch(&word, words, count, sizeof word, ascending))
			return true;
	}
	return false;
}

struct traces {
	bool on_the_stack, in_spill, in_registers;
};

/* What is left of the key, of the stream, and of its words before the sum. */
static struct traces traces_of_one(chacha20_blocks *blocks, size_t count,
				   unsigned int key)
{
	static uint32_t words[8 + 2 * BYTES / 4];
	static const uint8_t zero[sizeof scene.c.spill];
	uint32_t begun[16], word;
	size_t n = 0, i;

	start_at(&scene.c, key, UINT32_MAX - 4);
	memcpy(begun, scene.c.state, sizeof begun);
	scene.blocks = blocks;
	scene.count = count;
	act(play_a_call);

	for (i = 4; i < 12; i++)
		words[n++] = begun[i];
	for (i = 0; i < count * 16; i++) {
		memcpy(&word, scene.out + 4 * i, sizeof word);
		words[n++] = word;
		/* Words 12 and 13 depend on the block; the rest will do. */
		if (i % 16 != 12 && i % 16 != 13)
			words[n++] = word - begun[i % 16];
	}

	return (struct traces){
		holds(scene.stack, sizeof scene.stack, words, n),
		memcmp(scene.c.spill, zero, sizeof zero) != 0,
		holds(scene.registers, sizeof scene.registers, words, n),
	};
}

/*
 * An address on the stack may look like one of a thousand words once in some
 * ten thousand runs; not with two keys in the same run.
 */
static struct traces traces_of(chacha20_blocks *blocks, size_t count)
{
	struct traces a = traces_of_one(blocks, count, 1);
	struct traces b = traces_of_one(blocks, count, 2);

	return (struct traces){
		a.on_the_stack && b.on_the_stack,
		a.in_spill || b.in_spill,
		a.in_registers && b.in_registers,
	};
}

static const size_t counts[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 32, 33, 40};

static void nothing_is_left_on_the_dead_stack(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	size_t i;

	for (i = 0; i < COUNT(counts); i++)
		assert_false(traces_of(blocks, counts[i]).on_the_stack);
}

static void nothing_is_left_in_spill(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	size_t i;

	for (i = 0; i < COUNT(counts); i++)
		assert_false(traces_of(blocks, counts[i]).in_spill);
}

static void nothing_is_left_in_registers(void **state)
{
	chacha20_blocks *blocks = variant_here(state);
	size_t i;

	for (i = 0; i < COUNT(counts); i++)
		assert_false(traces_of(blocks, counts[i]).in_registers);
}

/*
 * The three tests above would also pass if they looked in the wrong place. So
 * here is a pass that forgets a key word in each, to be found.
 */
static void careless(struct chacha20 *c, uint8_t *out, size_t blocks)
{
	uint32_t frame[8] = {0};

	chacha20_portable()(c, out, blocks);
	frame[3] = c->state[7];
	__asm__ volatile ("" : : "r" (frame) : "memory");
	memcpy(c->spill + 100, &c->state[8], 4);
#if defined(__x86_64__)
	__asm__ volatile ("movd %0, %%xmm14"
			  : : "r" (c->state[9]) : "xmm14", "memory");
#elif defined(__aarch64__)
	__asm__ volatile ("dup v29.4s, %w0"
			  : : "r" (c->state[9]) : "v29", "memory");
#endif
}

static void a_careless_pass_would_be_caught(void **state)
{
	struct traces traces = traces_of(careless, 8);

	(void)state;
	assert_true(traces.on_the_stack);
	assert_true(traces.in_spill);
#if defined(__x86_64__) || defined(__aarch64__)
	assert_true(traces.in_registers);
#endif
}

static void start_sets_key_nonce_and_counter_zero(void **state)
{
	static const uint32_t begun[16] = {
		/* "expand 32-byte k" */
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
		0x03020100, 0x07060504, 0x0b0a0908, 0x8f0e0d0c,
		0x13121110, 0x17161514, 0x1b1a1918, 0xff1e1d1c,
		0, 0, 0x9abcdef0, 0x12345678,
	};
	uint8_t key[CHACHA20_KEY];
	struct chacha20 c;
	uint8_t i;

	(void)state;
	for (i = 0; i < sizeof key; i++)
		key[i] = i;
	key[15] = 0x8f;
	key[31] = 0xff;
	memset(&c, 0xcc, sizeof c);
	chacha20_start(&c, key, 0x123456789abcdef0);
	assert_memory_equal(c.state, begun, sizeof begun);
}

static uint8_t secret[CHACHA20_KEY];

static void play_a_start(void)
{
	clear_registers();
	chacha20_start(&scene.c, secret, 1);
	keep_registers();
}

/* Not inlined: act would hand on what its caller has in registers. */
static __attribute__((noinline)) void keep_secret(uint32_t words[8])
{
	memcpy(words, scene.c.state + 4, sizeof secret);
	memcpy(secret, words, sizeof secret);
}

static void start_leaves_the_key_nowhere_else(void **state)
{
	uint32_t words[8];

	(void)state;
	start_at(&scene.c, 3, 0);
	keep_secret(words);
	act(play_a_start);
	assert_false(holds(scene.stack, sizeof scene.stack, words, 8));
	assert_false(holds(scene.registers, sizeof scene.registers, words, 8));
}

/* The struct goes out of scope: an optimiser could leave its wiping out. */
static void play_a_life(void)
{
	struct chacha20 c;

	chacha20_start(&c, secret, 1);
	chacha20_end(&c);
}

static void end_forgets_the_key_of_a_dying_struct_too(void **state)
{
	static const struct chacha20 zero;
	uint32_t words[8];

	(void)state;
	start_at(&scene.c, 3, 9);
	chacha20_best(NULL)(&scene.c, scene.out, BLOCKS);
	keep_secret(words);
	chacha20_end(&scene.c);
	assert_memory_equal(&scene.c, &zero, sizeof zero);

	act(play_a_life);
	assert_false(holds(scene.stack, sizeof scene.stack, words, 8));
}

static void best_is_the_first_that_runs_here(void **state)
{
	const char *name = NULL;
	chacha20_blocks *best = chacha20_best(&name);
	size_t i;

	(void)state;
	for (i = 0; !variants[i].get(); i++)
		;
	assert_ptr_equal(best, variants[i].get());
	assert_string_equal(name, variants[i].name);
	assert_ptr_equal(chacha20_best(NULL), best);
}

static void portable_runs_everywhere(void **state)
{
	(void)state;
	assert_non_null(chacha20_portable());
}

/* The test once for each variant, named after both. */
#define PROMISE_OF(i, variant, test) \
	{variant ": " #test, test, NULL, NULL, (void *)&variants[i]}
#define PROMISE(test) \
	PROMISE_OF(0, "avx512", test), PROMISE_OF(1, "avx2", test), \
	PROMISE_OF(2, "ssse3", test), PROMISE_OF(3, "neon", test), \
	PROMISE_OF(4, "portable", test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(the_vectors_of_the_rfc_come_out),
		PROMISE(every_split_makes_the_same_bytes),
		PROMISE(the_counter_carries_within_any_pass),
		PROMISE(only_the_counter_of_the_state_changes),
		PROMISE(any_alignment_is_filled_and_nothing_else),
		PROMISE(memory_may_end_where_the_blocks_end),
		PROMISE(large_requests_make_the_same_bytes),
		PROMISE(nothing_is_left_on_the_dead_stack),
		PROMISE(nothing_is_left_in_spill),
		PROMISE(nothing_is_left_in_registers),
		cmocka_unit_test(a_careless_pass_would_be_caught),
		cmocka_unit_test(start_sets_key_nonce_and_counter_zero),
		cmocka_unit_test(start_leaves_the_key_nowhere_else),
		cmocka_unit_test(end_forgets_the_key_of_a_dying_struct_too),
		cmocka_unit_test(best_is_the_first_that_runs_here),
		cmocka_unit_test(portable_runs_everywhere),
	};

	look_at_the_processor();
	return cmocka_run_group_tests_name("chacha20", tests, NULL, NULL);
}
