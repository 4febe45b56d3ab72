/*
 * Is what is drawn random, as far as sums tell?
 */
#ifndef SOAK_JUDGE_H
#define SOAK_JUDGE_H

#include "soak.h"

static inline int sample(unsigned long long bytes)
{
	static uint8_t buffer[MOST];
	uint64_t dice = 1;

	while (bytes) {
		const struct way *way = &ways[roll(&dice) % COUNT(ways)];
		size_t len = 1 + roll(&dice) % 2000;

		if (roll(&dice) % 16 == 0)
			len = 1 + roll(&dice) % MOST;
		if (way->request == 4)
			len = len / 4 % 16 * 4 + 4;
		if (len > bytes)
			len = (size_t)bytes;
		way->draw(buffer, len);
		if (fwrite(buffer, 1, len, stdout) != len)
			return 1;
		bytes -= len;
	}
	return fflush(stdout) != 0;
}

/* Newton's; libm is no library of ours. */
static inline double root(double square)
{
	double x = square;

	for (int i = 0; i < 100; i++)
		x = (x + square / x) / 2;
	return x;
}

static inline double chi_square(const uint64_t *counts, size_t kinds)
{
	double total = 0, expected, sum = 0;

	for (size_t i = 0; i < kinds; i++)
		total += (double)counts[i];
	expected = total / (double)kinds;
	for (size_t i = 0; i < kinds; i++) {
		double off = (double)counts[i] - expected;

		sum += off * off / expected;
	}
	return sum;
}

/*
 * How far the sums lie from what is expected, in standard deviations: of the
 * ones among the bits, and of the chi-square of bytes and of pairs of bytes. 6
 * are one in 10^9 for the first, and in practice never for the others.
 */
static inline int judge(void)
{
	static uint64_t bytes[256], pairs[65536];
	static uint8_t buffer[65536];
	double total = 0, ones = 0, deviation[3];
	int bad = 0, good = 0;
	size_t got;

	while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
		total += (double)got;
		for (size_t i = 0; i < got; i++) {
			bytes[buffer[i]]++;
			ones += __builtin_popcount(buffer[i]);
		}
		for (size_t i = 0; i + 1 < got; i += 2)
			pairs[buffer[i] | buffer[i + 1] << 8]++;
	}
	if (total < 1e6)
		return 2;
	deviation[0] = (ones - total * 4) / root(total * 2);
	deviation[1] = (chi_square(bytes, 256) - 255) / root(2 * 255);
	deviation[2] = (chi_square(pairs, 65536) - 65535) / root(2 * 65535);
	printf("%.0f bytes: ones %+.2f, bytes %+.2f, pairs of bytes %+.2f "
	       "standard deviations from what is expected\n",
	       total, deviation[0], deviation[1], deviation[2]);
	for (size_t i = 0; i < COUNT(deviation); i++) {
		if (deviation[i] > -6 && deviation[i] < 6)
			good++;
		else
			bad++;
	}
	printf("%d passed, %d failed\n", good, bad);
	return bad != 0;
}

#endif
