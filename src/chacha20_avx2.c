/* Can this processor run chacha20_avx2.S? Any with AVX2, from 2013 on. */
#include "chacha20.h"
#include "x86.h"

#if defined(__x86_64__) && defined(__LP64__)

chacha20_blocks chacha20_avx2_blocks;

chacha20_blocks *chacha20_avx2(void)
{
	return x86_vectors() & X86_AVX2 ? chacha20_avx2_blocks : NULL;
}

#else

chacha20_blocks *chacha20_avx2(void)
{
	return NULL;
}

#endif
