/*
 * Every name that reads, reads as before: the same counts, the same errors,
 * the same points of cancellation, errno left alone; only the bytes of the
 * device come from this process.
 */
#include "support/promise.h"

#include <pthread.h>
#include <time.h>

#include "hidden_names.h"

/* --- the names: a read of len bytes, by some also from an offset --- */

static ssize_t by_read(int fd, void *buf, size_t len, off_t offset)
{
	(void)offset;
	return read(fd, buf, len);
}

static ssize_t by___read(int fd, void *buf, size_t len, off_t offset)
{
	(void)offset;
	return __read(fd, buf, len);
}

static ssize_t by___read_chk(int fd, void *buf, size_t len, off_t offset)
{
	(void)offset;
	return __read_chk(fd, buf, len, SIZE_MAX);
}

static ssize_t by_pread(int fd, void *buf, size_t len, off_t offset)
{
	return pread(fd, buf, len, offset);
}

static ssize_t by_pread64(int fd, void *buf, size_t len, off_t offset)
{
	return pread64(fd, buf, len, offset);
}

static ssize_t by___pread64(int fd, void *buf, size_t len, off_t offset)
{
	return __pread64(fd, buf, len, offset);
}

static ssize_t by___pread_chk(int fd, void *buf, size_t len, off_t offset)
{
	return __pread_chk(fd, buf, len, offset, SIZE_MAX);
}

static ssize_t by___pread64_chk(int fd, void *buf, size_t len, off_t offset)
{
	return __pread64_chk(fd, buf, len, offset, SIZE_MAX);
}

/* In three parts, one of them empty. */
static struct iovec *parts_of(void *buf, size_t len, struct iovec parts[4])
{
	size_t first = len / 3;

	parts[0] = (struct iovec){buf, first};
	parts[1] = (struct iovec){NULL, 0};
	parts[2] = (struct iovec){(char *)buf + first, len - first};
	return parts;
}

static ssize_t by_readv(int fd, void *buf, size_t len, off_t offset)
{
	struct iovec parts[4];

	(void)offset;
	return readv(fd, parts_of(buf, len, parts), 3);
}

static ssize_t by_preadv(int fd, void *buf, size_t len, off_t offset)
{
	struct iovec parts[4];

	return preadv(fd, parts_of(buf, len, parts), 3, offset);
}

static ssize_t by_preadv64(int fd, void *buf, size_t len, off_t offset)
{
	struct iovec parts[4];

	return preadv64(fd, parts_of(buf, len, parts), 3, offset);
}

static ssize_t by_preadv2(int fd, void *buf, size_t len, off_t offset)
{
	struct iovec parts[4];

	return preadv2(fd, parts_of(buf, len, parts), 3, offset, 0);
}

static ssize_t by_preadv64v2(int fd, void *buf, size_t len, off_t offset)
{
	struct iovec parts[4];

	return preadv64v2(fd, parts_of(buf, len, parts), 3, offset, 0);
}

static const struct reader {
	const char *name;
	ssize_t (*read)(int fd, void *buf, size_t len, off_t offset);
	bool takes_offset;
} readers[] = {
	{"read", by_read, false},
	{"__read", by___read, false},
	{"__read_chk", by___read_chk, false},
	{"pread", by_pread, true},
	{"pread64", by_pread64, true},
	{"__pread64", by___pread64, true},
	{"__pread_chk", by___pread_chk, true},
	{"__pread64_chk", by___pread64_chk, true},
	{"readv", by_readv, false},
	{"preadv", by_preadv, true},
	{"preadv64", by_preadv64, true},
	{"preadv2", by_preadv2, true},
	{"preadv64v2", by_preadv64v2, true},
};

static const struct reader *by; /* the row at work */

/* --- the promises, each kept for every name --- */

static void serves_the_device(void)
{
	static uint8_t bytes[100000];
	/* By parts, the first is a third. */
	const size_t lengths[] = {2 * SERVED_LEN, 4096, 65536, 65537,
				  sizeof bytes};
	int fd = open_served();
	uint64_t before;
	size_t i;
	int tries;

	for (i = 0; i < COUNT(lengths); i++) {
		memset(bytes, 0, sizeof bytes);
		for (tries = 0; tries < 4; tries++) {
			before = preload_served();
			errno = 4242;
			expect(by->read(fd, bytes, lengths[i], 1000) ==
			       (ssize_t)lengths[i]);
			expect(errno == 4242);
			expect_random_bytes(bytes, lengths[i]);
			if (!preload_counts() || preload_served() > before)
				break;
		}
		expect(tries < 4);
		expect(lengths[i] == sizeof bytes || bytes[lengths[i]] == 0);
	}
	expect(close(fd) == 0);
}

