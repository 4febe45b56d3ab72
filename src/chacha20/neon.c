/*
 * May this processor run neon.S? All may, since NEON is part of arm64 itself.
 */
#include "chacha20.h"

#if defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)

chacha20_blocks chacha20_neon_blocks;	/* neon.S */

chacha20_blocks *chacha20_neon(void)
{
	return chacha20_neon_blocks;
}

#else

chacha20_blocks *chacha20_neon(void)
{
	return NULL;
}

#endif
