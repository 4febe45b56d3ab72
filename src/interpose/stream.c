/*
 * Is a call of fread or one of its relatives ours to answer? Large requests on
 * a stream of the random device are. libc would read them past the stream's
 * buffer, straight into the caller's, by a call inside libc that no shim sees.
 * Small requests are served by libc from the stream's buffer, which takes one
 * system call for 4 KiB. They stay with libc, and cost one comparison here.
 *
 * We leave the stream as libc would leave it, to the number of unread bytes in
 * its buffer. So the unread bytes of the buffer come first, then whole blocks
 * that pass the buffer by, and the rest comes from a block that is put into the
 * buffer. A stream is left to libc if bytes were pushed back into it, or if it
 * is being written. It is also left to libc if libc would do more than read:
 * flush a terminal, convert to wide characters, or leave the locking to the
 * program. We look only at fields that glibc's header shows, and at the word
 * behind them.
 */
#include <stdio.h>

#include "system/cpu.h"
#include "system/real.h"
#include "urandom_fd.h"
#include "chacha20/wipe.h"
#include "system/export.h"
#include "read.h"

#if defined(__GLIBC__)

#undef fread_unlocked	/* a macro when the compiler optimizes */

enum {
	LARGE = 4096,
	BLOCK_MIN = 128,	/* libc does not bypass a smaller buffer */
	/*
	 * Bits of _flags: the buffer is the program's, there is no buffer, the
	 * stream is not readable, it is at its end, it is in error, bytes were
	 * pushed back, it is line buffered, it is being written, its lock is
	 * the program's.
	 */
	NOT_OURS = 0x0001 | 0x0002 | 0x0004 | 0x0010 | 0x0020 | 0x0100 |
		   0x0200 | 0x0800 | 0x8000,
	NOT_CANCELLED = 0x0002,	/* a bit of _flags2 */
};

size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
size_t __fread_unlocked_chk(void *, size_t, size_t, size_t, FILE *);

/*
 * Is there a file behind the stream? A stream on memory, or on functions of the
 * program, has another table of functions, and its _fileno is no descriptor.
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

/*
 * Can we read from the stream? It has to be a stream of bytes, or not yet used,
 * and it must not be being written.
 */
static bool readable(const FILE *stream)
{
	return !(stream->_flags & NOT_OURS) && is_file(stream) &&
	       stream->_mode <= 0 &&
	       stream->_IO_write_ptr == stream->_IO_write_base &&
	       !stream->_IO_save_base && !stream->_markers;
}

/*
 * Does what libc does first: it makes the stream's buffer. This may find out
 * that the stream is a terminal's.
 */
static bool has_buffer(FILE *stream)
{
	void (*make)(FILE *) = REAL_NAMED("_IO_doallocbuf");

	if (!stream->_IO_buf_base && make)
		make(stream);
	return stream->_IO_buf_end - stream->_IO_buf_base >= BLOCK_MIN &&
	       !(stream->_flags & NOT_OURS);
}

/* libc's memcpy would leave what it has copied in registers. */
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

/*
 * Leaves the stream as libc does after whole blocks: there is nothing in the
 * buffer to be read, or to be written.
 */
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
 * Returns how many bytes were served; libc has to read the rest. Whole blocks
 * are drawn first, because if that is refused, the stream must not have
 * changed. If there are no whole blocks, the bytes in the buffer have to be
 * taken out of it before the draw; therefore this is only done if the
 * descriptor was the device when it was last looked at.
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
 * Is the stream ours to serve, and does the request need more than its unread
 * bytes? If so, the stream is locked (unless lock is false). Where another
 * thread holds the stream, the request is libc's, because libc waits for the
 * lock, and a request for cancellation may arrive while it waits.
 */
static bool take(FILE *stream, size_t len, bool lock)
{
	/* A lock of the program's may be held by a thread that waits for us. */
	if ((stream->_flags & NOT_OURS) || (lock && ftrylockfile(stream)))
		return false;
	if (readable(stream) && unread(stream) < len)
		return true;
	give_back(stream, lock);
	return false;
}

/*
 * libc would read the descriptor here, and in doing so act on a request for
 * cancellation, unless the stream was opened with a 'c'. On cancellation libc's
 * frames unlock the stream. Ours do not, so the stream is unlocked while we
 * test for a request.
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

/*
 * The load is atomic because another thread may be storing the address just
 * now.
 */
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
		/* If it does not fit, libc ends the program in any case. */ \
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
