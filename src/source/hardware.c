/*
 * Does the processor have a random number generator, is it fast, and does it
 * work? See hardware.h.
 */
#include "hardware.h"

#include <stddef.h>

#if defined(__x86_64__) || defined(__i386__)

#include "system/x86.h"

static const char name[] = "rdrand";

/*
 * The limit in ticks of the time-stamp counter for one word; a nanosecond has
 * 1.5 to 4 ticks. It is safe to read the counter at the start, because glibc's
 * loader reads it in every program: where PR_SET_TSC forbids that, no program
 * gets as far as this. A clock is not used here, because reading it may take a
 * system call.
 */
enum { SLOW = 180 };

static bool present(void)
{
	return x86_features() & X86_RDRAND;
}

/*
 * Reads the counter neither earlier nor later than where the call is written.
 */
static int64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence"
			 : "=a"(low), "=d"(high) : : "memory");
	return (int64_t)((uint64_t)high << 32 | low);
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

#include "clock.h"
#include "system/real.h"

static const char name[] = "rndr";

enum { SLOW = 60 };	/* limit in nanoseconds for one word */

static bool present(void)
{
	enum { HWCAP2_HAS_RNG = 1 << 16 };

	return real_told(AT_HWCAP2) & HWCAP2_HAS_RNG;
}

static int64_t ticks(void)
{
	return clock_nanoseconds();
}

static bool ask(uint64_t *word)
{
	bool ok;

	/*
	 * RNDR is written by its number, for assemblers that do not know its
	 * name.
	 */
	__asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %w1, ne"
			 : "=r"(*word), "=r"(ok) : : "cc");
	return ok;
}

#else

static const char name[] = "none";

enum { SLOW = 0 };

static bool present(void)
{
	return false;
}

static int64_t ticks(void)
{
	return -1;
}

static bool ask(uint64_t *word)
{
	*word = 0;
	return false;
}

#endif

enum { WORDS = 4, ROUNDS = 4 };

static bool useful;

/*
 * The generator is fast if it is fast in one of a few short rounds, because we
 * may be interrupted in any of them.
 */
static bool fast(void)
{
	uint64_t word;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t begin = ticks(), end;

		for (int i = 0; i < WORDS; i++)
			if (!ask(&word))
				return false;
		end = ticks();
		if (begin < 0 || end < begin)
			return false;
		if (end - begin <= WORDS * SLOW)
			return true;
	}
	return false;
}

void hardware_start(void)
{
	useful = present() && fast();
}

bool hardware_words(uint64_t *words, int count, uint64_t *last)
{
	bool alive = useful;

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
	return useful;
}

const char *hardware_name(void)
{
	return useful ? name : "none";
}
