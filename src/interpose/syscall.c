/*
 * What the stubs in syscall_*.S need of C.
 */
#include "../real.h"

/* The syscall(2) behind us; NULL until our constructor, or for ever. */
void *syscall_next;

/* A raw system call's error, the way libc gives it. */
long syscall_failed(long answer)
{
	return real_result(answer);
}

__attribute__((constructor)) static void construct(void)
{
	syscall_next = REAL_NAMED("syscall");
}
