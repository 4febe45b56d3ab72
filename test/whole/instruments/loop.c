/* LENGTH MILLISECONDS: draws so many bytes at a time, for so long, in one loop. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint8_t bytes[4096];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static __attribute__((noinline)) void draws_in_a_loop(size_t len, double until)
{
	while (now() < until)
		for (int i = 0; i < 1000; i++)
			if (getrandom(bytes, len, 0) != (ssize_t)len)
				abort();
}

int main(int count, char **arguments)
{
	if (count != 3)
		return 2;
	draws_in_a_loop((size_t)atoi(arguments[1]), atof(arguments[2]));
	return 0;
}
