/* May this processor run avx512.S? */
#include "chacha20.h"
#include "system/x86.h"

#if defined(__x86_64__) && defined(__LP64__)

chacha20_blocks chacha20_avx512_blocks;	/* avx512.S */

chacha20_blocks *chacha20_avx512(void)
{
	return x86_features() & X86_AVX512 ? chacha20_avx512_blocks : NULL;
}

#else

chacha20_blocks *chacha20_avx512(void)
{
	return NULL;
}

#endif
