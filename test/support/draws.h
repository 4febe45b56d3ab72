/*
 * Draws by every name, a record of all that they gave, and what must hold of
 * the whole record: no word comes twice.
 *
 * Of n random words of 64 bits two are equal with a chance of n^2 / 2^65: one
 * in 10^7 for a record of a million, which is the most that a test keeps.
 */
#ifndef DRAWS_H
#define DRAWS_H

#include "promise.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#ifndef GRND_INSECURE
#define GRND_INSECURE 4
#endif

/* An old libc has none of these; the library then brings them. */
extern uint32_t arc4random(void) __attribute__((weak));
extern void arc4random_buf(void *buf, size_t len) __attribute__((weak));
extern uint32_t arc4random_uniform(uint32_t bound) __attribute__((weak));
extern int getentropy(void *buf, size_t len) __attribute__((weak));

/* In errno, where a call should leave it alone. */
enum { SENTINEL = 4242 };

/* The library's own names. */
static struct {
	__typeof__(fastrand_getrandom) *getrandom;
	__typeof__(fastrand_buf) *buf;
	__typeof__(fastrand_u32) *u32;
	__typeof__(fastrand_uniform) *uniform;
	__typeof__(fastrand_vgetrandom) *vgetrandom;
	__typeof__(fastrand_version) *version;
} api;

static void *draws_state; /* for fastrand_vgetrandom */

static inline void draws_find(void *function, const char *name)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	if (!found) {
		fprintf(stderr, "the library has no %s\n", name);
		exit(2);
	}
	memcpy(function, &found, sizeof found);
}

/* Before anything else here, and before a sandbox. */
static inline bool draws_begin(void)
{
	if (!preload_begin())
		return false;
	draws_find(&api.getrandom, "fastrand_getrandom");
	draws_find(&api.buf, "fastrand_buf");
	draws_find(&api.u32, "fastrand_u32");
	draws_find(&api.uniform, "fastrand_uniform");
	draws_find(&api.vgetrandom, "fastrand_vgetrandom");
	draws_find(&api.version, "fastrand_version");
	return true;
}

static inline struct fastrand_info info_now(void)
{
	struct fastrand_info info = {0};

	preload_info(&info, sizeof info);
	return info;
}

static inline bool tier_is(const char *tier)
{
	return strcmp(info_now().tier, tier) == 0;
}

/* Are requests of that many bytes the library's, or does the kernel's tier
 * leave them to the system call, or the tier off all? */
static inline bool serves(size_t len)
{
	return !tier_is("off") && (len > 256 || !tier_is("kernel"));
}

/*
 * The ways to draw. The kernel stops in a long answer when a signal comes: then
 * the rest is drawn. Any other failure ends the process; for signal handlers.
 */
static inline void draw_on(ssize_t (*draw)(void *, size_t, unsigned int),
			   uint8_t *out, size_t len)
{
	while (len) {
		ssize_t got = draw(out, len, 0);

		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			out += got;
			len -= (size_t)got;
		}
	}
}

static inline ssize_t call_syscall(void *out, size_t len, unsigned int flags)
{
	return syscall(SYS_getrandom, out, len, flags);
}

static inline ssize_t call_vgetrandom(void *out, size_t len, unsigned int flags)
{
	return api.vgetrandom(&draws_state, out, len, flags);
}

static inline void by_getrandom(void *out, size_t len)
{
	draw_on(getrandom, out, len);
}

static inline void by_syscall(void *out, size_t len)
{
	draw_on(call_syscall, out, len);
}

static inline void by_fastrand(void *out, size_t len)
{
	draw_on(api.getrandom, out, len);
}

static inline void by_vgetrandom(void *out, size_t len)
{
	draw_on(call_vgetrandom, out, len);
}

static inline void by_getentropy(void *out, size_t len)
{
	uint8_t *at = out;

	while (len) {
		size_t some = len < 256 ? len : 256;

		if (getentropy(at, some) != 0)
			abort();
		at += some;
		len -= some;
	}
}

static inline void by_arc4random_buf(void *out, size_t len)
{
	arc4random_buf(out, len);
}

static inline void by_fastrand_buf(void *out, size_t len)
{
	api.buf(out, len);
}

static inline void by_words_of(uint32_t (*draw)(void), uint8_t *out, size_t len)
{
	while (len) {
		uint32_t word = draw();
		size_t some = len < sizeof word ? len : sizeof word;

		memcpy(out, &word, some);
		out += some;
		len -= some;
	}
}

static inline void by_arc4random(void *out, size_t len)
{
	by_words_of(arc4random, out, len);
}

static inline void by_fastrand_u32(void *out, size_t len)
{
	by_words_of(api.u32, out, len);
}

