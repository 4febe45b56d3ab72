/*
 * Which features of this x86 processor may we use? The processor must have the
 * instructions, and the kernel must save their registers.
 */
#ifndef X86_H
#define X86_H

enum {
	X86_SSSE3 = 1,
	X86_AVX2 = 2,
	X86_AVX512 = 4,		/* F and VL, 512 bits at full clock speed */
	X86_RDRAND = 8,
};

/*
 * Returns a set of these bits; an empty one on other machines. It needs no
 * constructor. The first call in a process finds out. That call is made at the
 * start, because a program may have forbidden itself cpuid before its first
 * draw. x86.c says what it costs.
 */
unsigned int x86_features(void);

#endif
