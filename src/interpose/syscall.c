/*
 * Which calls of syscall(2) are ours? The stubs in syscall_*.S pass those
 * numbers to this file that close, copy, open or read a descriptor, or that
 * make our table untrue. They are not cancellation points.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>

#include "system/cpu.h"
#include "system/linux.h"
#include "system/real.h"
#include "urandom_fd.h"
#include "read.h"

/*
 * The next definition of syscall behind us. It is NULL until our constructor
 * has run, and remains NULL if there is none.
 */
long (*syscall_next)(long number, ...);

/* Returns the error of a raw system call in the way of libc. */
long syscall_failed(long answer)
{
	return real_result(answer);
}

static long next(const long call[static 7])
{
	long (*go_on)(long, ...) = REAL_NAMED("syscall");

	if (go_on)
		return go_on(call[0], call[1], call[2], call[3], call[4],
			     call[5], call[6]);
	return real_result(real_call(call[0], call[1], call[2], call[3],
				     call[4], call[5], call[6]));
}

static long copied(const long call[static 7])
{
	enum urandom_tag from = urandom_fd_tag((int)call[1]);

	return urandom_fd_copied(from, (int)next(call));
}

static long copied_to(const long call[static 7])
{
	if (call[1] == call[2])
		return next(call);
	urandom_fd_ends((int)call[2]);
	return copied(call);
}

/* The end is noted before and after the call; descriptor.c says why. */
static long range_ends(const long call[static 7], long first, long last)
{
	long answer;

	urandom_fd_range_ends((unsigned int)first, (unsigned int)last);
	answer = next(call);
	urandom_fd_range_ends((unsigned int)first, (unsigned int)last);
	return answer;
}

/*
 * Called with the arguments of syscall(2), for every number that a stub passes
 * on.
 */
long syscall_descriptor(long number, long a, long b, long c, long d, long e,
			long f)
{
	const long call[7] = {number, a, b, c, d, e, f};
	ssize_t served;

	switch (number) {
	case SYS_read:
		served = urandom_fd_maybe((int)a) ?
				 read_serve((int)a, (void *)b, (size_t)c,
					    cpu_stack()) :
				 -1;
		return served >= 0 ? served : next(call);
	case SYS_openat:
		return urandom_fd_opened((int)next(call), (const char *)b,
					 (int)c);
	case SYS_dup:
		return copied(call);
	case SYS_dup3:
		return copied_to(call);
	case SYS_fcntl:
		if (b == F_DUPFD || b == F_DUPFD_CLOEXEC)
			return copied(call);
		return next(call);
#if defined(SYS_open)
	case SYS_open:
		return urandom_fd_opened((int)next(call), (const char *)a,
					 (int)b);
#endif
#if defined(SYS_dup2)
	case SYS_dup2:
		return copied_to(call);
#endif
	case SYS_close:
		return range_ends(call, a, a);
	case SYS_close_range:
		if (c & CLOSE_RANGE_UNSHARE)
			urandom_fd_latch();
		else if (!(c & CLOSE_RANGE_CLOEXEC))
			return range_ends(call, a, b);
		return next(call);
	case SYS_unshare:
		if (a & CLONE_FILES)
			urandom_fd_latch();
		return next(call);
	case SYS_prctl:
		if (a == PR_SET_SECCOMP)
			urandom_fd_latch();
		return next(call);
	case SYS_seccomp:
		urandom_fd_latch();
		return next(call);
	default:
		return next(call);
	}
}

__attribute__((constructor)) static void construct(void)
{
	syscall_next = REAL_NAMED("syscall");
}
