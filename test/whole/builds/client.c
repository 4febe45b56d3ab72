/*
 * A program under the preloaded library of another build: is everything served
 * that its tier serves, and nothing else touched? Needs no more than a libc.
 *
 * client TIER: which it should be, or "any". A line "ok: ..." or "not ok: ..."
 * a promise; what is only told begins with "#".
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastrand.h"

extern __typeof__(fastrand_info) fastrand_info __attribute__((weak));
extern uint32_t arc4random(void) __attribute__((weak));
extern void arc4random_buf(void *, size_t) __attribute__((weak));
extern uint32_t arc4random_uniform(uint32_t) __attribute__((weak));

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MUST(condition) \
	do { \
		if (!(condition)) \
			return must_failed(#condition, __LINE__); \
	} while (0)

enum { ERRNO = 4242, LARGE = 1 << 20 };

static const size_t sizes[] = {1, 3, 4, 8, 15, 16, 17, 32, 33, 64, 255, 256,
			       257, 300, 512, 1000, 4096, 4097, 65536, LARGE};
static const char *tier = "off", *expected_tier;
static uint8_t bytes[LARGE + 8];
static char failure[300];
static void *volatile nothing;	/* NULL, and the compiler does not know */

static bool must_failed(const char *what, int line)
{
	snprintf(failure, sizeof failure, " (line %d: %s; errno %d: %s)", line,
		 what, errno, strerror(errno));
	return false;
}

static struct fastrand_info info(void)
{
	struct fastrand_info is = {0};

	fastrand_info(&is, sizeof is);
	return is;
}

static bool serves(size_t len)
{
	return strcmp(tier, "off") != 0 &&
	       (len > 256 || strcmp(tier, "kernel") != 0);
}

/* --- What was drawn ---------------------------------------------------- */

enum { WORDS = 1 << 17 };

static uint64_t words[WORDS];
static size_t word_count;

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void remember(const void *from, size_t len)
{
	const uint8_t *at = from;

	for (; len >= 8 && word_count < WORDS; at += 8, len -= 8)
		memcpy(&words[word_count++], at, 8);
}

/* Of 2^17 words two are equal once in 2^31 runs. */
static bool all_are_distinct(void)
{
	qsort(words, word_count, sizeof *words, ascending);
	for (size_t i = 0; i < word_count; i++)
		MUST(words[i] && (!i || words[i] != words[i - 1]));
	return true;
}

