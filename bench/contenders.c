/* The list of contenders; ours, the kernel's, the vDSO's and libc's. */
#include "contenders.h"
#include "vdso.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

const char *const section_name[SECTIONS] = {
	[REQUEST] = "request",	    [WORD] = "word",
	[KEYSTREAM] = "keystream",  [URANDOM] = "urandom",
	[OTHER_NULL] = "read null", [OTHER_FILE] = "read file",
	[OTHER_PIPE] = "read pipe",
};

const char *library_path;
static void *library;

static ssize_t (*getrandom_fn)(void *, size_t, unsigned int);
static void (*buf_fn)(void *, size_t);
static uint32_t (*word_fn)(void);
static vdso_getrandom_fn *vdso_fn;

/*
 * A loop per kind of function: the call in it is the one that a program would
 * make, with nothing of the bench between.
 */
static uint64_t getrandom_run(uint8_t *buf, size_t len, uint64_t n)
{
	__typeof__(getrandom_fn) f = getrandom_fn;
	uint64_t bad = 0;

	while (n--)
		bad += f(buf, len, 0) != (ssize_t)len;
	return bad;
}

static uint64_t buf_run(uint8_t *buf, size_t len, uint64_t n)
{
	__typeof__(buf_fn) f = buf_fn;

	while (n--)
		f(buf, len);
	return 0;
}

static uint64_t word_run(uint8_t *buf, size_t len, uint64_t n)
{
	__typeof__(word_fn) f = word_fn;
	uint32_t all = 0;

	(void)len;
	while (n--)
		all ^= f();
	memcpy(buf, &all, sizeof all);
	return 0;
}

static uint64_t syscall_run(uint8_t *buf, size_t len, uint64_t n)
{
	uint64_t bad = 0;

	while (n--)
		bad += syscall(SYS_getrandom, buf, len, 0) != (long)len;
	return bad;
}

static uint64_t vdso_run(uint8_t *buf, size_t len, uint64_t n)
{
	static __thread void *state;
	static __thread size_t size;
	vdso_getrandom_fn *f = vdso_fn;
	uint64_t bad = 0;

	if (!state)
		state = vdso_state(f, &size);
	if (!state)
		return n;
	while (n--)
		bad += f(buf, len, 0, state, size) != (ssize_t)len;
	return bad;
}

void *library_symbol(const char *name)
{
	return dlsym(library ? library : RTLD_DEFAULT, name);
}

static const char *ours_load(void)
{
	static char why[256];

	library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		return NULL;
	snprintf(why, sizeof why, "%s", dlerror());
	return why;
}

static const char *ours_getrandom_open(const struct contender *self)
{
	const char *why = ours_load();

	(void)self;
	if (why)
		return why;
	getrandom_fn = library_symbol("getrandom");
	return getrandom_fn ? NULL : "the library has no getrandom";
}

static const char *ours_buf_open(const struct contender *self)
{
	const char *why = ours_load();

	(void)self;
	if (why)
		return why;
	buf_fn = library_symbol("arc4random_buf");
	return buf_fn ? NULL : "the library has no arc4random_buf";
}

static const char *ours_word_open(const struct contender *self)
{
	const char *why = ours_load();

	(void)self;
	if (why)
		return why;
	word_fn = library_symbol("arc4random");
	return word_fn ? NULL : "the library has no arc4random";
}

static void *libc_symbol(const char *name)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	return libc ? dlsym(libc, name) : NULL;
}

static const char *libc_getrandom_open(const struct contender *self)
{
	(void)self;
	getrandom_fn = libc_symbol("getrandom");
	return getrandom_fn ? NULL : "this libc has no getrandom";
}

static const char *libc_buf_open(const struct contender *self)
{
	(void)self;
	buf_fn = libc_symbol("arc4random_buf");
	return buf_fn ? NULL : "this libc has no arc4random_buf";
}

static const char *libc_word_open(const struct contender *self)
{
	(void)self;
	word_fn = libc_symbol("arc4random");
	return word_fn ? NULL : "this libc has no arc4random";
}

static const char *vdso_open(const struct contender *self)
{
	(void)self;
	vdso_fn = vdso_getrandom();
	return vdso_fn ? NULL : "this kernel's vDSO has no getrandom";
}

static const char *nothing_open(const struct contender *self)
{
	(void)self;
	return NULL;
}

