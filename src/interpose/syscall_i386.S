/*
 * syscall(2) on i386. syscall_x86_64.S explains it. Here all arguments are on
 * the stack.
 */
#include "system/assembly.h"

#if defined(__i386__)

#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, @function
	.p2align 4
syscall:
	.cfi_startproc
	_CET_ENDBR
	movl	4(%esp), %eax
	cmpl	$__NR_getrandom, %eax
	je	.Lgetrandom
	.irp	number, __NR_read, __NR_open, __NR_openat, __NR_close, __NR_dup, __NR_dup2, __NR_dup3, __NR_fcntl, __NR_close_range, __NR_unshare, __NR_prctl, __NR_seccomp
	cmpl	$\number, %eax
	je	.Ldescriptor
	.endr
	call	.Lhere_to_ecx
.Lhere:
	movl	syscall_next-.Lhere(%ecx), %ecx
	testl	%ecx, %ecx
	je	.Lraw
	jmp	*%ecx

	/*
	 * Pass on the last three of the four arguments. Together with the
	 * return address they fill 16 bytes, so the stack below them is aligned
	 * as C wants it.
	 */
.Lgetrandom:
	pushl	16(%esp)
	.cfi_adjust_cfa_offset 4
	pushl	16(%esp)
	.cfi_adjust_cfa_offset 4
	pushl	16(%esp)
	.cfi_adjust_cfa_offset 4
	call	syscall_getrandom
	addl	$12, %esp
	.cfi_adjust_cfa_offset -12
	ret

	/* The arguments are the same, in the same places. */
.Ldescriptor:
	jmp	syscall_descriptor

	/* The next definition is not known: make the system call itself. */
.Lraw:
	.irp	register, ebp, edi, esi, ebx
	pushl	%\register
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset \register, 0
	.endr
	movl	24(%esp), %ebx
	movl	28(%esp), %ecx
	movl	32(%esp), %edx
	movl	36(%esp), %esi
	movl	40(%esp), %edi
	movl	44(%esp), %ebp
	int	$0x80
	.irp	register, ebx, esi, edi, ebp
	popl	%\register
	.cfi_adjust_cfa_offset -4
	.cfi_restore \register
	.endr
	cmpl	$-4095, %eax
	jae	.Lerror
	ret
.Lerror:
	subl	$8, %esp
	.cfi_adjust_cfa_offset 8
	pushl	%eax
	.cfi_adjust_cfa_offset 4
	call	syscall_failed
	addl	$12, %esp
	.cfi_adjust_cfa_offset -12
	ret

.Lhere_to_ecx:
	movl	(%esp), %ecx
	ret
	.cfi_endproc
	.size	syscall, . - syscall

#endif