/* Draws every size: whole, no more, served here or not as the tier has it. */
static bool draws(ssize_t (*draw)(void *, size_t), size_t most)
{
	static const uint8_t after[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	for (size_t i = 0; i < COUNT(sizes) && sizes[i] <= most; i++) {
		size_t len = sizes[i];
		int tries = 0;
		uint64_t before, now;

		do {
			before = info().requests;
			memset(bytes, 0, len);
			memcpy(bytes + len, after, sizeof after);
			errno = ERRNO;
			MUST(draw(bytes, len) == (ssize_t)len);
			MUST(errno == ERRNO);
			MUST(!memcmp(bytes + len, after, sizeof after));
			now = info().requests;
			MUST(serves(len) || now == before);
			remember(bytes, len < 4096 ? len : 4096);
			/* A draw may be refused: the kernel reseeds. */
		} while (serves(len) && now == before && ++tries < 4);
		MUST(tries < 4);
	}
	return true;
}

/* --- The random names -------------------------------------------------- */

static bool it_is_loaded(void)
{
	struct fastrand_info is;

	MUST(fastrand_info);
	is = info();
	tier = is.tier;
	printf("# tier %s (%s), memory %s, ChaCha20 %s, hardware %s\n", tier,
	       is.why, is.memory, is.chacha20, is.hardware);
	return true;
}

static bool its_tier_is_the_expected_one(void)
{
	MUST(!strcmp(expected_tier, "any") || !strcmp(expected_tier, tier));
	return true;
}

static ssize_t by_getrandom(void *out, size_t len)
{
	return getrandom(out, len, 0);
}

static bool getrandom_is_served(void)
{
	return draws(by_getrandom, LARGE);
}

static ssize_t by_number(void *out, size_t len)
{
	return syscall(SYS_getrandom, out, len, 0);
}

static bool getrandom_by_number_is_served(void)
{
	return draws(by_number, LARGE);
}

static ssize_t by_getentropy(void *out, size_t len)
{
	return getentropy(out, len) ? -1 : (ssize_t)len;
}

static bool getentropy_is_served(void)
{
	return draws(by_getentropy, 256);
}

static ssize_t by_arc4random_buf(void *out, size_t len)
{
	arc4random_buf(out, len);
	return (ssize_t)len;
}

static bool arc4random_is_there_and_served(void)
{
	bool seen[10] = {0};

	MUST(arc4random && arc4random_buf && arc4random_uniform);
	MUST(draws(by_arc4random_buf, LARGE));
	for (int i = 0; i < 1000; i++) {
		uint64_t two = (uint64_t)arc4random() << 32 | arc4random();
		uint32_t digit = arc4random_uniform(10);

		remember(&two, sizeof two);
		MUST(digit < 10);
		seen[digit] = true;
	}
	for (int i = 0; i < 10; i++)
		MUST(seen[i]);
	return true;
}

static bool refusals_are_the_kernels(void)
{
	memset(bytes, 0, 8);
	MUST(getrandom(bytes, 16, ~0U) == -1 && errno == EINVAL);
	MUST(getrandom(bytes, 512, GRND_RANDOM | 4) == -1 && errno == EINVAL);
	MUST(getrandom(nothing, 16, 0) == -1 && errno == EFAULT);
	MUST(getrandom(nothing, 512, 0) == -1 && errno == EFAULT);
	MUST(getrandom((void *)-1, 512, 0) == -1 && errno == EFAULT);
	MUST(syscall(SYS_getrandom, nothing, 512, 0) == -1 && errno == EFAULT);
	MUST(getentropy(bytes, 257) == -1 && errno == EIO);
	MUST(syscall(-2L) == -1 && errno == ENOSYS);
	errno = ERRNO;
	MUST(getrandom((void *)1, 0, 0) == 0 && errno == ERRNO);
	return true;
}

/* --- The device -------------------------------------------------------- */

static int device;

static ssize_t by_read(void *out, size_t len)
{
	return read(device, out, len);
}

static ssize_t by_read_number(void *out, size_t len)
{
	return syscall(SYS_read, device, out, len);
}

static ssize_t by_pread(void *out, size_t len)
{
	return pread(device, out, len, 1);
}

static ssize_t by_pread64(void *out, size_t len)
{
	return pread64(device, out, len, INT64_C(5) << 30);
}

static ssize_t by_preadv(void *out, size_t len)
{
	struct iovec halves[2] = {{out, len / 2},
				  {(uint8_t *)out + len / 2, len - len / 2}};

	return preadv(device, halves, 2, 1);
}

/* Whoever answers; served by halves it may not be, or only one of them. */
static bool reads_in_halves(void)
{
	memset(bytes, 0, 4096);
	MUST(by_preadv(bytes, 4096) == 4096);
	remember(bytes, 4096);
	return true;
}

static bool reads_of_the_device_are_served(void)
{
	device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	MUST(device >= 0);
	MUST(draws(by_read, LARGE));
	MUST(draws(by_read_number, LARGE));
	MUST(draws(by_pread, LARGE));
	MUST(draws(by_pread64, LARGE));
	MUST(reads_in_halves());
	MUST(read(device, nothing, 512) == -1 && errno == EFAULT);
	MUST(close(device) == 0);
	MUST(read(device, bytes, 512) == -1 && errno == EBADF);
	device = open("/dev/urandom", O_WRONLY);
	MUST(read(device, bytes, 512) == -1 && errno == EBADF);
	MUST(close(device) == 0);
	return true;
}

/* --- Files: a byte is what its offset says ----------------------------- */

enum { FILE_SIZE = 65536 };
#define FAR (INT64_C(5) << 30)

static char path[] = "/tmp/fastrand-builds-XXXXXX";

static uint8_t byte_at(size_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8));
}

static bool is_file(const uint8_t *got, size_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		MUST(got[i] == byte_at(offset + i));
	return true;
}

static bool file_make(void)
{
	int fd = mkstemp64(path);

	MUST(fd >= 0);
	for (size_t i = 0; i < FILE_SIZE; i++)
		bytes[i] = byte_at(i);
	MUST(write(fd, bytes, FILE_SIZE) == FILE_SIZE);
	MUST(pwrite64(fd, bytes, 4096, FAR) == 4096);
	MUST(close(fd) == 0);
	return true;
}

