/* May this processor run ssse3.S? All those newer than 2012 may. */
#include "chacha20.h"
#include "system/x86.h"

#if defined(__x86_64__) && defined(__LP64__)

chacha20_blocks chacha20_ssse3_blocks;	/* ssse3.S */

chacha20_blocks *chacha20_ssse3(void)
{
	return x86_features() & X86_SSSE3 ? chacha20_ssse3_blocks : NULL;
}

#else

chacha20_blocks *chacha20_ssse3(void)
{
	return NULL;
}

#endif