static void reads_every_length_to_its_end(void)
{
	uint8_t bytes[1100], seen[1100] = {0};
	int fd = open_served();
	size_t len, i;
	int round;

	for (len = 1; len < sizeof bytes; len += len < 300 ? 1 : 37) {
		memset(seen, 0, len);
		for (round = 0; round < 8; round++) {
			memset(bytes, 0, sizeof bytes);
			expect(by->read(fd, bytes, len, 0) == (ssize_t)len);
			for (i = 0; i < len; i++)
				seen[i] |= bytes[i];
			expect(bytes[len] == 0);
		}
		/* All eight bytes were 0: one time in 2^64. */
		for (i = 0; i < len; i++)
			expect(seen[i] != 0);
	}
	expect(close(fd) == 0);
}

static void reads_files_as_before(void)
{
	uint8_t bytes[SERVED_LEN];
	int fd = open_known(1);
	size_t len;

	expect(lseek(fd, 12345, SEEK_SET) == 12345);
	errno = 4242;
	for (len = sizeof bytes; len > 0; len /= 2) {
		off_t at = lseek(fd, 0, SEEK_CUR);

		expect(by->read(fd, bytes, len, at) == (ssize_t)len);
		expect(known_is(bytes, 1, (uint64_t)at, len));
		if (by->takes_offset)
			expect(lseek(fd, (off_t)len, SEEK_CUR) > at);
		expect(lseek(fd, 0, SEEK_CUR) == at + (off_t)len);
	}
	expect(errno == 4242);
	expect(lseek(fd, KNOWN_SIZE - 3, SEEK_SET) > 0);
	expect(by->read(fd, bytes, 16, KNOWN_SIZE - 3) == 3);
	expect(lseek(fd, KNOWN_SIZE, SEEK_SET) > 0);
	expect(by->read(fd, bytes, 16, KNOWN_SIZE) == 0);
	expect(close(fd) == 0);
}

/* Whatever the device was opened for, it was not reading. */
static void expect_refusal(int flags)
{
	uint8_t bytes[SERVED_LEN];
	int fd = open("/dev/urandom", flags);

	expect(fd >= 0);
	expect(by->read(fd, bytes, sizeof bytes, 0) == -1 && errno == EBADF);
	expect(by->read(fd, bytes, 0, 0) == -1 && errno == EBADF);
	expect(dup2(fd, 60) == 60);
	expect(by->read(60, bytes, sizeof bytes, 0) == -1 && errno == EBADF);
	expect(close(60) == 0 && close(fd) == 0);
	expect(by->read(fd, bytes, sizeof bytes, 0) == -1 && errno == EBADF);
}

