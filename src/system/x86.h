/*
 * What may we use of this x86 processor? Both must agree: the processor, which
 * has the instructions, and the kernel, which saves their registers.
 */
#ifndef X86_H
#define X86_H

enum {
	X86_SSSE3 = 1,
	X86_AVX2 = 2,
	X86_AVX512 = 4,		/* F and VL, on all 512 bits, at full clock */
	X86_RDRAND = 8,
};

/*
 * A set of the above; empty on other machines. Needs no constructor. Finds out once
 * in a process, which is at the start, since a program may have forbidden itself
 * cpuid at the first draw: see x86.c for what that costs.
 */
unsigned int x86_features(void);

#endif
