/* How long do requests take, with the library and without it? See cost.h. */
#include "cost.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 11, SMALL = 16, LARGE = 4096 };

/*
 * How long a round lasts. It is long compared with reading the clock, and short
 * for a person.
 */
static const uint64_t round_ns = 300 * 1000;

/*
 * libc's own functions, whatever is preloaded into this process: they are what
 * a program would call without the library.
 */
static struct {
	ssize_t (*getrandom)(void *buf, size_t len, unsigned int flags);
	ssize_t (*read)(int fd, void *buf, size_t len);
	long (*syscall)(long number, ...);
} libc;

static void find_libc(void)
{
	void *handle = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	if (!handle)
		handle = RTLD_DEFAULT;
	*(void **)&libc.getrandom = dlsym(handle, "getrandom");
	*(void **)&libc.read = dlsym(handle, "read");
	*(void **)&libc.syscall = dlsym(handle, "syscall");
}

/* What is measured: one request of len bytes. */
struct subject {
	void (*ask)(const struct subject *s, void *to, size_t len);
	const struct loaded *loaded;
	int fd;
};

static void ask_us(const struct subject *s, void *to, size_t len)
{
	s->loaded->draw(to, len, 0);
}

static void ask_libc(const struct subject *s, void *to, size_t len)
{
	(void)s;
	libc.getrandom(to, len, 0);
}

static void ask_kernel(const struct subject *s, void *to, size_t len)
{
	(void)s;
	libc.syscall(SYS_getrandom, to, len, 0);
}

static void ask_device(const struct subject *s, void *to, size_t len)
{
	if (libc.read(s->fd, to, len) < 0)
		return;
}

static void ask_proof(const struct subject *s, void *to, size_t len)
{
	struct stat is;

	(void)to;
	(void)len;
	if (fstat(s->fd, &is) < 0)
		return;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double round_of(const struct subject *s, size_t len, uint64_t times)
{
	static char to[LARGE];
	uint64_t begin = now();

	for (uint64_t i = 0; i < times; i++)
		s->ask(s, to, len);
	return (double)(now() - begin) / (double)times;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of rounds that all take about the same time. */
static double time_of(const struct subject *s, size_t len)
{
	double took[ROUNDS], once = round_of(s, len, 16);
	uint64_t times = once > 1 ? (uint64_t)((double)round_ns / once) : 1;

	for (int i = 0; i < ROUNDS; i++)
		took[i] = round_of(s, len, times ? times : 1);
	qsort(took, ROUNDS, sizeof *took, ascending);
	return took[ROUNDS / 2];
}

static struct cost cost_of(const struct subject *s, double *small)
{
	struct cost c;

	*small = time_of(s, SMALL);
	c.byte = (time_of(s, LARGE) - *small) / (LARGE - SMALL);
	c.call = *small - c.byte * SMALL;
	return c;
}

void cost_find(const struct loaded *l, struct costs *c)
{
	struct subject s = {.loaded = l, .fd = -1};
	double ignored;

	find_libc();
	s.ask = ask_us;
	c->draw = cost_of(&s, &c->small);
	s.ask = ask_kernel;
	c->kernel = cost_of(&s, &c->small_kernel);
	s.ask = ask_libc;
	c->libc = libc.getrandom ? cost_of(&s, &ignored) : c->kernel;
	s.fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	s.ask = ask_device;
	c->read = s.fd >= 0 ? cost_of(&s, &ignored) : c->kernel;
	s.ask = ask_proof;
	c->proof = s.fd >= 0 ? time_of(&s, 0) : 0;
	if (s.fd >= 0)
		close(s.fd);
}
