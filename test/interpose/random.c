/*
 * The random names answer as the kernel and libc do, whatever the arguments,
 * the signals and the threads; and what they give is random.
 */
#include "support/draws.h"

#include <setjmp.h>
#include <ucontext.h>

/* The ways to ask getrandom's question. */
struct asker {
	const char *name;
	ssize_t (*ask)(void *out, size_t len, unsigned int flags);
};

static ssize_t ask_getrandom(void *out, size_t len, unsigned int flags)
{
	return getrandom(out, len, flags);
}

static ssize_t ask_fastrand(void *out, size_t len, unsigned int flags)
{
	return api.getrandom(out, len, flags);
}

static const struct asker askers[] = {
	{"getrandom", ask_getrandom},
	{"syscall", call_syscall},
	{"fastrand_getrandom", ask_fastrand},
	{"fastrand_vgetrandom", call_vgetrandom},
};

enum { SENTINEL = 4242 };

/* The same result and errno as the kernel's, and no errno on success. */
static void expect_same_answer(void *out, size_t len, unsigned int flags)
{
	long theirs = RAW(SYS_getrandom, out, len, flags);

	for (size_t i = 0; i < COUNT(askers); i++) {
		long ours;
		int error;

		errno = SENTINEL;
		ours = askers[i].ask(out, len, flags);
		error = errno;
		if (ours == (theirs < 0 ? -1 : theirs) &&
		    error == (theirs < 0 ? -theirs : SENTINEL))
			continue;
		fprintf(stderr, "%s(%p, %zu, %#x): %ld, errno %d; kernel %ld\n",
			askers[i].name, out, len, flags, ours, error, theirs);
		expect(!"the kernel's answer");
	}
}

/* What is loaded in front of libc is what answers. */
static void every_name_is_the_librarys(void)
{
	static const char *const names[] = {
		"getrandom",	      "getentropy",	    "arc4random",
		"arc4random_buf",     "arc4random_uniform", "syscall",
		"fastrand_getrandom",
	};
	Dl_info is;

	for (size_t i = 0; i < COUNT(names); i++) {
		expect(dladdr(dlsym(RTLD_DEFAULT, names[i]), &is) != 0);
		expect(strstr(is.dli_fname, "libfastrand.so") != NULL);
	}
}

/* Of 1,000 requests all but a few, which the kernel's reseed may outdate. */
static void requests_are_served(void)
{
	static const size_t sizes[] = {1,  4,	7,   8,	  16,  32,
				       33, 256, 257, 512, 1000};
	uint8_t bytes[1000];

	for (size_t w = 0; w < COUNT(ways); w++) {
		for (size_t s = 0; s < COUNT(sizes); s++) {
			size_t each = ways[w].request, len = sizes[s];
			struct fastrand_info before, after;
			uint64_t requests, served, left;

			if (!each || each > len)
				each = len;
			if (len % each)
				continue;
			requests = 1000 * len / each;
			before = info_now();
			for (int i = 0; i < 1000; i++)
				ways[w].draw(bytes, len);
			after = info_now();
			served = after.requests - before.requests;
			left = after.kernel - before.kernel;
			if (serves(each)) {
				expect(served + 3 >= requests);
				expect(served <= requests + 3);
				expect(left <= 3);
			} else {
				expect(served == 0);
				expect(left == requests);
			}
		}
	}
}

static void any_flags_are_answered_as_by_the_kernel(void)
{
	static const size_t sizes[] = {0, 1, 4, 16, 32, 100, 256, 257, 2000};
	uint8_t bytes[2000];

	only_where_off_is_the_kernel();
	for (size_t s = 0; s < COUNT(sizes); s++) {
		for (unsigned int flags = 0; flags < 64; flags++)
			expect_same_answer(bytes, sizes[s], flags);
		for (int bit = 6; bit < 32; bit++)
			for (unsigned int low = 0; low < 8; low++)
				expect_same_answer(bytes, sizes[s],
						   1U << bit | low);
		expect_same_answer(bytes, sizes[s], ~0U);
	}
}

/* GRND_INSECURE is not in every kernel, the others' answers are fixed. */
static void the_known_flags_give_bytes(void)
{
	static const unsigned int flags[] = {0, GRND_NONBLOCK, GRND_RANDOM,
					     GRND_RANDOM | GRND_NONBLOCK};
	uint8_t bytes[512];

	for (size_t f = 0; f < COUNT(flags); f++) {
		for (size_t i = 0; i < COUNT(askers); i++) {
			memset(bytes, 0, sizeof bytes);
			expect(askers[i].ask(bytes, sizeof bytes, flags[f]) ==
			       sizeof bytes);
			expect_random_bytes(bytes, sizeof bytes);
		}
	}
}

