/*
 * syscall(2): the one number that is ours is served, and every other goes to
 * the kernel with all its arguments, and comes back, as if we were not there.
 */
#include "support/draws.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/select.h>

/*
 * Here and by libc's syscall: the same result, errno on failure, and no errno
 * on success. For calls that may be made twice.
 */
#define expect_same(...)                                                       \
	do {                                                                   \
		long theirs_ = RAW(__VA_ARGS__);                               \
		long ours_;                                                    \
                                                                               \
		errno = SENTINEL;                                              \
		ours_ = syscall(__VA_ARGS__);                                  \
		expect(ours_ ==                                                \
		       (theirs_ < 0 && theirs_ > -4096 ? -1 : theirs_));       \
		expect(errno == (theirs_ < 0 && theirs_ > -4096 ? -theirs_     \
								: SENTINEL));  \
	} while (0)

static void getrandom_by_number_is_served(void)
{
	uint8_t bytes[512];
	uint64_t before = info_now().requests;

	for (int i = 0; i < 1000; i++) {
		errno = SENTINEL;
		expect(syscall(SYS_getrandom, bytes, sizeof bytes,
			       i % 2 ? GRND_NONBLOCK : 0) == sizeof bytes);
		expect(errno == SENTINEL);
		expect_random_bytes(bytes, sizeof bytes);
	}
	expect(!serves(sizeof bytes) ||
	       info_now().requests + 3 >= before + 1000);
	expect(serves(sizeof bytes) || info_now().requests == before);
}

static void getrandom_by_number_fails_as_in_the_kernel(void)
{
	uint8_t bytes[16];

	expect_same(SYS_getrandom, bytes, sizeof bytes, 8);
	expect_same(SYS_getrandom, bytes, sizeof bytes, 6);
	expect_same(SYS_getrandom, bytes, sizeof bytes, ~0U);
	expect_same(SYS_getrandom, NULL, sizeof bytes, 0);
	expect_same(SYS_getrandom, NULL, SIZE_MAX, 0);
	expect_same(SYS_getrandom, (void *)-1, sizeof bytes, 0);
	expect_same(SYS_getrandom, NULL, 0, 0);
	expect_same(SYS_getrandom, (void *)1, 0, 0);
	/* The kernel's flags have 32 bits, a register has more. */
	expect_same(SYS_getrandom, bytes, sizeof bytes, 1L << 32);
	expect_same(SYS_getrandom, bytes, sizeof bytes, 1L << 32 | 8);
}

static void unknown_numbers_are_enosys(void)
{
	static const long numbers[] = {-1, -2, 999, 9999, 1 << 20};

	for (size_t i = 0; i < COUNT(numbers); i++) {
		expect(syscall(numbers[i], 1L, 2L, 3L, 4L, 5L, 6L) == -1);
		expect(errno == ENOSYS);
	}
	/* What more than 32 bits mean is for the kernel to say. */
	expect_same((long)SYS_getpid + (1L << 40));
	expect_same((long)SYS_getrandom + (1L << 32), NULL, 16, 0);
}

static void answers_and_errors_are_the_kernels(void)
{
	struct timespec is;
	sigset_t set;
	char path[256];

	expect_same(SYS_getpid);
	expect_same(SYS_gettid);
	expect_same(SYS_getppid);
	expect_same(SYS_close, -1);
	expect_same(SYS_openat, AT_FDCWD, "/nonexistent", O_RDONLY, 0);
	expect_same(SYS_getcwd, path, sizeof path);
	expect_same(SYS_getcwd, path, 1);
	expect_same(SYS_clock_gettime, 12345, &is);
	expect_same(SYS_rt_sigprocmask, 77, &set, NULL, 8);
	expect_same(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &set, 8);
	expect_same(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &set, 7);
	expect_same(SYS_mmap, 0, 0, PROT_READ, MAP_PRIVATE, -1, 0);
	expect_same(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, -1, 0);
	expect_same(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 1);
	expect_same(SYS_lseek, -1, 1L << 40, SEEK_SET);
	expect_same(SYS_read, -1, path, 10);
	expect_same(SYS_kill, getpid(), 0);
	expect_same(SYS_kill, getpid(), 12345);
}