/* 20 */
static void refuses_what_is_open_for_writing(void)
{
	expect_refusal(O_WRONLY);
	expect_refusal(O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

/* 21 */
static void refuses_what_is_a_path(void)
{
	expect_refusal(O_PATH);
}

/* The fourth access mode: for ioctl alone. */
static void refuses_what_is_open_for_neither(void)
{
	expect_refusal(O_ACCMODE);
}

static void refuses_what_is_no_descriptor(void)
{
	const int numbers[] = {-1, -2, INT_MIN, INT_MAX, 1 << 30};
	uint8_t bytes[SERVED_LEN];
	size_t i;

	for (i = 0; i < COUNT(numbers); i++) {
		expect(by->read(numbers[i], bytes, sizeof bytes, 0) == -1);
		expect(errno == EBADF);
	}
}

/* 22 */
static void gives_efault_for_what_is_never_memory(void)
{
	const uintptr_t pointers[] = {
		0,
		1,
		4095,
		(uintptr_t)-1,
		(uintptr_t)-4096,
#if defined(__LP64__)
		(uintptr_t)INTPTR_MIN,
		(uintptr_t)INTPTR_MIN + 4096,
#endif
	};
	int fd = open_served();
	size_t i;

	for (i = 0; i < COUNT(pointers); i++) {
		expect(by->read(fd, (void *)pointers[i], SERVED_LEN, 0) == -1);
		expect(errno == EFAULT);
		expect(by->read(fd, (void *)pointers[i], 16, 0) == -1);
		expect(errno == EFAULT);
	}
	expect_served(fd);
	expect(close(fd) == 0);
}

/* 35: the pointer of an empty read is nobody's business. */
static void reads_nothing_from_anywhere(void)
{
	char byte = 'x';
	int fd = open_served();

	errno = 4242;
	expect(by->read(fd, &byte, 0, 0) == 0 && byte == 'x');
	expect(by->read(fd, NULL, 0, 0) == 0);
	expect(by->read(fd, (void *)1, 0, 0) == 0);
	expect(errno == 4242);
	expect(close(fd) == 0);
}

static void cares_for_its_offset_alone(void)
{
	const off_t offsets[] = {0, 1, 1 << 20, INT64_C(1) << 40};
	uint8_t bytes[SERVED_LEN];
	int fd = open_served();
	size_t i;

	for (i = 0; i < COUNT(offsets); i++) {
		expect(by->read(fd, bytes, sizeof bytes, offsets[i]) ==
		       sizeof bytes);
		expect_random_bytes(bytes, sizeof bytes);
		expect(lseek(fd, 0, SEEK_CUR) == 0);
	}
	if (by->takes_offset) {
		expect(by->read(fd, bytes, sizeof bytes, -2) == -1);
		expect(errno == EINVAL);
		expect(by->read(fd, bytes, sizeof bytes, INT64_MIN) == -1);
		expect(errno == EINVAL);
		expect(by->read(fd, bytes, 0, -2) == -1 && errno == EINVAL);
	}
	expect(close(fd) == 0);
}

/* The read would end beyond the largest offset there is. */
static void refuses_an_offset_too_large(void)
{
	uint8_t bytes[SERVED_LEN];
	int fd = open_served();

	if (by->takes_offset) {
		expect(by->read(fd, bytes, sizeof bytes, INT64_MAX) == -1);
		expect(errno == EINVAL);
		expect(by->read(fd, bytes, sizeof bytes,
				INT64_MAX - (off_t)sizeof bytes) ==
		       sizeof bytes);
		expect_random_bytes(bytes, sizeof bytes);
	}
	expect(close(fd) == 0);
}

/* 28 */
static int looped_on;

static void *read_until_cancelled(void *unused)
{
	uint8_t bytes[SERVED_LEN];
	time_t end = time(NULL) + 5;

	while (time(NULL) < end)
		if (by->read(looped_on, bytes, sizeof bytes, 0) <= 0)
			return unused;
	return unused;
}

static void is_where_a_loop_is_cancelled(void)
{
	pthread_t thread;
	void *result;

	looped_on = open_served();
	expect(pthread_create(&thread, NULL, read_until_cancelled, NULL) == 0);
	usleep(2000);
	expect(pthread_cancel(thread) == 0);
	expect(pthread_join(thread, &result) == 0);
	expect(result == PTHREAD_CANCELED);
	expect_served(looped_on);
	expect(close(looped_on) == 0);
}

/* Cancelled before, and while it could not be: the next read, at once. */
static void *read_once_cancelled(void *unused)
{
	uint8_t *bytes = unused;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cancel(pthread_self());
	if (by->read(looped_on, bytes, SERVED_LEN, 0) != SERVED_LEN)
		return NULL;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	bytes[0] = 'x';
	by->read(looped_on, bytes, 1, 0);
	return NULL;
}

static void is_cancelled_before_it_writes_a_byte(void)
{
	uint8_t bytes[SERVED_LEN];
	pthread_t thread;
	void *result;
	int i;

	looped_on = open_served();
	for (i = 0; i < 20; i++) {
		expect(pthread_create(&thread, NULL, read_once_cancelled,
				      bytes) == 0);
		expect(pthread_join(thread, &result) == 0);
		expect(result == PTHREAD_CANCELED && bytes[0] == 'x');
	}
	expect(close(looped_on) == 0);
}

static void is_where_a_wait_is_cancelled(void)
{
	pthread_t thread;
	void *result;
	int ends[2];

	if (by->takes_offset)
		return; /* nothing that waits has offsets */
	expect(pipe(ends) == 0);
	looped_on = ends[0];
	expect(pthread_create(&thread, NULL, read_until_cancelled, NULL) == 0);
	usleep(2000);
	expect(pthread_cancel(thread) == 0);
	expect(pthread_join(thread, &result) == 0);
	expect(result == PTHREAD_CANCELED);
	expect(close(ends[0]) == 0 && close(ends[1]) == 0);
}

/* --- each promise times each name --- */

static const struct {
	const char *what;
	void (*promise)(void);
} promises[] = {
#define FOR_ALL(promise) {" " #promise, promise}
	FOR_ALL(serves_the_device),
	FOR_ALL(reads_every_length_to_its_end),
	FOR_ALL(reads_files_as_before),
	FOR_ALL(refuses_what_is_open_for_writing),
	FOR_ALL(refuses_what_is_a_path),
	FOR_ALL(refuses_what_is_open_for_neither),
	FOR_ALL(refuses_what_is_no_descriptor),
	FOR_ALL(gives_efault_for_what_is_never_memory),
	FOR_ALL(reads_nothing_from_anywhere),
	FOR_ALL(cares_for_its_offset_alone),
	FOR_ALL(refuses_an_offset_too_large),
	FOR_ALL(is_where_a_loop_is_cancelled),
	FOR_ALL(is_cancelled_before_it_writes_a_byte),
	FOR_ALL(is_where_a_wait_is_cancelled),
};

struct pair {
	void (*promise)(void);
	const struct reader *by;
};

static void keep_by_name(void **state)
{
	const struct pair *pair = *state;

	by = pair->by;
	if (!dlsym(RTLD_DEFAULT, by->name))
		skip_because("this libc has no such name");
	pair->promise();
}

int main(void)
{
	static struct pair pairs[COUNT(promises)][COUNT(readers)];
	static struct promise_list list;
	size_t promise, reader;

	for (promise = 0; promise < COUNT(promises); promise++)
		for (reader = 0; reader < COUNT(readers); reader++) {
			struct pair *pair = &pairs[promise][reader];

			pair->promise = promises[promise].promise;
			pair->by = &readers[reader];
			promise_add(&list, pair->by->name,
				    promises[promise].what, keep_by_name, pair);
		}
	return promise_run("descriptors_reads", list.tests, list.count);
}
