/*
 * Threads of a constructor that runs before the library's own: they draw and
 * read while it starts.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fastrand.h"

enum { THREADS = 3, USES = 7 };

static pthread_t threads[THREADS];
static atomic_bool enough;

static void check(bool good)
{
	if (!good)
		abort();
}

static void use(size_t which)
{
	static const char *const paths[] = {"/dev/urandom", "/dev/random"};
	uint8_t bytes[600];
	int fd;

	switch (which % USES) {
	case 0:
		check(getrandom(bytes, 16, 0) == 16);
		break;
	case 1:
		check(getrandom(bytes, 600, GRND_RANDOM | GRND_NONBLOCK) > 0);
		break;
	case 2:
		check(getentropy(bytes, 100) == 0);
		break;
	case 3:
		check(syscall(SYS_getrandom, bytes, 600, 0) == 600);
		break;
	case 4:
		fastrand_buf(bytes, 300);
		break;
	default:
		fd = open(paths[which % 2], O_RDONLY);
		check(fd >= 0);
		check(read(fd, bytes, 600) == 600);
		check(close(fd) == 0);
	}
}

static void *draws(void *number)
{
	size_t i = (size_t)number;

	while (!atomic_load_explicit(&enough, memory_order_relaxed))
		use(i++);
	return NULL;
}

__attribute__((constructor(101))) static void construct(void)
{
	for (size_t i = 0; i < THREADS; i++)
		check(pthread_create(&threads[i], NULL, draws,
				     (void *)(i * 2)) == 0);
}

int main(void)
{
	struct fastrand_info info = {0};

	for (size_t i = 0; i < 10 * USES; i++)
		use(i);
	atomic_store_explicit(&enough, true, memory_order_relaxed);
	for (size_t i = 0; i < THREADS; i++)
		check(pthread_join(threads[i], NULL) == 0);
	/* The start may have been theirs, and all before was the kernel's. */
	for (size_t i = 0; i < USES; i++)
		use(i);
	fastrand_info(&info, sizeof info);
	printf("served %llu\n", (unsigned long long)info.requests);
	return info.requests ? 0 : 1;
}
