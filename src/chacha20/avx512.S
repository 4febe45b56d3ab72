/*
 * ChaCha20 in AVX-512 registers, up to 32 blocks in one pass. See chacha20.h.
 *
 * Register n holds word n of the state, once for each of sixteen blocks.
 * Register 16 + n holds the same for the next sixteen blocks. A rotation is one
 * instruction and needs no other register, so there are enough registers. The
 * second set costs little, because with the first alone the processor waits for
 * its own results.
 */
#include "system/assembly.h"

#if defined(__x86_64__) && defined(__LP64__)

#define C	%rdi	/* struct chacha20 */
#define OUT	%rsi
#define BLOCKS	%rdx	/* blocks still to be written */
#define WORD(n)	(4 * (n))(C)
#define COUNTER	WORD(12)

/*
 * These are in c->spill: rows with which a pass began, and rows that are moved
 * there to make room for the transposition.
 */
#define ROW_12	64(C)
#define ROW_13	128(C)
#define ROW_28	192(C)
#define ROW_29	256(C)
#define ROW_30	320(C)
#define ROW_31	384(C)

	.section .rodata
	.balign	64
even_pairs:
	.quad	0, 1, 4, 5, 8, 9, 12, 13
odd_pairs:
	.quad	2, 3, 6, 7, 10, 11, 14, 15
sixteen:
	.quad	16

/* Computes half of two quarter rounds side by side. */
.macro half a0 b0 c0 d0  a1 b1 c1 d1  m n
	/* a += b */
	vpaddd	%zmm\b0, %zmm\a0, %zmm\a0
	vpaddd	%zmm\b1, %zmm\a1, %zmm\a1

	/* d = (d ^ a) <<< 16 or 8 */
	vpxord	%zmm\a0, %zmm\d0, %zmm\d0
	vpxord	%zmm\a1, %zmm\d1, %zmm\d1
	vprold	$\m, %zmm\d0, %zmm\d0
	vprold	$\m, %zmm\d1, %zmm\d1

	/* c += d */
	vpaddd	%zmm\d0, %zmm\c0, %zmm\c0
	vpaddd	%zmm\d1, %zmm\c1, %zmm\c1

	/* b = (b ^ c) <<< 12 or 7 */
	vpxord	%zmm\c0, %zmm\b0, %zmm\b0
	vpxord	%zmm\c1, %zmm\b1, %zmm\b1
	vprold	$\n, %zmm\b0, %zmm\b0
	vprold	$\n, %zmm\b1, %zmm\b1
.endm

/* Two quarter rounds are computed at a time; avx2.S says why. */
.macro quarters a0 b0 c0 d0  a1 b1 c1 d1
	half	\a0 \b0 \c0 \d0  \a1 \b1 \c1 \d1  16 12
	half	\a0 \b0 \c0 \d0  \a1 \b1 \c1 \d1  8 7
.endm

.macro columns_of_first_set
	quarters	0 4  8 12  1 5  9 13
	quarters	2 6 10 14  3 7 11 15
.endm

.macro diagonals_of_first_set
	quarters	2 7  8 13  3 4  9 14
	quarters	0 5 10 15  1 6 11 12
.endm

.macro columns_of_second_set
	quarters	16 20 24 28  17 21 25 29
	quarters	18 22 26 30  19 23 27 31
.endm

.macro diagonals_of_second_set
	quarters	18 23 24 29  19 20 25 30
	quarters	16 21 26 31  17 22 27 28
.endm

/*
 * Transposes four rows, in each lane: register n becomes four words of block n,
 * and in lane l of block n + 4 l.
 */
.macro transpose r0 r1 r2 r3 t0 t1
	vpunpckldq	%zmm\r1, %zmm\r0, %zmm\t0
	vpunpckhdq	%zmm\r1, %zmm\r0, %zmm\t1
	vpunpckldq	%zmm\r3, %zmm\r2, %zmm\r1
	vpunpckhdq	%zmm\r3, %zmm\r2, %zmm\r3
	vpunpcklqdq	%zmm\r1, %zmm\t0, %zmm\r0
	vpunpckhqdq	%zmm\r1, %zmm\t0, %zmm\r1
	vpunpcklqdq	%zmm\r3, %zmm\t1, %zmm\r2
	vpunpckhqdq	%zmm\r3, %zmm\t1, %zmm\r3