struct way {
	const char *name;
	void (*draw)(void *out, size_t len);
	size_t request; /* it asks for no more at once; 0: for all */
};

static const struct way ways[] = {
	{"getrandom", by_getrandom, 0},
	{"getentropy", by_getentropy, 256},
	{"arc4random", by_arc4random, 4},
	{"arc4random_buf", by_arc4random_buf, 0},
	{"syscall", by_syscall, 0},
	{"fastrand_getrandom", by_fastrand, 0},
	{"fastrand_buf", by_fastrand_buf, 0},
	{"fastrand_u32", by_fastrand_u32, 4},
	{"fastrand_vgetrandom", by_vgetrandom, 0},
};

/* The record. It is shared with forked children. */
struct words {
	_Atomic size_t count; /* what is over room is not kept */
	size_t room;
	uint64_t word[];
};

static inline struct words *words_new(size_t room)
{
	struct words *words =
		mmap(NULL, sizeof *words + room * 8, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(words != MAP_FAILED);
	words->room = room;
	return words;
}

static inline void words_free(struct words *words)
{
	munmap(words, sizeof *words + words->room * 8);
}

/* len / 8 words. May be called by all threads, processes and handlers. */
static inline void words_add(struct words *words, const void *bytes, size_t len)
{
	size_t count = len / 8;
	size_t at = atomic_fetch_add(&words->count, count);

	for (size_t i = 0; i < count && at + i < words->room; i++)
		memcpy(&words->word[at + i], (const uint8_t *)bytes + 8 * i, 8);
}

/* So many draws of 8 bytes. */
static inline void words_draw(struct words *words, const struct way *way,
			      int count)
{
	uint64_t word;

	while (count--) {
		way->draw(&word, sizeof word);
		words_add(words, &word, sizeof word);
	}
}

/*
 * A hundred longer draws, of which some bytes are recorded, are served. A key
 * may be refused now and then, when the kernel reseeds.
 */
static inline void words_draw_served(struct words *words, size_t len,
				     size_t recorded)
{
	uint64_t bytes[4096 / 8];
	uint64_t before = info_now().requests;

	expect(len <= sizeof bytes);
	for (int i = 0; i < 100; i++) {
		by_getrandom(bytes, len);
		words_add(words, bytes, recorded);
	}
	expect(!serves(len) || info_now().requests >= before + 97);
}

/* Small and long draws by every name. */
static inline void words_draw_all_ways(struct words *words)
{
	static const size_t sizes[] = {8, 16, 32, 40, 256, 264, 1000, 4096};
	uint64_t bytes[4096 / 8];

	for (size_t w = 0; w < COUNT(ways); w++) {
		for (size_t s = 0; s < COUNT(sizes); s++) {
			ways[w].draw(bytes, sizes[s]);
			words_add(words, bytes, sizes[s]);
		}
	}
}

static inline int words_compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* How many words of the record are zero, or the same as another; sorts it. */
static inline size_t words_repeated(struct words *words)
{
	size_t count = words->count < words->room ? words->count : words->room;
	size_t repeated = 0;

	qsort(words->word, count, sizeof *words->word, words_compare);
	for (size_t i = 0; i < count; i++)
		repeated += !words->word[i] ||
			    (i && words->word[i] == words->word[i - 1]);
	if (repeated)
		fprintf(stderr, "%zu of %zu words zero or repeated\n", repeated,
			count);
	return repeated;
}

static inline void words_expect_distinct(struct words *words, size_t at_least)
{
	expect(words->count >= at_least);
	expect(words_repeated(words) == 0);
}

static inline pthread_t begin_thread(void *(*body)(void *), void *with)
{
	pthread_t thread;

	expect(pthread_create(&thread, NULL, body, with) == 0);
	return thread;
}

/*
 * A signal (SIGUSR1) that comes again and again. Not by setitimer: the alarm
 * that ends a test that hangs is of the same clock.
 */
static int storm_timer;

static inline void storm_begin(void (*handler)(int), int microseconds)
{
	struct sigaction action = {.sa_handler = handler,
				   .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = SIGUSR1};
	struct itimerspec often = {{0, microseconds * 1000},
				   {0, microseconds * 1000}};

	expect(sigaction(SIGUSR1, &action, NULL) == 0);
	expect(RAW(SYS_timer_create, CLOCK_MONOTONIC, &event, &storm_timer) ==
	       0);
	expect(RAW(SYS_timer_settime, storm_timer, 0, &often, NULL) == 0);
}

static inline void storm_end(void)
{
	RAW(SYS_timer_delete, storm_timer);
	signal(SIGUSR1, SIG_IGN);
}

static inline double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
