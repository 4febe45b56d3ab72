/*
 * fread and its relatives, for large requests on a stream of the random device:
 * libc would read past its own buffer, straight into the caller's, inside itself
 * where no shim reaches. Small requests are out of its buffer, 4 KiB a system
 * call; they stay there, and pay one comparison here.
 *
 * The stream is left as libc would leave it, to the number of unread bytes in
 * its buffer. So first comes what is there; then whole blocks, past it; and the
 * rest out of a block that is put there. One that has pushed back bytes, or that
 * is being written, is libc's; so is one in whose name libc would do more than
 * read: flush a terminal, convert to wide characters, leave a lock alone. What we
 * look at are fields that glibc's header shows, and the word behind them.
 */
#include <stdio.h>

#include "system/cpu.h"
#include "system/real.h"
#include "urandom_fd.h"
#include "chacha20/wipe.h"
#include "system/export.h"
#include "read.h"

#if defined(__GLIBC__)

#undef fread_unlocked	/* a macro where the compiler optimizes */

enum {
	LARGE = 4096,
	BLOCK_MIN = 128,	/* a buffer below that, libc does not pass by */
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

static size_t unread(const FILE *stream)
{
	return (size_t)(stream->_IO_read_end - stream->_IO_read_ptr);
}

/* Of bytes, or of nothing so far, and not being written. */
static bool readable(const FILE *stream)
{
	return !(stream->_flags & NOT_OURS) && is_file(stream) &&
	       stream->_mode <= 0 &&
	       stream->_IO_write_ptr == stream->_IO_write_base &&
	       !stream->_IO_save_base && !stream->_markers;
}

/* As libc's first step; it may find that the stream is a terminal's by now. */
static bool has_buffer(FILE *stream)
{
	void (*make)(FILE *) = REAL_NAMED("_IO_doallocbuf");

	if (!stream->_IO_buf_base && make)
		make(stream);
	return stream->_IO_buf_end - stream->_IO_buf_base >= BLOCK_MIN &&
	       !(stream->_flags & NOT_OURS);
}

/* libc's memcpy would leave in registers what it copied. */
#define COPY(word_type, wipe) \
	for (; len >= sizeof(word_type); len -= sizeof(word_type)) { \
		word_type piece = *(const word_type *)from; \
\
		*(word_type *)to = piece; \
		wipe(piece); \
		from += sizeof(word_type); \
		to += sizeof(word_type); \
	}

static void copy(char *to, const char *from, size_t len)
{
	COPY(wipe_word_widest, WIPE_WIDEST)
	COPY(wipe_word_8, WIPE_32)
	if (WIPE_LEAVES_COPIES)
		wipe_registers();
}

/* As libc leaves it behind whole blocks: with nothing to read, or to write. */
static void advance(FILE *stream, size_t len)
{
	char *base = stream->_IO_buf_base;

	stream->_IO_read_base = stream->_IO_read_ptr = base;
	stream->_IO_read_end = base;
	stream->_IO_write_base = stream->_IO_write_ptr = base;
	stream->_IO_write_end = base;
	if (stream->_offset >= 0)
		stream->_offset += (off64_t)len;
}

/*
 * How much of it was served; what is missing is libc's to read. Whole blocks
 * are drawn first: were that refused, nothing should have changed. Where there
 * are none, what is in the buffer has to be out of it first; so that is only for
 * a number that was the device when last looked at.
 */
static size_t serve_whole(FILE *stream, char *out, size_t len, uintptr_t stack)
{
	size_t block, blocks, done, rest;
	int fd = stream->_fileno;
	char *base;

	if (!has_buffer(stream))
		return 0;
	base = stream->_IO_buf_base;
	block = (size_t)(stream->_IO_buf_end - base);
	done = unread(stream);
	rest = (len - done) % block;
	blocks = len - done - rest;
	if (blocks ? read_serve(fd, out + done, blocks, stack) < 0 :
		     urandom_fd_tag(fd) != URANDOM_RANDOM)
		return 0;
	copy(out, stream->_IO_read_ptr, done);
	advance(stream, blocks);
	if (!rest)
		return len;
	if (read_serve(fd, base, block, stack) < 0)
		return len - rest;
	advance(stream, block);
	copy(out + len - rest, base, rest);
	stream->_IO_read_ptr = base + rest;
	stream->_IO_read_end = base + block;
	stream->_mode = -1;
	return len;
}

static void give_back(FILE *stream, bool lock)
{
	if (lock)
		funlockfile(stream);
}

/*
 * Is it ours, and is there something to read? Then it is locked, if it is to be. For
 * one that somebody holds libc waits; and while it does, a request to cancel may
 * come.
 */
static bool take(FILE *stream, size_t len, bool lock)
{
	/* A lock of the program's may be held by whoever waits for us. */
	if ((stream->_flags & NOT_OURS) || (lock && ftrylockfile(stream)))
		return false;
	if (readable(stream) && unread(stream) < len)
		return true;
	give_back(stream, lock);
	return false;
}

/*
 * libc would read, and so act on a request to cancel, unless the stream was opened
 * with a 'c'. Its frames then unlock the stream; ours do not, so it is given back
 * for the question.
 */
static size_t serve(FILE *stream, void *buf, size_t len, bool lock)
{
	size_t done;

	if (!take(stream, len, lock))
		return 0;
	if (!(stream->_flags2 & NOT_CANCELLED)) {
		give_back(stream, lock);
		real_testcancel();
		if (!take(stream, len, lock))
			return 0;
	}
	done = serve_whole(stream, buf, len, cpu_stack());
	give_back(stream, lock);
	return done;
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
		size_t len, done = 0; \
\
		/* What does not fit ends the program, whatever the stream. */ \
		if ((fits) && urandom_fd_maybe(stream->_fileno) && \
		    !__builtin_mul_overflow(size, count, &len)) \
			done = serve(stream, buf, len, lock); \
		if (!done) \
			return NEXT_OF(name) arguments; \
		if (done < len) \
			done += (lock ? REAL(fread) : REAL(fread_unlocked))( \
				(char *)buf + done, 1, len - done, stream); \
		return done / size; \
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