.endm

/*
 * Transposes the lanes of four registers, each of which holds four words of the
 * blocks m, m + 4, m + 8 and m + 12, a block in each lane: register n becomes
 * all words of block m + 4 n.
 */
.macro transpose_lanes r0 r1 r2 r3 t0 t1
	vshufi32x4	$0x44, %zmm\r1, %zmm\r0, %zmm\t0
	vshufi32x4	$0xee, %zmm\r1, %zmm\r0, %zmm\t1
	vshufi32x4	$0x44, %zmm\r3, %zmm\r2, %zmm\r1
	vshufi32x4	$0xee, %zmm\r3, %zmm\r2, %zmm\r3
	vshufi32x4	$0x88, %zmm\r1, %zmm\t0, %zmm\r0
	vshufi32x4	$0xdd, %zmm\r1, %zmm\t0, %zmm\r1
	vshufi32x4	$0x88, %zmm\r3, %zmm\t1, %zmm\r2
	vshufi32x4	$0xdd, %zmm\r3, %zmm\t1, %zmm\r3
.endm

/*
 * Transposes rows to blocks, in place, and writes the blocks to OUT. After the
 * last block that is wanted this jumps to the end of the function.
 */
.macro store r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15 t0 t1
	transpose	\r0 \r1 \r2 \r3  \t0 \t1
	transpose	\r4 \r5 \r6 \r7  \t0 \t1
	transpose	\r8 \r9 \r10 \r11  \t0 \t1
	transpose	\r12 \r13 \r14 \r15  \t0 \t1
	transpose_lanes	\r0 \r4 \r8 \r12  \t0 \t1
	transpose_lanes	\r1 \r5 \r9 \r13  \t0 \t1
	transpose_lanes	\r2 \r6 \r10 \r14  \t0 \t1
	transpose_lanes	\r3 \r7 \r11 \r15  \t0 \t1
.irp r, \r0,\r1,\r2,\r3,\r4,\r5,\r6,\r7,\r8,\r9,\r10,\r11,\r12,\r13,\r14,\r15
	vmovdqu64	%zmm\r, (OUT)
	add	$64, OUT
	dec	BLOCKS
	jz	.Lwipe
.endr
.endm

	.text
	.balign	64
	.globl	chacha20_avx512_blocks
	.hidden	chacha20_avx512_blocks
	.type	chacha20_avx512_blocks, @function
chacha20_avx512_blocks:
	.cfi_startproc
	_CET_ENDBR
	test	BLOCKS, BLOCKS
	jz	.Lnothing

.Lpass:
	/* Rows 12 and 13 are the lower and upper half of counter + block. */
	vpbroadcastq	COUNTER, %zmm15
	vpaddq	even_pairs(%rip), %zmm15, %zmm14
	vpaddq	odd_pairs(%rip), %zmm15, %zmm15
	vshufps	$0x88, %zmm15, %zmm14, %zmm12
	vshufps	$0xdd, %zmm15, %zmm14, %zmm13
	vmovdqa64	%zmm12, ROW_12
	vmovdqa64	%zmm13, ROW_13

	/* Rows 28 and 29 are the same for the second set. */
	vpaddq	sixteen(%rip){1to8}, %zmm14, %zmm14
	vpaddq	sixteen(%rip){1to8}, %zmm15, %zmm15
	vshufps	$0x88, %zmm15, %zmm14, %zmm28
	vshufps	$0xdd, %zmm15, %zmm14, %zmm29
	vmovdqa64	%zmm28, ROW_28
	vmovdqa64	%zmm29, ROW_29

	/*
	 * Advance the counter before a byte is written, because no block must
	 * ever be made twice.
	 */
	mov	$32, %eax
	cmp	%rax, BLOCKS
	cmovb	BLOCKS, %rax
	add	%rax, COUNTER