#define OPEN(f) .open = f##_open
#define RUN(f) .run = f##_run
const struct contender contenders[] = {
	{ REQUEST, "ours", OURS | SHORT | LATENCY | THREADS,
	  OPEN(ours_getrandom), RUN(getrandom) },
	{ REQUEST, "ours, tier call", OURS, "call",
	  OPEN(ours_getrandom), RUN(getrandom) },
	{ REQUEST, "ours, source hardware", OURS | SHORT, "hardware",
	  OPEN(ours_getrandom), RUN(getrandom) },
	{ REQUEST, "ours, tier kernel", OURS | SHORT | KERNEL_SMALL, "kernel",
	  OPEN(ours_getrandom), RUN(getrandom) },
	{ REQUEST, "ours, tier off", OURS | KERNEL_ALL, "off",
	  OPEN(ours_getrandom), RUN(getrandom) },
	{ REQUEST, "ours, arc4random_buf", OURS,
	  OPEN(ours_buf), RUN(buf) },
	{ REQUEST, "vDSO", SHORT | LATENCY | THREADS,
	  OPEN(vdso), RUN(vdso) },
	{ REQUEST, "system call", SHORT | LATENCY | THREADS,
	  OPEN(nothing), RUN(syscall) },
	{ REQUEST, "libc getrandom", 0,
	  OPEN(libc_getrandom), RUN(getrandom) },
	{ REQUEST, "libc arc4random_buf", LATENCY | THREADS,
	  OPEN(libc_buf), RUN(buf) },
	{ REQUEST, "OpenSSL RAND_bytes", LATENCY | THREADS,
	  OPEN(peer), RUN(peer), .which = OPENSSL },
	{ REQUEST, "libsodium", 0,
	  OPEN(peer), RUN(peer), .which = SODIUM },
	{ REQUEST, "libsodium, internal", LATENCY | THREADS,
	  OPEN(peer), RUN(peer), .which = SODIUM_INTERNAL },
	{ REQUEST, "libbsd arc4random_buf", LATENCY | THREADS,
	  OPEN(peer), RUN(peer), .which = LIBBSD },
	{ REQUEST, "GnuTLS gnutls_rnd", LATENCY,
	  OPEN(peer), RUN(peer), .which = GNUTLS },
	{ REQUEST, "libgcrypt", LATENCY,
	  OPEN(peer), RUN(peer), .which = GCRYPT },

	{ WORD, "ours", OURS | SHORT, OPEN(ours_word), RUN(word) },
	{ WORD, "vDSO, 4 B", SHORT, OPEN(vdso), RUN(vdso) },
	{ WORD, "system call, 4 B", SHORT, OPEN(nothing), RUN(syscall) },
	{ WORD, "libc", SHORT, OPEN(libc_word), RUN(word) },
	{ WORD, "libsodium", SHORT,
	  OPEN(peer_word), RUN(peer_word), .which = SODIUM },
	{ WORD, "libsodium, internal", SHORT,
	  OPEN(peer_word), RUN(peer_word), .which = SODIUM_INTERNAL },
	{ WORD, "libbsd", SHORT,
	  OPEN(peer_word), RUN(peer_word), .which = LIBBSD },

	{ KEYSTREAM, "portable", SHORT,
	  OPEN(keystream), RUN(keystream), .which = PORTABLE },
#if defined(__x86_64__) || defined(__i386__)
	{ KEYSTREAM, "ssse3", SHORT,
	  OPEN(keystream), RUN(keystream), .which = SSSE3 },
	{ KEYSTREAM, "avx2", SHORT,
	  OPEN(keystream), RUN(keystream), .which = AVX2 },
	{ KEYSTREAM, "avx512", SHORT,
	  OPEN(keystream), RUN(keystream), .which = AVX512 },
#elif defined(__arm__) || defined(__aarch64__)
	{ KEYSTREAM, "neon", SHORT,
	  OPEN(keystream), RUN(keystream), .which = NEON },
#endif
	{ KEYSTREAM, "OpenSSL", SHORT,
	  OPEN(keystream), RUN(keystream_openssl), .which = EVP },
#if defined(__x86_64__)
	/* Bits 16, 17, 21, 28, 30 and 31 of CPUID leaf 7's EBX. */
	{ KEYSTREAM, "OpenSSL, no AVX-512", SHORT,
	  OPEN(keystream), RUN(keystream_openssl), .which = EVP_NO_AVX512,
	  .setting = "OPENSSL_ia32cap=:~0xd0230000" },
#endif

	{ URANDOM, "ours, proved", OURS | PRELOADED | SHORT,
	  OPEN(urandom), RUN(urandom) },
	{ URANDOM, "ours, trusted", OURS | PRELOADED | TRUSTING | SHORT,
	  OPEN(urandom), RUN(urandom) },
	{ URANDOM, "kernel", SHORT, OPEN(urandom), RUN(urandom) },

	{ OTHER_NULL, "without preload", SHORT, OPEN(other), RUN(other) },
	{ OTHER_NULL, "preloaded", PRELOADED | SHORT,
	  OPEN(other), RUN(other), .baseline = other_baseline },
	{ OTHER_FILE, "without preload", SHORT, OPEN(other), RUN(other) },
	{ OTHER_FILE, "preloaded", PRELOADED | SHORT,
	  OPEN(other), RUN(other), .baseline = other_baseline },
	{ OTHER_PIPE, "without preload", SHORT, OPEN(other), RUN(pipe) },
	{ OTHER_PIPE, "preloaded", PRELOADED | SHORT,
	  OPEN(other), RUN(pipe), .baseline = pipe_baseline },
};
const size_t contenders_count = sizeof contenders / sizeof *contenders;
