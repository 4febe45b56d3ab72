/*
 * How a descriptor test keeps a promise: in this process, or apart, in a
 * forked child that may do to itself what it likes, or in a program executed
 * anew. One failure or one skip inside is one failure or one skip outside.
 */
#ifndef PROMISE_H
#define PROMISE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "known_file.h"
#include "preload.h"

enum {
	PROMISE_SKIPPED = 77,
	PROMISE_SECONDS = 60, /* until a child that hangs is ended */
	/* Read to see who answers: every tier serves that many itself. */
	SERVED_LEN = 512,
};

/* Where a test happens, and in a child: where its words go. */
static bool promise_apart;

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define expect(condition) \
	((condition) ? (void)0 : \
		       promise_broken(__FILE__, __LINE__, #condition))

static inline void promise_broken(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", file, line, what,
		errno);
	if (promise_apart)
		_exit(1);
	_fail(file, line);
}

/* Leaves the test, which counts as skipped, for a reason that is printed. */
static inline void skip_because(const char *reason)
{
	fprintf(stderr, "skipped: %s\n", reason);
	if (promise_apart)
		_exit(PROMISE_SKIPPED);
	skip();
}

/* For what no tag can know and only the proof before each read finds out. */
static inline void only_the_proof_sees_this(void)
{
	if (preload_trusts())
		skip_because("FASTRAND_TRUST_FDS=1: no proof before a read");
}

/* Since glibc 2.41 its getrandom and arc4random are no system calls. */
static inline bool libc_has_a_generator(void)
{
	const char *(*version)(void) = (const char *(*)(void))(uintptr_t)
		dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
	int major = 0, minor = 0;

	return version && sscanf(version(), "%d.%d", &major, &minor) == 2 &&
	       (major > 2 || minor >= 41);
}

/*
 * Tier off is whatever libc has: a generator in the process faults, maps memory
 * and is killed as it likes.
 */
static inline void only_where_off_is_the_kernel(void)
{
	if (preload_told("FASTRAND_SOURCE", "off") && libc_has_a_generator())
		skip_because("tier off is libc's own generator here");
}

static inline void only_for_root(void)
{
	if (geteuid() != 0)
		skip_because("needs root");
}

/* Where this program and its plugins are, and the library. */
static inline const char *beside(const char *name)
{
	static char path[2 * PATH_MAX];
	char own[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);

	expect(len > 0);
	own[len] = '\0';
	snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(own, '/') - own),
		 own, name);
	return path;
}

static inline const char *library(void)
{
	void *inside;
	Dl_info is;

	memcpy(&inside, &preload_info, sizeof inside);
	expect(dladdr(inside, &is) != 0);
	return is.dli_fname;
}

/* Threads and children that begin from now on stay there as well. */
static inline void stay_on_this_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	expect(sched_setaffinity(0, sizeof one, &one) == 0);
}

/* Runs the body in a forked child and gives the child's wait status. */
static inline int status_apart(void (*body)(void))
{
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		promise_apart = true;
		alarm(PROMISE_SECONDS);
		body();
		_exit(0);
	}
	expect(child > 0);
	expect(waitpid(child, &status, 0) == child);
	return status;
}

