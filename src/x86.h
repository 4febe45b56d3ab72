/*
 * Which vector instructions may we use? Both must agree: the processor, which
 * has them, and the kernel, which saves their registers between threads.
 */
#ifndef X86_H
#define X86_H

enum {
	X86_SSSE3 = 1,
	X86_AVX2 = 2,
	X86_AVX512 = 4,		/* F and VL */
};

/* A set of the above. Needs no constructor; empty on other machines. */
unsigned int x86_vectors(void);

#endif
