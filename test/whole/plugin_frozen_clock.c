/*
 * A library whose clocks stand still, as those do that test programs for dates:
 * whoever measures by libc's names sees no time pass.
 */
#include <stddef.h>
#include <sys/time.h>
#include <time.h>

enum { FROZEN = 1000000000 }; /* seconds: a day in 2001 */

int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	now->tv_sec = FROZEN;
	now->tv_nsec = 0;
	return 0;
}

time_t time(time_t *now)
{
	if (now)
		*now = FROZEN;
	return FROZEN;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	(void)zone;
	*now = (struct timeval){FROZEN, 0};
	return 0;
}
