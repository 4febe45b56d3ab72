/*
 * The kernel's rules for reading hold for the reads that it never sees, and
 * what is not a read of the device goes where it always went.
 */
#include "support/promise.h"

#include <linux/random.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>

#include "hidden_names.h"

/* Counts that the compiler would warn of, if it knew them. */
static volatile int minus_one = -1, one = 1, too_many = 1025;

static void read_too_much_for_the_room(void)
{
	uint8_t bytes[64];

	__read_chk(open_served(), bytes, sizeof bytes, 16);
}

static void pread_too_much_for_the_room(void)
{
	uint8_t bytes[64];

	__pread_chk(open_served(), bytes, sizeof bytes, 0, 16);
}

static void pread64_too_much_for_the_room(void)
{
	uint8_t bytes[64];

	__pread64_chk(open_served(), bytes, sizeof bytes, 0, 16);
}

static void checked_reads_still_check(void)
{
	void (*bodies[])(void) = {read_too_much_for_the_room,
				  pread_too_much_for_the_room,
				  pread64_too_much_for_the_room};
	size_t i;
	int status;

	if (!__read_chk || !__pread_chk || !__pread64_chk)
		skip_because("this libc has no checked reads");
	for (i = 0; i < COUNT(bodies); i++) {
		status = status_apart(bodies[i]);
		expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

/* The kernel is asked the same: what it answers is right. */
#define EXPECT_AS_THE_KERNEL(ours_, theirs_) \
	do { \
		long theirs = (theirs_); \
		long ours = (ours_); \
		expect((ours == -1 ? -errno : ours) == theirs); \
	} while (0)

static void absurd_lengths_get_the_kernels_answer(void)
{
	const size_t lengths[] = {SIZE_MAX, SSIZE_MAX, (size_t)SSIZE_MAX + 1,
				  SIZE_MAX - 4096, SIZE_MAX / 4};
	uint8_t bytes[64];
	int fd = open_served();
	size_t i;

	for (i = 0; i < COUNT(lengths); i++) {
		EXPECT_AS_THE_KERNEL(read(fd, bytes, lengths[i]),
				     RAW(SYS_read, fd, bytes, lengths[i]));
		EXPECT_AS_THE_KERNEL(read(fd, NULL, lengths[i]),
				     RAW(SYS_read, fd, NULL, lengths[i]));
		EXPECT_AS_THE_KERNEL(pread(fd, bytes, lengths[i], 0),
				     RAW(SYS_pread64, fd, bytes, lengths[i],
					 0));
	}
	expect(close(fd) == 0);
}

/* One page of memory, seen at more addresses than a read may fill. */
static void a_read_ends_at_the_kernels_limit(void)
{
	const size_t limit = 0x7ffff000, step = 2 << 20;
	const size_t size = (limit / step + 2) * step;
	char *space;
	size_t at;
	int page, fd;

	if (!getenv("TEST_SLOW"))
		skip_because("fills 2 GiB twice; TEST_SLOW=1 asks for it");
	fd = open_served();
	page = memfd_create("page", 0);
	space = mmap(NULL, size, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	expect(space != MAP_FAILED && ftruncate(page, (off_t)step) == 0);
	for (at = 0; at < size; at += step)
		expect(mmap(space + at, step, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, page, 0) == space + at);
	expect(read(fd, space, limit + 1) == (ssize_t)limit);
	expect_random_bytes(space, 4096);
	expect(pread(fd, space, size, 0) == (ssize_t)limit);
	expect(munmap(space, size) == 0);
	expect(close(page) == 0 && close(fd) == 0);
}

static void readv_keeps_the_kernels_rules(void)
{
	static struct iovec many[1025];
	uint8_t bytes[SERVED_LEN];
	struct iovec whole = {bytes, sizeof bytes};
	struct iovec huge[2] = {{bytes, SSIZE_MAX}, {bytes, SSIZE_MAX}};
	struct iovec odd[3] = {{bytes, 64}, {NULL, 64}, {bytes, 64}};
	struct iovec negative = {bytes, (size_t)-5};
	int fd = open_served();
	size_t i;

	for (i = 0; i < COUNT(many); i++)
		many[i] = (struct iovec){bytes + i % 512, 1};
	expect(readv(fd, many, 1024) == 1024);
	expect_random_bytes(bytes, sizeof bytes);
	expect(readv(fd, many, too_many) == -1 && errno == EINVAL);
	expect(readv(fd, &whole, 0) == 0);
	expect(readv(fd, NULL, 0) == 0);
	expect(readv(fd, &whole, minus_one) == -1 && errno == EINVAL);
	expect(readv(fd, NULL, one) == -1 && errno == EFAULT);
	expect(preadv(fd, &whole, 1, -1) == -1 && errno == EINVAL);
	expect(preadv(fd, &whole, 0, -1) == -1 && errno == EINVAL);
	EXPECT_AS_THE_KERNEL(readv(fd, huge, 2), RAW(SYS_readv, fd, huge, 2));
	EXPECT_AS_THE_KERNEL(readv(fd, odd, 3), RAW(SYS_readv, fd, odd, 3));
	EXPECT_AS_THE_KERNEL(readv(fd, odd + 1, 2),
			     RAW(SYS_readv, fd, odd + 1, 2));
	EXPECT_AS_THE_KERNEL(readv(fd, &negative, 1),
			     RAW(SYS_readv, fd, &negative, 1));
	expect(close(fd) == 0);
}

static ssize_t by_readv(int fd, const struct iovec *parts, int count)
{
	return readv(fd, parts, count);
}

static ssize_t by_preadv(int fd, const struct iovec *parts, int count)
{
	return preadv(fd, parts, count, 0);
}

static ssize_t by_preadv64(int fd, const struct iovec *parts, int count)
{
	return preadv64(fd, parts, count, 0);
}

static ssize_t by_preadv2(int fd, const struct iovec *parts, int count)
{
	return preadv2(fd, parts, count, 0, 0);
}

static ssize_t by_preadv64v2(int fd, const struct iovec *parts, int count)
{
	return preadv64v2(fd, parts, count, 0, 0);
}

/*
 * The kernel copies a vector before it writes a byte. So a buffer may be the
 * vector itself, or hold its other parts, seen at this address or at another.
 */
static void a_vector_is_read_once_by(ssize_t (*by)(int, const struct iovec *,
						   int))
{
	uint8_t bytes[SERVED_LEN];
	int fd = open_served(), page = memfd_create("vector", 0);
	struct iovec *vector, *alias;
	size_t counts[] = {2, 8, 9, 16, 17, 1024}, size = 16384, i, c;

	expect(page >= 0 && ftruncate(page, (off_t)size) == 0);
	vector = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	alias = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	expect(vector != MAP_FAILED && alias != MAP_FAILED);
	for (c = 0; c < COUNT(counts); c++) {
		size_t count = counts[c], len = count * sizeof *vector;
		/* The whole vector; its second part; its last, elsewhere. */
		struct iovec first[] = {{vector, len},
					{vector + 1, sizeof *vector},
					{alias + count - 1, sizeof *vector}};

		for (i = 0; i < COUNT(first); i++) {
			struct iovec last = {bytes, sizeof bytes};

			memset(vector, 0, len);
			memset(bytes, 0, sizeof bytes);
			vector[0] = first[i];
			vector[count - 1] = last;
			expect(by(fd, vector, (int)count) ==
			       (ssize_t)(first[i].iov_len + sizeof bytes));
			expect_random_bytes(bytes, sizeof bytes);
			expect((memcmp(&vector[count - 1], &last, sizeof last)
				== 0) == (i == 1 && count > 2));
		}
		/* The last part is refused, when the vector is gone. */
		memset(vector, 0, len);
		vector[0] = first[0];
		vector[count - 1] = (struct iovec){NULL, sizeof bytes};
		expect(by(fd, vector, (int)count) == (ssize_t)len);
	}
	expect(munmap(vector, size) == 0 && munmap(alias, size) == 0);
	expect(close(page) == 0);
	expect_served(fd);
	expect(close(fd) == 0);
}

static void a_vector_is_read_once(void)
{
	a_vector_is_read_once_by(by_readv);
	a_vector_is_read_once_by(by_preadv);
	a_vector_is_read_once_by(by_preadv64);
	if (preadv2)
		a_vector_is_read_once_by(by_preadv2);
	if (preadv64v2)
		a_vector_is_read_once_by(by_preadv64v2);
}

/* What is no descriptor is said before what is no vector. */
static void a_vector_that_is_not_there_is_the_kernels_affair(void)
{
	const uintptr_t never[] = {0, 1, 4095, (uintptr_t)-1, (uintptr_t)-4096};
	int device = open_served(), closed = dup(device), file = open_known(1);
	int unseen = (int)RAW(SYS_dup, file);
	void *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	size_t i;

	expect(close(closed) == 0 && gone != MAP_FAILED);
	for (i = 0; i < COUNT(never); i++) {
		expect(readv(device, (struct iovec *)never[i], one) == -1);
		expect(errno == EFAULT);
		expect(readv(closed, (struct iovec *)never[i], one) == -1);
		expect(errno == EBADF);
	}
	expect(readv(closed, gone, one) == -1 && errno == EBADF);
	expect(readv(file, gone, one) == -1 && errno == EFAULT);
	expect(readv(unseen, gone, one) == -1 && errno == EFAULT);
	expect(close(device) == 0 && close(file) == 0 && close(unseen) == 0);
}

static void preadv2_keeps_the_kernels_rules(void)
{
	const int flags[] = {RWF_HIPRI, RWF_NOWAIT, RWF_SYNC, 1 << 28, -1};
	uint8_t bytes[SERVED_LEN];
	struct iovec whole = {bytes, sizeof bytes};
	int fd = open_served();
	size_t i;

	if (!preadv2)
		skip_because("this libc has no preadv2");
	expect(preadv2(fd, &whole, 1, -1, 0) == sizeof bytes);
	expect_random_bytes(bytes, sizeof bytes);
	expect(preadv2(fd, &whole, 1, -2, 0) == -1 && errno == EINVAL);
	expect(preadv2(fd, &whole, too_many, 0, 0) == -1 && errno == EINVAL);
	for (i = 0; i < COUNT(flags); i++)
		EXPECT_AS_THE_KERNEL(preadv2(fd, &whole, 1, 0, flags[i]),
				     RAW(SYS_preadv2, fd, &whole, 1, 0, 0,
					 flags[i]));
	expect(close(fd) == 0);
}

static void the_device_does_not_block(void)
{
	int fd = open("/dev/urandom", O_RDONLY | O_NONBLOCK);

	expect_served(fd);
	expect(close(fd) == 0);
	fd = open_served();
	expect(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	expect_served(fd);
	expect(fcntl(fd, F_SETFL, 0) == 0);
	expect_served(fd);
	expect(close(fd) == 0);
}

/* What is not a read goes where it went. */
static void the_descriptor_stays_the_real_one(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = open("/dev/urandom", O_RDWR);
	struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
	struct timeval now = {0};
	struct stat st;
	fd_set set;
	int bits = -1, ends[2], epoll[2];

	expect_served(fd);
	expect(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	expect(st.st_rdev == makedev(1, 9));
	EXPECT_AS_THE_KERNEL(lseek(fd, 100, SEEK_SET),
			     RAW(SYS_lseek, fd, 100, SEEK_SET));
	EXPECT_AS_THE_KERNEL(lseek(fd, 5, SEEK_END),
			     RAW(SYS_lseek, fd, 5, SEEK_END));
	expect(poll(&ready, 1, 0) == 1 && ready.revents == (POLLIN | POLLOUT));
	FD_ZERO(&set);
	FD_SET(fd, &set);
	expect(select(fd + 1, &set, NULL, NULL, &now) == 1);
	epoll[0] = epoll_create1(0);
	epoll[1] = epoll_create1(0);
	EXPECT_AS_THE_KERNEL(epoll_ctl(epoll[0], EPOLL_CTL_ADD, fd, &event),
			     RAW(SYS_epoll_ctl, epoll[1], EPOLL_CTL_ADD, fd,
				 &event));
	expect(ioctl(fd, RNDGETENTCNT, &bits) == 0 && bits >= 0);
	expect(write(fd, "some entropy", 12) == 12);
	EXPECT_AS_THE_KERNEL(fsync(fd), RAW(SYS_fsync, fd));
	EXPECT_AS_THE_KERNEL(ftruncate(fd, 0), RAW(SYS_ftruncate, fd, 0));
	expect(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	expect(pipe(ends) == 0);
	EXPECT_AS_THE_KERNEL(splice(fd, NULL, ends[1], NULL, 64, 0),
			     RAW(SYS_splice, fd, 0, ends[1], 0, 64, 0));
	expect_served(fd);
	expect(close(epoll[0]) == 0 && close(epoll[1]) == 0);
	expect(close(fd) == 0);
	expect(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void stdio_and_reads_may_be_mixed(void)
{
	FILE *stream = fopen("/dev/urandom", "r");
	uint8_t bytes[SERVED_LEN];

	expect(stream != NULL);
	expect(fread(bytes, 1, sizeof bytes, stream) == sizeof bytes);
	expect_random_bytes(bytes, sizeof bytes);
	expect_random(fileno(stream));
	expect(fread(bytes, 1, sizeof bytes, stream) == sizeof bytes);
	expect_random_bytes(bytes, sizeof bytes);
	expect(getc(stream) != EOF && ungetc('x', stream) == 'x');
	expect(getc(stream) == 'x');
	expect(fclose(stream) == 0);
}

/* A read that waits is still interrupted by a handler. */
static void do_nothing(int signal)
{
	(void)signal;
}

static void a_signal_interrupts_a_read_that_waits(void)
{
	struct sigaction action = {.sa_handler = do_nothing};
	int ends[2];
	char byte;

	expect(pipe(ends) == 0 && sigaction(SIGALRM, &action, NULL) == 0);
	ualarm(20000, 20000);
	expect(read(ends[0], &byte, 1) == -1 && errno == EINTR);
	ualarm(0, 0);
}

/* Asynchronous cancellation may hit anywhere; what follows still works. */
static void *read_cancelled_anywhere(void *argument)
{
	uint8_t bytes[SERVED_LEN];
	time_t end = time(NULL) + 5;
	int *fd = argument;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	while (time(NULL) < end)
		if (read(*fd, bytes, sizeof bytes) <= 0)
			break;
	return NULL;
}

static void threads_ended_in_mid_read_hurt_nobody(void)
{
	pthread_t thread;
	int fd = open_served();
	void *result;
	int i;

	for (i = 0; i < 50; i++) {
		expect(pthread_create(&thread, NULL, read_cancelled_anywhere,
				      &fd) == 0);
		usleep(300);
		expect(pthread_cancel(thread) == 0);
		expect(pthread_join(thread, &result) == 0);
		expect(result == PTHREAD_CANCELED);
		expect_random(fd);
	}
}

int main(void)
{
	static struct promise promises[] = {
		HERE(checked_reads_still_check),
		APART(absurd_lengths_get_the_kernels_answer),
		APART(a_read_ends_at_the_kernels_limit),
		APART(readv_keeps_the_kernels_rules),
		APART(a_vector_is_read_once),
		APART(a_vector_that_is_not_there_is_the_kernels_affair),
		APART(preadv2_keeps_the_kernels_rules),
		APART(the_device_does_not_block),
		APART(the_descriptor_stays_the_real_one),
		APART(stdio_and_reads_may_be_mixed),
		APART(a_signal_interrupts_a_read_that_waits),
		APART(threads_ended_in_mid_read_hurt_nobody),
	};

	return promises_keep("descriptors_rules", promises, COUNT(promises));
}