/* The kernel has 32 bits of flags, fastrand_vgetrandom a long's. */
static void flags_over_32_bits_are_invalid(void)
{
	static const unsigned long flags[] = {
		(unsigned long)(1ULL << 32 | 8),
		(unsigned long)(1ULL << 63 | 8),
		~0UL,
		8,
#if __SIZEOF_LONG__ > 4
		1UL << 32,
		1UL << 63,
		1UL << 32 | GRND_NONBLOCK,
#endif
	};
	uint8_t bytes[16];
	void *state = NULL;

	for (size_t f = 0; f < COUNT(flags); f++) {
		expect(api.vgetrandom(&state, bytes, 16, flags[f]) == -1);
		expect(errno == EINVAL);
		expect(api.vgetrandom(&state, bytes, 0, flags[f]) == -1);
		expect(errno == EINVAL);
	}
}

/* A page of the program's that may not be touched. */
static void *no_access(void)
{
	void *at =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(at != MAP_FAILED);
	return at;
}

/* Pointers that no memory is ever mapped at. */
static const uintptr_t impossible[] = {
	0,
	1,
	8,
	4095,
	65535,
	(uintptr_t)(1ULL << 47),
	(uintptr_t)((1ULL << 47) + 12345),
	(uintptr_t)(1ULL << 62),
	(uintptr_t)(1ULL << 63),
	(uintptr_t)(0xffff8000ULL << 32),
	(uintptr_t)-4096,
	(uintptr_t)-1,
};

/* Compilers know the name, and refuse such arguments. */
static int (*volatile ask_getentropy)(void *, size_t) = getentropy;

static void no_bytes_go_to_any_pointer(void)
{
	only_where_off_is_the_kernel();
	for (unsigned int flags = 0; flags < 16; flags++) {
		for (size_t i = 0; i < COUNT(impossible); i++)
			expect_same_answer((void *)impossible[i], 0, flags);
		expect_same_answer(no_access(), 0, flags);
	}
	errno = SENTINEL;
	expect(getrandom(no_access(), 0, 0) == 0 && errno == SENTINEL);
	expect(ask_getentropy((void *)impossible[1], 0) == 0 &&
	       errno == SENTINEL);
	expect(ask_getentropy(no_access(), 0) == 0 && errno == SENTINEL);
	arc4random_buf((void *)impossible[1], 0);
	arc4random_buf(no_access(), 0);
	api.buf((void *)impossible[1], 0);
	expect(errno == SENTINEL);
}

/* Where libc has one: glibc's gives 0 for bytes around the end of memory. */
static void expect_libcs_getentropy(void *out, size_t len)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	int (*theirs)(void *, size_t);
	int answer, error;

	*(void **)&theirs = libc ? dlsym(libc, "getentropy") : NULL;
	if (!theirs)
		return;
	errno = SENTINEL;
	answer = theirs(out, len);
	error = errno;
	errno = SENTINEL;
	expect(ask_getentropy(out, len) == answer && errno == error);
}

static void impossible_pointers_are_efault(void)
{
	static const size_t sizes[] = {
		1,	    4,
		8,	    16,
		31,	    32,
		100,	    256,
		257,	    4096,
		0x7fffefff, 0x7ffff000,
		0x7ffff001, (size_t)(1ULL << 40),
		SIZE_MAX,
	};
	size_t efaults = 0;

	only_where_off_is_the_kernel();
	for (size_t i = 0; i < COUNT(impossible); i++) {
		void *out = (void *)impossible[i];

		for (size_t s = 0; s < COUNT(sizes); s++)
			for (unsigned int flags = 0; flags < 8; flags++)
				expect_same_answer(out, sizes[s], flags);
		efaults += getrandom(out, 16, 0) == -1 && errno == EFAULT;
		expect_libcs_getentropy(out, 16);
		expect_libcs_getentropy(out, 256);
	}
	expect(ask_getentropy(NULL, 16) == -1 && errno == EFAULT);
	expect(efaults == COUNT(impossible));
}

