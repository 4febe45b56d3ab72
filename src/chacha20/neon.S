/*
 * ChaCha20 in NEON registers, four blocks in one pass. See chacha20.h.
 *
 * A register holds one word of the state, once for each of the four blocks.
 * There are 32 registers, but v8 to v15 belong to the caller. The other 24 are
 * enough for sixteen rows, four temporaries, the counters and one constant, so
 * nothing is on the stack.
 */
#include "system/assembly.h"

#if defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)

#define C	x0	/* struct chacha20 */
#define OUT	x1
#define BLOCKS	x2	/* blocks still to be written */

/* Rows 0 to 7 are in v0 to v7, rows 8 to 15 in v16 to v23. */
#define T0	v24
#define T1	v25
#define T2	v26
#define T3	v27
#define FIRST	v28	/* rows 12 and 13 at the start of the pass */
#define SECOND	v29
#define LEFT8	v30

	.section .rodata
	.balign	16
left8:
	.byte	3, 0, 1, 2,  7, 4, 5, 6,  11, 8, 9, 10,  15, 12, 13, 14
blocks01:
	.quad	0, 1
blocks23:
	.quad	2, 3

/* b = (b ^ c) <<< n, four times */
.macro rotate4 n  b0 b1 b2 b3  c0 c1 c2 c3
	eor	T0.16b, \b0\().16b, \c0\().16b
	eor	T1.16b, \b1\().16b, \c1\().16b
	eor	T2.16b, \b2\().16b, \c2\().16b
	eor	T3.16b, \b3\().16b, \c3\().16b
	shl	\b0\().4s, T0.4s, #\n
	shl	\b1\().4s, T1.4s, #\n
	shl	\b2\().4s, T2.4s, #\n
	shl	\b3\().4s, T3.4s, #\n
	sri	\b0\().4s, T0.4s, #(32 - \n)
	sri	\b1\().4s, T1.4s, #(32 - \n)
	sri	\b2\().4s, T2.4s, #(32 - \n)
	sri	\b3\().4s, T3.4s, #(32 - \n)
.endm

/* a += b, four times */
.macro add4  a0 a1 a2 a3  b0 b1 b2 b3
	add	\a0\().4s, \a0\().4s, \b0\().4s
	add	\a1\().4s, \a1\().4s, \b1\().4s
	add	\a2\().4s, \a2\().4s, \b2\().4s
	add	\a3\().4s, \a3\().4s, \b3\().4s
.endm

/* a ^= b, four times */
.macro xor4  a0 a1 a2 a3  b0 b1 b2 b3
	eor	\a0\().16b, \a0\().16b, \b0\().16b
	eor	\a1\().16b, \a1\().16b, \b1\().16b
	eor	\a2\().16b, \a2\().16b, \b2\().16b
	eor	\a3\().16b, \a3\().16b, \b3\().16b
.endm

/* Computes four quarter rounds side by side. */
.macro quarters  a0 a1 a2 a3  b0 b1 b2 b3  c0 c1 c2 c3  d0 d1 d2 d3
	/* a += b; d = (d ^ a) <<< 16 */
	add4	\a0 \a1 \a2 \a3  \b0 \b1 \b2 \b3
	xor4	\d0 \d1 \d2 \d3  \a0 \a1 \a2 \a3
	rev32	\d0\().8h, \d0\().8h
	rev32	\d1\().8h, \d1\().8h
	rev32	\d2\().8h, \d2\().8h
	rev32	\d3\().8h, \d3\().8h

	/* c += d; b = (b ^ c) <<< 12 */
	add4	\c0 \c1 \c2 \c3  \d0 \d1 \d2 \d3
	rotate4	12  \b0 \b1 \b2 \b3  \c0 \c1 \c2 \c3

	/* a += b; d = (d ^ a) <<< 8 */
	add4	\a0 \a1 \a2 \a3  \b0 \b1 \b2 \b3
	xor4	\d0 \d1 \d2 \d3  \a0 \a1 \a2 \a3
	tbl	\d0\().16b, {\d0\().16b}, LEFT8.16b
	tbl	\d1\().16b, {\d1\().16b}, LEFT8.16b
	tbl	\d2\().16b, {\d2\().16b}, LEFT8.16b
	tbl	\d3\().16b, {\d3\().16b}, LEFT8.16b

	/* c += d; b = (b ^ c) <<< 7 */
	add4	\c0 \c1 \c2 \c3  \d0 \d1 \d2 \d3
	rotate4	7  \b0 \b1 \b2 \b3  \c0 \c1 \c2 \c3
