/*
 * qemu-user takes every advice on memory, and in its older releases follows
 * none: a library that has offered it nonsense, and was not refused, believes
 * nothing and serves nothing. For tests of what is served there: linked with
 * --wrap=real_call, this refuses nonsense in its place. It makes nothing safe:
 * what fork should wipe is still there in the child.
 */
#include <errno.h>
#include <sys/syscall.h>

long __real_real_call(long, long, long, long, long, long, long);
long __wrap_real_call(long, long, long, long, long, long, long);

long __wrap_real_call(long number, long a, long b, long c, long d, long e,
		      long f)
{
	if (number == SYS_madvise && c == -1)
		return -EINVAL;
	return __real_real_call(number, a, b, c, d, e, f);
}