static void getentropy_takes_256_bytes_at_most(void)
{
	uint8_t bytes[300] = {0};

	errno = SENTINEL;
	expect(ask_getentropy(bytes, 256) == 0 && errno == SENTINEL);
	expect_random_bytes(bytes, 256);
	expect(!memcmp(bytes + 256, bytes + 257, 43) && !bytes[256]);
	memset(bytes, 0, sizeof bytes);
	expect(ask_getentropy(bytes, 257) == -1 && errno == EIO);
	expect(ask_getentropy(bytes, SIZE_MAX) == -1 && errno == EIO);
	expect(ask_getentropy((void *)impossible[0], 257) == -1 &&
	       errno == EIO);
	expect(!bytes[0] && !memcmp(bytes, bytes + 1, sizeof bytes - 1));
}

/*
 * More than 0x7ffff000 bytes are cut off there, and not one byte behind is
 * written. Two gigabytes of address space over the same few pages.
 */
static void a_call_gives_2_gigabytes_at_most(void)
{
	const size_t most = 0x7ffff000, window = 1 << 24, page = 4096;
	const size_t room = most - most % window + 2 * window;
	int fd = memfd_create("window", MFD_CLOEXEC);
	uint8_t *at =
		mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!getenv("TEST_LONG"))
		skip_because("two gigabytes take 10 seconds: TEST_LONG=1");
	expect(fd >= 0 && ftruncate(fd, (off_t)window) == 0);
	expect(at != MAP_FAILED);
	for (size_t i = 0; i + window <= most; i += window)
		expect(mmap(at + i, window, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, fd, 0) == at + i);
	expect(mprotect(at + most - most % window, 2 * window,
			PROT_READ | PROT_WRITE) == 0);
	errno = SENTINEL;
	expect(getrandom(at, most + 2 * page, 0) == (ssize_t)most);
	expect(errno == SENTINEL);
	expect_random_bytes(at + most - 64, 64);
	expect(!at[most] && !memcmp(at + most, at + most + 1, 2 * page));
}

/* Every length, at every alignment: all of it, and nothing beside it. */
static void exactly_the_bytes_asked_for_are_written(void)
{
	enum { MARGIN = 64, MOST = 2200, TRIES = 8 };
	static const size_t large[] = {4096,  16384, 65535,  65536, 65537,
				       66560, 66561, 131072, 200001};
	uint8_t *bytes = malloc(200001 + 3 * MARGIN);
	uint8_t *changed = malloc(200001);

	expect(bytes && changed);
	for (size_t n = 0; n < MOST + COUNT(large); n++) {
		size_t len = n < MOST ? n : large[n - MOST];
		uint8_t *out = bytes + MARGIN + n % MARGIN;
		size_t room = MARGIN + n % MARGIN + len + MARGIN;

		memset(changed, 0, len);
		for (int try = 0; try < TRIES; try++) {
			memset(bytes, 0xa5, room);
			expect(getrandom(out, len, 0) == (ssize_t)len);
			for (uint8_t *b = bytes; b < bytes + room; b++)
				if (b < out || b >= out + len)
					expect(*b == 0xa5);
			for (size_t i = 0; i < len; i++)
				changed[i] |= out[i] ^ 0xa5;
		}
		expect(!memchr(changed, 0, len));
	}
	free(bytes);
	free(changed);
}

static void errno_is_left_alone(void)
{
	static const size_t sizes[] = {1, 4, 8, 16, 32, 100, 256, 300, 5000};
	uint8_t bytes[5000];

	errno = SENTINEL;
	for (size_t w = 0; w < COUNT(ways); w++)
		for (size_t s = 0; s < COUNT(sizes); s++)
			for (int i = 0; i < 100; i++)
				ways[w].draw(bytes, sizes[s]);
	for (uint32_t bound = 0; bound < 1000; bound++)
		arc4random_uniform(bound);
	info_now();
	api.version();
	expect(errno == SENTINEL);
}

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

/*
 * Cancellation.
 */

static void *draws_for_ever(void *len)
{
	uint8_t bytes[4096];

	for (;;)
		if (getrandom(bytes, (size_t)len, 0) < 0)
			abort();
	return NULL;
}

static pthread_t begin(void *(*body)(void *), void *with)
{
	pthread_t thread;

	expect(pthread_create(&thread, NULL, body, with) == 0);
	return thread;
}

static bool end_was_cancelled(pthread_t thread)
{
	void *result = NULL;

	expect(pthread_join(thread, &result) == 0);
	return result == PTHREAD_CANCELED;
}

