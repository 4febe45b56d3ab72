/*
 * The processor's random number generator: there, fast, alive?
 */
#include "hardware.h"

#include <stdatomic.h>
#include <stddef.h>

#include "clock.h"

#if defined(__x86_64__) || defined(__i386__)

#include "x86.h"

static const char name[] = "rdrand";

static bool present(void)
{
	return x86_features() & X86_RDRAND;
}

static bool ask(uint64_t *word)
{
	unsigned long half[8 / sizeof(long)];
	bool carry = true;

	for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
		bool ok;

		__asm__ volatile("rdrand %0" : "=r"(half[i]), "=@ccc"(ok));
		carry &= ok;
	}
	__builtin_memcpy(word, half, sizeof *word);
	return carry;
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

#include "real.h"

static const char name[] = "rndr";

static bool present(void)
{
	enum { HWCAP2_HAS_RNG = 1 << 16 };

	return real_told(AT_HWCAP2) & HWCAP2_HAS_RNG;
}

static bool ask(uint64_t *word)
{
	bool ok;

	/* RNDR by its number, for assemblers that do not know the name. */
	__asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %w1, ne"
			 : "=r"(*word), "=r"(ok) : : "cc");
	return ok;
}

#else

static const char name[] = "none";

static bool present(void)
{
	return false;
}

static bool ask(uint64_t *word)
{
	*word = 0;
	return false;
}

#endif

enum { WORDS = 4, ROUNDS = 4, SLOW = 60 /* ns a word */ };
enum verdict { UNKNOWN, USEFUL, USELESS };

/* The best of a few short rounds: we may be interrupted in any of them. */
static enum verdict judge(void)
{
	int64_t best = INT64_MAX;
	uint64_t word;

	if (!present())
		return USELESS;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t begin = clock_nanoseconds(), end;

		for (int i = 0; i < WORDS; i++)
			if (!ask(&word))
				return USELESS;
		end = clock_nanoseconds();
		if (begin < 0 || end < begin)
			return USELESS;
		if (end - begin < best)
			best = end - begin;
	}
	return best <= WORDS * SLOW ? USEFUL : USELESS;
}

static bool useful(void)
{
	static _Atomic(enum verdict) known;
	enum verdict v = atomic_load_explicit(&known, memory_order_relaxed);

	if (v == UNKNOWN) {
		v = judge();
		atomic_store_explicit(&known, v, memory_order_relaxed);
	}
	return v == USEFUL;
}

bool hardware_words(uint64_t *words, int count, uint64_t *last)
{
	bool alive = useful();

	for (int i = 0; alive && i < count; i++) {
		alive = ask(&words[i]) && words[i] != *last;
		*last = words[i];
	}
	return alive;
}

uint64_t hardware_nonce(uint64_t *last)
{
	uint64_t word;

	return hardware_words(&word, 1, last) ? word : 0;
}

bool hardware_there(void)
{
	return useful();
}

const char *hardware_name(void)
{
	return useful() ? name : "none";
}
