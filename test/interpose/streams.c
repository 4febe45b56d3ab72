/*
 * Large requests on a stream of the device are served; every other byte of a
 * stream is libc's: what is in its buffer, what was pushed back, what a file has.
 */
#include "support/promise.h"

#include <dirent.h>
#include <mntent.h>
#include <pthread.h>
#include <pty.h>
#include <stdio_ext.h>
#include <wchar.h>

enum {
	LARGE = 16384,
	UNEVEN = 5000,	/* not whole blocks */
	BUFFER = 4096,	/* what libc reads of the device at once */
};

static uint8_t bytes[LARGE];

size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
size_t __fread_unlocked_chk(void *, size_t, size_t, size_t, FILE *);

static void expect_stream_served(size_t got, size_t want, uint64_t before)
{
	expect(got == want);
	expect(!preload_counts() || preload_served() > before);
}

static void large_requests_are_served(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	uint64_t before = preload_served();

	expect(stream != NULL);
	errno = 4242;
	expect_stream_served(fread(bytes, 1, LARGE, stream), LARGE, before);
	expect_random_bytes(bytes, LARGE);
	before = preload_served();
	expect_stream_served(fread_unlocked(bytes, 4, LARGE / 4, stream),
			     LARGE / 4, before);
	before = preload_served();
	expect_stream_served(__fread_chk(bytes, LARGE, LARGE, 1, stream), 1,
			     before);
	before = preload_served();
	expect_stream_served(__fread_unlocked_chk(bytes, LARGE, 1, LARGE,
						  stream), LARGE, before);
	expect(errno == 4242 && !feof(stream) && !ferror(stream));
	expect(fclose(stream) == 0);
}

static void what_was_pushed_back_comes_first(void)
{
	FILE *stream = fopen("/dev/urandom", "r");

	for (int i = 0; i < 64; i++) {
		expect(ungetc(i, stream) == i);
		expect(fread(bytes, 1, LARGE, stream) == LARGE);
		expect(bytes[0] == i);
		expect_random_bytes(bytes + 1, 64);
	}
	expect(fclose(stream) == 0);
}

static void large_and_small_may_be_mixed(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	uint8_t small[100];

	for (int i = 0; i < 200; i++) {
		expect(fread(small, 1, sizeof small, stream) == sizeof small);
		expect_random_bytes(small, sizeof small);
		expect(getc(stream) != EOF);
		expect(fread(bytes, 1, LARGE, stream) == LARGE);
		expect_random_bytes(bytes, LARGE);
	}
	expect(fclose(stream) == 0);
}

static void a_file_gives_its_own_bytes(void)
{
	FILE *stream = fopen(known_path(1), "r");

	expect(stream != NULL);
	for (uint64_t at = 0; at < 4 * LARGE; at += LARGE) {
		expect(fread(bytes, 1, LARGE, stream) == LARGE);
		expect(known_is(bytes, 1, at, LARGE));
	}
	expect(fclose(stream) == 0);
}

/* The stream's number becomes a file's, and the stream does not know. */
static void a_number_taken_away_gives_the_files_bytes(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	int file = open_known(1);

	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(dup2(file, fileno(stream)) == fileno(stream));
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(known_is(bytes, 1, 0, LARGE));
	expect(fclose(stream) == 0 && close(file) == 0);
}

static void an_unseen_swap_gives_the_files_bytes(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	int file = open_known(1);

	only_the_proof_sees_this();
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(raw_call(SYS_dup3, file, fileno(stream), 0, 0, 0, 0) >= 0);
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(known_is(bytes, 1, 0, LARGE));
	expect(fclose(stream) == 0 && close(file) == 0);
}

static void a_stream_for_writing_is_not_read(void)
{
	FILE *stream = fopen("/dev/urandom", "w");

	expect(stream != NULL);
	expect(fread(bytes, 1, LARGE, stream) == 0 && ferror(stream));
	expect(fclose(stream) == 0);
}