static void a_loop_of_getrandom_is_cancelled(void)
{
	for (int i = 0; i < 60; i++) {
		pthread_t thread =
			begin(draws_for_ever, (void *)(i % 2 ? 16L : 4096L));

		usleep(1000);
		expect(pthread_cancel(thread) == 0);
		expect(end_was_cancelled(thread));
	}
	expect(info_now().held == 0);
}

static atomic_int came_past;

static void *draws_with_cancellation_pending(void *draw)
{
	uint8_t bytes[512];

	pthread_cancel(pthread_self());
	((const struct way *)draw)->draw(bytes, 16);
	came_past++;
	((const struct way *)draw)->draw(bytes, sizeof bytes);
	came_past++;
	pthread_testcancel();
	came_past++;
	return NULL;
}

static void getrandom_acts_on_a_pending_cancellation(void)
{
	pthread_t thread =
		begin(draws_with_cancellation_pending, (void *)&ways[0]);

	expect(end_was_cancelled(thread));
	expect(came_past == 0);
	expect(info_now().held == 0);
}

static void the_others_are_no_cancellation_points(void)
{
	for (size_t w = 1; w < COUNT(ways); w++) {
		pthread_t thread;

		came_past = 0;
		thread = begin(draws_with_cancellation_pending,
			       (void *)&ways[w]);
		expect(end_was_cancelled(thread));
		expect(came_past == 2);
	}
}

static void *draws_uncancellably(void *unused)
{
	uint8_t bytes[512];
	int old;

	(void)unused;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cancel(pthread_self());
	for (int i = 0; i < 1000; i++)
		if (getrandom(bytes, i % 2 ? 16 : 512, 0) < 0)
			abort();
	came_past++;
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	came_past++;
	return NULL;
}

static void disabled_cancellation_waits(void)
{
	expect(end_was_cancelled(begin(draws_uncancellably, NULL)));
	expect(came_past == 1);
}

/*
 * Signals.
 */

static struct words *storm_words;
static volatile sig_atomic_t storms;

static void draw_in_handler(int unused)
{
	static uint64_t bytes[128];
	const struct way *way = &ways[(size_t)storms % COUNT(ways)];
	size_t len = storms % 4 ? 8 : sizeof bytes;
	int saved = errno;

	(void)unused;
	errno = SENTINEL;
	way->draw(bytes, len);
	/* fastrand_vgetrandom and others may be interrupted: EINTR is seen. */
	if (errno != SENTINEL && errno != EINTR)
		abort();
	words_add(storm_words, bytes, len);
	storms++;
	errno = saved;
}

/* No draw spoils, or waits for, the one that it interrupts. */
static void handlers_draw_while_the_program_draws(void)
{
	static uint64_t bytes[20000 / 8];
	static const size_t sizes[] = {8, 16, 32, 8, 264, 8, 1024, 20000};
	struct fastrand_info before = info_now(), after;

	storm_words = words_new(1000000);
	storm_begin(draw_in_handler, 60);
	for (size_t i = 0; storms < 6000; i++) {
		size_t len = sizes[i % COUNT(sizes)];
		const struct way *way = &ways[i / 8 % COUNT(ways)];

		way->draw(bytes, len);
		if (storm_words->count < 900000)
			words_add(storm_words, bytes, len > 64 ? 64 : len);
	}
	storm_end();
	after = info_now();
	words_expect_distinct(storm_words, 6000);
	expect(after.held == 0);
	if (serves(1024))
		expect(after.requests - before.requests > 1000);
}

static sigjmp_buf way_out;
static volatile sig_atomic_t may_jump;

static void jump(int unused)
{
	(void)unused;
	if (may_jump) {
		may_jump = 0;
		siglongjmp(way_out, 1);
	}
}

/*
 * A bucket may be lost each time, and stays counted; nothing is drawn twice,
 * and what is left serves.
 */
static void a_handler_jumps_out_of_draws(void)
{
	static volatile int jumps;
	static uint64_t bytes[4096 / 8];
	struct words *words = words_new(300000);
	uint64_t before;

	storm_begin(jump, 200);
	while (jumps < 300) {
		words_draw(words, &ways[0], 100);
		if (sigsetjmp(way_out, 1)) {
			jumps++;
			continue;
		}
		may_jump = 1;
		while (may_jump) {
			by_getrandom(bytes, 16);
			by_getrandom(bytes, sizeof bytes);
		}
	}
	storm_end();
	before = info_now().requests;
	for (int i = 0; i < 100; i++) {
		by_getrandom(bytes, sizeof bytes);
		words_add(words, bytes, sizeof bytes);
	}
	expect(!serves(sizeof bytes) || info_now().requests >= before + 97);
	expect(info_now().held <= 300);
	words_expect_distinct(words, 30000);
}

