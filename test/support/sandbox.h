/*
 * Filters of system calls, put together of what is let through, what is refused
 * and what happens to all else: ENTER(FIELD(nr), ALLOW(read), END_IN(TRAP)).
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "promise.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define FIELD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, skip) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define END_IN(what) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##what)
#define ANSWER(error) \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

/* Where the number has been loaded. */
#define ALLOW(call) IF_EQUAL(SYS_##call, 1), END_IN(ALLOW)
#define REFUSE(call, error) IF_EQUAL(SYS_##call, 1), ANSWER(error)

/* The lower half of an argument, where the kernel's order is ours. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(n) FIELD(args[n])
#else
#define ARGUMENT(n) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		 offsetof(struct seccomp_data, args[n]) + 4)
#endif

static inline void enter(struct sock_filter *filter, size_t count)
{
	struct sock_fprog program = {(unsigned short)count, filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		skip_because("no system call filter can be installed");
}

#define ENTER(...) \
	do { \
		struct sock_filter filter_[] = {__VA_ARGS__}; \
\
		enter(filter_, COUNT(filter_)); \
	} while (0)

/* Where exit_group, which is libc's way to end, may be deadly. */
static inline void leave(int status)
{
	for (;;)
		RAW(SYS_exit, status);
}

#endif