static void an_overflow_is_libcs_affair(void)
{
	FILE *stream = fopen(known_path(1), "r");

	expect(fread(bytes, (size_t)1 << 63, 2, stream) == 0);
	expect(fread(bytes, 0, LARGE, stream) == 0);
	expect(fread(bytes, LARGE, 0, stream) == 0);
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(known_is(bytes, 1, 0, LARGE));
	expect(fclose(stream) == 0);
}

static void streams_without_a_descriptor_go_on(void)
{
	static char text[LARGE];
	FILE *stream = fmemopen(text, sizeof text, "r");

	memset(text, 'x', sizeof text);
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(memcmp(bytes, text, LARGE) == 0);
	expect(fread(bytes, 1, LARGE, stream) == 0 && feof(stream));
	expect(fclose(stream) == 0);
}

/*
 * Its _fileno is whatever was in the heap there: the device's number, if that is
 * what the heap is full of.
 */
static void a_stream_on_memory_has_no_number(void)
{
	FILE *device = fopen("/dev/urandom", "r"), *stream;
	int *litter, fd = fileno(device);
	char *text;
	size_t len;

	expect(fread(bytes, 1, LARGE, device) == LARGE);
	for (size_t size = 64; size < 2000; size += 16) {
		litter = malloc(size);
		for (size_t i = 0; i < size / sizeof fd; i++)
			litter[i] = fd;
		free(litter);
	}
	stream = open_memstream(&text, &len);
	expect(stream && fwrite("hello", 1, 5, stream) == 5);
	expect(fflush(stream) == 0);
	rewind(stream);
	memset(bytes, 0, sizeof bytes);
	expect(fread(bytes, 1, 5, stream) == 5);
	expect(fread(bytes, 1, LARGE, stream) == 0);
	for (size_t i = 5; i < sizeof bytes; i++)
		expect(bytes[i] == 0);
	expect(fclose(stream) == 0 && fclose(device) == 0);
}

