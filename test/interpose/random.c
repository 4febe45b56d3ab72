/*
 * The random names answer as the kernel and libc do, whatever the arguments.
 */
#include "support/draws.h"

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
	};

	if (!draws_begin())
		return 2;
	return promises_keep("random", promises, COUNT(promises));
}
