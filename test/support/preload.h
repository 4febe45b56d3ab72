/*
 * What a test knows of the library in front of it: whether it is there, what
 * it was told, what it served; and a door to the kernel that it cannot see.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fastrand.h"
#include "system/raw.h"

static void (*preload_info)(struct fastrand_info *info, size_t size);

/* Finds the library. Where it should be, and is not: says so, and false. */
static inline bool preload_begin(void)
{
	void *symbol = dlsym(RTLD_DEFAULT, "fastrand_info");
	const char *without = getenv("TEST_WITHOUT_PRELOAD");

	memcpy(&preload_info, &symbol, sizeof symbol);
	if (preload_info || (without && strcmp(without, "1") == 0))
		return true;
	fprintf(stderr, "libfastrand.so is not preloaded: set LD_PRELOAD to its"
			" absolute path, or TEST_WITHOUT_PRELOAD=1\n");
	return false;
}

static inline bool preload_told(const char *variable, const char *value)
{
	const char *is = getenv(variable);

	return is && strcmp(is, value) == 0;
}

/* Is a tag trusted, without asking the kernel at each read? */
static inline bool preload_trusts(void)
{
	return preload_told("FASTRAND_TRUST_FDS", "1");
}

/* Can it be told who answered a read? */
static inline bool preload_counts(void)
{
	return preload_info && !preload_told("FASTRAND_SOURCE", "off") &&
	       !preload_told("TEST_WITHOUT_PRELOAD", "1");
}

/* Something that goes up with every request that the library serves. */
static inline uint64_t preload_served(void)
{
	struct fastrand_info info = {0};

	if (!preload_counts())
		return 0;
	preload_info(&info, sizeof info);
	return info.requests;
}

#if !defined(RAW_CALL)

/* A system call by libc's own function, whatever stands before it. */
static inline long raw_call(long n, long a, long b, long c, long d, long e,
			    long f)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	long (*call)(long, ...);
	int before = errno;
	long answer;

	*(void **)&call = dlsym(libc, "syscall");
	answer = call(n, a, b, c, d, e, f);
	answer = answer == -1 ? -errno : answer;
	errno = before;
	return answer;
}

#endif

/*
 * A system call made behind the back of the library: -errno or the answer. Arguments
 * that the call does not have are left out.
 */
#define RAW_(n, a, b, c, d, e, f, ...) \
	raw_call((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), \
		 (long)(e), (long)(f))
#define RAW(...) RAW_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* The kernel's own word on what a number is, unseen by the library. */
enum nature {
	NATURE_CLOSED,
	NATURE_RANDOM,
	NATURE_REGULAR,
	NATURE_OTHER,
};

static inline enum nature nature_of(int fd)
{
	struct statx is;

	if (RAW(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &is) != 0)
		return NATURE_CLOSED;
	if (S_ISREG(is.stx_mode))
		return NATURE_REGULAR;
	if (S_ISCHR(is.stx_mode) && is.stx_rdev_major == 1 &&
	    (is.stx_rdev_minor == 8 || is.stx_rdev_minor == 9))
		return NATURE_RANDOM;
	return NATURE_OTHER;
}

#endif
