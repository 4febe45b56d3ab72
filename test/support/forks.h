/*
 * The ways to part, which all return twice; and threads that go on meanwhile.
 */
#ifndef FORKS_H
#define FORKS_H

#include "draws.h"

#include <gnu/libc-version.h>

extern pid_t _Fork(void) __attribute__((weak));

enum {
	CHILD_SECONDS = 30, /* until a child that hangs is ended */
	THREADS = 4,	    /* that begin_threads begins */
	LONG = 64 * 1024,   /* as much as is drawn at one look at the stamp */
};

static inline pid_t raw_clone(void)
{
	return (pid_t)RAW(SYS_clone, SIGCHLD);
}

static inline pid_t underscore_fork(void)
{
	return _Fork ? _Fork() : raw_clone();
}

static inline pid_t syscall_clone(void)
{
	return (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
}

static pid_t (*const splits[])(void) = {
	fork,
	underscore_fork,
	raw_clone,
	syscall_clone,
};

/* A child that shares all memory, but for its stack: one at a time. */
static inline pid_t clone_with_memory(int (*body)(void *))
{
	static char stack[256 * 1024] __attribute__((aligned(64)));

	return clone(body, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
}

static inline bool in_child(pid_t child)
{
	expect(child >= 0);
	if (child == 0)
		alarm(CHILD_SECONDS);
	return child == 0;
}

/* Until then a fork in a fork handler waits for ever, beside other threads. */
static inline void need_forks_in_handlers(void)
{
	int major = 0, minor = 0;

	sscanf(gnu_get_libc_version(), "%d.%d", &major, &minor);
	if (major == 2 && minor < 36)
		skip_because("before glibc 2.36 fork handlers may not fork");
}

static inline void *map_private(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(at != MAP_FAILED);
	return at;
}

/* What all processes and threads of a test drew. */
static struct words *words;

/* From here on the library has a key, and what a child gets is compared. */
static inline void begin_words(size_t room)
{
	/* The first block under an all-zero key, nonce and counter. */
	static const uint8_t no_key[64] = {
		0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d,
		0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8,
		0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77,
		0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d,
		0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43,
		0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69,
		0xb2, 0xee, 0x65, 0x86,
	};

	words = words_new(room);
	words_add(words, no_key, sizeof no_key);
	words_draw(words, &ways[0], 100);
}

static atomic_bool enough;
static pthread_t threads[THREADS];

static inline void begin_threads(void *(*body)(void *))
{
	enough = false;
	for (size_t i = 0; i < THREADS; i++)
		expect(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
}

static inline void end_threads(void)
{
	enough = true;
	for (size_t i = 0; i < THREADS; i++)
		expect(pthread_join(threads[i], NULL) == 0);
}

/* Of four threads on few CPUs one is nearly always stopped in mid-draw. */
static inline void *draws_long_ones(void *unused)
{
	static _Thread_local uint64_t bytes[LONG / 8];

	(void)unused;
	while (!enough)
		by_getrandom(bytes, sizeof bytes);
	return NULL;
}

#endif
