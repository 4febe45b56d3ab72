/*
 * Four threads and a child that draw by many names, under somebody's instrument.
 * The last line is how many requests the library served.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/random.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastrand.h"

enum { THREADS = 4, ROUNDS = 300, MOST = 5000 };

static int device;

static void must(int ok)
{
	if (!ok)
		abort();
}

static void *draws(void *unused)
{
	uint8_t bytes[MOST];

	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("/dev/urandom", O_RDONLY);
		size_t len = 1 + (size_t)i % 40;

		must(getrandom(bytes, len, 0) == (ssize_t)len);
		must(getrandom(bytes, MOST, 0) == MOST);
		must(getentropy(bytes, 100) == 0);
		must(fd >= 0 && read(fd, bytes, 2000) == 2000);
		close(fd);
		/* For root: every buffer is to be made anew. */
		if (i % 50 == 0)
			ioctl(device, RNDRESEEDCRNG);
	}
	return unused;
}

int main(void)
{
	void (*tell)(struct fastrand_info *, size_t);
	void *found = dlsym(RTLD_DEFAULT, "fastrand_info");
	pthread_t threads[THREADS];
	struct fastrand_info info = {0};
	int status = -1;
	pid_t child;

	device = open("/dev/random", O_RDONLY);
	child = fork();
	if (child == 0) {
		draws(NULL);
		_exit(0);
	}
	for (int i = 0; i < THREADS; i++)
		must(!pthread_create(&threads[i], NULL, draws, NULL));
	must(waitpid(child, &status, 0) == child && status == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	memcpy(&tell, &found, sizeof tell);
	if (tell)
		tell(&info, sizeof info);
	printf("%llu\n", (unsigned long long)info.requests);
	return 0;
}
