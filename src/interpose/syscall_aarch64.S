/* syscall(2) on arm64. syscall_x86_64.S explains it. */
#include "system/assembly.h"

#if defined(__aarch64__)

#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, %function
	.p2align 4
syscall:
	.cfi_startproc
	hint	#34			/* bti c */
	cmp	x0, #__NR_getrandom
	b.eq	.Lgetrandom
	.irp	number, __NR_read, __NR_openat, __NR_close, __NR_dup, __NR_dup3, __NR_fcntl, __NR_close_range, __NR_unshare, __NR_prctl, __NR_seccomp
	cmp	x0, #\number
	b.eq	.Ldescriptor
	.endr
	adrp	x16, syscall_next
	ldr	x16, [x16, #:lo12:syscall_next]
	cbz	x16, .Lraw
	br	x16

.Lgetrandom:
	mov	x0, x1
	mov	x1, x2
	mov	w2, w3
	b	syscall_getrandom

	/* The arguments are the same, in the same places. */
.Ldescriptor:
	b	syscall_descriptor

	/* The next definition is not known: make the system call itself. */
.Lraw:
	mov	x8, x0
	mov	x0, x1
	mov	x1, x2
	mov	x2, x3
	mov	x3, x4
	mov	x4, x5
	mov	x5, x6
	svc	#0
	cmn	x0, #4095
	b.hs	syscall_failed
	ret
	.cfi_endproc
	.size	syscall, . - syscall

#endif
