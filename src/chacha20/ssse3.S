/*
 * ChaCha20 in SSE registers, four blocks in one pass. See chacha20.h.
 *
 * This uses SSSE3, not only SSE2, because the byte shuffle of SSSE3 makes two
 * of the four rotations one instruction instead of four. The last processors
 * without SSSE3 were sold in 2012; they get the portable variant.
 *
 * Register n holds word n of the state, once for each of the four blocks. That
 * would take all sixteen registers, and a rotation needs one more. Therefore
 * row 11 is in c->spill, and register 11 is free. Nothing is ever on the stack.
 */
#include "system/assembly.h"

#if defined(__x86_64__) && defined(__LP64__)

#define C	%rdi	/* struct chacha20 */
#define OUT	%rsi
#define BLOCKS	%rdx	/* blocks still to be written */

#define COUNTER	48(C)
#define ROW_11	64(C)	/* c->spill begins here */
#define FIRST	80(C)	/* rows 12 and 13 at the start of the pass */
#define SECOND	96(C)
#define ROW_15	112(C)	/* saved while the first rows are transposed */

#define T	%xmm11

	.section .rodata
	.balign	16
left16:
	.byte	2, 3, 0, 1,  6, 7, 4, 5,  10, 11, 8, 9,  14, 15, 12, 13
left8:
	.byte	3, 0, 1, 2,  7, 4, 5, 6,  11, 8, 9, 10,  15, 12, 13, 14
blocks01:
	.quad	0, 1
blocks23:
	.quad	2, 3

/* Computes half of two quarter rounds side by side. Row 11 may only be \c1. */
.macro half a0 b0 c0 d0  a1 b1 c1 d1  shuffle n
	/* a += b */
	paddd	%xmm\b0, %xmm\a0
	paddd	%xmm\b1, %xmm\a1

	/* d = (d ^ a) <<< 16 or 8 */
	pxor	%xmm\a0, %xmm\d0
	pxor	%xmm\a1, %xmm\d1
	pshufb	\shuffle(%rip), %xmm\d0
	pshufb	\shuffle(%rip), %xmm\d1

	/* c += d; b ^= c */
.if \c1 == 11
	movdqa	ROW_11, T
	paddd	%xmm\d1, T
	movdqa	T, ROW_11
	pxor	T, %xmm\b1
.else
	paddd	%xmm\d1, %xmm\c1
	pxor	%xmm\c1, %xmm\b1
.endif
	paddd	%xmm\d0, %xmm\c0
	pxor	%xmm\c0, %xmm\b0

	/* b <<<= 12 or 7 */
.irp b, \b0, \b1
	movdqa	%xmm\b, T
	pslld	$\n, T
	psrld	$(32 - \n), %xmm\b
	por	T, %xmm\b
.endr
.endm

/* Two quarter rounds are computed at a time; avx2.S says why. */
.macro quarters a0 b0 c0 d0  a1 b1 c1 d1
	half	\a0 \b0 \c0 \d0  \a1 \b1 \c1 \d1  left16 12
	half	\a0 \b0 \c0 \d0  \a1 \b1 \c1 \d1  left8 7
.endm

/* Loads four words of the state, each of them once for every block. */
.macro spread at r0 r1 r2 r3
	movdqa	\at(C), %xmm\r3
	pshufd	$0x00, %xmm\r3, %xmm\r0
	pshufd	$0x55, %xmm\r3, %xmm\r1
	pshufd	$0xaa, %xmm\r3, %xmm\r2
	pshufd	$0xff, %xmm\r3, %xmm\r3
.endm

/*
 * Transposes four rows and writes them: they become sixteen bytes, from byte
 * \at on, of each of four blocks. As soon as all the blocks that are wanted
 * have their bytes, this jumps to the next label 1.
 */