/* The outcome of a child is the outcome of this test. */
static inline void promise_outcome(int status)
{
	if (WIFSIGNALED(status))
		fprintf(stderr, "a child died of signal %d\n",
			WTERMSIG(status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROMISE_SKIPPED)
		skip_because("(said by the child)");
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline void keep_apart(void (*body)(void))
{
	promise_outcome(status_apart(body));
}

/* A child that a test made itself answers like one kept apart. */
static inline void reap(pid_t child)
{
	int status = -1;

	expect(child > 0);
	expect(waitpid(child, &status, 0) == child);
	promise_outcome(status);
}

/* A test is a body, kept here or apart. */
struct promise {
	const char *name;
	void (*body)(void);
	bool apart;
};

#define HERE(body) {#body, body, false}
#define APART(body) {#body, body, true}

static inline void promise_keep(void **state)
{
	const struct promise *promise = *state;

	if (promise->apart)
		keep_apart(promise->body);
	else
		promise->body();
}

static inline int promise_setup(void **state)
{
	(void)state;
	return known_begin() ? 0 : -1;
}

static inline int promise_teardown(void **state)
{
	(void)state;
	known_end();
	return 0;
}

/* Runs the tests as one group, and gives main's answer. */
static inline int promise_run(const char *group, const struct CMUnitTest *tests,
			      size_t count)
{
	if (!preload_begin())
		return 2;
	return _cmocka_run_group_tests(group, tests, count, promise_setup,
				       promise_teardown);
}

/* Tests collected one by one; run, they are one group. */
struct promise_list {
	struct CMUnitTest tests[256];
	size_t count;
};

/* Adds the test "subject what"; keep finds its row in *state. */
static inline void promise_add(struct promise_list *list, const char *subject,
			       const char *what, CMUnitTestFunction keep,
			       const void *row)
{
	char *name;

	if (asprintf(&name, "%s%s", subject, what) < 0 ||
	    list->count == COUNT(list->tests))
		abort();
	list->tests[list->count++] = (struct CMUnitTest){
		name, keep, NULL, NULL, (void *)(uintptr_t)row};
}

static inline void promises_add(struct promise_list *list,
				const struct promise *promises, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		promise_add(list, "", promises[i].name, promise_keep,
			    &promises[i]);
}

static inline int promises_keep(const char *group,
				const struct promise *promises, size_t count)
{
	static struct promise_list list;

	promises_add(&list, promises, count);
	return promise_run(group, list.tests, list.count);
}

/*
 * In a program executed by a test: keeps the promise of that name, and gives
 * main's answer.
 */
static inline int promise_play(const char *name, const struct promise *promises,
			       size_t count)
{
	size_t i;

	promise_apart = true;
	for (i = 0; i < count; i++)
		if (strcmp(promises[i].name, name) == 0) {
			promises[i].body();
			return 0;
		}
	return 2;
}

/* The same, with known files, and with an end to what hangs. */
static inline int promise_executed(const char *what,
				   const struct promise *promises, size_t count)
{
	promise_apart = true;
	alarm(PROMISE_SECONDS);
	if (!preload_begin() || !known_begin())
		return 2;
	return promise_play(what, promises, count);
}

/*
 * What a descriptor is, seen by reading it.
 */

static inline void expect_random_bytes(const void *bytes, size_t len)
{
	static _Thread_local uint8_t last[32];

	expect(known_random(bytes, len));
	expect(memcmp(bytes, last, sizeof last) != 0);
	memcpy(last, bytes, sizeof last);
}

/* Every way of reading gives random bytes, whoever made them. */
static inline void expect_random(int fd)
{
	uint8_t bytes[SERVED_LEN] = {0};
	struct iovec halves[2] = {{bytes, 16}, {bytes + 16, 48}};

	expect(read(fd, bytes, 32) == 32);
	expect_random_bytes(bytes, 32);
	expect(pread(fd, bytes, sizeof bytes, 32) == sizeof bytes);
	expect_random_bytes(bytes, sizeof bytes);
	expect(readv(fd, halves, 2) == 64);
	expect_random_bytes(bytes, 64);
}

/*
 * It is random, and the library answers. A draw may be refused now and then,
 * when the kernel reseeds or memory is short: so it is asked a few times.
 */
static inline void expect_served(int fd)
{
	uint8_t bytes[SERVED_LEN];
	uint64_t before;
	int tries;

	for (tries = 0; tries < 4; tries++) {
		before = preload_served();
		errno = 4242;
		expect(read(fd, bytes, sizeof bytes) == sizeof bytes);
		expect(errno == 4242);
		expect_random_bytes(bytes, sizeof bytes);
		if (!preload_counts() || preload_served() > before)
			break;
	}
	expect(tries < 4);
	expect_random(fd);
}

/* Every way of reading gives the bytes of that known file. */
static inline void expect_known(int fd, unsigned file)
{
	uint8_t bytes[SERVED_LEN] = {0};
	struct iovec halves[2] = {{bytes, 7}, {bytes + 7, 200}};
	long at = RAW(SYS_lseek, fd, 0, SEEK_CUR);

	expect(at >= 0 && at + 2 * SERVED_LEN <= KNOWN_SIZE);
	expect(read(fd, bytes, sizeof bytes) == sizeof bytes);
	expect(known_is(bytes, file, (uint64_t)at, sizeof bytes));
	at += (long)sizeof bytes;
	expect(readv(fd, halves, 2) == 207);
	expect(known_is(bytes, file, (uint64_t)at, 207));
	expect(pread(fd, bytes, sizeof bytes, 4099) == sizeof bytes);
	expect(known_is(bytes, file, 4099, sizeof bytes));
	expect(read(fd, bytes, 16) == 16);
	expect(known_is(bytes, file, (uint64_t)at + 207, 16));
}

static inline void expect_unreadable(int fd)
{
	uint8_t bytes[SERVED_LEN];
	struct iovec whole = {bytes, sizeof bytes};

	expect(read(fd, bytes, sizeof bytes) == -1 && errno == EBADF);
	expect(pread(fd, bytes, sizeof bytes, 0) == -1 && errno == EBADF);
	expect(readv(fd, &whole, 1) == -1 && errno == EBADF);
	expect(read(fd, bytes, 0) == -1 && errno == EBADF);
}

/*
 * Something that a read now neither takes bytes from nor waits for (an empty
 * pipe, a socket, a counter of 0): the answer is the kernel's.
 */
static inline void expect_as_the_kernel(int fd)
{
	uint8_t bytes[SERVED_LEN] = {0};
	long flags = RAW(SYS_fcntl, fd, F_GETFL);
	long theirs, ours;

	RAW(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
	theirs = RAW(SYS_read, fd, bytes, sizeof bytes);
	expect(theirs <= 0);
	ours = read(fd, bytes, sizeof bytes);
	expect((ours == -1 ? -errno : ours) == theirs);
	RAW(SYS_fcntl, fd, F_SETFL, flags);
}

static inline int open_known(unsigned file)
{
	int fd = open(known_path(file), O_RDONLY);

	expect(fd >= 0);
	return fd;
}

/* A descriptor of the device, of which the library knows. */
static inline int open_served(void)
{
	int fd = open("/dev/urandom", O_RDONLY);

	expect(fd >= 0);
	expect_served(fd);
	return fd;
}

/* The file is opened by plain open, and gets this number, the lowest free. */
static inline void expect_known_lands_on(int number, unsigned file)
{
	expect(open_known(file) == number);
	expect_known(number, file);
	expect(close(number) == 0);
	expect_unreadable(number);
}

#endif