/* A library may hand us a thousand of them; the number stays the number. */
static void getpid_in_a_loop(void)
{
	long pid = RAW(SYS_getpid);
	uint64_t before = info_now().requests;

	for (int i = 0; i < 100000; i++)
		if (syscall(SYS_getpid) != pid)
			expect(!"the same process");
	expect(info_now().requests == before);
}

/* Offset is the sixth argument: the page mapped says which it was. */
static void mmap_gets_its_sixth_argument(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("pages", MFD_CLOEXEC);
	uint8_t number;
	long at;

	expect(fd >= 0);
	expect(ftruncate(fd, (off_t)(4 * page)) == 0);
	for (number = 0; number < 4; number++)
		expect(pwrite(fd, &number, 1, number * (off_t)page) == 1);
	for (number = 0; number < 4; number++) {
#if defined(SYS_mmap2)
		at = syscall(SYS_mmap2, 0, page, PROT_READ, MAP_PRIVATE, fd,
			     number * page / 4096);
#else
		at = syscall(SYS_mmap, 0, page, PROT_READ, MAP_PRIVATE, fd,
			     number * page);
#endif
		expect(at != -1 && (at & ((long)page - 1)) == 0);
		expect(*(uint8_t *)at == number);
		expect(syscall(SYS_munmap, at, page) == 0);
	}
	close(fd);
}

static volatile sig_atomic_t came;

static void note(int signal_number)
{
	came = signal_number;
}

/* The mask is the sixth argument: it lets a blocked signal through. */
static void pselect_gets_its_sixth_argument(void)
{
	struct sigaction action = {.sa_handler = note};
	struct timespec wait = {20, 0}, none = {0, 1000};
	sigset_t blocked;
	uint64_t empty = 0;
	struct {
		const void *set;
		size_t size;
	} mask = {&empty, sizeof empty};

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	expect(sigaction(SIGUSR2, &action, NULL) == 0);
	expect(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
	expect(raise(SIGUSR2) == 0 && !came);
	expect(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &none, NULL) == 0);
	expect(!came);
	expect(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &wait, &mask) == -1);
	expect(errno == EINTR && came == SIGUSR2);
}

/* The value compared is the sixth argument, or no bits to wait for. */
static void futex_gets_its_sixth_argument(void)
{
	uint32_t word = 7, other = 0;
	struct timespec wait = {20, 0};

	expect(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &other, 7) ==
	       0);
	expect(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &other, 8) ==
		       -1 &&
	       errno == EAGAIN);
	expect(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 7, &wait, NULL,
		       0) == -1 &&
	       errno == EINVAL);
	expect(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 8, &wait, NULL,
		       ~0U) == -1 &&
	       errno == EAGAIN);
	expect(syscall(SYS_futex, &word, FUTEX_WAKE, 1) == 0);
}

static void copies_get_six_arguments(void)
{
	char from[] = "some bytes of this process", to[sizeof from] = "";
	struct iovec here = {to, sizeof to}, there = {from, sizeof from};
	int ends[2];

	expect(syscall(SYS_process_vm_readv, getpid(), &here, 1L, &there, 1L,
		       0L) == sizeof from);
	expect(!strcmp(from, to));
	expect(syscall(SYS_process_vm_readv, getpid(), &here, 1L, &there, 1L,
		       1L) == -1 &&
	       errno == EINVAL);
	expect(pipe(ends) == 0);
	expect(syscall(SYS_splice, -1, NULL, ends[1], NULL, 1L, 0L) == -1);
	expect(errno == EBADF);
}

/* Threads that all wait and wake by the stub, and draw in between. */
static atomic_uint turn;

static void *takes_turns(void *with)
{
	uint8_t bytes[300];
	unsigned int mine = (unsigned int)(uintptr_t)with;

	for (int i = 0; i < 500; i++) {
		unsigned int now;

		while ((now = turn) % 4 != mine)
			syscall(SYS_futex, &turn, FUTEX_WAIT, now, NULL, NULL,
				0);
		if (syscall(SYS_getrandom, bytes, sizeof bytes, 0) !=
		    sizeof bytes)
			abort();
		turn++;
		syscall(SYS_futex, &turn, FUTEX_WAKE, 100, NULL, NULL, 0);
	}
	return NULL;
}