/* Two contexts of one thread, each in a loop on a stack of its own. */
static ucontext_t contexts[2], whole;
static struct words *context_words;

static void draw_in_turn(int mine)
{
	uint64_t word;

	for (int i = 0; i < 60000; i++) {
		by_getrandom(&word, sizeof word);
		words_add(context_words, &word, sizeof word);
		if (i % 7 == 0)
			swapcontext(&contexts[mine], &contexts[!mine]);
	}
}

static void contexts_draw_in_turn(void)
{
	static char stacks[2][65536];

	context_words = words_new(120000);
	for (int i = 0; i < 2; i++) {
		expect(getcontext(&contexts[i]) == 0);
		contexts[i].uc_stack.ss_sp = stacks[i];
		contexts[i].uc_stack.ss_size = sizeof stacks[i];
		contexts[i].uc_link = i ? &whole : &contexts[1];
		makecontext(&contexts[i], (void (*)(void))draw_in_turn, 1, i);
	}
	expect(swapcontext(&whole, &contexts[0]) == 0);
	words_expect_distinct(context_words, 120000);
}

static void *draws_for_a_while(void *words)
{
	words_draw(words, &ways[0], 1500);
	words_draw(words, &ways[2], 1500);
	return NULL;
}

/* A stack is soon another thread's, and may lie where an older one lay. */
static void threads_come_and_go(void)
{
	struct words *words = words_new(60 * 4 * 3000);

	for (int round = 0; round < 60; round++) {
		pthread_t threads[4];

		for (size_t i = 0; i < COUNT(threads); i++)
			threads[i] = begin(draws_for_a_while, words);
		for (size_t i = 0; i < COUNT(threads); i++)
			expect(pthread_join(threads[i], NULL) == 0);
	}
	words_expect_distinct(words, 60 * 4 * 3000);
	expect(info_now().held == 0);
}

/* Handlers in loops on a stack of their own, over a loop that they interrupt.
 */
static void draw_on_own_stack(int unused)
{
	int saved = errno;

	(void)unused;
	words_draw(storm_words, &ways[0], 200);
	storms++;
	errno = saved;
}

static void handlers_loop_on_another_stack(void)
{
	static char stack[65536];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = draw_on_own_stack,
				   .sa_flags = SA_ONSTACK | SA_RESTART};

	storm_words = words_new(900000);
	storms = 0;
	expect(sigaltstack(&other, NULL) == 0);
	storm_begin(SIG_IGN, 150);
	expect(sigaction(SIGUSR1, &action, NULL) == 0);
	while (storms < 1500) {
		uint64_t word;

		by_getrandom(&word, sizeof word);
		if (storm_words->count < 500000)
			words_add(storm_words, &word, sizeof word);
	}
	storm_end();
	words_expect_distinct(storm_words, 1500 * 200);
	expect(info_now().held == 0);
}

/*
 * The library's own interface.
 */

static void a_state_is_made_once(void)
{
	struct words *words = words_new(30000);
	void *first = NULL, *second = NULL, *was;
	uint64_t word, before;

	expect(api.vgetrandom(&first, &word, 8, 0) == 8);
	expect(api.vgetrandom(&second, &word, 8, 0) == 8);
	if (!tier_is("off")) {
		expect(first != NULL && second != NULL);
		expect(first != second);
	}
	was = first;
	before = info_now().requests;
	for (int i = 0; i < 10000; i++) {
		expect(api.vgetrandom(&first, &word, 8, 0) == 8);
		words_add(words, &word, 8);
		expect(api.vgetrandom(&second, &word, 8, GRND_NONBLOCK) == 8);
		words_add(words, &word, 8);
		expect(getrandom(&word, 8, 0) == 8);
		words_add(words, &word, 8);
	}
	expect(first == was);
	expect(!serves(8) || info_now().requests + 3 >= before + 30000);
	words_expect_distinct(words, 30000);
}

static void *raced_state;
static atomic_int ready, wrong_states;
static struct words *race_words;

