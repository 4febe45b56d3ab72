/*
 * ChaCha20 in AVX2 registers, eight blocks in one pass. See chacha20.h.
 *
 * Register n holds word n of the state, once for each of the eight blocks. That
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
#define FIRST	96(C)	/* rows 12 and 13 at the start of the pass */
#define SECOND	128(C)
#define ROW_15	160(C)	/* saved while the first half is transposed */

#define T	%ymm11

	.section .rodata
	.balign	32
left16:
	.rept	2
	.byte	2, 3, 0, 1,  6, 7, 4, 5,  10, 11, 8, 9,  14, 15, 12, 13
	.endr
left8:
	.rept	2
	.byte	3, 0, 1, 2,  7, 4, 5, 6,  11, 8, 9, 10,  15, 12, 13, 14
	.endr
blocks0145:
	.quad	0, 1, 4, 5
blocks2367:
	.quad	2, 3, 6, 7

/* Computes half of two quarter rounds side by side. Row 11 may only be \c1. */
.macro half a0 b0 c0 d0  a1 b1 c1 d1  shuffle n
	/* a += b */
	vpaddd	%ymm\b0, %ymm\a0, %ymm\a0
	vpaddd	%ymm\b1, %ymm\a1, %ymm\a1

	/* d = (d ^ a) <<< 16 or 8 */
	vpxor	%ymm\a0, %ymm\d0, %ymm\d0
	vpxor	%ymm\a1, %ymm\d1, %ymm\d1
	vpshufb	\shuffle(%rip), %ymm\d0, %ymm\d0
	vpshufb	\shuffle(%rip), %ymm\d1, %ymm\d1

	/* c += d; b ^= c */
.if \c1 == 11
	vpaddd	ROW_11, %ymm\d1, T
	vmovdqa	T, ROW_11
	vpxor	T, %ymm\b1, %ymm\b1
.else
	vpaddd	%ymm\d1, %ymm\c1, %ymm\c1
	vpxor	%ymm\c1, %ymm\b1, %ymm\b1
.endif
	vpaddd	%ymm\d0, %ymm\c0, %ymm\c0
	vpxor	%ymm\c0, %ymm\b0, %ymm\b0

	/* b <<<= 12 or 7 */
.irp b, \b0, \b1
	vpslld	$\n, %ymm\b, T
	vpsrld	$(32 - \n), %ymm\b, %ymm\b
	vpor	T, %ymm\b, %ymm\b
.endr
.endm

/*
 * Two quarter rounds are computed at a time: while one pair waits for its
 * shifts, the processor already works on the other. If all four ran in step,
 * they would all need the same execution unit at once.
 */
.macro quarters a0 b0 c0 d0  a1 b1 c1 d1
	half	\a0 \b0 \c0 \d0  \a1 \b1 \c1 \d1  left16 12
	half	\a0 \b0 \c0 \d0  \a1 \b1 \c1 \d1  left8 7
.endm

/*
 * Transposes four rows, in each lane: register n becomes four words of block n,
 * and in the upper lane of block n + 4.
 */
.macro transpose r0 r1 r2 r3 t0 t1
	vpunpckldq	%ymm\r1, %ymm\r0, %ymm\t0
	vpunpckhdq	%ymm\r1, %ymm\r0, %ymm\t1
	vpunpckldq	%ymm\r3, %ymm\r2, %ymm\r1
	vpunpckhdq	%ymm\r3, %ymm\r2, %ymm\r3
	vpunpcklqdq	%ymm\r1, %ymm\t0, %ymm\r0
	vpunpckhqdq	%ymm\r1, %ymm\t0, %ymm\r1
	vpunpcklqdq	%ymm\r3, %ymm\t1, %ymm\r2
	vpunpckhqdq	%ymm\r3, %ymm\t1, %ymm\r3
.endm

/*
 * Writes eight words of each of eight blocks, from byte \at of the block on.
 * Register n holds those of block n in its lower lane, and those of block n + 4
 * in its upper one. As soon as all the blocks that are wanted have their words,
 * this jumps to the next label 1.
 */
.macro store at  l0 l1 l2 l3  h0 h1 h2 h3
	store_block 0, \at, \l0, \h0, 0x20
	store_block 1, \at, \l1, \h1, 0x20
	store_block 2, \at, \l2, \h2, 0x20
	store_block 3, \at, \l3, \h3, 0x20
	store_block 4, \at, \l0, \h0, 0x31
	store_block 5, \at, \l1, \h1, 0x31
	store_block 6, \at, \l2, \h2, 0x31
	store_block 7, \at, \l3, \h3, 0x31
.endm

.macro store_block n at l h lanes
	vperm2i128	$\lanes, %ymm\h, %ymm\l, T
	vmovdqu	T, (64 * \n + \at)(OUT)
	cmp	$(\n + 1), BLOCKS
	jbe	1f
.endm

	.text
	.balign	64
	.globl	chacha20_avx2_blocks
	.hidden	chacha20_avx2_blocks
	.type	chacha20_avx2_blocks, @function
chacha20_avx2_blocks:
	.cfi_startproc
	_CET_ENDBR
	test	BLOCKS, BLOCKS
	jz	.Lnothing

.Lpass:
	/* Rows 12 and 13 are the lower and upper half of counter + block. */
	vpbroadcastq	COUNTER, %ymm15
	vpaddq	blocks0145(%rip), %ymm15, %ymm14
	vpaddq	blocks2367(%rip), %ymm15, %ymm15
	vshufps	$0x88, %ymm15, %ymm14, %ymm12
	vshufps	$0xdd, %ymm15, %ymm14, %ymm13
	vmovdqa	%ymm12, FIRST
	vmovdqa	%ymm13, SECOND

	/*
	 * Advance the counter before a byte is written, because no block must
	 * ever be made twice.
	 */
	mov	$8, %eax
	cmp	%rax, BLOCKS
	cmovb	BLOCKS, %rax
	add	%rax, COUNTER

	vpbroadcastd	44(C), T
	vmovdqa	T, ROW_11
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15
	vpbroadcastd	(4 * \n)(C), %ymm\n
.endr

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
	vpbroadcastd	(4 * \n)(C), T
	vpaddd	T, %ymm\n, %ymm\n
.endr
	vpaddd	FIRST, %ymm12, %ymm12
	vpaddd	SECOND, %ymm13, %ymm13

	vmovdqa	%ymm15, ROW_15
	transpose	0 1 2 3  11 15
	transpose	4 5 6 7  11 15
	store	0  0 1 2 3  4 5 6 7
1:
	vmovdqa	ROW_15, %ymm15
	vpbroadcastd	44(C), %ymm7
	vpaddd	ROW_11, %ymm7, %ymm7
	transpose	8 9 10 7  0 1
	transpose	12 13 14 15  0 1
	store	32  8 9 10 7  12 13 14 15
1:
	add	$512, OUT
	sub	$8, BLOCKS
	ja	.Lpass

	vpxor	%ymm0, %ymm0, %ymm0
	vmovdqa	%ymm0, ROW_11
	vmovdqa	%ymm0, FIRST
	vmovdqa	%ymm0, SECOND
	vmovdqa	%ymm0, ROW_15
	vzeroall
.Lnothing:
	ret
	.cfi_endproc
	.size	chacha20_avx2_blocks, . - chacha20_avx2_blocks

#endif