/* From the beginning, by every way. */
static bool reads_as_the_file(int fd)
{
	struct iovec parts[2] = {{bytes, 7}, {bytes + 7, 505}};

	MUST(read(fd, bytes, 512) == 512 && is_file(bytes, 0, 512));
	MUST(readv(fd, parts, 2) == 512 && is_file(bytes, 512, 512));
	MUST(syscall(SYS_read, fd, bytes, 512) == 512);
	MUST(is_file(bytes, 1024, 512));
	MUST(pread(fd, bytes, 512, 99) == 512 && is_file(bytes, 99, 512));
	MUST(preadv(fd, parts, 2, 98) == 512 && is_file(bytes, 98, 512));
	MUST(pread64(fd, bytes, 512, FAR + 5) == 512 && is_file(bytes, 5, 512));
	MUST(preadv64(fd, parts, 2, FAR + 9) == 512 && is_file(bytes, 9, 512));
	MUST(pread64(fd, bytes, 512, FAR - 512) == 512);
	MUST(!bytes[0] && !memcmp(bytes, bytes + 1, 511));
	MUST(lseek64(fd, 0, SEEK_CUR) == 1536);
	return true;
}

static bool a_file_is_read_as_ever(void)
{
	int fd;
	FILE *stream;

	MUST(file_make());
	fd = open64(path, O_RDONLY);
	MUST(fd >= 0 && reads_as_the_file(fd) && close(fd) == 0);
	stream = fopen64(path, "r");
	MUST(stream);
	MUST(fread(bytes, 1, 10000, stream) == 10000);
	MUST(is_file(bytes, 0, 10000));
	MUST(fclose(stream) == 0);
	return true;
}

static bool has_mode(int fd, const char *made, mode_t mode)
{
	struct stat is;

	MUST(fd >= 0 && fstat(fd, &is) == 0 && (is.st_mode & 0777) == mode);
	MUST(close(fd) == 0 && unlink(made) == 0);
	return true;
}

static bool a_mode_is_passed_on(void)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL;
	char made[64];

	snprintf(made, sizeof made, "%s.made", path);
	umask(0);
	MUST(has_mode(open(made, flags, 0641), made, 0641));
	MUST(has_mode(open64(made, flags, 0614), made, 0614));
	MUST(has_mode(openat(AT_FDCWD, made, flags, 0604), made, 0604));
	return true;
}

static bool a_number_is_what_it_is_now(void)
{
	int file, other;

	for (int i = 0; i < 3; i++) {
		device = open("/dev/urandom", O_RDONLY);
		MUST(draws(by_read, 4096));
		file = open(path, O_RDONLY | O_LARGEFILE);
		MUST(dup2(file, device) == device);
		MUST(reads_as_the_file(device));
		MUST(close(device) == 0 && close(file) == 0);

		device = open("/dev/urandom", O_RDONLY);
		MUST(draws(by_read, 4096));
		MUST(i ? close(device) == 0 : syscall(SYS_close, device) == 0);
		MUST(open64(path, O_RDONLY) == device);
		MUST(reads_as_the_file(device));
		other = fcntl(device, F_DUPFD_CLOEXEC, device + 1);
		MUST(other > device && lseek64(other, 0, SEEK_SET) == 0);
		MUST(reads_as_the_file(other));
		MUST(close(other) == 0 && close(device) == 0);

		other = open("/dev/urandom", O_RDONLY);
		device = fcntl(other, F_DUPFD, other + 1);
		MUST(draws(by_read, 4096));
		MUST(close(device) == 0 && close(other) == 0);
	}
	return true;
}

/* --- Processes and threads --------------------------------------------- */

enum { CHILDREN = 16, DRAWN = 1024 };

static pid_t by_fork(void)
{
	return fork();
}