.endm

/*
 * Transposes four rows: they become sixteen bytes of each of four blocks, in
 * order.
 */
.macro transpose r0 r1 r2 r3
	zip1	T0.4s, \r0\().4s, \r1\().4s
	zip2	T1.4s, \r0\().4s, \r1\().4s
	zip1	T2.4s, \r2\().4s, \r3\().4s
	zip2	T3.4s, \r2\().4s, \r3\().4s
	zip1	\r0\().2d, T0.2d, T2.2d
	zip2	\r1\().2d, T0.2d, T2.2d
	zip1	\r2\().2d, T1.2d, T3.2d
	zip2	\r3\().2d, T1.2d, T3.2d
.endm

.macro store q0 q1 q2 q3
	stp	\q0, \q1, [OUT], #32
	stp	\q2, \q3, [OUT], #32
	subs	BLOCKS, BLOCKS, #1
	b.eq	.Lwipe
.endm

	.text
	.balign	64
	.globl	chacha20_neon_blocks
	.hidden	chacha20_neon_blocks
	.type	chacha20_neon_blocks, %function
chacha20_neon_blocks:
	.cfi_startproc
	hint	#34	/* bti c */
	cbz	BLOCKS, .Lnothing
	adrp	x3, left8
	add	x3, x3, #:lo12:left8
	ldr	q30, [x3]

.Lpass:
	mov	x4, C
	ld4r	{v0.4s - v3.4s}, [x4], #16
	ld4r	{v4.4s - v7.4s}, [x4], #16
	ld4r	{v16.4s - v19.4s}, [x4], #16
	ld4r	{v20.4s - v23.4s}, [x4]

	/* Rows 12 and 13 are the lower and upper half of counter + block. */
	ldr	x5, [C, #48]
	dup	FIRST.2d, x5
	ldp	q24, q25, [x3, #16]	/* blocks01, blocks23 */
	add	T0.2d, T0.2d, FIRST.2d
	add	T1.2d, T1.2d, FIRST.2d
	uzp1	FIRST.4s, T0.4s, T1.4s
	uzp2	SECOND.4s, T0.4s, T1.4s
	mov	v20.16b, FIRST.16b
	mov	v21.16b, SECOND.16b

	/*
	 * Advance the counter before a byte is written, because no block must
	 * ever be made twice.
	 */
	mov	x6, #4
	cmp	BLOCKS, x6
	csel	x6, BLOCKS, x6, lo
	add	x5, x5, x6
	str	x5, [C, #48]

	mov	w6, #10
.Ldouble_round:
	quarters  v0 v1 v2 v3  v4 v5 v6 v7  v16 v17 v18 v19  v20 v21 v22 v23
	quarters  v0 v1 v2 v3  v5 v6 v7 v4  v18 v19 v16 v17  v23 v20 v21 v22
	subs	w6, w6, #1
	b.ne	.Ldouble_round

	/* Add the state with which the pass began. */
	mov	x4, C
	ld4r	{v24.4s - v27.4s}, [x4], #16
	add4	v0 v1 v2 v3  T0 T1 T2 T3
	ld4r	{v24.4s - v27.4s}, [x4], #16
	add4	v4 v5 v6 v7  T0 T1 T2 T3
	ld4r	{v24.4s - v27.4s}, [x4], #16
	add4	v16 v17 v18 v19  T0 T1 T2 T3
	ld4r	{v24.4s - v27.4s}, [x4]
	add4	v20 v21 v22 v23  FIRST SECOND T2 T3

	transpose	v0 v1 v2 v3
	transpose	v4 v5 v6 v7
	transpose	v16 v17 v18 v19
	transpose	v20 v21 v22 v23
	store	q0 q4 q16 q20
	store	q1 q5 q17 q21
	store	q2 q6 q18 q22
	store	q3 q7 q19 q23
	b	.Lpass

.Lwipe:
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	movi	v\n\().2d, #0
.endr
.Lnothing:
	ret
	.cfi_endproc
	.size	chacha20_neon_blocks, . - chacha20_neon_blocks

#endif
