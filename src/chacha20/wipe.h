/*
 * How do we wipe what compiled C leaves behind? It leaves data in registers
 * that a call may clobber, and on the stack below a frame that has returned.
 */
#ifndef WIPE_H
#define WIPE_H

#include <stdint.h>
#include <string.h>

/*
 * Words that may be at any address, and that pass through a register. The word
 * of sixteen bytes is a vector, because a structure of two words would pass
 * through the stack, and remain there.
 */
typedef uint8_t wipe_word_8;
typedef uint32_t wipe_word_32 __attribute__((aligned(1), may_alias));
typedef uint64_t wipe_word_64 __attribute__((aligned(1), may_alias));
typedef uint64_t wipe_word_128
	__attribute__((vector_size(16), aligned(1), may_alias));

/*
 * WIPE_n clears a variable of n bits in the very register that it is in, after
 * its last use. A plain assignment of 0 would use another register and leave
 * the old one as it is. The compiler does not know that the variable is zero
 * afterwards, but it is. WIPE_n does not clear copies that the compiler has
 * made, as it does where two paths meet. wipe_registers() clears them.
 */
#if defined(__x86_64__) || defined(__i386__)
#define WIPE_32(word) __asm__ volatile("xor %k0, %k0" : "+r"(word) : : "cc")
#if defined(__SSE2__)
#define WIPE_128(word) __asm__ volatile("pxor %0, %0" : "+x"(word))
#else
#define WIPE_128(word) WIPE_BY_ZERO(word)
#endif
#elif defined(__aarch64__)
#define WIPE_32(word) __asm__ volatile("mov %w0, wzr" : "+r"(word))
#define WIPE_128(word) __asm__ volatile("movi %0.16b, #0" : "+w"(word))
#else
#define WIPE_32(word) WIPE_BY_ZERO(word)
#define WIPE_128(word) WIPE_BY_ZERO(word)
#endif

/*
 * On 64-bit processors clearing the lower half of a register clears all of it.
 */
#if UINTPTR_MAX > UINT32_MAX
#define WIPE_64(word) WIPE_32(word)
#elif defined(__i386__)
#define WIPE_64(word) \
	__asm__ volatile("xor %%eax, %%eax\n\txor %%edx, %%edx" \
			 : "+A"(word) : : "cc")
#else
#define WIPE_64(word) WIPE_BY_ZERO(word)
#endif

/*
 * Do compilers leave copies in registers when a loop moves words? On x86-64
 * none were seen.
 */
#if defined(__x86_64__)
enum { WIPE_LEAVES_COPIES = 0 };
#else
enum { WIPE_LEAVES_COPIES = 1 };
#endif

/* The widest word that fits into a register. */
#if defined(__SSE2__) || defined(__aarch64__)
typedef wipe_word_128 wipe_word_widest;
#define WIPE_WIDEST(word) WIPE_128(word)
#else
typedef wipe_word_32 wipe_word_widest;
#define WIPE_WIDEST(word) WIPE_32(word)
#endif

#define WIPE_BY_ZERO(word) \
	do { \
		(word) = (__typeof__(word)){0}; \
		__asm__ volatile("" : "+m"(word)); \
	} while (0)

enum {
	/* Larger than the frame of any function that is called before it. */
	WIPE_FRAME = 512,
};

/* Clears every register whose value a caller does not expect to be kept. */
static inline void wipe_registers(void)
{
#if defined(__x86_64__)
#if defined(__AVX__)
	__asm__ volatile ("vzeroall" : : : "memory");
#endif
#if defined(__AVX512VL__)
	__asm__ volatile (
		".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
		"vpxord %%xmm\\n, %%xmm\\n, %%xmm\\n\n\t"
		".endr"
		: : :
		"xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",
		"xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29",
		"xmm30", "xmm31", "memory");
#endif
	__asm__ volatile (
		".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
		"pxor %%xmm\\n, %%xmm\\n\n\t"
		".endr\n\t"
		".irp r, eax,ecx,edx,esi,edi,r8d,r9d,r10d,r11d\n\t"
		"xor %%\\r, %%\\r\n\t"
		".endr"
		: : :
		"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
		"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
		"xmm15", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
		"r11", "cc", "memory");
#elif defined(__i386__)
#if defined(__SSE2__)
	__asm__ volatile (
		".irp n, 0,1,2,3,4,5,6,7\n\t"
		"pxor %%xmm\\n, %%xmm\\n\n\t"
		".endr"
		: : :
		"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
		"memory");
#endif
	__asm__ volatile (
		"xor %%eax, %%eax\n\t"
		"xor %%ecx, %%ecx\n\t"
		"xor %%edx, %%edx"
		: : : "eax", "ecx", "edx", "cc", "memory");
#elif defined(__aarch64__)
	/*
	 * A called function keeps the lower half of v8 to v15, but not the
	 * upper.
	 */
	__asm__ volatile (
		".irp n, 0,1,2,3,4,5,6,7,16,17,18,19,20,21,22,23\n\t"
		"movi v\\n\\().2d, #0\n\t"
		".endr\n\t"
		".irp n, 24,25,26,27,28,29,30,31\n\t"
		"movi v\\n\\().2d, #0\n\t"
		".endr\n\t"
		".irp n, 8,9,10,11,12,13,14,15\n\t"
		"fmov d\\n, d\\n\n\t"
		".endr\n\t"
		".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n\t"
		"mov x\\n, xzr\n\t"
		".endr"
		: : :
		"v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17",
		"v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
		"v27", "v28", "v29", "v30", "v31", "x0", "x1", "x2", "x3", "x4",
		"x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
		"x15", "x16", "x17", "memory");
#endif
}

/*
 * Clears the frame of the function that our caller called before this one. If
 * this were inlined, it would clear bytes in its caller's frame instead,
 * because its own frame has to be where the dead one was.
 */
static __attribute__((noinline, unused)) void wipe_dead_frame(void)
{
	char frame[WIPE_FRAME];

	memset(frame, 0, sizeof frame);
	/* Without a reader the compiler would remove the memset. */
	__asm__ volatile ("" : : "r" (frame) : "memory");
}

#endif