static void threads_wait_and_wake(void)
{
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++)
		expect(pthread_create(&threads[i], NULL, takes_turns,
				      (void *)i) == 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		expect(pthread_join(threads[i], NULL) == 0);
	expect(turn == 2000);
}

/*
 * The child of vfork runs on its parent's stack: it overwrites what lies below
 * the return address that it has just used, and leaves without another call. A
 * frame of ours there would be gone when the parent returns.
 */
#if !defined(__GLIBC__)
/* musl's syscall has a frame of its own. */
#elif defined(__x86_64__)
#define LEAVE_BEHIND_RUBBLE(status)                                            \
	__asm__ volatile("lea -2048(%%rsp), %%rdi\n\t"                         \
			 "mov $(2048 - 8) / 8, %%ecx\n\t"                      \
			 "mov $0x5a5a5a5a, %%eax\n\t"                          \
			 "rep stosq\n\t"                                       \
			 "mov %0, %%edi\n\t"                                   \
			 "mov %1, %%eax\n\t"                                   \
			 "syscall\n\t"                                         \
			 "hlt"                                                 \
			 :                                                     \
			 : "i"(status), "i"(SYS_exit_group)                    \
			 : "rax", "rcx", "rdi", "r11", "memory")
#elif defined(__aarch64__)
#define LEAVE_BEHIND_RUBBLE(status)                                            \
	__asm__ volatile("mov x2, sp\n\t"                                      \
			 "sub x1, x2, #2048\n"                                 \
			 "1:\tstr xzr, [x1], #8\n\t"                           \
			 "cmp x1, x2\n\t"                                      \
			 "b.lo 1b\n\t"                                         \
			 "mov x0, %0\n\t"                                      \
			 "mov x8, %1\n\t"                                      \
			 "svc #0\n\t"                                          \
			 "brk #1"                                              \
			 :                                                     \
			 : "i"(status), "i"(SYS_exit_group)                    \
			 : "x0", "x1", "x2", "x8", "memory")
#endif

#if defined(LEAVE_BEHIND_RUBBLE)

static void expect_child_left(long child, int with)
{
	int status = -1;

	expect(child > 0);
	expect(waitpid((pid_t)child, &status, 0) == child);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == with);
}

#if defined(SYS_vfork)

static void vfork_by_number(void)
{
	for (int i = 0; i < 50; i++) {
		long child = syscall(SYS_vfork);

		if (child == 0)
			LEAVE_BEHIND_RUBBLE(33);
		expect_child_left(child, 33);
	}
}

#endif

static void clone_that_shares_memory_by_number(void)
{
	for (int i = 0; i < 50; i++) {
		long child =
			syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0L,
				0L, 0L, 0L);

		if (child == 0)
			LEAVE_BEHIND_RUBBLE(34);
		expect_child_left(child, 34);
	}
}

#endif

/* An ordinary child may do what it likes. */
static void fork_by_number(void)
{
	struct words *words = words_new(10000);

	for (int i = 0; i < 20; i++) {
		long child = syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
		int status = -1;

		if (child == 0) {
			words_draw(words, &ways[4], 100);
			_exit(0);
		}
		words_draw(words, &ways[4], 100);
		expect(child > 0 && waitpid((pid_t)child, &status, 0) == child);
		expect(status == 0);
	}
	words_expect_distinct(words, 4000);
}

/* Before anybody has looked for the syscall behind ours, see lifecycle.c. */
int main(void)
{
	static struct promise promises[] = {
		HERE(getrandom_by_number_is_served),
		HERE(getrandom_by_number_fails_as_in_the_kernel),
		HERE(unknown_numbers_are_enosys),
		HERE(answers_and_errors_are_the_kernels),
		HERE(getpid_in_a_loop),
		HERE(mmap_gets_its_sixth_argument),
		APART(pselect_gets_its_sixth_argument),
		APART(futex_gets_its_sixth_argument),
		HERE(copies_get_six_arguments),
		APART(threads_wait_and_wake),
#if defined(LEAVE_BEHIND_RUBBLE) && defined(SYS_vfork)
		APART(vfork_by_number),
#endif
#if defined(LEAVE_BEHIND_RUBBLE)
		APART(clone_that_shares_memory_by_number),
#endif
		APART(fork_by_number),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("syscall_stub", promises, COUNT(promises));
}
