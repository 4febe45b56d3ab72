/*
 * Every name that gives birth to a descriptor by a path, and may so give birth
 * to one of the random device. First the kernel, then the note: before it the
 * number means nothing.
 *
 * A path is no proof, but an excuse: it is looked at only where the kernel took
 * it, so it is readable memory.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>

#include "system/real.h"
#include "urandom_fd.h"
#include "system/export.h"
#include "names.h"

int __open(const char *, int, ...);
int __open64(const char *, int, ...);
int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);
FILE *_IO_fopen(const char *, const char *);

/* The mode is there only with flags that make a file. */
#define OPEN(name, parameters, flags, with_mode, without) \
	EXPORT int name parameters \
	{ \
		mode_t mode; \
		va_list rest; \
\
		if (!(flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE) \
			return urandom_fd_opened(REAL_OR_ENOSYS(name, without), \
						 path, flags); \
		va_start(rest, flags); \
		mode = va_arg(rest, mode_t); \
		va_end(rest); \
		return urandom_fd_opened(REAL_OR_ENOSYS(name, with_mode), \
					 path, flags); \
	}

OPEN(open, (const char *path, int flags, ...), flags, (path, flags, mode),
     (path, flags))
OPEN(openat, (int at, const char *path, int flags, ...), flags,
     (at, path, flags, mode), (at, path, flags))
ONLY_GLIBC(
OPEN(open64, (const char *path, int flags, ...), flags, (path, flags, mode),
     (path, flags))
OPEN(__open, (const char *path, int flags, ...), flags, (path, flags, mode),
     (path, flags))
OPEN(__open64, (const char *path, int flags, ...), flags, (path, flags, mode),
     (path, flags))
OPEN(openat64, (int at, const char *path, int flags, ...), flags,
     (at, path, flags, mode), (at, path, flags))
)

/* Fortified: a missing mode ends the program, behind us. */
#define OPEN_FORTIFIED(name, parameters, arguments) \
	EXPORT int name parameters \
	{ \
		return urandom_fd_opened(REAL_OR_ENOSYS(name, arguments), \
					 path, flags); \
	}

ONLY_GLIBC(
OPEN_FORTIFIED(__open_2, (const char *path, int flags), (path, flags))
OPEN_FORTIFIED(__open64_2, (const char *path, int flags), (path, flags))
OPEN_FORTIFIED(__openat_2, (int at, const char *path, int flags),
	       (at, path, flags))
OPEN_FORTIFIED(__openat64_2, (int at, const char *path, int flags),
	       (at, path, flags))
)

/* fileno without its errno, for streams that have no descriptor. */
static int descriptor(FILE *stream)
{
	int saved = errno, fd = fileno(stream);

	errno = saved;
	return fd;
}

/*
 * Streams are read inside libc, where we do not reach; but libstdc++ opens by
 * fopen and reads the descriptor. What libc made of the mode, the stream tells:
 * of a '+' that comes late it makes nothing.
 */
static FILE *stream_opened(FILE *stream, const char *path)
{
	if (stream)
		urandom_fd_opened(descriptor(stream), path,
				  __freadable(stream) ? O_RDWR : O_WRONLY);
	return stream;
}

#define FOPEN(name) \
	EXPORT FILE *name(const char *path, const char *mode) \
	{ \
		return stream_opened(REAL(name)(path, mode), path); \
	}

FOPEN(fopen)
ONLY_GLIBC(FOPEN(fopen64) FOPEN(_IO_fopen))

/* A path of NULL opens the same file again: by a name that we do not know. */
#define FREOPEN(name) \
	EXPORT FILE *name(const char *path, const char *mode, FILE *stream) \
	{ \
		urandom_fd_ends(descriptor(stream)); \
		stream = REAL(name)(path, mode, stream); \
		if (!path) \
			return stream; \
		return stream_opened(stream, path); \
	}

FREOPEN(freopen)
ONLY_GLIBC(FREOPEN(freopen64))
