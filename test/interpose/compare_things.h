/*
 * What the comparison works on: files of known records, devices, the streams
 * that are open, and how the state of each is written down.
 */
#ifndef COMPARE_THINGS_H
#define COMPARE_THINGS_H

#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "compare_log.h"

enum {
	FILES = 4,
	RECORDS = 2600,		/* of a file: 41,600 bytes */
	STREAMS = 10,		/* the first three are the standard ones */
	NUMBERS = 24,		/* that steps take, close and copy */
};

/* In the folder that is the current one; but for the devices. */
static const char *const paths[] = {
	"/dev/urandom", "/dev/urandom", "/dev/urandom", "/dev/random",
	"device", "0", "/dev/zero", "/dev/null", "/dev/full", "file0", "file1",
	"file2", "urandom", "none", ".", "/proc/self/fd/0", "/dev/fd/3",
};

/* To open a pipe or a terminal anew would be to wait for its other end. */
static bool may_be_reopened(int fd)
{
	struct statx is;

	return RAW(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &is) != 0 ||
	       !(S_ISFIFO(is.stx_mode) || S_ISSOCK(is.stx_mode) ||
		 (S_ISCHR(is.stx_mode) && is.stx_rdev_major != 1));
}

static const char *any_path(void)
{
	const char *path = ROLL_OF(paths), *number = strstr(path, "fd/");

	return number && !may_be_reopened(atoi(number + 3)) ? "none" : path;
}

static const char *const file_names[FILES] = {"file0", "file1", "file2",
					      "urandom"};

static void make_files(void)
{
	static uint8_t text[RECORDS * RECORD];

	for (int file = 0; file < FILES; file++) {
		int fd;

		for (int i = 0; i < RECORDS; i++)
			record(text + i * RECORD, file, i);
		fd = (int)RAW(SYS_openat, AT_FDCWD, file_names[file],
			      O_RDWR | O_CREAT | O_TRUNC, 0600);
		RAW(SYS_write, fd, text, sizeof text);
		RAW(SYS_close, fd);
	}
	symlink("/dev/urandom", "device");
	symlink("/dev/urandom", "0");
}

/* --- streams --- */

enum kind { NO_STREAM, ON_FILE, ON_COMMAND, ON_MEMORY };

static struct stream {
	FILE *stream;
	enum kind kind;
	bool mixed;		/* some of its bytes may be the device's */
	bool wide;		/* was ever one of wide characters */
	char *grown;		/* what open_memstream made */
	size_t grown_len;
	char room[12288];	/* of fmemopen, of setvbuf */
} streams[STREAMS];

static int number_of(const struct stream *s)
{
	int before = errno, fd = -1;

	if (s->kind == ON_FILE || s->kind == ON_COMMAND)
		fd = s->stream->_fileno;
	errno = before;
	return fd;
}

/* What they have become, looked at before each step. */
static void note_streams(void)
{
	for (int i = 0; i < STREAMS; i++)
		if (nature_of(number_of(&streams[i])) == NATURE_RANDOM)
			streams[i].mixed = true;
	for (int i = 0; i < STREAMS; i++)
		if (streams[i].kind != NO_STREAM && streams[i].stream->_mode > 0)
			streams[i].wide = true;
}

static struct stream *any_stream(void)
{
	struct stream *s = &streams[roll(STREAMS)];

	for (int i = 0; i < STREAMS && s->kind == NO_STREAM; i++)
		s = &streams[(s - streams + 1) % STREAMS];
	return s->kind == NO_STREAM ? NULL : s;
}

/* Has something been pushed back into it? */
static bool has_saved(const struct stream *s)
{
	return s->stream->_IO_save_base || s->stream->_flags & 0x100;
}

static struct stream *free_stream(void)
{
	for (int i = 3; i < STREAMS; i++)
		if (streams[i].kind == NO_STREAM)
			return &streams[i];
	return NULL;
}

static void begin_stream(struct stream *s, FILE *stream, enum kind kind)
{
	say(" stream %d: %s", (int)(s - streams), stream ? "made" : "none");
	s->stream = stream;
	s->kind = stream ? kind : NO_STREAM;
	s->mixed = nature_of(number_of(s)) == NATURE_RANDOM;
	s->wide = stream && stream->_mode > 0;
}

/* --- states --- */

static bool is_terminal(int fd)
{
	struct statx is;

	return RAW(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &is) == 0 &&
	       S_ISCHR(is.stx_mode) &&
	       (is.stx_rdev_major == 5 || is.stx_rdev_major == 136);
}

/*
 * What a terminal has got by now. It is taken away, since how much of more than
 * 4 KiB one read gives depends on the kernel's workers.
 */
static void say_terminals(void)
{
	long got, all;

	for (int fd = 0; fd < NUMBERS; fd++) {
		all = 0;
		while (is_terminal(fd) &&
		       (got = RAW(SYS_read, fd, bytes, LONGEST)) > 0)
			all += got;
		if (all)
			say(" | terminal %d got %ld", fd, all);
	}
}

static void say_number(int fd)
{
	struct stat64 is;

	if (fd < 0)
		return;
	say(" | number %d:", fd);
	if (nature_of(fd) == NATURE_CLOSED) {
		say(" closed");
		return;
	}
	fstat64(fd, &is);
	say(" mode %o size %ld flags %lo at %ld", is.st_mode,
	    S_ISREG(is.st_mode) ? (long)is.st_size : 0,
	    RAW(SYS_fcntl, fd, F_GETFL), RAW(SYS_lseek, fd, 0, SEEK_CUR));
}

/* glibc's header shows what lies in a stream, and programs look at it. */
static void say_stream(struct stream *s)
{
	FILE *f = s->stream;

	if (s->kind == NO_STREAM)
		return;
	say(" | stream %d: flags %x mode %d eof %d error %d",
	    (int)(s - streams), f->_flags & 0xffff, f->_mode, !!feof(f),
	    !!ferror(f));
	say(" freading %d fwriting %d freadable %d fwritable %d flbf %d",
	    !!__freading(f), !!__fwriting(f), !!__freadable(f),
	    !!__fwritable(f), !!__flbf(f));
	say(" fbufsize %zu fpending %zu", __fbufsize(f), __fpending(f));
	if (s->kind == ON_MEMORY)
		return;
	say(" offset %ld read %ld+%ld write %ld+%ld base %d saved %d",
	    (long)f->_offset, (long)(f->_IO_read_ptr - f->_IO_read_base),
	    (long)(f->_IO_read_end - f->_IO_read_ptr),
	    (long)(f->_IO_write_ptr - f->_IO_write_base),
	    (long)(f->_IO_write_end - f->_IO_write_ptr),
	    f->_IO_read_base && !has_saved(s) ?
		    (int)(f->_IO_read_base - f->_IO_buf_base) : -1,
	    has_saved(s));
	say_number(number_of(s));
}

#endif
