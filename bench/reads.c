/*
 * Reads: of /dev/urandom, which ours serves when it is preloaded, and of
 * things that are none of its business. read is called through the PLT, as
 * programs call it.
 */
#include "contenders.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	FILE_SIZE = 1 << 20,
	PIPE_FILL = 4096,	/* a pipe holds at least this much */
};

static int fd, write_fd;
static bool rewinds;
static ssize_t (*shim_fn)(int, void *, size_t);
static ssize_t (*behind_fn)(int, void *, size_t);

const char *urandom_open(const struct contender *self)
{
	(void)self;
	fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? NULL : "/dev/urandom cannot be opened";
}

uint64_t urandom_run(uint8_t *buf, size_t len, uint64_t n)
{
	uint64_t bad = 0;

	while (n--)
		bad += read(fd, buf, len) != (ssize_t)len;
	return bad;
}

static bool other_file(void)
{
	fd = memfd_create("bench", MFD_CLOEXEC);
	rewinds = true;
	return fd >= 0 && ftruncate(fd, FILE_SIZE) == 0;
}

static bool other_pipe(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return false;
	fd = ends[0];
	write_fd = ends[1];
	return true;
}

/*
 * Both functions are called through a pointer, so that the difference between
 * them is the shim and nothing else.
 */
const char *other_open(const struct contender *self)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	bool ok;

	shim_fn = dlsym(RTLD_DEFAULT, "read");
	behind_fn = libc ? dlsym(libc, "read") : NULL;
	if (!shim_fn || !behind_fn)
		return "read was not found";
	if ((self->flags & PRELOADED) && shim_fn == behind_fn)
		return "the library has no read";
	if (self->section == OTHER_FILE)
		ok = other_file();
	else if (self->section == OTHER_PIPE)
		ok = other_pipe();
	else
		ok = (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
	return ok ? NULL : "the thing to read could not be made";
}

static uint64_t read_loop(ssize_t (*f)(int, void *, size_t), uint8_t *buf,
			  size_t len, uint64_t n)
{
	uint64_t bad = 0;
	ssize_t got;

	while (n--) {
		got = f(fd, buf, len);
		bad += got < 0;
		if (got == 0 && rewinds)
			lseek(fd, 0, SEEK_SET);
	}
	return bad;
}

/* One write feeds many reads, and is the same for both. */
static uint64_t pipe_loop(ssize_t (*f)(int, void *, size_t), uint8_t *buf,
			  size_t len, uint64_t n)
{
	static uint8_t food[PIPE_FILL];
	uint64_t bad = 0, batch = PIPE_FILL / len;

	while (n) {
		if (batch > n)
			batch = n;
		if (write(write_fd, food, batch * len) !=
		    (ssize_t)(batch * len))
			return n;
		for (uint64_t i = 0; i < batch; i++)
			bad += f(fd, buf, len) != (ssize_t)len;
		n -= batch;
	}
	return bad;
}

uint64_t other_run(uint8_t *buf, size_t len, uint64_t n)
{
	return read_loop(shim_fn, buf, len, n);
}

uint64_t other_baseline(uint8_t *buf, size_t len, uint64_t n)
{
	return read_loop(behind_fn, buf, len, n);
}

uint64_t pipe_run(uint8_t *buf, size_t len, uint64_t n)
{
	return pipe_loop(shim_fn, buf, len, n);
}

uint64_t pipe_baseline(uint8_t *buf, size_t len, uint64_t n)
{
	return pipe_loop(behind_fn, buf, len, n);
}
