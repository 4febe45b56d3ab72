/*
 * Is a call of getrandom, getentropy, arc4random and their relatives ours to
 * answer? They are defined here under libc's names and under names of our own.
 * Such a function is a shim: it decides only whether the request is ours. If it
 * is, fill() answers it. Otherwise the next definition of the name behind us
 * does, or the kernel where that libc has no such name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "fastrand.h"
#include "report/explain.h"
#include "generator/fill_small.h"
#include "source/kernel.h"
#include "system/real.h"
#include "source/tier.h"
#include "chacha20/wipe.h"
#include "system/export.h"
#include "system/linux.h"

enum {
	CALL_MAX = 0x7ffff000,	/* most in one call; more is the kernel's */
	ENTROPY_MAX = 256,	/* see getentropy(3) */
};

/*
 * Neither an answer nor an error: the kernel has to be asked. No errno is that
 * large.
 */
enum { ASK = -4096 };

/*
 * Once the kernel's generator is ready, flags change nothing, except that one
 * pair of them makes no sense and is refused, whatever flags come with it.
 * Flags that we do not know are left to the kernel, because they may come to
 * mean something.
 */
static long flags_verdict(unsigned int flags)
{
	const unsigned int pools = GRND_RANDOM | GRND_INSECURE;

	if (tier_ready() && kernel_one_generator()) {
		if ((flags & pools) == pools)
			return -EINVAL;
		if (!(flags & ~(GRND_NONBLOCK | pools)))
			return 0;
	}
	fill_refuse(FILL_FLAGS);
	return ASK;
}

/* Returns how many bytes were served, -errno, or ASK. */
static long serve(enum explain_source source, void *buf, size_t len,
		  unsigned int flags, uintptr_t stack)
{
	long verdict = flags & ~GRND_NONBLOCK ? flags_verdict(flags) : 0;
	bool ok = !verdict && (len <= CALL_MAX || fill_refuse(FILL_POINTER)) &&
		  fill_slow(buf, len, stack);

	if (verdict != -EINVAL)
		explain(source, len, ok);
	return ok ? (long)len : verdict ? verdict : ASK;
}

/* Serves most requests: those with the usual flags, from bytes in stock. */
INLINE bool quick(void *buf, size_t len, unsigned int flags, uintptr_t stack)
{
	return __builtin_expect(!(flags & ~GRND_NONBLOCK), 1) &&
	       __builtin_expect(fill_quick(buf, len, stack), 1);
}

static __attribute__((noinline)) ssize_t own_slow(void *buf, size_t len,
						  unsigned int flags,
						  uintptr_t stack)
{
	long served = serve(EXPLAIN_FASTRAND, buf, len, flags, stack);

	if (served != ASK)
		return real_result(served);
	return real_result(REAL_CALL(SYS_getrandom, buf, len, flags));
}

EXPORT ssize_t fastrand_getrandom(void *buf, size_t len, unsigned int flags)
{
	uintptr_t stack = cpu_stack();

	if (quick(buf, len, flags, stack))
		return (ssize_t)len;
	return own_slow(buf, len, flags, stack);
}

/*
 * In tier off everything is as it is without the library. In every other tier,
 * and before a tier is chosen, a request that we do not serve has to be
 * answered by the kernel. libc's own functions are not the kernel: see
 * REAL_FOREIGN.
 */
static bool forwards(void)
{
	return tier_ready() && tier_now() == TIER_OFF;
}

#define NEXT(name) (forwards() ? REAL_NAMED(name) : REAL_FOREIGN(name))

/*
 * Asks the kernel by a raw system call, in which a thread cannot be cancelled.
 * Because of that the call must not wait. If it would have to, libc's function
 * waits in its place, with a request for no bytes, until the kernel's generator
 * is ready. If the raw call would still have to wait then, the request has
 * GRND_RANDOM and the kernel is older than Linux 5.6. libc's function may
 * answer that request, because it uses no generator of its own on such a
 * kernel.
 */
static ssize_t kernel_getrandom(void *buf, size_t len, unsigned int flags)
{
	long answer = REAL_CALL(SYS_getrandom, buf, len, flags | GRND_NONBLOCK);
	__typeof__(getrandom) *wait;
	char none;

	if (answer != -EAGAIN || (flags & GRND_NONBLOCK))
		return real_result(answer);
	wait = REAL(getrandom);
	if (!wait)
		return real_result(REAL_CALL(SYS_getrandom, buf, len, flags));
	if (wait(&none, 0, flags) < 0)
		return -1;
	answer = REAL_CALL(SYS_getrandom, buf, len, flags | GRND_NONBLOCK);
	return answer == -EAGAIN ? wait(buf, len, flags) : real_result(answer);
}

static __attribute__((noinline)) ssize_t libc_slow(void *buf, size_t len,
						   unsigned int flags,
						   uintptr_t stack)
{
	__typeof__(getrandom) *next;
	long served;

	real_testcancel();
	served = serve(EXPLAIN_GETRANDOM, buf, len, flags, stack);
	if (served != ASK)
		return real_result(served);
	next = NEXT("getrandom");
	return next ? next(buf, len, flags) : kernel_getrandom(buf, len, flags);
}

/*
 * A cancellation point: a pending request is tested for while no bucket is
 * held.
 */
EXPORT ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	uintptr_t stack = cpu_stack();

	if (quick(buf, len, flags, stack)) {
		real_testcancel();
		return (ssize_t)len;
	}
	return libc_slow(buf, len, flags, stack);
}

