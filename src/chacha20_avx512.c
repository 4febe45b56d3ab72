#include "chacha20.h"

chacha20_blocks *chacha20_avx512(void)
{
	return NULL;
}
