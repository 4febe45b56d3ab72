/*
 * What is asked for decides: each tier serves the lengths that are worth it, a
 * pointer that nothing can be mapped at is the kernel's, nothing is written
 * beyond the end, and errno is the caller's.
 */
#include "fill_begin.h"

#include <errno.h>

static void pointers_that_cannot_be_mapped_are_the_kernels(void **state)
{
	static const uintptr_t bad[] = {
		0, 1, 4096, 65535, (uintptr_t)-1, (uintptr_t)-4096,
#if defined(__LP64__)
		UINT64_C(0x8000000000000000), UINT64_C(0xffff800000000000),
		UINT64_C(0xffffffffff600000),
#endif
#if defined(__x86_64__)
		UINT64_C(0x0000800000000000),
#endif
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (int j = 0; j < LENGTHS; j++)
			expect_refusal(FILL_POINTER, (void *)bad[i],
				       lengths[j]);
#if defined(__LP64__)
	expect_refusal(FILL_POINTER, (void *)((uintptr_t)out | 0x5aULL << 56),
		       32);
#endif
	expect_refusal(FILL_POINTER, out, 0);
	expect_refusal(FILL_POINTER, NULL, 0);
	assert_false(fill_from(&(struct bucket_set){0}, out, 32));
	assert_false(fill_from(NULL, out, 32));
	assert_int_equal(bucket_stamp(bucket()), 0);
}

static void nothing_is_written_beyond_the_end(void **state)
{
	(void)state;
	for (size_t len = 1; len < 3000; len++) {
		memset(out + len, 0xa5, 64);
		assert_true(fill(out, len));
		for (int i = 0; i < 64; i++)
			assert_int_equal(out[len + i], 0xa5);
	}
}

static void a_key_of_the_kernels_serves_small_requests_itself(void **state)
{
	uint8_t key[32];

	(void)state;
	tier_set(TIER_CALL, "");
	for (size_t len = 1; len <= 32; len++) {
		fake_seed(key, fake_seeds);
		assert_true(fill(out, len));
		assert_memory_equal(out, key, len);
	}
}

static void tier_kernel_expands_what_is_larger_than_256(void **state)
{
	unsigned int before = fake_seeds;

	(void)state;
	tier_set(TIER_KERNEL, "");
	for (size_t len = 1; len <= 256; len++)
		expect_refusal(FILL_SMALL, out, len);
	assert_true(draw_word() < 0);
	assert_int_equal(fake_seeds, before);
	model_now();
	assert_true(fill(out, 257));
	model_expand(foretold, 257);
	assert_memory_equal(out, foretold, 257);
}

static void tier_off_serves_nothing(void **state)
{
	(void)state;
	tier_set(TIER_OFF, "");
	for (int i = 0; i < LENGTHS; i++)
		expect_refusal(FILL_OFF, out, lengths[i]);
	assert_true(draw_word() < 0);
}

static void no_word_is_a_negative_number(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_in_range(draw_word(), 0, UINT32_MAX);
	wipe();
	fake_refuses = true;
	assert_true(draw_word() < 0);
}

static void a_proof_pays_where_the_answer_is_cheap(void **state)
{
	static const struct {
		enum tier tier;
		size_t from;
	} rows[] = {{TIER_PAGE, 1}, {TIER_CALL, 128}, {TIER_HARDWARE, 128},
		    {TIER_KERNEL, 257}, {TIER_OFF, SIZE_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t len = 1; len < 1000; len++) {
			tier_set(rows[i].tier, "");
			assert_int_equal(fill_pays_proof(len),
					 len >= rows[i].from);
		}
}

static void errno_is_the_callers(void **state)
{
	void *set = NULL;

	(void)state;
	errno = 4242;
	for (enum tier t = TIER_OFF; t < TIERS; t++) {
		tier_set(t, "");
		for (int i = 0; i < LENGTHS; i++)
			fill(out, lengths[i]);
		fill(NULL, 8);
		draw_word();
		fake_refuses ^= true;
		fill(out, 300);
	}
	fill_from(bucket_set_of(&set), out, 100);
	assert_int_equal(errno, 4242);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(pointers_that_cannot_be_mapped_are_the_kernels),
		PROMISE(nothing_is_written_beyond_the_end),
		PROMISE(a_key_of_the_kernels_serves_small_requests_itself),
		PROMISE(tier_kernel_expands_what_is_larger_than_256),
		PROMISE(tier_off_serves_nothing),
		PROMISE(no_word_is_a_negative_number),
		PROMISE(a_proof_pays_where_the_answer_is_cheap),
		PROMISE(errno_is_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