/* The stubs in syscall_*.S jump here for syscall(SYS_getrandom, ...). */
long syscall_getrandom(void *buf, size_t len, unsigned int flags)
{
	uintptr_t stack = cpu_stack();
	long served;

	if (quick(buf, len, flags, stack))
		return (long)len;
	served = serve(EXPLAIN_SYSCALL, buf, len, flags, stack);
	if (served != ASK)
		return real_result(served);
	return REAL(syscall)(SYS_getrandom, buf, len, flags);
}

/*
 * Fills the whole buffer from the kernel; returns 0 or -errno. It loops because
 * a signal handler interrupts long answers.
 */
static long kernel_fills(uint8_t *out, size_t len)
{
	while (len) {
		long got = REAL_CALL(SYS_getrandom, out, len, 0);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			return got ? got : -EIO;
		out += got;
		len -= (size_t)got;
	}
	return 0;
}

/*
 * Fills the buffer from the device. This is only for kernels older than
 * getrandom (Linux 3.17).
 */
static bool device_fills(uint8_t *out, size_t len)
{
	long fd = REAL_CALL(SYS_openat, AT_FDCWD, "/dev/urandom",
			    O_RDONLY | O_CLOEXEC | O_NOCTTY);
	long got = 0;

	while (fd >= 0 && len && (got > 0 || got == -EINTR || !got)) {
		got = REAL_CALL(SYS_read, fd, out, len);
		if (got > 0) {
			out += got;
			len -= (size_t)got;
		} else if (got != -EINTR) {
			break;
		}
	}
	if (fd >= 0)
		REAL_CALL(SYS_close, fd);
	return !len;
}

EXPORT int getentropy(void *buf, size_t len)
{
	__typeof__(getentropy) *next;

	if (len > ENTROPY_MAX)
		return (int)real_result(-EIO);
	if (explain(EXPLAIN_GETENTROPY, len, fill(buf, len)))
		return 0;
	next = NEXT("getentropy");
	if (next)
		return next(buf, len);
	/* glibc's loop writes nothing if buf + len wraps around; nor do we. */
	if ((uintptr_t)buf + len < (uintptr_t)buf)
		return 0;
	return (int)real_result(kernel_fills(buf, len));
}

/*
 * For functions that have no way to report a failure: if no random bytes can be
 * had, the program must not go on.
 */
static void kernel_must_fill(void *buf, size_t len)
{
	if (kernel_fills(buf, len) < 0 && !device_fills(buf, len))
		abort();
}

EXPORT void fastrand_buf(void *buf, size_t len)
{
	void (*next)(void *, size_t);

	if (!len || explain(EXPLAIN_ARC4RANDOM, len, fill(buf, len)))
		return;
	next = NEXT("arc4random_buf");
	if (next)
		next(buf, len);
	else
		kernel_must_fill(buf, len);
}

/*
 * The word passes through memory, because a call during which it was in a
 * register could save that register on its stack. The memory is cleared as soon
 * as the word is in the register of the return value.
 */
static __attribute__((noinline)) uint32_t word_slow(uintptr_t stack)
{
	uint32_t (*next)(void);
	volatile uint32_t memory;
	uint32_t word;

	if (!explain(EXPLAIN_ARC4RANDOM, sizeof memory,
		     fill_slow((void *)&memory, sizeof memory, stack))) {
		next = NEXT("arc4random");
		if (next)
			return next();
		kernel_must_fill((void *)&memory, sizeof memory);
	}
	word = memory;
	memory = 0;
	return word;
}

INLINE uint32_t word_now(void)
{
	uintptr_t stack = cpu_stack();
	int64_t word = fill_quick_word(stack);

	return __builtin_expect(word >= 0, 1) ? (uint32_t)word :
						word_slow(stack);
}

EXPORT uint32_t fastrand_u32(void)
{
	return word_now();
}

/*
 * For a caller that computes with the word. It is not inlined, because the
 * compiler would otherwise copy the word to where it is used.
 */
static __attribute__((noinline)) uint32_t word_apart(void)
{
	return word_now();
}

/*
 * D. Lemire, "Fast random integer generation in an interval" (2019): the answer
 * is the high half of word * bound, unless the low half is one of the 2^32 mod
 * bound values that would make an answer come up once too often.
 */
EXPORT uint32_t fastrand_uniform(uint32_t bound)
{
	uint64_t product;
	uint32_t answer;

	if (bound < 2)
		return 0;
	product = (uint64_t)word_apart() * bound;
	if (__builtin_expect((uint32_t)product < bound, 0)) {
		uint32_t excess = -bound % bound;

		while ((uint32_t)product < excess)
			product = (uint64_t)word_apart() * bound;
	}
	/*
	 * The low half is wiped because it tells about the word what the answer
	 * does not.
	 */
	answer = (uint32_t)(product >> 32);
	WIPE_64(product);
	return answer;
}

/* The headers of an old libc do not declare these. */
EXPORT void arc4random_buf(void *buf, size_t len)
	__attribute__((alias("fastrand_buf")));
EXPORT uint32_t arc4random(void) __attribute__((alias("fastrand_u32")));
EXPORT uint32_t arc4random_uniform(uint32_t bound)
	__attribute__((alias("fastrand_uniform")));

EXPORT ssize_t fastrand_vgetrandom(void **state, void *buffer, size_t len,
				   unsigned long flags)
{
	unsigned int known = (unsigned int)flags;
	long verdict = known & ~GRND_NONBLOCK ? flags_verdict(known) : 0;

	if (flags != known || verdict == -EINVAL)
		return real_result(-EINVAL);
	if (!verdict && len <= CALL_MAX &&
	    explain(EXPLAIN_FASTRAND, len,
		    fill_from(tier_ready() ? bucket_set_of(state) : NULL, buffer,
			      len)))
		return (ssize_t)len;
	return real_result(REAL_CALL(SYS_getrandom, buffer, len, flags));
}
