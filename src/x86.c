/*
 * See x86.h. Under a hypervisor every cpuid traps, for one to five microseconds,
 * so only two are executed, and only once in a process; that is also why this is
 * not __builtin_cpu_supports, which runs a dozen when the library is loaded.
 */
#include "x86.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdatomic.h>

enum {
	KNOWN = 1 << 31,
	XCR0_AVX = 6,		/* the kernel saves xmm and ymm */
	XCR0_AVX512 = 0xe6,	/* and k, zmm, and the upper sixteen */
};

static unsigned int saved_by_kernel(void)
{
	unsigned int low, high;

	__asm__ volatile ("xgetbv" : "=a" (low), "=d" (high) : "c" (0));
	return low;
}

static unsigned int look(void)
{
	unsigned int a, b, c, d, saved, set = 0;

	__cpuid(1, a, b, c, d);
	if (c & bit_SSSE3)
		set |= X86_SSSE3;
	if (!(c & bit_OSXSAVE) || !(c & bit_AVX))
		return set;

	/*
	 * Whoever has OSXSAVE has leaf 13, and so leaf 7: no need to ask for
	 * the last one. Before OSXSAVE is known, xgetbv may be no instruction.
	 */
	saved = saved_by_kernel();
	if ((saved & XCR0_AVX) != XCR0_AVX)
		return set;
	__cpuid_count(7, 0, a, b, c, d);
	if (b & bit_AVX2)
		set |= X86_AVX2;
	if ((saved & XCR0_AVX512) == XCR0_AVX512 &&
	    (b & bit_AVX2) && (b & bit_AVX512F) && (b & bit_AVX512VL))
		set |= X86_AVX512;
	return set;
}

unsigned int x86_vectors(void)
{
	/* Two threads may both look; they see the same. */
	static _Atomic unsigned int answer;
	unsigned int set;

	set = atomic_load_explicit(&answer, memory_order_relaxed);
	if (!set) {
		set = look() | (unsigned int)KNOWN;
		atomic_store_explicit(&answer, set, memory_order_relaxed);
	}
	return set & ~(unsigned int)KNOWN;
}

#else

unsigned int x86_vectors(void)
{
	return 0;
}

#endif
