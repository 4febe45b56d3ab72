/*
 * fread and its relatives, for large requests on a stream of the random device:
 * libc would read past its own buffer, straight into the caller's, inside itself
 * where no shim reaches. Small requests are out of its buffer, 4 KiB a system
 * call; they stay there, and pay one comparison here.
 *
 * A stream that has bytes in its buffer, pushed back ones among them, or that is
 * being written, is libc's; so is one in whose name libc would do more than read:
 * flush a terminal, convert to wide characters, leave a lock alone. What we look
 * at are fields that glibc's header shows, and the word behind them.
 */
#include <stdio.h>
#include <wchar.h>

#include "../cpu.h"
#include "../real.h"
#include "../urandom_fd.h"
#include "export.h"
#include "read.h"

#if defined(__GLIBC__)

#undef fread_unlocked	/* a macro where the compiler optimizes */

enum {
	LARGE = 4096,
	/*
	 * _flags: a buffer of the program's, no buffer, unreadable, at its end,
	 * in error, pushed back, line by line, written to, a lock of the
	 * program's
	 */
	NOT_OURS = 0x0001 | 0x0002 | 0x0004 | 0x0010 | 0x0020 | 0x0100 |
		   0x0200 | 0x0800 | 0x8000,
	NOT_CANCELLED = 0x0002,	/* _flags2 */
};

size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
size_t __fread_unlocked_chk(void *, size_t, size_t, size_t, FILE *);

/*
 * Is there a file behind it? A stream on memory, or on functions of the program,
 * has other functions, and nothing in _fileno that would be a number.
 */
static bool is_file(const FILE *stream)
{
	const void *files = REAL_NAMED("_IO_file_jumps");

	return files && *(const void *const *)(stream + 1) == files;
}

/* Of bytes, or of nothing so far, with nothing in its buffer. */
static bool untouched(const FILE *stream)
{
	return !(stream->_flags & NOT_OURS) && is_file(stream) &&
	       stream->_mode <= 0 &&
	       stream->_IO_read_ptr == stream->_IO_read_end &&
	       stream->_IO_write_ptr == stream->_IO_write_base &&
	       !stream->_IO_save_base && !stream->_markers;
}

/*
 * As libc leaves it. Whole blocks pass by its buffer; the rest of one does not, and
 * makes the stream one of bytes.
 */
static void advance(FILE *stream, size_t len)
{
	if (len % LARGE)
		fwide(stream, -1);
	if (stream->_offset >= 0)
		stream->_offset += (off64_t)len;
}

static void give_back(FILE *stream, bool lock)
{
	if (lock)
		funlockfile(stream);
}

/*
 * Is it ours to read? Then it is locked, if it is to be. For one that somebody
 * holds libc waits; and while it does, a request to cancel may come.
 */
static bool take(FILE *stream, bool lock)
{
	/* A lock of the program's may be held by whoever waits for us. */
	if ((stream->_flags & NOT_OURS) || (lock && ftrylockfile(stream)))
		return false;
	if (untouched(stream))
		return true;
	give_back(stream, lock);
	return false;
}

/*
 * True if all of it was served. libc would read, and so act on a request to
 * cancel, unless the stream was opened with a 'c'. Its frames then unlock the
 * stream; ours do not, so it is given back for the question.
 */
static bool serve(FILE *stream, void *buf, size_t len, bool lock)
{
	ssize_t served;

	if (!take(stream, lock))
		return false;
	if (!(stream->_flags2 & NOT_CANCELLED)) {
		give_back(stream, lock);
		real_testcancel();
		if (!take(stream, lock))
			return false;
	}
	served = read_serve(stream->_fileno, buf, len, cpu_stack());
	if (served >= 0)
		advance(stream, len);
	give_back(stream, lock);
	return served >= 0;
}

/* Any thread may be storing what it found, at the same time. */
#define NEXT_OF(name) __atomic_load_n(&name##_next, __ATOMIC_RELAXED)

#define FREAD(name, parameters, arguments, fits, lock) \
	static size_t name##_first parameters; \
	static size_t (*name##_next) parameters = name##_first; \
	static size_t name##_first parameters \
	{ \
		__atomic_store_n(&name##_next, REAL(name), __ATOMIC_RELAXED); \
		return NEXT_OF(name) arguments; \
	} \
	static __attribute__((noinline)) size_t name##_large parameters \
	{ \
		size_t len; \
\
		/* What does not fit ends the program, whatever the stream. */ \
		if ((fits) && urandom_fd_maybe(stream->_fileno) && \
		    !__builtin_mul_overflow(size, count, &len) && \
		    serve(stream, buf, len, lock)) \
			return count; \
		return NEXT_OF(name) arguments; \
	} \
	EXPORT size_t name parameters \
	{ \
		if (__builtin_expect(size * count >= LARGE, 0)) \
			return name##_large arguments; \
		return NEXT_OF(name) arguments; \
	}

FREAD(fread, (void *buf, size_t size, size_t count, FILE *stream),
      (buf, size, count, stream), true, true)
FREAD(fread_unlocked, (void *buf, size_t size, size_t count, FILE *stream),
      (buf, size, count, stream), true, false)
FREAD(__fread_chk,
      (void *buf, size_t room, size_t size, size_t count, FILE *stream),
      (buf, room, size, count, stream), room / size >= count, true)
FREAD(__fread_unlocked_chk,
      (void *buf, size_t room, size_t size, size_t count, FILE *stream),
      (buf, room, size, count, stream), room / size >= count, false)

#endif
