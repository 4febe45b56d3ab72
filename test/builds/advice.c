/*
 * An emulator that ignores the advice that it does not know, but takes
 * MADV_WIPEONFORK seriously (qemu-user from 7.2 on), is not believed by the
 * library, and nothing is served. For tests of what is served there: linked with
 * --wrap=real_call, this refuses nonsense in its place.
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
