/*
 * Which features of this x86 processor may we use? We ask the loader, and only
 * if it cannot tell do we ask the processor, as rarely as possible: a
 * hypervisor traps every cpuid instruction, which takes one to six
 * microseconds. The compiler's own __builtin_cpu_supports executes a dozen of
 * them whenever the library is loaded.
 */
#include "x86.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>
#include <stdatomic.h>

#include "real.h"

enum {
	KNOWN = 1 << 30,	/* found out; the set may be empty */

	XCR0_AVX = 0x06,	/* the kernel saves xmm and ymm */
	XCR0_AVX512 = 0xe6,	/* and k, zmm0-15 and zmm16-31 */
};

/*
 * The registers of cpuid that have the bits we look for, named after their
 * leaf.
 */
struct usable {
	unsigned int c1, b7, c7;
};

/*
 * This is the layout of <sys/platform/x86.h> in glibc 2.33 and later: the bits
 * that cpuid returns, and those of them that may be used, as the kernel and
 * GLIBC_TUNABLES allow.
 */
struct cpuid_feature {
	unsigned int cpuid_array[4];	/* eax, ebx, ecx, edx */
	unsigned int active_array[4];
};

typedef const struct cpuid_feature *feature_leaf(unsigned int index);

enum { INDEX_1 = 0, INDEX_7 = 1, EBX = 1, ECX = 2 };

static bool ask_loader(struct usable *u)
{
	feature_leaf *leaf = REAL_NAMED("__x86_get_cpuid_feature_leaf");

	if (!leaf)
		return false;
	u->c1 = leaf(INDEX_1)->active_array[ECX];
	u->b7 = leaf(INDEX_7)->active_array[EBX];
	u->c7 = leaf(INDEX_7)->active_array[ECX];
	return true;
}

static unsigned int saved_by_kernel(void)
{
	unsigned int low, high;

	__asm__ volatile ("xgetbv" : "=a" (low), "=d" (high) : "c" (0));
	return low;
}

static void ask_processor(struct usable *u)
{
	unsigned int saved, a, d;

	__cpuid(1, a, u->b7, u->c1, d);
	u->b7 = u->c7 = 0;

	/*
	 * Without OSXSAVE the instruction xgetbv does not exist. With it there
	 * is a leaf 13, and therefore a leaf 7, so that we need not ask for the
	 * number of the last leaf.
	 */
	if (!(u->c1 & bit_OSXSAVE) || !(u->c1 & bit_AVX))
		return;
	saved = saved_by_kernel();
	if ((saved & XCR0_AVX) != XCR0_AVX)
		return;
	__cpuid_count(7, 0, a, u->b7, u->c7, d);
	if ((saved & XCR0_AVX512) != XCR0_AVX512)
		u->b7 &= ~(unsigned int)bit_AVX512F;
}

static unsigned int find_features(void)
{
	struct usable u;
	unsigned int set = 0;

	if (!ask_loader(&u))
		ask_processor(&u);
	if (u.c1 & bit_RDRND)
		set |= X86_RDRAND;
	if (u.c1 & bit_SSSE3)
		set |= X86_SSSE3;
	if (!(u.b7 & bit_AVX2))
		return set;
	set |= X86_AVX2;

	/*
	 * On server processors of the Skylake generation one zmm instruction
	 * makes everything run slower for a millisecond: the program would pay
	 * for our speed. Those processors lack VBMI, and all later ones have
	 * it.
	 */
	if ((u.b7 & bit_AVX512F) && (u.b7 & bit_AVX512VL) &&
	    (u.c7 & bit_AVX512VBMI))
		set |= X86_AVX512;
	return set;
}

unsigned int x86_features(void)
{
	/* Two threads may both do this; they get the same result. */
	static _Atomic unsigned int answer;
	unsigned int set;

	set = atomic_load_explicit(&answer, memory_order_relaxed);
	if (!set) {
		set = find_features() | KNOWN;
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
