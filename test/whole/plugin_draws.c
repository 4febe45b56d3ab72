/*
 * A library that draws by every name when it is loaded and again when it is
 * unloaded, whatever else is there by then, and makes other system calls by
 * syscall(2). PLUGIN_IDLE=1: it does nothing. PLUGIN_SAYS=1: it says on stderr
 * when it has drawn.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

extern uint32_t arc4random(void) __attribute__((weak));
extern void arc4random_buf(void *buf, size_t len) __attribute__((weak));

enum { TURNS = 8, EACH = 5, LONG = 4096 };

/* What it drew: the constructor's half, then the destructor's. */
extern uint64_t plugin_drawn[2 * TURNS * EACH];
extern size_t plugin_count;

uint64_t plugin_drawn[2 * TURNS * EACH];
size_t plugin_count;

static void say(const char *words)
{
	const char *wanted = getenv("PLUGIN_SAYS");

	if (wanted && !strcmp(wanted, "1") &&
	    write(2, words, strlen(words)) < 0)
		_exit(97);
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "plugin_draws: %s, errno %d\n", what, errno);
	_exit(98);
}

static void draw(void)
{
	uint8_t bytes[LONG];
	uint64_t word;

	for (int i = 0; i < TURNS; i++) {
		must(getrandom(&word, 8, 0) == 8, "getrandom");
		plugin_drawn[plugin_count++] = word;
		must(getentropy(&word, 8) == 0, "getentropy");
		plugin_drawn[plugin_count++] = word;
		must(syscall(SYS_getrandom, &word, 8, 0) == 8, "syscall");
		plugin_drawn[plugin_count++] = word;
		must(getrandom(bytes, sizeof bytes, 0) == LONG, "getrandom");
		memcpy(&plugin_drawn[plugin_count++], bytes, 8);
		/* An old libc in a namespace of its own has none. */
		must(getrandom(&word, 8, 0) == 8, "getrandom");
		if (arc4random_buf)
			arc4random_buf(&word, sizeof word);
		if (arc4random)
			word ^= arc4random();
		plugin_drawn[plugin_count++] = word;
	}
	for (size_t i = 0; i < plugin_count; i++) {
		must(plugin_drawn[i] != 0, "a word is zero");
		for (size_t j = 0; j < i; j++)
			must(plugin_drawn[i] != plugin_drawn[j],
			     "a word came twice");
	}
}

static void call(void)
{
	long at;

	must(syscall(SYS_getpid) == getpid(), "getpid");
	must(syscall(99999, 1, 2, 3, 4, 5, 6) == -1 && errno == ENOSYS,
	     "a number that is none");
	must(syscall(SYS_getrandom, NULL, 16, 0) == -1 && errno == EFAULT,
	     "getrandom for NULL");
	must(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 1) == -1 &&
		     errno == EINVAL,
	     "mmap at an odd offset");
	errno = 4242;
	at = syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(at != -1 && errno == 4242, "mmap");
	*(volatile char *)at = 1;
	must(syscall(SYS_munmap, at, 4096) == 0, "munmap");
}

static bool idle(void)
{
	const char *is = getenv("PLUGIN_IDLE");

	return is && !strcmp(is, "1");
}

__attribute__((constructor)) static void construct(void)
{
	if (idle())
		return;
	call();
	draw();
	say("plugin_draws: drew first\n");
}

__attribute__((destructor)) static void destruct(void)
{
	if (idle())
		return;
	call();
	draw();
	say("plugin_draws: drew last\n");
}