.macro store at  r0 r1 r2 r3  t0 t1
	movdqa	%xmm\r0, %xmm\t0
	movdqa	%xmm\r2, %xmm\t1
	punpckldq	%xmm\r1, %xmm\t0
	punpckldq	%xmm\r3, %xmm\t1
	punpckhdq	%xmm\r1, %xmm\r0
	punpckhdq	%xmm\r3, %xmm\r2

	movdqa	%xmm\t0, %xmm\r1
	movdqa	%xmm\r0, %xmm\r3
	punpcklqdq	%xmm\t1, %xmm\t0
	punpckhqdq	%xmm\t1, %xmm\r1
	punpcklqdq	%xmm\r2, %xmm\r0
	punpckhqdq	%xmm\r2, %xmm\r3

	store_block	0 \at \t0
	store_block	1 \at \r1
	store_block	2 \at \r0
	store_block	3 \at \r3
.endm

.macro store_block n at r
	movdqu	%xmm\r, (64 * \n + \at)(OUT)
	cmp	$(\n + 1), BLOCKS
	jbe	1f
.endm

	.text
	.balign	64
	.globl	chacha20_ssse3_blocks
	.hidden	chacha20_ssse3_blocks
	.type	chacha20_ssse3_blocks, @function
chacha20_ssse3_blocks:
	.cfi_startproc
	_CET_ENDBR
	test	BLOCKS, BLOCKS
	jz	.Lnothing

.Lpass:
	spread	0  0 1 2 3
	spread	16  4 5 6 7
	spread	32  8 9 10 11
	movdqa	%xmm11, ROW_11

	/* Rows 12 and 13 are the lower and upper half of counter + block. */
	movq	COUNTER, %xmm12
	punpcklqdq	%xmm12, %xmm12
	movdqa	%xmm12, %xmm14
	paddq	blocks01(%rip), %xmm12
	paddq	blocks23(%rip), %xmm14
	movdqa	%xmm12, %xmm13
	shufps	$0x88, %xmm14, %xmm12
	shufps	$0xdd, %xmm14, %xmm13
	movdqa	%xmm12, FIRST
	movdqa	%xmm13, SECOND
	movdqa	48(C), %xmm15
	pshufd	$0xaa, %xmm15, %xmm14
	pshufd	$0xff, %xmm15, %xmm15

	/*
	 * Advance the counter before a byte is written, because no block must
	 * ever be made twice.
	 */
	mov	$4, %eax
	cmp	%rax, BLOCKS
	cmovb	BLOCKS, %rax
	add	%rax, COUNTER

	mov	$10, %eax
	.balign	32
.Ldouble_round:
	quarters	2 6 10 14  3 7 11 15
	quarters	0 4  8 12  1 5  9 13
	quarters	2 7  8 13  3 4  9 14
	quarters	0 5 10 15  1 6 11 12
	dec	%eax
	jnz	.Ldouble_round

	/* Add the state with which the pass began. */
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15
	movd	(4 * \n)(C), T
	pshufd	$0x00, T, T
	paddd	T, %xmm\n
.endr
	paddd	FIRST, %xmm12
	paddd	SECOND, %xmm13

	movdqa	%xmm15, ROW_15
	store	0  0 1 2 3  11 15
1:
	store	16  4 5 6 7  0 1
1:
	movd	44(C), %xmm7
	pshufd	$0x00, %xmm7, %xmm7
	paddd	ROW_11, %xmm7
	store	32  8 9 10 7  0 1
1:
	movdqa	ROW_15, %xmm15
	store	48  12 13 14 15  0 1
1:
	add	$256, OUT
	sub	$4, BLOCKS
	ja	.Lpass

	pxor	%xmm0, %xmm0
	movdqa	%xmm0, ROW_11
	movdqa	%xmm0, FIRST
	movdqa	%xmm0, SECOND
	movdqa	%xmm0, ROW_15
.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	pxor	%xmm\n, %xmm\n
.endr
.Lnothing:
	ret
	.cfi_endproc
	.size	chacha20_ssse3_blocks, . - chacha20_ssse3_blocks

#endif
