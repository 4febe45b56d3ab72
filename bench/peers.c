/*
 * The generators of other libraries, loaded where they are installed. Each is
 * set up as its manual asks and then called directly.
 */
#include "contenders.h"

#include <dlfcn.h>
#include <string.h>

static int kind;
static union {
	int (*openssl)(unsigned char *, int);
	void (*buf)(void *, size_t);		/* libsodium, libbsd */
	int (*gnutls)(int level, void *, size_t);
	void (*gcrypt)(void *, size_t, int level);
} fill_fn;
static uint32_t (*word_fn)(void);

enum {
	GNUTLS_RANDOM = 1,		/* GNUTLS_RND_RANDOM */
	GCRYPT_STRONG = 1,		/* GCRY_STRONG_RANDOM */
	GCRYPT_INITIALISED = 38,	/* GCRYCTL_INITIALIZATION_FINISHED */
};

uint64_t peer_run(uint8_t *buf, size_t len, uint64_t n)
{
	__typeof__(fill_fn) f = fill_fn;
	uint64_t bad = 0;

	switch (kind) {
	case OPENSSL:
		while (n--)
			bad += f.openssl(buf, (int)len) != 1;
		break;
	case GNUTLS:
		while (n--)
			bad += f.gnutls(GNUTLS_RANDOM, buf, len) != 0;
		break;
	case GCRYPT:
		while (n--)
			f.gcrypt(buf, len, GCRYPT_STRONG);
		break;
	default:
		while (n--)
			f.buf(buf, len);
	}
	return bad;
}

uint64_t peer_word_run(uint8_t *buf, size_t len, uint64_t n)
{
	__typeof__(word_fn) f = word_fn;
	uint32_t all = 0;

	(void)len;
	while (n--)
		all ^= f();
	memcpy(buf, &all, sizeof all);
	return 0;
}

static const char *sodium_open(int internal)
{
	void *so = dlopen("libsodium.so.26", RTLD_NOW | RTLD_LOCAL);
	int (*set)(void *), (*init)(void);
	void *implementation;

	if (!so)
		so = dlopen("libsodium.so.23", RTLD_NOW | RTLD_LOCAL);
	if (!so)
		return "libsodium is not installed";
	set = dlsym(so, "randombytes_set_implementation");
	init = dlsym(so, "sodium_init");
	implementation = dlsym(so, internal ?
			       "randombytes_internal_implementation" :
			       "randombytes_sysrandom_implementation");
	fill_fn.buf = dlsym(so, "randombytes_buf");
	word_fn = dlsym(so, "randombytes_random");
	if (!set || !init || !implementation || !fill_fn.buf || !word_fn)
		return "this libsodium lacks what we need";
	if (set(implementation) || init() < 0)
		return "libsodium could not be initialised";
	return NULL;
}

/* Old libcs have no arc4random, new ones do; this one has to be libbsd's. */
static void *libbsd_symbol(void *so, const char *name)
{
	void *f = dlsym(so, name);
	Dl_info where;

	if (f && dladdr(f, &where) && where.dli_fname &&
	    strstr(where.dli_fname, "libbsd"))
		return f;
	return NULL;
}

static const char *libbsd_open(void)
{
	void *so = dlopen("libbsd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (!so)
		return "libbsd is not installed";
	fill_fn.buf = libbsd_symbol(so, "arc4random_buf");
	word_fn = libbsd_symbol(so, "arc4random");
	return fill_fn.buf && word_fn ? NULL :
		"this libbsd has no arc4random of its own";
}

static const char *openssl_open(void)
{
	void *so = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);

	if (!so)
		return "OpenSSL 3 (libcrypto.so.3) is not installed";
	fill_fn.openssl = dlsym(so, "RAND_bytes");
	return fill_fn.openssl ? NULL : "libcrypto has no RAND_bytes";
}

static const char *gnutls_open(void)
{
	void *so = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);

	if (!so)
		return "GnuTLS (libgnutls.so.30) is not installed";
	fill_fn.gnutls = dlsym(so, "gnutls_rnd");
	return fill_fn.gnutls ? NULL : "GnuTLS has no gnutls_rnd";
}

static const char *gcrypt_open(void)
{
	void *so = dlopen("libgcrypt.so.20", RTLD_NOW | RTLD_LOCAL);
	const char *(*check)(const char *);
	int (*control)(int, ...);

	if (!so)
		return "libgcrypt (libgcrypt.so.20) is not installed";
	check = dlsym(so, "gcry_check_version");
	control = dlsym(so, "gcry_control");
	fill_fn.gcrypt = dlsym(so, "gcry_randomize");
	if (!check || !control || !fill_fn.gcrypt || !check(NULL))
		return "this libgcrypt lacks what we need";
	control(GCRYPT_INITIALISED, 0);
	return NULL;
}

const char *peer_open(const struct contender *self)
{
	kind = self->which;
	switch (kind) {
	case OPENSSL:
		return openssl_open();
	case SODIUM:
	case SODIUM_INTERNAL:
		return sodium_open(kind == SODIUM_INTERNAL);
	case LIBBSD:
		return libbsd_open();
	case GNUTLS:
		return gnutls_open();
	default:
		return gcrypt_open();
	}
}

const char *peer_word_open(const struct contender *self)
{
	return peer_open(self);
}
