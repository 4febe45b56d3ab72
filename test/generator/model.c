/*
 * Every byte is the one that a model, written from the design alone, foretells:
 * whatever the sizes of the requests, with every variant of the key stream.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "generator/bucket.h"
#include "system/cpu.h"
#include "generator/fill.h"
#include "generator/fill_small.h"
#include "source/tier.h"
#include "model.h"
#include "support/dice.h"
#include "support/word.h"

enum { MOST = 200000, TOTAL = 3000000, RANDOM_REQUESTS = 4000 };

static struct model common;
static uint8_t got[MOST], foretold[MOST];

static bool short_way(size_t len)
{
	return len >= 4 && len <= 32;
}

static void compare(size_t len)
{
	if (memcmp(got, foretold, len) != 0)
		fail_msg("a request of %zu bytes", len);
	assert_int_equal(fake_seeds, model_seeds);
	assert_int_equal(fake_nonces, model_nonces);
}

static void draw(size_t len)
{
	assert_true(fill(got, len));
	model_draw(&common, fake_generation, foretold, len, short_way(len));
	compare(len);
}

static void compare_word(void)
{
	int64_t word = draw_word();

	assert_in_range(word, 0, UINT32_MAX);
	memcpy(got, &(uint32_t){(uint32_t)word}, 4);
	model_draw(&common, fake_generation, foretold, 4, true);
	compare(4);
}

/* From the bucket leased to that stack. */
static void draw_leased(uintptr_t stack, struct model *m, size_t len)
{
	assert_true(fill_quick(got, len, stack) || fill_slow(got, len, stack));
	model_draw(m, fake_generation, foretold, len, true);
	compare(len);
}

static void draw_leased_word(uintptr_t stack, struct model *m)
{
	int64_t word = draw_word_from(stack);

	assert_in_range(word, 0, UINT32_MAX);
	memcpy(got, &(uint32_t){(uint32_t)word}, 4);
	model_draw(m, fake_generation, foretold, 4, true);
	compare(4);
}

static void draw_from(struct bucket_set *set, struct model *m, size_t len)
{
	assert_true(fill_from(set, got, len));
	model_draw(m, fake_generation, foretold, len, false);
	compare(len);
}

/* Sizes of every order of magnitude. */
static size_t any_size(void)
{
	return 1 + (size_t)rand() % (1 + ((size_t)MOST >> rand() % 17)) % MOST;
}

static const size_t boundaries[] = {
	1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257,
	479, 480, 481, 511, 512, 513, 959, 960, 961, 991, 992, 993, 1023, 1024,
	1025, 1503, 1504, 1505, 1535, 1536, 1537, 1983, 1984, 1985, 2015, 2016,
	2017, 2047, 2048, 2049, 4096, 65535, 65536, 65537, 65536 + 992,
	2 * 65536, 2 * 65536 + 1, MOST,
};
enum { BOUNDARIES = sizeof boundaries / sizeof *boundaries };

static const struct {
	const char *name;
	chacha20_blocks *(*get)(void);
} variants[] = {
	{"portable", chacha20_portable}, {"neon", chacha20_neon},
	{"ssse3", chacha20_ssse3}, {"avx2", chacha20_avx2},
	{"avx512", chacha20_avx512},
};

static void with_every_variant(void (*promise)(void))
{
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		bucket_stream = variants[i].get();
		if (bucket_stream)
			promise();
		else
			print_message("no %s here\n", variants[i].name);
	}
}

static void every_size(void)
{
	for (size_t len = 1; len < 3000; len++)
		draw(len);
}

/* From every stock that a bucket may be in, to every boundary. */
static void every_boundary(void)
{
	for (int i = 0; i < BOUNDARIES; i++)
		for (int j = 0; j < BOUNDARIES; j++) {
			fake_generation++;
			draw(boundaries[i] % 4096 + 1);
			draw(boundaries[j] % 4096 + 1);
		}
	for (int i = 0; i < BOUNDARIES; i++) {
		draw(boundaries[i]);
		compare_word();
	}
}

static void random_sizes(void)
{
	void *other = NULL;
	struct bucket_set *set = bucket_set_of(&other);
	struct model its = {0};

	assert_non_null(set);
	for (size_t total = 0, len; total < TOTAL; total += len) {
		len = any_size();
		if (rand() % 64 == 0)
			fake_generation++;
		if (rand() % 4 == 0)
			draw_from(set, &its, len);
		else if (rand() % 4 == 0)
			draw_from(&bucket_common, &common, len);
		else if (rand() % 4 == 0)
			compare_word();
		else
			draw(len);
	}
}

/* Every lease has a generator of its own. */
static void random_leases(void)
{
	enum { LEASES = 16 };
	static const uintptr_t stack = 0x7ffc0000; /* also of 32 bits */
	struct model its[LEASES] = {0};

	fake_generation++;
	for (int i = 0; i < LEASES; i++)
		fake_lease(stack + (uintptr_t)i * 4096);
	for (int i = 0; i < 200000; i++) {
		unsigned int which = (unsigned int)rand() % LEASES;
		uintptr_t at = stack + which * 4096;

		if (rand() % 4096 == 0)
			fake_generation++;
		if (rand() % 64 == 0)
			draw(any_size());
		else if (rand() % 4 == 0)
			draw_leased_word(at, &its[which]);
		else
			draw_leased(at, &its[which], 4 + (size_t)rand() % 29);
	}
}

