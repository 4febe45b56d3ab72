/*
 * The steps on streams. What C leaves undefined (a read behind a write with no
 * seek between them) is among them: programs do it, and glibc answers somehow.
 *
 * Left out is what ends in a crash or a loop of glibc's own (2.36): to write
 * where something was pushed back; to push back where something was written, is
 * wide, or is memory; to reopen a wide stream, or one whose lock is the
 * program's; a buffer for a stream on memory.
 */
#ifndef COMPARE_STREAMS_H
#define COMPARE_STREAMS_H

#include <poll.h>

#include "compare_numbers.h"

size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
size_t __fread_unlocked_chk(void *, size_t, size_t, size_t, FILE *);

static const char *const modes[] = {
	"r", "r", "r", "r", "rb", "re", "rc", "rm", "r+", "r+", "rb+", "w",
	"w+", "a", "a+", "wx", "wx+", "r+x", "", "+r", "r,ccs=UTF-8",
	"w,ccs=UTF-8+", "w,ccs=+", "r+,ccs=UTF-8", "r,ccs=none", "rbbbbb+",
	"wbbbbb+", "wbbbbbb+", "w,+",
};

static void any_fopen(void)
{
	struct stream *s = free_stream();
	const char *path = any_path(), *mode = ROLL_OF(modes);
	int large = roll(2);

	say("fopen %s %s", path, mode);
	if (!s)
		return;
	errno = 4242;
	begin_stream(s, large ? fopen64(path, mode) : fopen(path, mode),
		     ON_FILE);
	say(" errno %d", errno);
	say_stream(s);
}

static void any_fdopen(void)
{
	struct stream *s = free_stream();
	const char *mode = ROLL_OF(modes);
	int fd = any_number();

	say("fdopen %d %s", fd, mode);
	if (!s)
		return;
	errno = 4242;
	begin_stream(s, fdopen(fd, mode), ON_FILE);
	say(" errno %d", errno);
	say_stream(s);
}

static void any_freopen(void)
{
	struct stream *s = any_stream();
	const char *path = any_path(), *mode = ROLL_OF(modes);

	if (!roll(5))
		path = NULL;
	if (strchr(mode, ','))
		mode = "r";
	say("freopen %s %s", path ? path : "(none)", mode);
	if (!s || s->kind != ON_FILE || s->wide || s->stream->_flags & 0x8000 ||
	    (!path && !may_be_reopened(number_of(s))))
		return;
	errno = 4242;
	begin_stream(s, freopen(path, mode, s->stream), ON_FILE);
	say(" errno %d", errno);
	say_stream(s);
}

static void any_popen(void)
{
	struct stream *s = free_stream();
	struct pollfd end = {.events = POLLIN};

	say("popen");
	if (!s)
		return;
	errno = 4242;
	begin_stream(s, popen("printf %5000s ended", roll(2) ? "r" : "re"),
		     ON_COMMAND);
	end.fd = number_of(s);
	while (poll(&end, 1, -1) == 1 && !(end.revents & POLLHUP))
		usleep(1000);
	say(" errno %d", errno);
	say_stream(s);
}

static void any_memory(void)
{
	struct stream *s = free_stream();
	const char *mode = ROLL_OF(modes);
	int how = roll(2);
	size_t len = 1 + (size_t)roll(sizeof s->room - 1);

	say("memory %d %s", how, mode);
	if (!s)
		return;
	errno = 4242;
	memset(s->room, 'm', sizeof s->room);
	begin_stream(s, how ? open_memstream(&s->grown, &s->grown_len) :
			      fmemopen(s->room, len, mode), ON_MEMORY);
	say(" errno %d", errno);
	say_stream(s);
}

static void any_fclose(void)
{
	struct stream *s = any_stream();
	int result;

	say("fclose");
	if (!s)
		return;
	say(" %d", (int)(s - streams));
	errno = 4242;
	/* How the command ended depends on when it wrote. */
	if (s->kind == ON_COMMAND)
		result = pclose(s->stream) == -1;
	else
		result = fclose(s->stream);
	say_result(result);
	if (s->grown)
		say_bytes(false, s->grown, s->grown_len);
	free(s->grown);
	s->grown = NULL;
	s->kind = NO_STREAM;
}

static void any_fread(void)
{
	struct stream *s = any_stream();
	size_t len = roll_length(), size, count, got, sure;
	int how = roll(6), shape = roll(5);
	uint64_t before = preload_served();

	size = shape < 2 ? 1 : shape == 2 ? 7 : shape == 3 ? len / 2 : len;
	count = size ? len / size : 3;
	say("fread %d %zu %zu", how, size, count);
	if (!s)
		return;
	memset(bytes, 0xa5, sizeof bytes);
	errno = 4242;
	switch (how) {
	case 0: got = fread_unlocked(bytes, size, count, s->stream); break;
	case 1: got = __fread_chk(bytes, LONGEST, size, count, s->stream);
		break;
	case 2: got = __fread_unlocked_chk(bytes, LONGEST, size, count,
					   s->stream);
		break;
	default: got = fread(bytes, size, count, s->stream);
	}
	say_result((long)got);
	served_streams += preload_served() - before;
	sure = got * size;
	/* Behind its end memory that grows is read as it is. */
	if (s->grown)
		return;
	say_bytes(s->mixed, bytes, sure);
	/* Of the last item, which did not become whole, some may be there. */
	say_bytes(s->mixed, bytes + sure, LONGEST - sure);
	say_stream(s);
}

