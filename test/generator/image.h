/*
 * What the tests of restored processes share: draws of all lengths by the core
 * alone, what a process and its children drew, and programs executed anew, each
 * in a tier, to keep one promise.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "support/forks.h"

#include "generator/bucket.h"
#include "generator/fill.h"
#include "report/report.h"
#include "source/tier.h"
#include "support/word.h"

enum {
	PAGES = BUCKETS * sizeof(struct bucket),
	MOST = 70000,
	ROUNDS = 50,
	RECORD = 400000, /* words; two are equal with a chance of 10^-8 */
};

static const size_t lengths[] = {4, 8, 16, 32, 100, 257, 1000, 4096, MOST};

/* So many words draw_all_lengths records. */
enum { ALL_LENGTHS = 8 * COUNT(lengths) };

static _Thread_local uint8_t out[MOST];

/* Whatever the core leaves to the kernel is the kernel's here too. */
static inline bool draw(size_t len)
{
	memset(out, 0, sizeof out);
	if (fill(out, len))
		return true;
	expect(RAW(SYS_getrandom, out, len, 0) == (long)len);
	return false;
}

/* Some words of each; of short ones a word is made of several. */
static inline void draw_all_lengths(void)
{
	if (!words)
		words = words_new(RECORD);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		uint8_t some[64];

		for (size_t at = 0; at < sizeof some; at += 4) {
			draw(lengths[i]);
			memcpy(some + at, out + lengths[i] - 4, 4);
			if (lengths[i] > 1000 && at == 0) {
				memcpy(some, out, sizeof some);
				break;
			}
		}
		expect(words->count + 8 <= RECORD);
		words_add(words, some, sizeof some);
	}
}

static inline struct fastrand_info info(void)
{
	struct fastrand_info now;

	report_fill(&now);
	return now;
}

static inline void need_tier(enum tier tier)
{
	if (tier_now() != tier)
		skip_because("this system does not offer that tier");
}

static inline bool zeros(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len--)
		if (*at++)
			return false;
	return true;
}

/* Becomes this program anew, which then keeps that one promise. */
static inline void again_with(const char *source, const char *promise)
{
	setenv("FASTRAND_SOURCE", source, 1);
	execl("/proc/self/exe", "image", promise, NULL);
	expect(!"executed");
}

/* In main: is it such a program? Then it has given its answer. */
static inline void keep_if_executed(int count, char **arguments,
				    const struct promise *roles, size_t most)
{
	if (count < 2)
		return;
	promise_apart = true;
	for (size_t i = 0; i < most; i++)
		if (!strcmp(roles[i].name, arguments[1])) {
			roles[i].body();
			exit(0);
		}
	exit(2);
}

#endif
