/*
 * What the storms share: the table of all words that anybody drew, and what
 * else was seen, in memory of all processes; draws of every kind, whose words
 * are kept there; and forks whose children draw.
 *
 * Of n words of 64 bits two are equal by chance with less than n^2 / 2^65: for
 * the 10^8 of the largest table 3 in 10,000, for the 3 million of 2 s one in
 * 10^7. Where more are drawn than it holds, only words that begin with some
 * zero bits are kept: whether a word that comes twice is noticed depends on its
 * value alone. Stock that is served twice is 124 words at once: of one word in
 * 16 kept, a batch passes unnoticed once in 3,000 times; of all words kept,
 * never.
 */
#ifndef SOAK_H
#define SOAK_H

#include "support/forks.h"

enum {
	RATE = 1500000, /* words a second, at most, for the table */
	MOST = 70000,
	LIMIT = 60, /* seconds more than planned: it hangs */
};

struct shared {
	_Atomic uint64_t drawn, kept, repeated, zeros, wrong;
	_Atomic uint64_t forks, children, handlers, drops, reseeds, reads;
	_Atomic uint64_t slices, killed;
	_Atomic uint64_t full;
	size_t room;	   /* words; a power of two */
	unsigned int bits; /* that a kept word begins with, all 0 */
	_Atomic uint64_t word[];
};

static struct shared *soak;
static const char *usual_tier;

/* A table for what is drawn in that time, of at most 1 GiB. */
static inline void begin_table(unsigned int seconds)
{
	uint64_t words = (uint64_t)RATE * seconds, room = 1 << 20;
	unsigned int bits = 0;

	while (room < words + words / 2 && room < 1 << 27)
		room *= 2;
	while ((words >> bits) > room / 4 * 3)
		bits++;
	soak = mmap(NULL, sizeof *soak + room * 8, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	expect(soak != MAP_FAILED);
	soak->room = room;
	soak->bits = bits;
}

/* The first few are told. */
static inline void note_wrong(const char *what, long number)
{
	if (atomic_fetch_add(&soak->wrong, 1) < 10)
		fprintf(stderr, "wrong: %s (%ld, errno %d)\n", what, number,
			errno);
}

/* A handler or another process may come at any time: one exchange a word. */
static inline void keep(uint64_t word)
{
	size_t at = (size_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	soak->drawn++;
	if (!word)
		soak->zeros++;
	if (!word || (soak->bits && word >> (64 - soak->bits)))
		return;
	for (size_t i = 0; i < 4096; i++) {
		_Atomic uint64_t *place =
			&soak->word[(at + i) & (soak->room - 1)];
		uint64_t nothing = 0;

		if (atomic_compare_exchange_strong(place, &nothing, word)) {
			soak->kept++;
			return;
		}
		if (nothing == word) {
			soak->repeated++;
			return;
		}
	}
	soak->full++;
}

static inline void keep_all(const void *bytes, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;

		memcpy(&word, (const uint8_t *)bytes + i, sizeof word);
		keep(word);
	}
}

/* Dice that are no draws. */
static inline uint64_t roll(uint64_t *dice)
{
	*dice ^= *dice << 13;
	*dice ^= *dice >> 7;
	*dice ^= *dice << 17;
	return *dice >> 11;
}

/* Of any length, by any name. Of long ones the ends are kept. */
static inline void draw_any(uint64_t *dice, uint8_t *bytes, size_t most)
{
	static const size_t usual[] = {8, 16, 24, 32, 64, 256, 992, 1024, 4096};
	const struct way *way = &ways[roll(dice) % COUNT(ways)];
	size_t len = usual[roll(dice) % COUNT(usual)];

	if (roll(dice) % 64 == 0)
		len = 8 + roll(dice) % (MOST - 8);
	if (way->request == 4 || roll(dice) % 4)
		len = len % 264 / 8 * 8 + 8;
	if (len > most)
		len = most;
	way->draw(bytes, len);
	if (len <= 1024) {
		keep_all(bytes, len);
	} else {
		keep_all(bytes, 512);
		keep_all(bytes + len - 512, 512);
	}
}

/* Not more words than the table is made for. */
static inline void keep_to_rate(void)
{
	static double begin;
	static _Atomic uint64_t seen;

	if (atomic_fetch_add(&seen, 1) == 0)
		begin = seconds_now();
	if ((double)soak->drawn > (seconds_now() - begin + 0.1) * RATE)
		usleep(1000);
}

/*
 * Both draw, and the child does besides what it is for. It must not call much
 * of libc unless it is a child of libc's fork: libc's own locks may be held for
 * ever by threads that did not come along.
 */
static inline void fork_by(pid_t (*split)(void), uint64_t *dice,
			   void (*child_does)(bool by_fork, uint64_t *dice))
{
	uint8_t bytes[2048];
	pid_t child;
	int status = -1;
	long waited;

	draw_any(dice, bytes, sizeof bytes);
	soak->forks++;
	child = split();
	if (child == 0) {
		alarm(LIMIT);
		child_does(split == fork, dice);
		if (strcmp(info_now().tier, usual_tier) != 0)
			note_wrong("a child's tier", 0);
		soak->children++;
		_exit(0);
	}
	for (int i = 0; i < 10; i++)
		draw_any(dice, bytes, sizeof bytes);
	waited = RAW(SYS_wait4, child, &status, 0, 0);
	if (child < 0 || waited != child || status != 0)
		note_wrong("a child", waited == child ? status : waited);
}

static inline void draw_some(uint64_t *dice)
{
	uint8_t bytes[2048];

	for (int i = 0; i < 15; i++)
		draw_any(dice, bytes, sizeof bytes);
}

#endif
