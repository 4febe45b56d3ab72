/*
 * A machine's kernel has no entropy yet. What the library leaves to it then is
 * refused, or waits, as the kernel and libc have it, in every tier.
 *
 *   early SOURCE...    the first program of a guest, with the library preloaded:
 *                      one line for each of them and for each promise
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *who, const char *what, int good)
{
	printf("%s %s: %s\n", good ? "GOOD" : "BAD", who, what);
	fflush(stdout);
}

static int is_ready(void)
{
	char byte;
	long got;

	/* Not by libc's syscall, which is the library's. */
	__asm__ volatile("syscall"
			 : "=a"(got)
			 : "a"(SYS_getrandom), "D"(&byte), "S"(1),
			   "d"(GRND_NONBLOCK)
			 : "rcx", "r11", "memory");
	return got == 1;
}

static int refused(ssize_t got)
{
	return got == -1 && errno == EAGAIN;
}

/* A program of its own for each source: it is read at the start. */
static void who_does_not_wait(const char *source)
{
	char bytes[512];

	say(source, "16 bytes are refused",
	    refused(getrandom(bytes, 16, GRND_NONBLOCK)));
	say(source, "512 bytes are refused",
	    refused(getrandom(bytes, sizeof bytes, GRND_NONBLOCK)));
	say(source, "16 bytes by number are refused",
	    refused(syscall(SYS_getrandom, bytes, 16, GRND_NONBLOCK)));
	say(source, "the kernel was not ready all the time", !is_ready());
}

static void *waits(void *unused)
{
	char bytes[16];

	(void)unused;
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return "failed";
	return is_ready() ? "ready" : "not ready";
}

int main(int count, char **arguments)
{
	pthread_t cancelled, served;
	void *result;
	int status;

	if (getenv("EARLY")) {
		who_does_not_wait(getenv("EARLY"));
		return 0;
	}
	for (int i = 1; i < count; i++) {
		if (fork() == 0) {
			setenv("EARLY", arguments[i], 1);
			setenv("FASTRAND_SOURCE", arguments[i], 1);
			execv(arguments[0], arguments);
			_exit(2);
		}
		wait(&status);
	}
	pthread_create(&cancelled, NULL, waits, NULL);
	usleep(20000);
	pthread_cancel(cancelled);
	pthread_join(cancelled, &result);
	say("waiting", "is cancelled", result == PTHREAD_CANCELED);
	pthread_create(&served, NULL, waits, NULL);
	pthread_join(served, &result);
	say("waiting", "is served when the kernel is ready",
	    !strcmp(result, "ready"));
	puts("END");
	fflush(stdout);
	for (;;)
		pause();
}