static pid_t by_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static bool children_draw_apart(pid_t (*make)(void))
{
	int ends[2], status;

	MUST(pipe(ends) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = make();

		MUST(child >= 0);
		if (child == 0) {
			ssize_t got = getrandom(bytes, DRAWN, 0);

			_exit(got != DRAWN ||
			      write(ends[1], bytes, DRAWN) != DRAWN);
		}
		MUST(waitpid(child, &status, 0) == child && status == 0);
		MUST(read(ends[0], bytes, DRAWN) == DRAWN);
		remember(bytes, DRAWN);
		MUST(getrandom(bytes, DRAWN, 0) == DRAWN);
		remember(bytes, DRAWN);
	}
	MUST(close(ends[0]) == 0 && close(ends[1]) == 0);
	return true;
}

static bool children_of_fork_draw_apart(void)
{
	return children_draw_apart(by_fork);
}

static bool children_of_a_raw_clone_draw_apart(void)
{
	return children_draw_apart(by_clone);
}

enum { THREADS = 8, ROUNDS = 8 };

static void *draw_in_a_thread(void *out)
{
	for (size_t at = 0; at < ROUNDS * DRAWN; at += DRAWN)
		if (getrandom((uint8_t *)out + at, DRAWN, 0) != DRAWN)
			return "not drawn";
	return NULL;
}

static bool threads_draw_apart(void)
{
	static uint8_t drawn[THREADS][ROUNDS * DRAWN];
	pthread_t threads[THREADS];
	void *wrong;

	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_create(&threads[i], NULL, draw_in_a_thread,
				     drawn[i]));
	for (int i = 0; i < THREADS; i++) {
		MUST(!pthread_join(threads[i], &wrong) && !wrong);
		remember(drawn[i], sizeof drawn[i]);
	}
	return true;
}

/* --- i386 has two fcntls: what F_OFD_SETLK points to is another thing --- */

#if defined(__GLIBC__) && defined(__i386__)

int old_fcntl(int, int, ...);
__asm__(".symver old_fcntl, fcntl@GLIBC_2.0");

static bool both_fcntls_lock_what_they_say(void)
{
	struct flock64 large = {.l_type = F_WRLCK, .l_start = FAR, .l_len = 1};
	struct flock small = {.l_type = F_WRLCK, .l_start = 5, .l_len = 1};
	struct flock64 asked = {.l_type = F_WRLCK, .l_start = FAR, .l_len = 1};
	int fd = open64(path, O_RDWR), other = open64(path, O_RDWR);

	MUST(old_fcntl(fd, F_OFD_SETLK, &large) == 0);
	MUST(fcntl(fd, F_OFD_SETLK, &small) == 0);
	MUST(fcntl64(other, F_OFD_GETLK, &asked) == 0);
	MUST(asked.l_type == F_WRLCK && asked.l_start == FAR);
	asked = (struct flock64){.l_type = F_WRLCK, .l_start = 0, .l_len = 99};
	MUST(fcntl64(other, F_OFD_GETLK, &asked) == 0);
	MUST(asked.l_type == F_WRLCK && asked.l_start == 5);
	MUST(close(fd) == 0 && close(other) == 0);
	return true;
}

#else

static bool both_fcntls_lock_what_they_say(void)
{
	return true;
}

#endif

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*is_kept)(void);
	} promises[] = {
#define PROMISE(name) {#name, name}
		PROMISE(it_is_loaded),
		PROMISE(its_tier_is_the_expected_one),
		PROMISE(getrandom_is_served),
		PROMISE(getrandom_by_number_is_served),
		PROMISE(getentropy_is_served),
		PROMISE(arc4random_is_there_and_served),
		PROMISE(refusals_are_the_kernels),
		PROMISE(reads_of_the_device_are_served),
		PROMISE(a_file_is_read_as_ever),
		PROMISE(a_mode_is_passed_on),
		PROMISE(a_number_is_what_it_is_now),
		PROMISE(both_fcntls_lock_what_they_say),
		PROMISE(children_of_fork_draw_apart),
		PROMISE(children_of_a_raw_clone_draw_apart),
		PROMISE(threads_draw_apart),
		PROMISE(all_are_distinct),
	};
	bool all = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	expected_tier = argc > 1 ? argv[1] : "any";
	alarm(60);
	for (size_t i = 0; i < COUNT(promises); i++) {
		bool ok = promises[i].is_kept();

		printf("%s: %s%s\n", ok ? "ok" : "not ok", promises[i].name,
		       ok ? "" : failure);
		all = all && ok;
		if (!fastrand_info)
			break;
	}
	unlink(path);
	return all ? 0 : 1;
}
