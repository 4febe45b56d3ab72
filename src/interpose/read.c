/*
 * Is a call of read or one of its relatives ours to answer? A read of a
 * descriptor that may be the random device, and is proved to be, is answered by
 * fill(). Every other read goes on to the next definition behind us after one
 * look into a table.
 *
 * Like libc's, these functions are cancellation points. A pending request is
 * tested for before a bucket is taken.
 */
#include <sys/uio.h>
#include <unistd.h>

#include "report/explain.h"
#include "generator/fill_checks.h"
#include "generator/fill_small.h"
#include "system/real.h"
#include "source/tier.h"
#include "urandom_fd.h"
#include "system/export.h"
#include "names.h"
#include "read.h"

enum {
	READ_MAX = 0x7ffff000,	/* most in one call; more is the kernel's */
	VECTOR_MAX = 16,	/* parts, copied to the caller's stack */
};

ssize_t __read(int, void *, size_t);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __pread64(int, void *, size_t, off64_t);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);

/*
 * Returns false. The reason why the read is left to the kernel is recorded only
 * if fastrand --explain wants to know it.
 */
static bool does_not_pay(size_t len)
{
	if (explain_wanted())
		explain(EXPLAIN_READ, len,
			fill_refuse(tier_now() == TIER_OFF ? FILL_OFF :
							     FILL_SMALL));
	return false;
}

/*
 * Is the descriptor the device? This is found out only if the answer is of use:
 * to serve the read, or to explain why it is not served.
 */
static bool proved(int fd, size_t len)
{
	if (fill_pays_proof(len))
		return urandom_fd_proved(fd);
	return explain_wanted() && urandom_fd_proved(fd) && does_not_pay(len);
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

/*
 * The kernel copies a vector before it writes to any of its parts, because the
 * vector may lie in one of its own buffers. We do the same if it is short, and
 * leave a long one to the kernel.
 *
 * The vector is not read before the descriptor is proved. For any other
 * descriptor the kernel reports what is wrong, with the vector or with the
 * descriptor.
 */
static ssize_t serve_vector(int fd, const struct iovec *vector, int count)
{
	struct iovec part[VECTOR_MAX];
	size_t all = 0, done = 0;
	long rest;
	int i;

	if (count <= 0 || count > VECTOR_MAX ||
	    !fill_plausible(vector, (size_t)count * sizeof *vector))
		return -1;
	if (!fill_pays_proof(READ_MAX) && !explain_wanted())
		return -1;
	if (!urandom_fd_proved(fd))
		return -1;
	for (i = 0; i < count; i++) {
		part[i] = vector[i];
		if (part[i].iov_len > READ_MAX - all)
			return -1;
		all += part[i].iov_len;
	}
	if (!all || (!fill_pays_proof(all) && !does_not_pay(all)))
		return -1;
	for (i = 0; i < count; done += part[i++].iov_len)
		if (part[i].iov_len &&
		    !fill(part[i].iov_base, part[i].iov_len))
			break;
	if (explain(EXPLAIN_READ, all, i == count))
		return (ssize_t)all;
	/*
	 * libc would read the vector again, and it may be overwritten by now;
	 * so the rest is read by our copy.
	 */
	rest = REAL_CALL(SYS_readv, fd, part + i, count - i);
	if (rest > 0)
		done += (size_t)rest;
	return done ? (ssize_t)done : -1;
}

/*
 * The device has no position, but the one that is given has to be valid for a
 * file.
 */
static bool position(off64_t at, size_t len)
{
	return at >= 0 && len <= READ_MAX && at <= INT64_MAX - READ_MAX;
}

/*
 * The load is atomic because another thread may be storing the address just
 * now.
 */
#define NEXT_OF(name) __atomic_load_n(&name##_next, __ATOMIC_RELAXED)

/*
 * Defines a shim. The names differ in the parameters after the length; those
 * that we use are called the same in all of them. maybe is the condition, apart
 * from the descriptor, under which the read may be ours.
 *
 * Every read of a program comes through here, so the path of the other
 * descriptors is short: one look into the table, and a jump through a pointer.
 * At first this pointer leads to a function that looks up the next definition.
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

/* Short reads of a trusted descriptor are served here at once. */
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
