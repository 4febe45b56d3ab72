/* How fast is ChaCha20 alone, ours (from the object files) and OpenSSL's? */
#include "contenders.h"

#include <string.h>

static chacha20_blocks *blocks_fn;
static struct chacha20 work;
static void *context;		/* OpenSSL's */

static const uint8_t key[CHACHA20_KEY] = "any key does for the timing";

uint64_t keystream_run(uint8_t *buf, size_t len, uint64_t n)
{
	chacha20_blocks *f = blocks_fn;

	while (n--)
		f(&work, buf, len / CHACHA20_BLOCK);
	return 0;
}

/* "openssl speed -evp chacha20" encrypts in place, and so does this. */
uint64_t evp_run(uint8_t *buf, size_t len, uint64_t n)
{
	int (*update)(void *, unsigned char *, int *, const unsigned char *,
		      int) = contender_function;
	uint64_t bad = 0;
	int written;

	while (n--)
		bad += update(context, buf, &written, buf, (int)len) != 1;
	return bad;
}

/* If a variant makes other bytes than the others, its speed means nothing. */
static int agrees_with_portable(void)
{
	enum { BLOCKS = 67 };
	static uint8_t a[BLOCKS * CHACHA20_BLOCK], b[sizeof a];

	chacha20_start(&work, key, 7);
	chacha20_portable()(&work, a, BLOCKS);
	chacha20_start(&work, key, 7);
	blocks_fn(&work, b, BLOCKS);
	return !memcmp(a, b, sizeof a);
}

const char *keystream_setup(const struct contender *self)
{
	blocks_fn = self->variant();
	if (!blocks_fn)
		return "this processor cannot run it";
	return agrees_with_portable() ? NULL :
		"WRONG: its bytes differ from the portable ones";
}

const char *evp_setup(const struct contender *self)
{
	void *(*create)(void) = contender_symbol("EVP_CIPHER_CTX_new");
	const void *(*cipher)(void) = contender_symbol("EVP_chacha20");
	int (*init)(void *, const void *, void *, const unsigned char *,
		    const unsigned char *) =
		contender_symbol("EVP_EncryptInit_ex");
	static const unsigned char nonce[16];

	(void)self;
	if (!create || !cipher || !init)
		return "this libcrypto has no ChaCha20";
	context = create();
	if (!context || init(context, cipher(), NULL, key, nonce) != 1)
		return "OpenSSL refused to start ChaCha20";
	return NULL;
}