static void *race_for_a_state(void *unused)
{
	uint64_t words[64];
	void *seen;

	(void)unused;
	ready++;
	while (ready < 8)
		;
	for (int i = 0; i < 200; i++) {
		if (api.vgetrandom(&raced_state, words, sizeof words, 0) !=
		    sizeof words)
			abort();
		words_add(race_words, words, sizeof words);
		seen = __atomic_load_n(&raced_state, __ATOMIC_ACQUIRE);
		wrong_states += seen && raced_state != seen;
	}
	return __atomic_load_n(&raced_state, __ATOMIC_ACQUIRE);
}

/* One state comes of it, and everybody gets bytes, some of them the kernel's.
 */
static void eight_threads_race_for_one_state(void)
{
	race_words = words_new(20 * 8 * 200 * 64);
	for (int round = 0; round < 20; round++) {
		pthread_t threads[8];
		void *result;

		raced_state = NULL;
		ready = 0;
		for (size_t i = 0; i < COUNT(threads); i++)
			threads[i] = begin(race_for_a_state, NULL);
		for (size_t i = 0; i < COUNT(threads); i++) {
			expect(pthread_join(threads[i], &result) == 0);
			/* Unless another one was making it all the time. */
			expect(!result || result == raced_state);
		}
		expect(raced_state || tier_is("off"));
	}
	expect(wrong_states == 0);
	words_expect_distinct(race_words, 20 * 8 * 200 * 64);
}

static void the_version_is_the_headers(void)
{
	expect(!strcmp(api.version(), FASTRAND_VERSION));
	expect(!strcmp(info_now().version, FASTRAND_VERSION));
}

/* A program built for another release knows a smaller or larger structure. */
static void info_is_given_to_any_size(void)
{
	struct {
		struct fastrand_info known;
		uint8_t more[64];
	} info, whole;

	memset(&whole, 0xa5, sizeof whole);
	preload_info(&whole.known, sizeof whole.known);
	for (size_t size = 0; size <= sizeof info; size += 8) {
		size_t filled =
			size < sizeof whole.known ? size : sizeof whole.known;

		memset(&info, 0xa5, sizeof info);
		preload_info(&info.known, size);
		expect(!memcmp(&info, &whole, filled));
		for (size_t i = filled; i < sizeof info; i++)
			expect(((uint8_t *)&info)[i] == 0xa5);
	}
	expect(whole.known.size == sizeof whole.known);
}

static void info_says_what_is_there(void)
{
	static const char *const tiers[] = {"page", "call", "hardware",
					    "kernel", "off"};
	struct fastrand_info info = info_now();
	bool known = false;

	for (size_t i = 0; i < COUNT(tiers); i++)
		known |= !strcmp(info.tier, tiers[i]);
	expect(known);
	expect((*info.why == '\0') == !strcmp(info.tier, "page"));
	expect((info.generation != 0) == !strcmp(info.tier, "page"));
	expect(*info.memory && *info.chacha20 && *info.hardware);
	expect(info.held == 0);
}

int main(void)
{
	static struct promise promises[] = {
		HERE(every_name_is_the_librarys),
		HERE(requests_are_served),
		HERE(any_flags_are_answered_as_by_the_kernel),
		HERE(the_known_flags_give_bytes),
		HERE(flags_over_32_bits_are_invalid),
		HERE(no_bytes_go_to_any_pointer),
		HERE(impossible_pointers_are_efault),
		HERE(getentropy_takes_256_bytes_at_most),
		APART(a_call_gives_2_gigabytes_at_most),
		HERE(exactly_the_bytes_asked_for_are_written),
		HERE(errno_is_left_alone),
		HERE(no_word_comes_twice),
		HERE(uniform_numbers_are_uniform),
		HERE(bytes_look_random),
		APART(a_loop_of_getrandom_is_cancelled),
		APART(getrandom_acts_on_a_pending_cancellation),
		APART(the_others_are_no_cancellation_points),
		APART(disabled_cancellation_waits),
		APART(handlers_draw_while_the_program_draws),
		APART(a_handler_jumps_out_of_draws),
		APART(contexts_draw_in_turn),
		APART(threads_come_and_go),
		APART(handlers_loop_on_another_stack),
		APART(a_state_is_made_once),
		APART(eight_threads_race_for_one_state),
		HERE(the_version_is_the_headers),
		HERE(info_is_given_to_any_size),
		HERE(info_says_what_is_there),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("random", promises, COUNT(promises));
}
