/*
 * What runs in the guest: draws at an interval, and writes a line each time.
 *
 *   sampler TAG FILE [timens]
 *
 *   START TAG tier=.. why=.. memory=.. hardware=.. generation=.. kernel=..
 *   S TAG NUMBER TIME GENERATION GENERATION SOURCE=HEX ...
 *
 * The generations are the kernel's, before and after the draws, as its vDSO's
 * function says (0: it has none). Of each draw 16 bytes are shown, of long ones
 * the last. Sources:
 *
 *   short, long, arc   ours: getrandom of 16 and 512 bytes, arc4random_buf
 *   sys                the system call itself
 *   vdso               the vDSO's function itself, with a state of its own
 *   naive              a generator in user space that was seeded once
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "fastrand.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

enum { SHOWN = 16, LONG = 512, EVERY = 20 /* ms */, STATE = 144 };

typedef ssize_t vdso_getrandom(void *, size_t, unsigned int, void *, size_t);

static const char *tag;
static int out;
static vdso_getrandom *vdso;
static uint8_t *state; /* of the source vdso */

/* One write a line: lines of several samplers stay whole. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[1024];
	va_list arguments;
	int len, done = 0;

	va_start(arguments, format);
	len = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	while (done < len) {
		ssize_t some = write(out, line + done, (size_t)(len - done));

		if (some < 0 && errno != EINTR)
			exit(3);
		if (some > 0)
			done += (int)some;
	}
}

static void need(bool condition, const char *what)
{
	if (condition)
		return;
	say("ERROR %s %s: %s\n", tag, what, strerror(errno));
	exit(4);
}

static void open_out(const char *path)
{
	struct termios mode;

	out = open(path, O_WRONLY | O_NOCTTY | O_APPEND | O_CLOEXEC);
	if (out < 0)
		exit(2);
	if (tcgetattr(out, &mode) == 0) {
		cfmakeraw(&mode);
		tcsetattr(out, TCSANOW, &mode);
	}
}

static void find_vdso(void)
{
	void *object = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void *found = object ? dlsym(object, "__vdso_getrandom") : NULL;

	memcpy(&vdso, &found, sizeof vdso);
	state = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(state != MAP_FAILED, "mmap");
}

/* A state that is used for the first time is of the generation that is now. */
static uint64_t generation(void)
{
	static _Alignas(256) uint8_t fresh[256];
	uint64_t is = 0;
	uint8_t byte;

	if (!vdso)
		return 0;
	memset(fresh, 0, sizeof fresh);
	vdso(&byte, 1, 0, fresh, STATE);
	memcpy(&is, fresh + 128, sizeof is);
	return is;
}

/* Steele, Lea and Flood's SplitMix64. */
static uint64_t naive_word(void)
{
	static uint64_t x;
	uint64_t z;

	if (!x)
		syscall(SYS_getrandom, &x, sizeof x, 0);
	z = x += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static const char *hex(const uint8_t *bytes)
{
	static char ring[8][2 * SHOWN + 1];
	static unsigned int next;
	char *text = ring[next++ % 8];

	for (int i = 0; i < SHOWN; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	return text;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Into a new time namespace, in mid-life. The clock goes on as it was; the
 * generation is at another place, on kernels before 6.15.
 */
static void enter_time_namespace(void)
{
	uint8_t bytes[LONG];
	int fd;

	need(getrandom(bytes, sizeof bytes, 0) == sizeof bytes, "getrandom");
	need(unshare(CLONE_NEWTIME) == 0, "unshare");
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	need(fd >= 0 && setns(fd, CLONE_NEWTIME) == 0, "setns");
	close(fd);
}

static void say_start(void)
{
	void (*ask)(struct fastrand_info *, size_t);
	void *found = dlsym(RTLD_DEFAULT, "fastrand_info");
	struct fastrand_info info = {0};
	struct utsname system;

	memcpy(&ask, &found, sizeof ask);
	need(ask != NULL, "the library is not loaded");
	ask(&info, sizeof info);
	uname(&system);
	say("START %s tier=%s why=\"%s\" memory=%s hardware=%s generation=%llu "
	    "kernel=%s\n",
	    tag, info.tier, info.why, info.memory, info.hardware,
	    (unsigned long long)generation(), system.release);
}

static void sample(unsigned long number)
{
	uint8_t brief[SHOWN], all[LONG], arc[SHOWN], sys[SHOWN];
	uint8_t kernels[SHOWN] = {0};
	uint64_t naive[SHOWN / 8], before = generation(), after;

	need(getrandom(brief, sizeof brief, 0) == sizeof brief, "getrandom");
	need(getrandom(all, sizeof all, 0) == sizeof all, "getrandom");
	arc4random_buf(arc, sizeof arc);
	/* Past any preload. */
#if defined(__x86_64__)
	{
		long n = SYS_getrandom;

		__asm__ volatile("syscall"
				 : "+a"(n)
				 : "D"(sys), "S"(sizeof sys), "d"(0)
				 : "rcx", "r11", "memory");
	}
#else
#error "the guests are x86-64"
#endif
	if (vdso)
		vdso(kernels, sizeof kernels, 0, state, STATE);
	for (int i = 0; i < SHOWN / 8; i++)
		naive[i] = naive_word();
	after = generation();
	say("S %s %lu %.3f %llu %llu short=%s long=%s arc=%s sys=%s naive=%s"
	    "%s%s\n",
	    tag, number, now(), (unsigned long long)before,
	    (unsigned long long)after, hex(brief), hex(all + LONG - SHOWN),
	    hex(arc), hex(sys), hex((const uint8_t *)naive),
	    vdso ? " vdso=" : "", vdso ? hex(kernels) : "");
}

int main(int count, char **arguments)
{
	const struct timespec pause = {0, EVERY * 1000000};

	if (count < 3)
		return 2;
	tag = arguments[1];
	open_out(arguments[2]);
	find_vdso();
	if (count > 3)
		enter_time_namespace();
	sample(0);
	say_start();
	for (unsigned long number = 1;; number++) {
		sample(number);
		nanosleep(&pause, NULL);
	}
}
