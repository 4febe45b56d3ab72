/*
 * What the random names give is random: no word comes twice, and neither bytes
 * nor numbers below a bound lean to any side.
 */
#include "support/draws.h"

static void no_word_comes_twice(void)
{
	enum { EACH = 100000 };
	struct words *words = words_new(COUNT(ways) * EACH);

	for (size_t w = 0; w < COUNT(ways); w++)
		words_draw(words, &ways[w], EACH);
	words_expect_distinct(words, COUNT(ways) * EACH);
	words_free(words);
}

/*
 * Pearson's statistic for counts that should be equal. Its mean is bins - 1,
 * its deviation the root of twice that. It exceeds 120 by chance once in 10^19
 * for 16 bins, in 10^25 for three; and 600 once in 10^29 for 256.
 */
static double chi_square(const uint64_t *counts, size_t bins)
{
	double sum = 0, total = 0, each;

	for (size_t i = 0; i < bins; i++)
		total += (double)counts[i];
	each = total / (double)bins;
	for (size_t i = 0; i < bins; i++)
		sum += ((double)counts[i] - each) * ((double)counts[i] - each) /
		       each;
	return sum;
}

typedef uint32_t uniform_function(uint32_t bound);

/*
 * A word modulo 3 * 2^30 would fall into the first third twice as often as into
 * the others; the high half of word * 3 * 2^30 would leave a remainder of 0 by
 * 3 twice as often as another.
 */
static void expect_no_bias(uniform_function *uniform)
{
	const uint32_t bound = UINT32_C(3) << 30;
	uint64_t thirds[3] = {0}, remainders[3] = {0};

	for (int i = 0; i < 30000; i++) {
		uint32_t word = uniform(bound);

		expect(word < bound);
		thirds[word >> 30]++;
		remainders[word % 3]++;
	}
	expect(chi_square(thirds, 3) < 120);
	expect(chi_square(remainders, 3) < 120);
}

/* Each of few numbers comes up; of many, numbers from each sixteenth. */
static void expect_uniform_below(uniform_function *uniform, uint32_t bound)
{
	enum { DRAWS = 8000 };
	uint32_t bins = bound < 16 ? bound : 16;
	uint64_t counts[16] = {0}, bits = 0;

	for (int i = 0; i < DRAWS; i++) {
		uint32_t word = uniform(bound);

		expect(word < bound);
		bits |= word;
		counts[(uint64_t)word * bins / bound]++;
	}
	if (bound < 1024 && bound % bins)
		return; /* sixteenths of different sizes */
	expect(chi_square(counts, bins) < 120);
	if (!(bound & (bound - 1)))
		expect(bits == bound - 1);
}

static void uniform_numbers_are_uniform(void)
{
	uniform_function *const functions[] = {arc4random_uniform, api.uniform};

	for (size_t f = 0; f < COUNT(functions); f++) {
		uniform_function *uniform = functions[f];

		expect(uniform(0) == 0);
		expect(uniform(1) == 0);
		for (uint32_t bound = 2; bound < 16; bound++)
			expect_uniform_below(uniform, bound);
		for (int power = 4; power < 32; power++) {
			expect_uniform_below(uniform, UINT32_C(1) << power);
			expect_uniform_below(uniform,
					     (UINT32_C(1) << power) + 1);
			expect_uniform_below(uniform,
					     (UINT32_C(1) << power) - 1);
		}
		expect_uniform_below(uniform, UINT32_MAX);
		expect_no_bias(uniform);
	}
}

/*
 * Ones among 2^23 bits: mean 2^22, deviation 1,448; 12 deviations away once in
 * 10^32. The same for bits equal to the bit 1, 8, 32, 64 and 512 before.
 */
static void expect_plausible(const uint8_t *bytes, size_t len)
{
	static const size_t lags[] = {4, 8, 32, 64, 1024};
	const double limit = 12 * 0.5 * __builtin_sqrt((double)len * 8);
	uint64_t counts[256] = {0};
	double ones = 0, equal;

	for (size_t i = 0; i < len; i++) {
		ones += __builtin_popcount(bytes[i]);
		counts[bytes[i]]++;
	}
	expect(__builtin_fabs(ones - (double)len * 4) < limit);
	expect(chi_square(counts, 256) < 600);
	for (size_t l = 0; l < COUNT(lags); l++) {
		equal = 0;
		for (size_t i = lags[l]; i < len; i++)
			equal += __builtin_popcount(
				(uint8_t) ~(bytes[i] ^ bytes[i - lags[l]]));
		expect(__builtin_fabs(equal - (double)(len - lags[l]) * 4) <
		       limit);
	}
}

static void bytes_look_random(void)
{
	enum { SIZE = 1 << 20 };
	static const size_t sizes[] = {4, 16, 31, 32, 256, 4096, SIZE};
	uint8_t *bytes = malloc(SIZE);

	expect(bytes != NULL);
	for (size_t w = 0; w < COUNT(ways); w++) {
		size_t len = sizes[w % COUNT(sizes)];

		for (size_t at = 0; at < SIZE; at += len)
			ways[w].draw(bytes + at,
				     at + len > SIZE ? SIZE - at : len);
		expect_plausible(bytes, SIZE);
	}
	for (size_t s = 0; s < COUNT(sizes); s++) {
		for (size_t at = 0; at < SIZE; at += sizes[s])
			by_getrandom(bytes + at, at + sizes[s] > SIZE
							 ? SIZE - at
							 : sizes[s]);
		expect_plausible(bytes, SIZE);
	}
	free(bytes);
}

int main(void)
{
	static struct promise promises[] = {
		HERE(no_word_comes_twice),
		HERE(uniform_numbers_are_uniform),
		HERE(bytes_look_random),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("random_bytes", promises, COUNT(promises));
}
