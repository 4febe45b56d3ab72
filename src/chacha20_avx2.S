/*
 * Eight blocks a pass in AVX2 registers: the contract is chacha20_blocks.
 *
 * Register i holds word i of the state, once for each of eight blocks. Sixteen
 * rows would fill all sixteen registers, and a rotation needs one more: so row
 * 11 lives in c->spill, and register 11 is free. Nothing is on the stack.
 */
#if defined(__x86_64__) && defined(__LP64__)

#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

#define C	%rdi	/* struct chacha20 */
#define OUT	%rsi
#define BLOCKS	%rdx	/* how many are still to be written */

#define COUNTER	48(C)
#define ROW11	64(C)	/* c->spill from here on */
#define ROW12	96(C)	/* the counters that this pass began with */
#define ROW13	128(C)
#define ROW15	160(C)	/* while the first half is transposed */

#define T	%ymm11

	.section .rodata
	.balign	32
left16:
	.rept	2
	.byte	2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13
	.endr
left8:
	.rept	2
	.byte	3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14
	.endr
blocks0145:
	.quad	0, 1, 4, 5
blocks2367:
	.quad	2, 3, 6, 7

.macro xor_shuffle d a mask
	vpxor	%ymm\a, %ymm\d, %ymm\d
	vpshufb	\mask(%rip), %ymm\d, %ymm\d
.endm

.macro rotate b n
	vpslld	$\n, %ymm\b, T
	vpsrld	$(32 - \n), %ymm\b, %ymm\b
	vpor	T, %ymm\b, %ymm\b
.endm

/* Half of four quarter rounds side by side; the fourth one's c is row 11. */
.macro half a0 b0 c0 d0 a1 b1 c1 d1 a2 b2 c2 d2 a3 b3 d3 mask n
	/* a += b */
	vpaddd	%ymm\b0, %ymm\a0, %ymm\a0
	vpaddd	%ymm\b1, %ymm\a1, %ymm\a1
	vpaddd	%ymm\b2, %ymm\a2, %ymm\a2
	vpaddd	%ymm\b3, %ymm\a3, %ymm\a3

	/* d = (d ^ a) <<< 16 or 8 */
	vpxor	%ymm\a0, %ymm\d0, %ymm\d0
	vpxor	%ymm\a1, %ymm\d1, %ymm\d1
	vpxor	%ymm\a2, %ymm\d2, %ymm\d2
	vpxor	%ymm\a3, %ymm\d3, %ymm\d3
	vpshufb	\mask(%rip), %ymm\d0, %ymm\d0
	vpshufb	\mask(%rip), %ymm\d1, %ymm\d1
	vpshufb	\mask(%rip), %ymm\d2, %ymm\d2
	vpshufb	\mask(%rip), %ymm\d3, %ymm\d3

	/* c += d; b ^= c */
	vpaddd	ROW11, %ymm\d3, T
	vmovdqa	T, ROW11
	vpxor	T, %ymm\b3, %ymm\b3
	vpaddd	%ymm\d0, %ymm\c0, %ymm\c0
	vpaddd	%ymm\d1, %ymm\c1, %ymm\c1
	vpaddd	%ymm\d2, %ymm\c2, %ymm\c2
	vpxor	%ymm\c0, %ymm\b0, %ymm\b0
	vpxor	%ymm\c1, %ymm\b1, %ymm\b1
	vpxor	%ymm\c2, %ymm\b2, %ymm\b2

	/* b <<<= 12 or 7 */
	rotate	\b0 \n
	rotate	\b1 \n
	rotate	\b2 \n
	rotate	\b3 \n
.endm

.macro quarters rows:vararg
	half	\rows left16 12
	half	\rows left8 7
.endm

.macro add_state first last
.endm

/* Four rows become four blocks' quarters, in each 128-bit lane. */
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

/* Half of block n, and leave if it was the last one. */
.macro store n lo hi at
	vinserti128	$1, %xmm\hi, %ymm\lo, T
	vmovdqu	T, (64 * \n + \at)(OUT)
	cmp	$(\n + 1), BLOCKS
	jbe	1f
.endm

.macro store4 n lo hi at
	vperm2i128	$0x31, %ymm\hi, %ymm\lo, T
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
	jz	4f
2:
	vpbroadcastq	COUNTER, %ymm15
	vpaddq	blocks0145(%rip), %ymm15, %ymm14
	vpaddq	blocks2367(%rip), %ymm15, %ymm15
	vshufps	$0x88, %ymm15, %ymm14, %ymm12
	vshufps	$0xdd, %ymm15, %ymm14, %ymm13
	vmovdqa	%ymm12, ROW12
	vmovdqa	%ymm13, ROW13
	vpbroadcastd	44(C), T
	vmovdqa	T, ROW11
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15
	vpbroadcastd	(4 * \i)(C), %ymm\i
.endr
	mov	$10, %eax
	.balign	32
3:
	half	0 4 8 12  1 5 9 13  2 6 10 14  3 7 15  left16 12
	half	0 4 8 12  1 5 9 13  2 6 10 14  3 7 15  left8 7
	half	2 7 8 13  3 4 9 14  0 5 10 15  1 6 12  left16 12
	half	2 7 8 13  3 4 9 14  0 5 10 15  1 6 12  left8 7
	dec	%eax
	jnz	3b

.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15
	vpbroadcastd	(4 * \i)(C), T
	vpaddd	T, %ymm\i, %ymm\i
.endr
	vpaddd	ROW12, %ymm12, %ymm12
	vpaddd	ROW13, %ymm13, %ymm13

	vmovdqa	%ymm15, ROW15
	transpose	0 1 2 3  11 15
	transpose	4 5 6 7  11 15
	store	0  0 4  0
	store	1  1 5  0
	store	2  2 6  0
	store	3  3 7  0
	store4	4  0 4  0
	store4	5  1 5  0
	store4	6  2 6  0
	store4	7  3 7  0
1:
	vmovdqa	ROW15, %ymm15
	vpbroadcastd	44(C), %ymm11
	vpaddd	ROW11, %ymm11, %ymm11
	transpose	8 9 10 11  0 1
	transpose	12 13 14 15  0 1
	vmovdqa	%ymm11, %ymm7
	store	0  8 12  32
	store	1  9 13  32
	store	2  10 14  32
	store	3  7 15  32
	store4	4  8 12  32
	store4	5  9 13  32
	store4	6  10 14  32
	store4	7  7 15  32
1:
	mov	$8, %eax
	cmp	%rax, BLOCKS
	cmovb	BLOCKS, %rax
	add	%rax, COUNTER
	sub	%rax, BLOCKS
	shl	$6, %rax
	add	%rax, OUT
	test	BLOCKS, BLOCKS
	jnz	2b

	vzeroall
	vmovdqa	%ymm0, ROW11
	vmovdqa	%ymm0, ROW12
	vmovdqa	%ymm0, ROW13
	vmovdqa	%ymm0, ROW15
	vzeroupper
4:
	ret
	.cfi_endproc
	.size	chacha20_avx2_blocks, . - chacha20_avx2_blocks

#endif

	.section .note.GNU-stack, "", @progbits