/* Up to the key's end and beyond, by small requests and by large ones. */
static void a_key_ends_after_1024_refills(void)
{
	static const size_t sizes[] = {4, 8, 16, 32, 5, 992, 993, 3000};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		fake_generation++;
		draw(1);
		while (common.refills < MODEL_REFILLS)
			draw(500);
		for (int n = 0; n < 300; n++)
			draw(sizes[i]);
	}
}

static void a_key_for_each_request(void)
{
	for (size_t total = 0, i = 0, len; total < TOTAL; total += len, i++) {
		len = i < BOUNDARIES ? boundaries[i] : any_size();
		if (!fill(got, len)) {
			assert_int_equal(tier_now(), TIER_KERNEL);
			assert_true(len <= MODEL_SMALL);
			continue;
		}
		assert_true(tier_now() != TIER_KERNEL || len > MODEL_SMALL);
		model_expand(foretold, len);
		compare(len);
	}
}

static void mixed(void)
{
	struct model m = {0};

	fake_second++;
	for (size_t total = 0, i = 0, len; total < TOTAL; total += len, i++) {
		len = i < BOUNDARIES ? boundaries[i] : any_size();
		fake_second += rand() % 16 == 0;
		assert_true(fill(got, len));
		model_mix(&m, fake_second, foretold, len);
		compare(len);
	}
}

static void tier_hardware_has_the_foretold_bytes(void **state)
{
	(void)state;
	tier_set(TIER_HARDWARE, "");
	with_every_variant(mixed);
}

static void stock_has_the_foretold_bytes(void **state)
{
	(void)state;
	tier_set(TIER_PAGE, "");
	with_every_variant(every_size);
	with_every_variant(every_boundary);
	with_every_variant(random_sizes);
}

static void leases_have_the_foretold_bytes(void **state)
{
	(void)state;
	tier_set(TIER_PAGE, "");
	with_every_variant(random_leases);
}

static void the_1025th_refill_has_a_new_key(void **state)
{
	(void)state;
	tier_set(TIER_PAGE, "");
	with_every_variant(a_key_ends_after_1024_refills);
}

static void tier_call_has_the_foretold_bytes(void **state)
{
	(void)state;
	tier_set(TIER_CALL, "");
	with_every_variant(a_key_for_each_request);
}

static void tier_kernel_has_the_foretold_bytes(void **state)
{
	(void)state;
	tier_set(TIER_KERNEL, "");
	with_every_variant(a_key_for_each_request);
}

static void every_expansion(void)
{
	static struct bucket b;

	for (int i = 0; i < 2000; i++) {
		size_t len = 1 + any_size() % MODEL_PIECE;
		uint8_t key[32];

		fake_seed(b.key, fake_seeds++);
		bucket_expand(&b, got, len);
		fake_seed(key, model_seeds++);
		model_stream(foretold, len, key, 0, fake_nonce(model_nonces++));
		compare(len);
	}
}

static void a_bucket_expands_any_key(void **state)
{
	(void)state;
	with_every_variant(every_expansion);
}

/* RFC 8439, section 2.3.2. */
static void the_model_is_chacha20(void **state)
{
	static const uint8_t answer[64] =
		"\x10\xf1\xe7\xe4\xd1\x3b\x59\x15\x50\x0f\xdd\x1f\xa3\x20\x71"
		"\xc4\xc7\xd1\xf4\xc7\x33\xc0\x68\x03\x04\x22\xaa\x9a\xc3\xd4"
		"\x6c\x4e\xd2\x82\x64\x46\x07\x9f\xaa\x09\x14\xc2\xd7\x05\xd9"
		"\x8b\x02\xa2\xb5\x12\x9c\xd1\xde\x16\x4e\xb9\xcb\xd0\x83\xe8"
		"\xa2\x50\x3c\x4e";
	uint8_t key[32], out[64];

	(void)state;
	for (uint8_t i = 0; i < sizeof key; i++)
		key[i] = i;
	model_block(out, key, UINT64_C(0x0900000000000001), 0x4a000000);
	assert_memory_equal(out, answer, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_model_is_chacha20),
		cmocka_unit_test(stock_has_the_foretold_bytes),
		cmocka_unit_test(leases_have_the_foretold_bytes),
		cmocka_unit_test(the_1025th_refill_has_a_new_key),
		cmocka_unit_test(tier_call_has_the_foretold_bytes),
		cmocka_unit_test(tier_hardware_has_the_foretold_bytes),
		cmocka_unit_test(tier_kernel_has_the_foretold_bytes),
		cmocka_unit_test(a_bucket_expands_any_key),
	};

	dice_begin();
	/* A thread that has no CPU number always has the same bucket. */
	cpu_rseq_offset = 0;
	fake_no_leases();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
