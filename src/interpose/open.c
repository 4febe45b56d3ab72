/*
 * Which names open a path, and may so create a descriptor of the random device?
 * The new number is noted after the kernel has answered, because before that
 * the number means nothing.
 *
 * A path proves nothing; it only tells whether the descriptor deserves a closer
 * look. It is read only if the kernel has accepted it, because then it is
 * readable memory.
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

/* The argument mode is there only if the flags may create a file. */
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

/*
 * Fortified variants: the next definition ends the program if the mode is
 * missing.
 */
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

/* fileno() for streams that may have no descriptor; errno stays as it is. */
static int descriptor(FILE *stream)
{
	int saved = errno, fd = fileno(stream);

	errno = saved;
	return fd;
}

/*
 * Streams are read inside libc, where shims see nothing. But libstdc++ opens a
 * stream by fopen, and then reads its descriptor. Whether the stream is
 * readable is asked of the stream, not read from the mode, because libc ignores
 * a '+' that comes late in it.
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

/*
 * If the path is NULL, the same file is opened again, by a name that we do not
 * know.
 */
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
