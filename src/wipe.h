/*
 * What compiled C leaves behind: working words in registers that a call may
 * clobber, and on the stack below a frame that has returned.
 */
#ifndef WIPE_H
#define WIPE_H

#include <string.h>

enum {
	/* More than the frame of anything that is called before it. */
	WIPE_FRAME = 512,
};

/* Clears every register that a caller does not expect to keep. */
static inline void wipe_registers(void)
{
#if defined(__x86_64__)
	__asm__ volatile (
		"pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\t"
		"pxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3\n\t"
		"pxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\t"
		"pxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7\n\t"
		"pxor %%xmm8, %%xmm8\n\tpxor %%xmm9, %%xmm9\n\t"
		"pxor %%xmm10, %%xmm10\n\tpxor %%xmm11, %%xmm11\n\t"
		"pxor %%xmm12, %%xmm12\n\tpxor %%xmm13, %%xmm13\n\t"
		"pxor %%xmm14, %%xmm14\n\tpxor %%xmm15, %%xmm15\n\t"
		"xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\t"
		"xor %%edx, %%edx\n\txor %%esi, %%esi\n\t"
		"xor %%edi, %%edi\n\txor %%r8d, %%r8d\n\t"
		"xor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\t"
		"xor %%r11d, %%r11d"
		: : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
		"xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
		"xmm14", "xmm15", "rax", "rcx", "rdx", "rsi", "rdi", "r8",
		"r9", "r10", "r11", "cc", "memory");
#elif defined(__aarch64__)
	/* A call keeps the lower half of v8 to v15, but not the upper one. */
	__asm__ volatile (
		"movi v0.2d, #0\n\tmovi v1.2d, #0\n\tmovi v2.2d, #0\n\t"
		"movi v3.2d, #0\n\tmovi v4.2d, #0\n\tmovi v5.2d, #0\n\t"
		"movi v6.2d, #0\n\tmovi v7.2d, #0\n\t"
		"fmov d8, d8\n\tfmov d9, d9\n\tfmov d10, d10\n\t"
		"fmov d11, d11\n\tfmov d12, d12\n\tfmov d13, d13\n\t"
		"fmov d14, d14\n\tfmov d15, d15\n\t"
		"movi v16.2d, #0\n\tmovi v17.2d, #0\n\tmovi v18.2d, #0\n\t"
		"movi v19.2d, #0\n\tmovi v20.2d, #0\n\tmovi v21.2d, #0\n\t"
		"movi v22.2d, #0\n\tmovi v23.2d, #0\n\tmovi v24.2d, #0\n\t"
		"movi v25.2d, #0\n\tmovi v26.2d, #0\n\tmovi v27.2d, #0\n\t"
		"movi v28.2d, #0\n\tmovi v29.2d, #0\n\tmovi v30.2d, #0\n\t"
		"movi v31.2d, #0\n\t"
		"mov x0, xzr\n\tmov x1, xzr\n\tmov x2, xzr\n\t"
		"mov x3, xzr\n\tmov x4, xzr\n\tmov x5, xzr\n\t"
		"mov x6, xzr\n\tmov x7, xzr\n\tmov x8, xzr\n\t"
		"mov x9, xzr\n\tmov x10, xzr\n\tmov x11, xzr\n\t"
		"mov x12, xzr\n\tmov x13, xzr\n\tmov x14, xzr\n\t"
		"mov x15, xzr\n\tmov x16, xzr\n\tmov x17, xzr"
		: : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16",
		"v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
		"v26", "v27", "v28", "v29", "v30", "v31", "x0", "x1", "x2",
		"x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
		"x13", "x14", "x15", "x16", "x17", "memory");
#endif
}

/*
 * Clears the frame of the function that our caller called before us. Inlined,
 * it would clear bytes of its caller's frame instead: its own frame has to lie
 * where the dead one lay.
 */
static __attribute__((noinline, unused)) void wipe_dead_frame(void)
{
	char frame[WIPE_FRAME];

	memset(frame, 0, sizeof frame);
	/* Without a reader, the memset would be a dead store. */
	__asm__ volatile ("" : : "r" (frame) : "memory");
}

#endif