.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15
	vpbroadcastd	WORD(\n), %zmm\n
.endr
	mov	$10, %eax
	cmp	$16, BLOCKS
	ja	.Lboth_sets

	.balign	32
.Lone_set:
	columns_of_first_set
	diagonals_of_first_set
	dec	%eax
	jnz	.Lone_set
	jmp	.Lstore

.Lboth_sets:
	vmovdqa64	%zmm0, %zmm16
	vmovdqa64	%zmm1, %zmm17
	vmovdqa64	%zmm2, %zmm18
	vmovdqa64	%zmm3, %zmm19
	vmovdqa64	%zmm4, %zmm20
	vmovdqa64	%zmm5, %zmm21
	vmovdqa64	%zmm6, %zmm22
	vmovdqa64	%zmm7, %zmm23
	vmovdqa64	%zmm8, %zmm24
	vmovdqa64	%zmm9, %zmm25
	vmovdqa64	%zmm10, %zmm26
	vmovdqa64	%zmm11, %zmm27
	vmovdqa64	%zmm14, %zmm30
	vmovdqa64	%zmm15, %zmm31

	.balign	32
.Ldouble_round:
	columns_of_first_set
	columns_of_second_set
	diagonals_of_first_set
	diagonals_of_second_set
	dec	%eax
	jnz	.Ldouble_round

	vmovdqa64	%zmm30, ROW_30
	vmovdqa64	%zmm31, ROW_31

.Lstore:
	/* Add the state with which the pass began. */
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15
	vpaddd	WORD(\n){1to16}, %zmm\n, %zmm\n
.endr
	vpaddd	ROW_12, %zmm12, %zmm12
	vpaddd	ROW_13, %zmm13, %zmm13
	store	0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15  30 31

	vmovdqa64	ROW_30, %zmm30
	vmovdqa64	ROW_31, %zmm31
	vpaddd	WORD(0){1to16}, %zmm16, %zmm16
	vpaddd	WORD(1){1to16}, %zmm17, %zmm17
	vpaddd	WORD(2){1to16}, %zmm18, %zmm18
	vpaddd	WORD(3){1to16}, %zmm19, %zmm19
	vpaddd	WORD(4){1to16}, %zmm20, %zmm20
	vpaddd	WORD(5){1to16}, %zmm21, %zmm21
	vpaddd	WORD(6){1to16}, %zmm22, %zmm22
	vpaddd	WORD(7){1to16}, %zmm23, %zmm23
	vpaddd	WORD(8){1to16}, %zmm24, %zmm24
	vpaddd	WORD(9){1to16}, %zmm25, %zmm25
	vpaddd	WORD(10){1to16}, %zmm26, %zmm26
	vpaddd	WORD(11){1to16}, %zmm27, %zmm27
	vpaddd	ROW_28, %zmm28, %zmm28
	vpaddd	ROW_29, %zmm29, %zmm29
	vpaddd	WORD(14){1to16}, %zmm30, %zmm30
	vpaddd	WORD(15){1to16}, %zmm31, %zmm31
	store	16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31  0 1
	jmp	.Lpass

.Lwipe:
	vpxor	%xmm0, %xmm0, %xmm0
	vmovdqa64	%zmm0, ROW_12
	vmovdqa64	%zmm0, ROW_13
	vmovdqa64	%zmm0, ROW_28
	vmovdqa64	%zmm0, ROW_29
	vmovdqa64	%zmm0, ROW_30
	vmovdqa64	%zmm0, ROW_31
.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vpxord	%xmm\n, %xmm\n, %xmm\n
.endr
	vzeroall	/* clears only registers 0 to 15 */
.Lnothing:
	ret
	.cfi_endproc
	.size	chacha20_avx512_blocks, . - chacha20_avx512_blocks

#endif
