/*
 * syscall(2) on x86-64. A system call that is ours goes to its shim. Every
 * other goes on to the next definition of syscall, with stack and registers
 * unchanged. This is assembly because the child of syscall(SYS_vfork) would
 * share a stack frame of a C function here with its parent, and would overwrite
 * it.
 */
#include "system/assembly.h"

#if defined(__x86_64__)

#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, @function
	.p2align 4
syscall:
	.cfi_startproc
	_CET_ENDBR
	cmpq	$__NR_getrandom, %rdi
	je	.Lgetrandom
	.irp	number, __NR_read, __NR_open, __NR_openat, __NR_close, __NR_dup, __NR_dup2, __NR_dup3, __NR_fcntl, __NR_close_range, __NR_unshare, __NR_prctl, __NR_seccomp
	cmpq	$\number, %rdi
	je	.Ldescriptor
	.endr
	movq	syscall_next(%rip), %rax
	testq	%rax, %rax
	je	.Lraw
	jmp	*%rax

.Lgetrandom:
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movl	%ecx, %edx
	jmp	syscall_getrandom

	/* The arguments are the same, in the same places. */
.Ldescriptor:
	jmp	syscall_descriptor

	/* The next definition is not known: make the system call itself. */
.Lraw:
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	%r8, %r10
	movq	%r9, %r8
	movq	8(%rsp), %r9
	syscall
	cmpq	$-4095, %rax
	jae	.Lerror
	ret
.Lerror:
	movq	%rax, %rdi
	jmp	syscall_failed
	.cfi_endproc
	.size	syscall, . - syscall

#endif
