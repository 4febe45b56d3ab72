/*
 * How fast is read: of /dev/urandom, which our library serves when it is
 * preloaded, and of other things, which it has to pass on?
 */
#include "contenders.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	FILE_SIZE = 1 << 20,
	PIPE_FILL = 4096,	/* a pipe holds at least this much */
};

typedef ssize_t reader(int, void *, size_t);

static int fd, pipe_end = -1;
static reader *shim_fn, *behind_fn;

const char *urandom_setup(const struct contender *self)
{
	(void)self;
	fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? NULL : "/dev/urandom cannot be opened";
}

/* The call goes through the PLT, as it does in programs. */
uint64_t urandom_run(uint8_t *buf, size_t len, uint64_t n)
{
	uint64_t bad = 0;

	while (n--)
		bad += read(fd, buf, len) != (ssize_t)len;
	return bad;
}

/*
 * Both functions are called through a pointer, so that the difference between
 * them is the library's own read and nothing else.
 */
static const char *other_setup(const struct contender *self, int opened)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	fd = opened;
	if (fd < 0)
		return "there is nothing to read";
	shim_fn = dlsym(RTLD_DEFAULT, "read");
	behind_fn = libc ? dlsym(libc, "read") : NULL;
	if (!shim_fn || !behind_fn)
		return "read was not found";
	if ((self->flags & PRELOADED) && shim_fn == behind_fn)
		return "the library has no read";
	return NULL;
}

const char *null_setup(const struct contender *self)
{
	return other_setup(self, open("/dev/null", O_RDONLY | O_CLOEXEC));
}

const char *file_setup(const struct contender *self)
{
	int file = memfd_create("bench", MFD_CLOEXEC);

	if (ftruncate(file, FILE_SIZE))
		return "a file in memory could not be made";
	return other_setup(self, file);
}

const char *pipe_setup(const struct contender *self)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return "a pipe could not be made";
	pipe_end = ends[1];
	return other_setup(self, ends[0]);
}

/*
 * Lets at most n reads find something, and returns how many: one write feeds
 * many reads of a pipe, and a file is read from its beginning again. It costs
 * both functions the same.
 */
static uint64_t feed(size_t len, uint64_t n)
{
	static const uint8_t food[PIPE_FILL];
	uint64_t most = (pipe_end >= 0 ? PIPE_FILL : FILE_SIZE) / len;

	if (n > most)
		n = most;
	if (pipe_end < 0)
		lseek(fd, 0, SEEK_SET);
	else if (write(pipe_end, food, n * len) != (ssize_t)(n * len))
		return 0;
	return n;
}

static uint64_t other_loop(reader *f, uint8_t *buf, size_t len, uint64_t n)
{
	uint64_t bad = 0, batch;

	for (; n > 0; n -= batch) {
		batch = feed(len, n);
		if (batch == 0)
			return bad + n;
		for (uint64_t i = 0; i < batch; i++)
			bad += f(fd, buf, len) < 0;
	}
	return bad;
}

uint64_t other_run(uint8_t *buf, size_t len, uint64_t n)
{
	return other_loop(shim_fn, buf, len, n);
}

uint64_t other_baseline(uint8_t *buf, size_t len, uint64_t n)
{
	return other_loop(behind_fn, buf, len, n);
}
