/*
 * A descriptor opened before a sandbox was entered is read inside it, and
 * nobody is killed for a system call that the program did not make.
 */
#include "support/promise.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static int device, file;

/*
 * OpenSSH's filter before authentication: a list of calls that are allowed,
 * some that fail with EACCES, and death for all others.
 */
#define ALLOW(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)

static struct sock_filter as_openssh[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_open
	REFUSE(open),
#endif
#ifdef SYS_stat
	REFUSE(stat),
#endif
	REFUSE(openat),
	REFUSE(fstat),
	REFUSE(newfstatat),
	REFUSE(statx),
	/* mmap only of memory that cannot be executed */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		 offsetof(struct seccomp_data, args[2])),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	ALLOW(brk),
	ALLOW(clock_gettime),
	ALLOW(clock_nanosleep),
	ALLOW(close),
	ALLOW(exit),
	ALLOW(exit_group),
	ALLOW(futex),
	ALLOW(getpid),
	ALLOW(getrandom),
	ALLOW(gettid),
	ALLOW(gettimeofday),
	ALLOW(madvise),
	ALLOW(mremap),
	ALLOW(munmap),
	ALLOW(nanosleep),
#ifdef SYS_poll
	ALLOW(poll),
#endif
	ALLOW(ppoll),
	ALLOW(read),
	ALLOW(rt_sigprocmask),
	ALLOW(write),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static struct sock_fprog filter = {COUNT(as_openssh), as_openssh};

static void enter_by_prctl(void)
{
	expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		skip_because("no seccomp filters here");
}

static void enter_by_syscall(void)
{
	expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
		skip_because("no seccomp filters here");
}

static void enter_unseen(void)
{
	expect(RAW(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1) == 0);
	if (RAW(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
		skip_because("no seccomp filters here");
}

/* With nothing but read, write and close. */
static void expect_reads_to_work(void)
{
	uint8_t bytes[4096];
	const size_t lengths[] = {1, 16, SERVED_LEN, sizeof bytes};
	size_t i, round;

	for (round = 0; round < 100; round++)
		for (i = 0; i < COUNT(lengths); i++) {
			expect(read(device, bytes, lengths[i]) ==
			       (ssize_t)lengths[i]);
			if (lengths[i] >= 32)
				expect_random_bytes(bytes, lengths[i]);
		}
	expect(read(file, bytes, sizeof bytes) == sizeof bytes);
	expect(known_is(bytes, 1, 0, sizeof bytes));
	expect(read(-1, bytes, sizeof bytes) == -1 && errno == EBADF);
	expect(close(device) == 0);
	expect(read(device, bytes, sizeof bytes) == -1 && errno == EBADF);
}

static void open_both(void)
{
	device = open_served();
	file = open_known(1);
}

static void reads_work_in_a_filter_entered_by_prctl(void)
{
	open_both();
	enter_by_prctl();
	expect_reads_to_work();
}

static void reads_work_in_a_filter_entered_by_syscall(void)
{
	open_both();
	enter_by_syscall();
	expect_reads_to_work();
}

static void reads_work_in_a_filter_entered_unseen(void)
{
	open_both();
	enter_unseen();
	expect_reads_to_work();
}

/* The server opened and used it; its child is a sandbox from its birth. */
static void a_forked_child_may_enter_before_it_reads(void)
{
	pid_t child;

	open_both();
	child = fork();
	if (child == 0) {
		enter_unseen();
		expect_reads_to_work();
		_exit(0);
	}
	reap(child);
	expect_served(device);
}

/* Opened, but never read outside. */
static void a_first_read_may_be_inside(void)
{
	device = open("/dev/urandom", O_RDONLY);
	file = open_known(1);
	enter_unseen();
	expect_reads_to_work();
}

static void *read_in_thread(void *unused)
{
	expect_reads_to_work();
	return unused;
}

/* The filter is laid on all threads by one of them. */
static void *enter_for_all(void *unused)
{
	expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
		skip_because("no filters for all threads here");
	return read_in_thread(unused);
}

static void a_thread_may_enter_for_all(void)
{
	pthread_t thread;
	uint8_t bytes[SERVED_LEN];

	open_both();
	/* The kernel requires it of the thread that the filter is laid on. */
	expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	expect(pthread_create(&thread, NULL, enter_for_all, NULL) == 0);
	while (read(device, bytes, sizeof bytes) == sizeof bytes)
		expect_random_bytes(bytes, sizeof bytes);
	expect(errno == EBADF);
	RAW(SYS_exit_group, 0);
}

/* Strict mode knows four calls: read, write, exit and sigreturn. */
static void expect_strict_reads_to_work(void)
{
	uint8_t bytes[4096];
	int ok;

	ok = read(device, bytes, 16) == 16 &&
	     read(device, bytes, sizeof bytes) == sizeof bytes &&
	     known_random(bytes, sizeof bytes) &&
	     read(file, bytes, sizeof bytes) == sizeof bytes &&
	     known_is(bytes, 1, 0, sizeof bytes);
	RAW(SYS_exit, ok ? 0 : 1);
}

static void reads_work_in_strict_mode_entered_by_prctl(void)
{
	open_both();
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		skip_because("no seccomp here");
	expect_strict_reads_to_work();
}

static void reads_work_in_strict_mode_entered_by_syscall(void)
{
	open_both();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL) != 0)
		skip_because("no seccomp here");
	expect_strict_reads_to_work();
}

static void reads_work_in_strict_mode_entered_by_prctl_syscall(void)
{
	open_both();
	if (syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0))
		skip_because("no seccomp here");
	expect_strict_reads_to_work();
}

/* All that may be seen of other uses of prctl is their result. */
static void prctl_passes_all_else_on(void)
{
	char name[16] = "";

	expect(prctl(PR_SET_NAME, "fastrand-test") == 0);
	expect(prctl(PR_GET_NAME, name) == 0);
	expect(strcmp(name, "fastrand-test") == 0);
	expect(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	expect(prctl(PR_GET_DUMPABLE) == 0);
	expect(prctl(PR_SET_DUMPABLE, 7, 0, 0, 0) == -1 && errno == EINVAL);
	expect(prctl(PR_GET_SECCOMP) == 0);
	expect(prctl(PR_SET_SECCOMP, 77, NULL) == -1 && errno == EINVAL);
}

int main(void)
{
	static struct promise promises[] = {
		APART(reads_work_in_a_filter_entered_by_prctl),
		APART(reads_work_in_a_filter_entered_by_syscall),
		APART(reads_work_in_a_filter_entered_unseen),
		APART(a_forked_child_may_enter_before_it_reads),
		APART(a_first_read_may_be_inside),
		APART(a_thread_may_enter_for_all),
		APART(reads_work_in_strict_mode_entered_by_prctl),
		APART(reads_work_in_strict_mode_entered_by_syscall),
		APART(reads_work_in_strict_mode_entered_by_prctl_syscall),
		APART(prctl_passes_all_else_on),
	};

	return promises_keep("descriptors_sandbox", promises, COUNT(promises));
}
