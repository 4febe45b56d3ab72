/* Who takes part? A contender is a row here, and nothing anywhere else. */
#include "contenders.h"

#define LIBC "libc.so.6"
#define SODIUM "libsodium.so.26 libsodium.so.23"
#define OPENSSL "libcrypto.so.3"
#define VDSO "linux-vdso.so.1"
#if defined(__aarch64__)
#define VDSO_GETRANDOM "__kernel_getrandom"
#else
#define VDSO_GETRANDOM "__vdso_getrandom"
#endif

const struct contender contenders[] = {
	/* A buffer is filled. */
	{ "request", "ours", OURS | SHORT | LATENCY | THREADS,
	  .so = "$LIB", .symbol = "getrandom", .run = getrandom_run },
	{ "request", "ours, tier call", OURS,
	  .so = "$LIB", .symbol = "getrandom", .run = getrandom_run,
	  .setting = "FASTRAND_SOURCE=call" },
	{ "request", "ours, source hardware", OURS | SHORT,
	  .so = "$LIB", .symbol = "getrandom", .run = getrandom_run,
	  .setting = "FASTRAND_SOURCE=hardware" },
	{ "request", "ours, tier kernel", OURS | SHORT,
	  .so = "$LIB", .symbol = "getrandom", .run = getrandom_run,
	  .setting = "FASTRAND_SOURCE=kernel", .kernel_up_to = 256 },
	{ "request", "ours, tier off", OURS,
	  .so = "$LIB", .symbol = "getrandom", .run = getrandom_run,
	  .setting = "FASTRAND_SOURCE=off", .kernel_up_to = SIZE_MAX },
	{ "request", "ours, arc4random_buf", OURS,
	  .so = "$LIB", .symbol = "arc4random_buf", .run = buf_run },
	{ "request", "vDSO", SHORT | LATENCY | THREADS,
	  .so = VDSO, .symbol = VDSO_GETRANDOM, .run = vdso_run },
	{ "request", "system call", SHORT | LATENCY | THREADS,
	  .run = syscall_run },
	{ "request", "libc getrandom", 0,
	  .so = LIBC, .symbol = "getrandom", .run = getrandom_run },
	{ "request", "libc arc4random_buf", LATENCY | THREADS,
	  .so = LIBC, .symbol = "arc4random_buf", .run = buf_run },
	{ "request", "OpenSSL RAND_bytes", LATENCY | THREADS,
	  .so = OPENSSL, .symbol = "RAND_bytes", .run = openssl_run },
	{ "request", "libsodium", 0,
	  .so = SODIUM, .symbol = "randombytes_buf", .run = buf_run,
	  .setup = sodium_system_setup },
	{ "request", "libsodium, internal", LATENCY | THREADS,
	  .so = SODIUM, .symbol = "randombytes_buf", .run = buf_run,
	  .setup = sodium_internal_setup },
	{ "request", "libbsd arc4random_buf", LATENCY | THREADS,
	  .so = "libbsd.so.0", .symbol = "arc4random_buf", .run = buf_run },
	{ "request", "GnuTLS gnutls_rnd", LATENCY,
	  .so = "libgnutls.so.30", .symbol = "gnutls_rnd",
	  .run = gnutls_run },
	{ "request", "libgcrypt", LATENCY,
	  .so = "libgcrypt.so.20", .symbol = "gcry_randomize",
	  .run = gcrypt_run, .setup = gcrypt_setup },

	/* One 32-bit number is drawn. */
	{ "word", "ours", OURS | SHORT,
	  .so = "$LIB", .symbol = "arc4random", .run = word_run },
	{ "word", "vDSO, 4 B", SHORT,
	  .so = VDSO, .symbol = VDSO_GETRANDOM, .run = vdso_run },
	{ "word", "system call, 4 B", SHORT,
	  .run = syscall_run },
	{ "word", "libc", SHORT,
	  .so = LIBC, .symbol = "arc4random", .run = word_run },
	{ "word", "libsodium", SHORT,
	  .so = SODIUM, .symbol = "randombytes_random", .run = word_run,
	  .setup = sodium_system_setup },
	{ "word", "libsodium, internal", SHORT,
	  .so = SODIUM, .symbol = "randombytes_random", .run = word_run,
	  .setup = sodium_internal_setup },
	{ "word", "libbsd", SHORT,
	  .so = "libbsd.so.0", .symbol = "arc4random", .run = word_run },

	/* ChaCha20 makes key stream, and nothing else happens. */
	{ "keystream", "portable", SHORT,
	  .run = keystream_run, .setup = keystream_setup,
	  .variant = chacha20_portable },
#if defined(__x86_64__)
	{ "keystream", "ssse3", SHORT,
	  .run = keystream_run, .setup = keystream_setup,
	  .variant = chacha20_ssse3 },
	{ "keystream", "avx2", SHORT,
	  .run = keystream_run, .setup = keystream_setup,
	  .variant = chacha20_avx2 },
	{ "keystream", "avx512", SHORT,
	  .run = keystream_run, .setup = keystream_setup,
	  .variant = chacha20_avx512 },
#elif defined(__aarch64__)
	{ "keystream", "neon", SHORT,
	  .run = keystream_run, .setup = keystream_setup,
	  .variant = chacha20_neon },
#endif
	{ "keystream", "OpenSSL", SHORT,
	  .so = OPENSSL, .symbol = "EVP_EncryptUpdate", .run = evp_run,
	  .setup = evp_setup },
#if defined(__x86_64__)
	/* Bits 16, 17, 21, 28, 30 and 31 of CPUID leaf 7's EBX. */
	{ "keystream", "OpenSSL, no AVX-512", SHORT,
	  .so = OPENSSL, .symbol = "EVP_EncryptUpdate", .run = evp_run,
	  .setup = evp_setup,
	  .setting = "OPENSSL_ia32cap=:~0xd0230000" },
#endif

	/* /dev/urandom is read. */
	{ "urandom", "ours, proved", OURS | PRELOADED | SHORT,
	  .run = urandom_run, .setup = urandom_setup },
	{ "urandom", "ours, trusted", OURS | PRELOADED | SHORT,
	  .run = urandom_run, .setup = urandom_setup,
	  .setting = "FASTRAND_TRUST_FDS=1" },
	{ "urandom", "kernel", SHORT,
	  .run = urandom_run, .setup = urandom_setup },

	/* Something else is read: what does our library add? */
	{ "other", "null, no preload", SHORT,
	  .run = other_run, .setup = null_setup },
	{ "other", "null", PRELOADED | SHORT,
	  .run = other_run, .setup = null_setup, .baseline = other_baseline },
	{ "other", "file, no preload", SHORT,
	  .run = other_run, .setup = file_setup },
	{ "other", "file", PRELOADED | SHORT,
	  .run = other_run, .setup = file_setup, .baseline = other_baseline },
	{ "other", "pipe, no preload", SHORT,
	  .run = other_run, .setup = pipe_setup },
	{ "other", "pipe", PRELOADED | SHORT,
	  .run = other_run, .setup = pipe_setup, .baseline = other_baseline },

	/* A program that needs no randomness starts with this preloaded. */
	{ "startup", "nothing", SHORT,
	  .run = startup_run, .setup = startup_setup,
	  .setting = "PRELOAD=" },
	{ "startup", "empty", SHORT,
	  .run = startup_run, .setup = startup_setup,
	  .baseline = startup_baseline, .setting = "PRELOAD=$EMPTY" },
	{ "startup", "ours", SHORT,
	  .run = startup_run, .setup = startup_setup,
	  .baseline = startup_baseline, .setting = "PRELOAD=$LIB" },
};
const size_t contenders_count = sizeof contenders / sizeof *contenders;