/* What is read character by character, where the characters are known. */
static void any_getc(void)
{
	struct stream *s = any_stream();
	int how = roll(6), c = 0;
	char *text;
	wint_t wide;

	say("getc %d", how);
	if (!s)
		return;
	memset(bytes, 0xa5, 200);
	errno = 4242;
	if (how == 0 && !s->mixed && !s->grown) {
		text = fgets((char *)bytes, 100, s->stream);
		say(" %d", text != NULL);
		say_bytes(false, bytes, 200);
	} else if (how == 1 && !s->mixed && s->stream->_mode > 0) {
		wide = fgetwc(s->stream);
		say(" %x", wide);
	} else {
		c = how == 2 ? getc_unlocked(s->stream) : getc(s->stream);
		say(" %d", (s->mixed || s->grown) && c != EOF ? 0 : c);
	}
	say(" errno %d", errno);
	say_stream(s);
}

/* Memory, or a file that was opened by "rm": glibc maps it. */
static bool is_memory(const struct stream *s)
{
	return s->kind == ON_MEMORY || s->stream->_flags2 & 1;
}

/* The byte that was read last is found where it is; a random one by chance. */
static int to_push(const struct stream *s, int i)
{
	const FILE *f = s->stream;
	bool last = s->mixed && !has_saved(s) &&
		    f->_IO_read_ptr > f->_IO_read_base &&
		    f->_IO_read_ptr[-1] == 'a' + i;

	return last ? 'A' + i : 'a' + i;
}

static void any_ungetc(void)
{
	struct stream *s = any_stream();
	int count = roll(6), pushed[6], c, back = 0;

	say("ungetc %d", count);
	if (!s || s->wide || is_memory(s) || __fwriting(s->stream))
		return;
	errno = 4242;
	for (int i = 0; i < count; i++) {
		pushed[i] = to_push(s, i);
		say(" %d", ungetc(pushed[i], s->stream) == pushed[i]);
	}
	say_stream(s);
	if (roll(2)) {
		for (int i = 0; i < count; i++) {
			c = getc(s->stream);
			back = back * 3 + (c == pushed[count - 1 - i]);
		}
		say(" back %d", back);
	}
	say(" errno %d", errno);
	say_stream(s);
}

static void any_fwrite(void)
{
	struct stream *s = any_stream();
	size_t len = roll_length() % 6000, put;

	fill_known(len);
	say("fwrite %zu", len);
	if (!s || has_saved(s))
		return;
	errno = 4242;
	if (roll(4))
		put = fwrite(bytes, 1, len, s->stream);
	else
		put = (size_t)fprintf(s->stream, "a line of %zu\n", len);
	say_result((long)put);
	say_stream(s);
}

static void any_place(void)
{
	static const int wheres[] = {SEEK_SET, SEEK_CUR, SEEK_END};
	struct stream *s = any_stream();
	int how = roll(6), where = ROLL_OF(wheres);
	long by = roll(3) ? roll(9000) : -roll(100), result = 0;

	say("place %d %ld %d", how, by, where);
	if (!s)
		return;
	errno = 4242;
	switch (how) {
	case 0: rewind(s->stream); break;
	case 1: result = (long)ftello(s->stream); break;
	case 2: result = ftell(s->stream); break;
	default: result = fseek(s->stream, by, where);
	}
	say_result(result);
	say_stream(s);
}

static void any_buffer(void)
{
	struct stream *s = any_stream();
	int how = roll(10), result = 0;

	say("buffer %d", how);
	if (!s || (how < 4 && (s->kind == ON_MEMORY || has_saved(s))))
		return;
	errno = 4242;
	switch (how) {
	case 0: result = setvbuf(s->stream, NULL, _IONBF, 0); break;
	case 1: result = setvbuf(s->stream, NULL, _IOLBF, 0); break;
	case 2: result = setvbuf(s->stream, NULL, _IOFBF, 0); break;
	case 3:
		result = setvbuf(s->stream, s->room, _IOFBF,
				 1 + (size_t)roll(sizeof s->room));
		break;
	case 4: result = fflush(s->stream); break;
	case 5: result = fflush(NULL); break;
	case 6: __fpurge(s->stream); break;
	case 7: clearerr(s->stream); break;
	case 8:
		result = __fsetlocking(s->stream, FSETLOCKING_BYCALLER);
		break;
	default: result = __fsetlocking(s->stream, FSETLOCKING_INTERNAL);
	}
	say_result(result);
	say_stream(s);
}

static void any_wide(void)
{
	struct stream *s = any_stream();
	int way = roll(7) ? 0 : roll(2) ? 1 : -1;

	say("fwide %d", way);
	if (!s)
		return;
	errno = 4242;
	say(" %d", fwide(s->stream, way));
	say(" fileno %d errno %d", fileno(s->stream), errno);
	say_stream(s);
}

#endif
