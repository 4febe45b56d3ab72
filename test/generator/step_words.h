/*
 * Every word that anybody got in the acts of one drawing: is it new? And how
 * many of the acts went wrong.
 */
#ifndef STEP_WORDS_H
#define STEP_WORDS_H

#include "step_draws.h"

#if defined(__x86_64__)

/*
 * The acts of a drawing: an act is what happens once, at one instruction, and
 * all that is drawn for it.
 */
static const struct drawing *drawn;
static unsigned long act_at, act_count, acts_wrong, acts_of_test, wrong_of_test;
static bool act_is_wrong;
static char first_wrong[200];

/*
 * Words of 32 bits are the same by chance in one pair of 2^32. Those of one act
 * are a few, of which none may be the same. Those of all the acts of a drawing,
 * and of the key stream of a zeroed key, make so many pairs that some may.
 */
enum { SHORTS_OF_ACT = 256 };
static uint32_t act_shorts[SHORTS_OF_ACT];
static unsigned int act_short_count;
static uint64_t shorts, shorts_known, short_pairs;

static inline bool more_than_chance(void)
{
	return shorts_known > 2 + (short_pairs >> 29);
}

static inline void act_begins(unsigned long at)
{
	act_at = at;
	act_count++;
	act_is_wrong = false;
	act_short_count = 0;
}

static inline __attribute__((format(printf, 1, 2))) void
wrong(const char *format, ...)
{
	va_list arguments;

	if (act_is_wrong)
		return;
	act_is_wrong = true;
	if (acts_wrong++)
		return;
	va_start(arguments, format);
	vsnprintf(first_wrong, sizeof first_wrong, format, arguments);
	va_end(arguments);
	snprintf(first_wrong + strlen(first_wrong),
		 sizeof first_wrong - strlen(first_wrong),
		 ", at instruction %lu", act_at);
}

/*
 * The words. Key stream of a zeroed key is among them from the beginning, so
 * that nobody gets that.
 */
enum { WORDS = 1 << 22, WORDS_MOST = WORDS / 4 * 3 };
static uint64_t *words;
static size_t word_count;

/* Its place, or the place where it would be. 0 is in it. */
static inline uint64_t *find(uint64_t word)
{
	uint64_t hash = word * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = hash >> 42;

	while (words[i] && words[i] != word)
		i = (i + 1) % WORDS;
	return &words[i];
}

_Static_assert(WORDS == 1 << (64 - 42), "as find counts");

static inline bool is_known(uint64_t word)
{
	return *find(word) != 0;
}

static inline void know(uint64_t word)
{
	uint64_t *at = find(word);

	if (*at || !word || word_count == WORDS_MOST)
		return;
	*at = word;
	word_count++;
}

static inline uint64_t word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return word;
}

static inline uint32_t short_at(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof word);
	return word;
}

static inline bool act_has(uint32_t word)
{
	for (unsigned int i = 0; i < act_short_count; i++)
		if (act_shorts[i] == word)
			return true;
	return false;
}

static inline void expect_short_new(uint32_t word)
{
	shorts_known += is_known(word);
	short_pairs += shorts++;
	if (!word || act_has(word))
		wrong("4 bytes are zero, or somebody else's");
	else if (is_known(word) && more_than_chance())
		wrong("4 bytes are known");
	assert_true(act_short_count < SHORTS_OF_ACT);
	act_shorts[act_short_count++] = word;
	know(word);
}

static inline void know_all(const uint8_t *bytes, size_t len)
{
	if (len < 8)
		know(short_at(bytes));
	for (size_t i = 0; i + 8 <= len; i += 8)
		know(word_at(bytes + i));
}

/* Not zero, never seen, at any offset; and is seen now. */
static inline void expect_new(const uint8_t *bytes, size_t len)
{
	if (len < 8) {
		expect_short_new(short_at(bytes));
		return;
	}
	for (size_t i = 0; i + 8 <= len; i++) {
		uint64_t word = word_at(bytes + i);

		if (word && !is_known(word))
			continue;
		wrong("of %zu bytes byte %zu and the next are %s", len, i,
		      word ? "known" : "zero");
		break;
	}
	know_all(bytes, len);
}

static inline void expect_draw_new(const struct draw *d)
{
	if (d->served)
		expect_new(d->out, len_of(d->as));
}

/* What somebody else of this act got already. */
static inline void act_knows(const struct draw *d)
{
	if (d->served && len_of(d->as) < 8)
		act_shorts[act_short_count++] = short_at(d->out);
}

static inline void nobody_has_any(void)
{
	static _Alignas(64) uint8_t stream[32 + LEN_MAX + BUCKET_REFILL];
	struct chacha20 work;

	if (!words)
		words = mmap(NULL, WORDS * sizeof *words,
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(words, MAP_FAILED);
	/* Forks are quicker without it. */
	madvise(words, WORDS * sizeof *words, MADV_DONTFORK);
	madvise(words, WORDS * sizeof *words, MADV_DONTNEED);
	word_count = shorts = shorts_known = short_pairs = 0;
	memset(stream, 0, sizeof stream);
	for (int i = 0; i < 3; i++) {
		chacha20_start(&work, stream, 0);
		chacha20_portable()(&work, stream, sizeof stream / 64);
		know_all(stream, sizeof stream);
		for (size_t at = 0; at < sizeof stream; at += 4, shorts++)
			know(short_at(stream + at));
	}
}

/* Of one drawing. */
static inline void acts_begin(const struct drawing *d)
{
	drawn = d;
	nobody_has_any();
	act_begins(0);
	act_count = acts_wrong = 0;
}

static inline void acts_end(void)
{
	if (acts_wrong)
		print_message("%s: %lu of %lu acts went wrong: %s\n",
			      drawn->name, acts_wrong, act_count, first_wrong);
	acts_of_test += act_count;
	wrong_of_test += acts_wrong;
}

#endif

#endif