/* A read from a stream of lines flushes what a terminal has not got yet. */
static void a_prompt_is_flushed(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	int master, slave;
	char text[64];

	expect(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	expect(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
	expect(dup2(slave, STDOUT_FILENO) == STDOUT_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 1024);
	setvbuf(stream, NULL, _IOLBF, 0);
	fputs("prompt", stdout);
	expect(fread(bytes, 1, UNEVEN, stream) == UNEVEN);
	for (int i = 0; i < 1000 && read(master, text, sizeof text) != 6; i++)
		usleep(1000);
	expect(memcmp(text, "prompt", 6) == 0);
}

static void *reads_much(void *stream)
{
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	return NULL;
}

static void a_lock_of_the_programs_is_not_waited_for(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	pthread_t thread;

	__fsetlocking(stream, FSETLOCKING_BYCALLER);
	flockfile(stream);
	expect(pthread_create(&thread, NULL, reads_much, stream) == 0);
	expect(pthread_join(thread, NULL) == 0);
	funlockfile(stream);
	expect(fclose(stream) == 0);
}

/* Its place, and that it is one of bytes, are as after libc's own read. */
static void a_stream_is_left_as_libc_leaves_it(void)
{
	FILE *stream = fopen("/dev/urandom", "r");

	expect(fwide(stream, 0) == 0);
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(fwide(stream, 0) == 0);
	expect(fread(bytes, 1, UNEVEN, stream) == UNEVEN);
	expect(fwide(stream, 0) < 0);
	expect(fseek(stream, 0, SEEK_SET) == 0);
	expect(getc(stream) != EOF);
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect(fclose(stream) == 0);
	stream = fopen("/dev/urandom", "r");
	expect(fwide(stream, 1) > 0);
	expect(fread(bytes, 1, LARGE, stream) == LARGE || ferror(stream));
	expect(fclose(stream) == 0);
}

/*
 * The same calls on a device that is never served, of the same block size: what
 * a program can find out about the two streams is the same.
 */
static FILE *pair[2];

static void expect_alike(void)
{
	FILE *a = pair[0], *b = pair[1];

	expect(a->_flags == b->_flags && a->_mode == b->_mode);
	expect(a->_offset == b->_offset);
	expect(__fbufsize(a) == __fbufsize(b));
	expect(!__freading(a) == !__freading(b));
	expect(!__fwriting(a) == !__fwriting(b));
	expect(__fpending(a) == __fpending(b));
	expect(a->_IO_read_end - a->_IO_read_ptr ==
	       b->_IO_read_end - b->_IO_read_ptr);
	expect(!a->_IO_read_base == !b->_IO_read_base);
}

static void expect_read_alike(size_t size, size_t count)
{
	size_t got[2];

	for (int i = 0; i < 2; i++)
		got[i] = fread(bytes, size, count, pair[i]);
	expect(got[0] == got[1]);
	expect_alike();
}

static void begin_pair(const char *mode)
{
	pair[0] = fopen("/dev/urandom", mode);
	pair[1] = fopen("/dev/zero", mode);
	expect(pair[0] && pair[1]);
}

static void end_pair(void)
{
	expect(fclose(pair[0]) == 0 && fclose(pair[1]) == 0);
}

static void what_is_left_is_as_libc_leaves_it(void)
{
	static const char *const modes[] = {"r", "r+", "w+", "a+"};
	static const size_t lengths[] = {
		UNEVEN, LARGE, 100, UNEVEN, 4096, 1, LARGE - 1, UNEVEN, 4095,
		4097, 12000, 8192, LARGE,
	};
	uint64_t before = preload_served();

	for (size_t m = 0; m < COUNT(modes); m++) {
		begin_pair(modes[m]);
		for (size_t i = 0; i < COUNT(lengths); i++) {
			expect_read_alike(1, lengths[i]);
			expect_read_alike(7, lengths[i] / 7);
			if (i % 4 != m)
				continue;
			expect(fseek(pair[0], 0, SEEK_SET) ==
			       fseek(pair[1], 0, SEEK_SET));
			expect_alike();
			expect_read_alike(lengths[i], 1);
		}
		end_pair();
	}
	expect(!preload_counts() || preload_served() > before + 40);
}

static void a_fresh_stream_is_left_as_libc_leaves_it(void)
{
	static const size_t lengths[] = {4096, UNEVEN, 8192, LARGE, 4097};

	for (size_t i = 0; i < COUNT(lengths); i++) {
		begin_pair("r");
		expect_read_alike(1, lengths[i]);
		end_pair();
	}
}

static void a_wide_stream_counts_as_libcs_does(void)
{
	begin_pair("r");
	expect(fwide(pair[0], 1) > 0 && fwide(pair[1], 1) > 0);
	for (int i = 0; i < 4; i++) {
		expect_read_alike(1, UNEVEN);
		expect_read_alike(1, LARGE);
	}
	end_pair();
}

/* Of the block that its end came from, the rest comes before the new file. */
static void what_is_in_the_buffer_comes_before_another_file(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	int file = open_known(1), left = 2 * 4096 - UNEVEN;

	expect(fread(bytes, 1, UNEVEN, stream) == UNEVEN);
	expect(dup2(file, fileno(stream)) == fileno(stream));
	expect(fread(bytes, 1, LARGE, stream) == LARGE);
	expect_random_bytes(bytes, (size_t)left);
	expect(known_is(bytes + left, 1, 0, (size_t)(LARGE - left)));
	expect(fclose(stream) == 0 && close(file) == 0);
}

static void bytes_in_the_buffer_come_again(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	uint8_t again[100];

	expect(fseek(stream, 0, SEEK_SET) == 0);
	for (int i = 0; i < 10; i++) {
		expect(fread(bytes, 1, UNEVEN + 100, stream) == UNEVEN + 100);
		expect(fseek(stream, -100, SEEK_CUR) == 0);
		expect(fread(again, 1, sizeof again, stream) == sizeof again);
		expect(memcmp(again, bytes + UNEVEN, sizeof again) == 0);
		expect(fread(bytes, 1, LARGE, stream) == LARGE);
	}
	expect(fclose(stream) == 0);
}

/* --- cancellation: where libc would read, and there alone --- */

static size_t by_fread(FILE *stream)
{
	return fread(bytes, 1, LARGE, stream);
}

static size_t by_fread_unlocked(FILE *stream)
{
	return fread_unlocked(bytes, 1, LARGE, stream);
}

static size_t by___fread_chk(FILE *stream)
{
	return __fread_chk(bytes, LARGE, 1, LARGE, stream);
}

static size_t by___fread_unlocked_chk(FILE *stream)
{
	return __fread_unlocked_chk(bytes, LARGE, 1, LARGE, stream);
}

static size_t by_fread_of_a_buffer(FILE *stream)
{
	return fread(bytes, 1, BUFFER, stream);
}

static size_t (*const freads[])(FILE *) = {
	by_fread, by_fread_unlocked, by___fread_chk, by___fread_unlocked_chk,
};

struct cancelled {
	size_t (*by)(FILE *);
	FILE *stream;
	int state;
};

static void *reads_with_cancellation_pending(void *argument)
{
	struct cancelled *how = argument;

	pthread_setcancelstate(how->state, NULL);
	pthread_cancel(pthread_self());
	how->by(how->stream);
	return NULL;
}

/* Is it where a request to cancel is acted on? */
static bool cancelled(size_t (*by)(FILE *), FILE *stream, int state)
{
	struct cancelled how = {by, stream, state};
	pthread_t thread;
	void *result;

	memset(bytes, 0, sizeof bytes);
	expect(pthread_create(&thread, NULL, reads_with_cancellation_pending,
			      &how) == 0);
	expect(pthread_join(thread, &result) == 0);
	return result == PTHREAD_CANCELED;
}

static void expect_nothing_held(FILE *stream)
{
	uint64_t before = preload_served();

	expect(ftrylockfile(stream) == 0);
	funlockfile(stream);
	expect_stream_served(fread(bytes, 1, LARGE, stream), LARGE, before);
}

static void fread_acts_on_a_pending_cancellation(void)
{
	FILE *stream = fopen("/dev/urandom", "r");

	for (size_t i = 0; i < COUNT(freads); i++)
		for (int again = 0; again < 20; again++) {
			expect(cancelled(freads[i], stream,
					 PTHREAD_CANCEL_ENABLE));
			for (size_t at = 0; at < LARGE; at++)
				expect(bytes[at] == 0);
			expect_nothing_held(stream);
		}
	expect(fclose(stream) == 0);
}

static void fread_goes_on_where_cancellation_is_disabled(void)
{
	FILE *stream = fopen("/dev/urandom", "r");

	for (size_t i = 0; i < COUNT(freads); i++) {
		expect(!cancelled(freads[i], stream, PTHREAD_CANCEL_DISABLE));
		expect_random_bytes(bytes, LARGE);
		expect_nothing_held(stream);
	}
	expect(fclose(stream) == 0);
}

/* Of glibc's modes: no function on this stream is a cancellation point. */
static void fread_goes_on_where_the_stream_says_so(void)
{
	FILE *stream = fopen("/dev/urandom", "rc");

	for (size_t i = 0; i < COUNT(freads); i++) {
		expect(!cancelled(freads[i], stream, PTHREAD_CANCEL_ENABLE));
		expect_random_bytes(bytes, LARGE);
		expect_nothing_held(stream);
	}
	expect(fclose(stream) == 0);
}

static void fread_goes_on_where_nothing_has_to_be_read(void)
{
	FILE *stream = fopen("/dev/urandom", "r");

	expect(ungetc(getc(stream), stream) != EOF);
	if (stream->_IO_read_end - stream->_IO_read_ptr != BUFFER)
		skip_because("a stream has a buffer of another size here");
	expect(!cancelled(by_fread_of_a_buffer, stream, PTHREAD_CANCEL_ENABLE));
	expect_random_bytes(bytes, BUFFER);
	expect_nothing_held(stream);
	expect(fclose(stream) == 0);
}

static void *reads_a_stream(void *stream)
{
	by_fread(stream);
	return NULL;
}

/* The request comes while fread waits for the stream. */
static void fread_acts_on_a_cancellation_after_a_wait(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	pthread_t thread;
	void *result;

	flockfile(stream);
	expect(pthread_create(&thread, NULL, reads_a_stream, stream) == 0);
	usleep(20000);
	expect(pthread_cancel(thread) == 0);
	funlockfile(stream);
	expect(pthread_join(thread, &result) == 0);
	expect(result == PTHREAD_CANCELED);
	expect_nothing_held(stream);
	expect(fclose(stream) == 0);
}

/* glibc looks for a '+' no further than at the seventh character. */
static void a_plus_that_libc_ignores_makes_no_reader(void)
{
	static const char *const modes[] = {"w,ccs=UTF-8+", "abbbbbb+"};
	FILE *stream;

	for (size_t i = 0; i < COUNT(modes); i++) {
		stream = fopen("/dev/urandom", modes[i]);
		if (!stream || fcntl(fileno(stream), F_GETFL) & O_RDWR)
			skip_because("this libc has another view of a mode");
		expect_unreadable(fileno(stream));
		stream = freopen("/dev/random", modes[i], stream);
		expect(stream != NULL);
		expect_unreadable(fileno(stream));
		expect(fclose(stream) == 0);
	}
	stream = fopen64("/dev/urandom", "wbbbbb+");
	expect_served(fileno(stream));
	expect(fclose(stream) == 0);
}

static void no_handle_is_as_libc_has_it(void)
{
	FILE *volatile no_stream = NULL;
	DIR *volatile no_directory = NULL;

	errno = 0;
	expect(closedir(no_directory) == -1 && errno == EINVAL);
	expect(endmntent(no_stream) == 1);
}

int main(void)
{
	static struct promise promises[] = {
		APART(large_requests_are_served),
		APART(what_was_pushed_back_comes_first),
		APART(large_and_small_may_be_mixed),
		APART(a_file_gives_its_own_bytes),
		APART(a_number_taken_away_gives_the_files_bytes),
		APART(an_unseen_swap_gives_the_files_bytes),
		APART(a_stream_for_writing_is_not_read),
		APART(an_overflow_is_libcs_affair),
		APART(streams_without_a_descriptor_go_on),
		APART(a_stream_on_memory_has_no_number),
		APART(a_prompt_is_flushed),
		APART(a_lock_of_the_programs_is_not_waited_for),
		APART(a_stream_is_left_as_libc_leaves_it),
		APART(what_is_left_is_as_libc_leaves_it),
		APART(a_fresh_stream_is_left_as_libc_leaves_it),
		APART(a_wide_stream_counts_as_libcs_does),
		APART(what_is_in_the_buffer_comes_before_another_file),
		APART(bytes_in_the_buffer_come_again),
		APART(fread_acts_on_a_pending_cancellation),
		APART(fread_goes_on_where_cancellation_is_disabled),
		APART(fread_goes_on_where_the_stream_says_so),
		APART(fread_goes_on_where_nothing_has_to_be_read),
		APART(fread_acts_on_a_cancellation_after_a_wait),
		APART(a_plus_that_libc_ignores_makes_no_reader),
		APART(no_handle_is_as_libc_has_it),
	};

	return promises_keep("streams", promises, COUNT(promises));
}
