/*
 * Another preload, behind the library, that has names of its own for randomness,
 * and answers by a byte that nobody takes for random.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	(void)flags;
	memset(buf, 'n', len);
	return (ssize_t)len;
}

int getentropy(void *buf, size_t len)
{
	memset(buf, 'n', len);
	return 0;
}

void arc4random_buf(void *buf, size_t len)
{
	memset(buf, 'n', len);
}

uint32_t arc4random(void)
{
	return 0x6e6e6e6e;
}
