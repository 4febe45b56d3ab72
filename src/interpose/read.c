/*
 * read and its relatives. A descriptor that may be the random device, and is,
 * is answered by fill; every other read goes on to the next definition behind us
 * after one look into a table.
 *
 * Like libc's these are cancellation points: tested before a bucket is taken.
 */
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../explain.h"
#include "../fill_small.h"
#include "../real.h"
#include "../tier.h"
#include "../urandom_fd.h"
#include "export.h"
#include "names.h"
#include "read.h"

enum {
	READ_MAX = 0x7ffff000,	/* at most, in one call; more is the kernel's */
	VECTOR_MAX = 1024,	/* UIO_MAXIOV */
};

ssize_t __read(int, void *, size_t);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __pread64(int, void *, size_t, off64_t);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);

/* Is the device behind it, so far as that is worth to know? */
static bool proved(int fd, size_t len)
{
	if (fill_pays_proof(len))
		return urandom_fd_proved(fd);
	if (explain_wanted() && urandom_fd_proved(fd))
		explain(EXPLAIN_READ, len,
			fill_refuse(tier_now() == TIER_OFF ? FILL_OFF :
							     FILL_SMALL));
	return false;
}

ssize_t read_serve(int fd, void *buf, size_t len, uintptr_t stack)
{
	if (len > READ_MAX)
		return -1;
	if (!urandom_fd_trusted(fd) && !proved(fd, len))
		return -1;
	if (!explain(EXPLAIN_READ, len, fill_slow(buf, len, stack)))
		return -1;
	return (ssize_t)len;
}

/* Where a vector cannot be memory, or is none, the kernel says what is wrong. */
static ssize_t serve_vector(int fd, const struct iovec *vector, int count)
{
	size_t all = 0;
	bool ok = true;

	if (count <= 0 || count > VECTOR_MAX || (uintptr_t)vector < 65536)
		return -1;
	for (int i = 0; i < count; i++) {
		if (vector[i].iov_len > READ_MAX - all)
			return -1;
		all += vector[i].iov_len;
	}
	if (!all || !proved(fd, all))
		return -1;
	for (int i = 0; ok && i < count; i++)
		ok = !vector[i].iov_len ||
		     fill(vector[i].iov_base, vector[i].iov_len);
	return explain(EXPLAIN_READ, all, ok) ? (ssize_t)all : -1;
}

/* The device has no position, but one must be given that a file could have. */
static bool position(off64_t at, size_t len)
{
	return at >= 0 && len <= READ_MAX && at <= INT64_MAX - READ_MAX;
}

/* Any thread may be storing what it found, at the same time. */
#define NEXT_OF(name) __atomic_load_n(&name##_next, __ATOMIC_RELAXED)

/*
 * The signatures differ in what follows the length; what is ours is the same.
 * maybe: is the question worth asking, besides the descriptor?
 *
 * Every read of a program passes here, so the way of the others is short: a look
 * at the table, and a jump through a pointer that finds itself at first.
 */
#define NEXT(name, parameters, arguments) \
	static ssize_t name##_first parameters; \
	static ssize_t (*name##_next) parameters = name##_first; \
	static ssize_t name##_first parameters \
	{ \
		if (!REAL(name)) \
			return real_result(-ENOSYS); \
		__atomic_store_n(&name##_next, REAL(name), __ATOMIC_RELAXED); \
		return NEXT_OF(name) arguments; \
	}

#define SHIM(name, parameters, arguments, maybe, quick, serve) \
	NEXT(name, parameters, arguments) \
	static __attribute__((noinline)) ssize_t name##_maybe parameters \
	{ \
		uintptr_t stack = cpu_stack(); \
		ssize_t served = -1; \
\
		(void)stack; \
		quick \
		real_testcancel(); \
		if (maybe) \
			served = serve; \
		return served >= 0 ? served : NEXT_OF(name) arguments; \
	} \
	EXPORT ssize_t name parameters \
	{ \
		if (__builtin_expect(urandom_fd_maybe(fd), 0)) \
			return name##_maybe arguments; \
		return NEXT_OF(name) arguments; \
	}

/* A few bytes of a trusted descriptor need no other room. */
#define READ_QUICK \
	if (urandom_fd_trusted(fd) && fill_quick(buf, len, stack)) { \
		real_testcancel(); \
		return (ssize_t)len; \
	}

#define READ(name, parameters, arguments, maybe) \
	SHIM(name, parameters, arguments, maybe, , \
	     read_serve(fd, buf, len, stack))

SHIM(read, (int fd, void *buf, size_t len), (fd, buf, len), true, READ_QUICK,
     read_serve(fd, buf, len, stack))
READ(pread, (int fd, void *buf, size_t len, off_t at), (fd, buf, len, at),
     position(at, len))
ONLY_GLIBC(
READ(__read, (int fd, void *buf, size_t len), (fd, buf, len), true)
READ(__read_chk, (int fd, void *buf, size_t len, size_t room),
     (fd, buf, len, room), len <= room)
READ(pread64, (int fd, void *buf, size_t len, off64_t at), (fd, buf, len, at),
     position(at, len))
READ(__pread64, (int fd, void *buf, size_t len, off64_t at),
     (fd, buf, len, at), position(at, len))
READ(__pread_chk, (int fd, void *buf, size_t len, off_t at, size_t room),
     (fd, buf, len, at, room), position(at, len) && len <= room)
READ(__pread64_chk, (int fd, void *buf, size_t len, off64_t at, size_t room),
     (fd, buf, len, at, room), position(at, len) && len <= room)
)

#define READ_VECTOR(name, parameters, arguments, maybe) \
	SHIM(name, parameters, arguments, maybe, , \
	     serve_vector(fd, vector, count))

READ_VECTOR(readv, (int fd, const struct iovec *vector, int count),
	    (fd, vector, count), true)
READ_VECTOR(preadv, (int fd, const struct iovec *vector, int count, off_t at),
	    (fd, vector, count, at), position(at, 0))
ONLY_GLIBC(
READ_VECTOR(preadv64,
	    (int fd, const struct iovec *vector, int count, off64_t at),
	    (fd, vector, count, at), position(at, 0))
READ_VECTOR(preadv2,
	    (int fd, const struct iovec *vector, int count, off_t at, int flags),
	    (fd, vector, count, at, flags), (at == -1 || position(at, 0)) && !flags)
READ_VECTOR(preadv64v2,
	    (int fd, const struct iovec *vector, int count, off64_t at,
	     int flags),
	    (fd, vector, count, at, flags), (at == -1 || position(at, 0)) && !flags)
)
