/*
 * How is a random function called, of each kind that libraries offer? A loop
 * makes the call that a program would make, with nothing of the bench between.
 */
#include "contenders.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	GNUTLS_RANDOM = 1,		/* GNUTLS_RND_RANDOM */
	GCRYPT_STRONG = 1,		/* GCRY_STRONG_RANDOM */
};

uint64_t getrandom_run(uint8_t *buf, size_t len, uint64_t n)
{
	ssize_t (*f)(void *, size_t, unsigned int) = contender_function;
	uint64_t bad = 0;

	while (n--)
		bad += f(buf, len, 0) != (ssize_t)len;
	return bad;
}

uint64_t syscall_run(uint8_t *buf, size_t len, uint64_t n)
{
	uint64_t bad = 0;

	while (n--)
		bad += syscall(SYS_getrandom, buf, len, 0) != (long)len;
	return bad;
}

typedef ssize_t vdso_getrandom(void *buf, size_t len, unsigned int flags,
			       void *state, size_t state_size);

/* A new state, in memory mapped as the function prescribes; NULL: refused. */
static void *vdso_state(vdso_getrandom *f, size_t *size)
{
	struct {
		uint32_t size, prot, flags, reserved[13];
	} wanted = { 0 };
	void *p;

	if (f(NULL, 0, 0, &wanted, ~(size_t)0) != 0)
		return NULL;
	*size = wanted.size;
	p = mmap(NULL, wanted.size, (int)wanted.prot, (int)wanted.flags, -1,
		 0);
	return p == MAP_FAILED ? NULL : p;
}

/*
 * As glibc 2.41 calls it: a state per thread. What glibc adds around it is
 * left out (finding the state, cancellation), so this contender is a little
 * faster here than in a program.
 */
uint64_t vdso_run(uint8_t *buf, size_t len, uint64_t n)
{
	static __thread void *state;
	static __thread size_t size;
	vdso_getrandom *f = contender_function;
	uint64_t bad = 0;

	if (!state)
		state = vdso_state(f, &size);
	if (!state)
		return n;
	while (n--)
		bad += f(buf, len, 0, state, size) != (ssize_t)len;
	return bad;
}

uint64_t buf_run(uint8_t *buf, size_t len, uint64_t n)
{
	void (*f)(void *, size_t) = contender_function;

	while (n--)
		f(buf, len);
	return 0;
}

uint64_t word_run(uint8_t *buf, size_t len, uint64_t n)
{
	uint32_t (*f)(void) = contender_function;
	uint32_t all = 0;

	(void)len;
	while (n--)
		all ^= f();
	memcpy(buf, &all, sizeof all);
	return 0;
}

uint64_t openssl_run(uint8_t *buf, size_t len, uint64_t n)
{
	int (*f)(unsigned char *, int) = contender_function;
	uint64_t bad = 0;

	while (n--)
		bad += f(buf, (int)len) != 1;
	return bad;
}

uint64_t gnutls_run(uint8_t *buf, size_t len, uint64_t n)
{
	int (*f)(int level, void *, size_t) = contender_function;
	uint64_t bad = 0;

	while (n--)
		bad += f(GNUTLS_RANDOM, buf, len) != 0;
	return bad;
}

uint64_t gcrypt_run(uint8_t *buf, size_t len, uint64_t n)
{
	void (*f)(void *, size_t, int level) = contender_function;

	while (n--)
		f(buf, len, GCRYPT_STRONG);
	return 0;
}
