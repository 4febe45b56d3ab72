/*
 * Asks the processor, and asks little: a hypervisor traps every cpuid, for one
 * to five microseconds. Two are enough, once in a process. The compiler's own
 * __builtin_cpu_supports makes a dozen of them whenever the library is loaded.
 */
#include "x86.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>
#include <stdatomic.h>

enum {
	KNOWN = 1 << 30,	/* an empty set is an answer as well */

	XCR0_AVX = 0x06,	/* the kernel saves xmm and ymm */
	XCR0_AVX512 = 0xe6,	/* and k, zmm, and the upper sixteen */

	/* Family 6 model 0x55, any stepping. */
	SIGNATURE = 0x0fff0ff0,
	SKYLAKE_SERVER = 0x00050650,
};

static unsigned int saved_by_kernel(void)
{
	unsigned int low, high;

	__asm__ volatile ("xgetbv" : "=a" (low), "=d" (high) : "c" (0));
	return low;
}

static unsigned int look(void)
{
	unsigned int signature, b, c, d, saved, unused, set = 0;

	__cpuid(1, signature, unused, c, d);
	if (c & bit_RDRND)
		set |= X86_RDRAND;
	if (c & bit_SSSE3)
		set |= X86_SSSE3;

	/*
	 * Without OSXSAVE, xgetbv is no instruction. With it there is a leaf
	 * 13, and so a leaf 7: no need to ask which leaf is the last.
	 */
	if (!(c & bit_OSXSAVE) || !(c & bit_AVX))
		return set;
	saved = saved_by_kernel();
	if ((saved & XCR0_AVX) != XCR0_AVX)
		return set;
	__cpuid_count(7, 0, unused, b, c, d);
	if (!(b & bit_AVX2))
		return set;
	set |= X86_AVX2;

	/*
	 * One zmm instruction makes Skylake's server cores run everything
	 * slower for a millisecond: the program would pay for our speed.
	 */
	if ((saved & XCR0_AVX512) == XCR0_AVX512 &&
	    (b & bit_AVX512F) && (b & bit_AVX512VL) &&
	    (signature & SIGNATURE) != SKYLAKE_SERVER)
		set |= X86_AVX512;
	return set;
}

unsigned int x86_features(void)
{
	/* Two threads may both look: they see the same. */
	static _Atomic unsigned int answer;
	unsigned int set;

	set = atomic_load_explicit(&answer, memory_order_relaxed);
	if (!set) {
		set = look() | KNOWN;
		atomic_store_explicit(&answer, set, memory_order_relaxed);
	}
	return set & ~(unsigned int)KNOWN;
}

#else

unsigned int x86_features(void)
{
	return 0;
}

#endif
