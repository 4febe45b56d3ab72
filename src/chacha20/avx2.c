/* May this processor run avx2.S? Most of those since 2013 may. */
#include "chacha20.h"
#include "system/x86.h"

#if defined(__x86_64__) && defined(__LP64__)

chacha20_blocks chacha20_avx2_blocks;	/* avx2.S */

chacha20_blocks *chacha20_avx2(void)
{
	return x86_features() & X86_AVX2 ? chacha20_avx2_blocks : NULL;
}

#else

chacha20_blocks *chacha20_avx2(void)
{
	return NULL;
}

#endif
