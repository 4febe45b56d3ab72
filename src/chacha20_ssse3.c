#include "chacha20.h"

chacha20_blocks *chacha20_ssse3(void)
{
	return NULL;
}
