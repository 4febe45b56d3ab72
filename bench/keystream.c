/*
 * ChaCha20 alone: the library's variants, taken from its object files, and
 * OpenSSL's. A variant that was not linked is a weak symbol without a value.
 */
#include "contenders.h"
#include "chacha20/chacha20.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#pragma weak chacha20_portable
#pragma weak chacha20_ssse3
#pragma weak chacha20_avx2
#pragma weak chacha20_avx512
#pragma weak chacha20_neon
#pragma weak chacha20_start
#pragma weak chacha20_best

static chacha20_blocks *blocks_fn;
static struct chacha20 work;

static int (*update_fn)(void *, unsigned char *, int *, const unsigned char *,
			int);
static void *context;

uint64_t keystream_run(uint8_t *buf, size_t len, uint64_t n)
{
	chacha20_blocks *f = blocks_fn;

	while (n--)
		f(&work, buf, len / CHACHA20_BLOCK);
	return 0;
}

/* As "openssl speed -evp chacha20" does it: in place. */
uint64_t keystream_openssl_run(uint8_t *buf, size_t len, uint64_t n)
{
	__typeof__(update_fn) f = update_fn;
	uint64_t bad = 0;
	int written;

	while (n--)
		bad += f(context, buf, &written, buf, (int)len) != 1;
	return bad;
}

static const char *evp_open(const uint8_t *key)
{
	void *so = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
	void *(*create)(void);
	const void *(*cipher)(void);
	int (*init)(void *, const void *, void *, const unsigned char *,
		    const unsigned char *);
	static const unsigned char nonce[16];

	if (!so)
		return "OpenSSL 3 (libcrypto.so.3) is not installed";
	create = dlsym(so, "EVP_CIPHER_CTX_new");
	cipher = dlsym(so, "EVP_chacha20");
	init = dlsym(so, "EVP_EncryptInit_ex");
	update_fn = dlsym(so, "EVP_EncryptUpdate");
	if (!create || !cipher || !init || !update_fn)
		return "this libcrypto has no ChaCha20";
	context = create();
	if (!context || init(context, cipher(), NULL, key, nonce) != 1)
		return "OpenSSL refused to start ChaCha20";
	return NULL;
}

static int has_avx512(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("avx512f");
#else
	return 0;
#endif
}

/* The same bytes from every variant, or its speed means nothing. */
static int agrees_with_portable(const uint8_t *key)
{
	enum { BLOCKS = 67 };
	static uint8_t a[BLOCKS * CHACHA20_BLOCK], b[sizeof a];

	chacha20_start(&work, key, 7);
	chacha20_portable()(&work, a, BLOCKS);
	chacha20_start(&work, key, 7);
	blocks_fn(&work, b, BLOCKS);
	return !memcmp(a, b, sizeof a);
}

const char *keystream_open(const struct contender *self)
{
	static chacha20_blocks *(*const getters[])(void) = {
		[PORTABLE] = chacha20_portable,
		[SSSE3] = chacha20_ssse3,
		[AVX2] = chacha20_avx2,
		[AVX512] = chacha20_avx512,
		[NEON] = chacha20_neon,
	};
	static const uint8_t key[CHACHA20_KEY] = "any key does for the timing";

	if (self->which == EVP_NO_AVX512 && !has_avx512())
		return "nothing to compare, there is no AVX-512 here";
	if (self->which == EVP || self->which == EVP_NO_AVX512)
		return evp_open(key);
	if (!getters[self->which] || !chacha20_start || !chacha20_portable)
		return "not in this build";
	blocks_fn = getters[self->which]();
	if (!blocks_fn)
		return "this processor cannot run it";
	return agrees_with_portable(key) ? NULL :
		"WRONG: its bytes differ from the portable ones";
}

const char *keystream_best(void)
{
	const char *name = NULL;

	if (chacha20_best)
		chacha20_best(&name);
	return name ? name : "";
}
