/*
 * Another preload, in front of the library, that wraps names for randomness, and
 * asks whoever is behind it.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

static void find(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof found);
}

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	ssize_t (*next)(void *, size_t, unsigned int);

	find(&next, "getrandom");
	return next(buf, len, flags);
}

int getentropy(void *buf, size_t len)
{
	int (*next)(void *, size_t);

	find(&next, "getentropy");
	return next(buf, len);
}

void arc4random_buf(void *buf, size_t len)
{
	void (*next)(void *, size_t);

	find(&next, "arc4random_buf");
	next(buf, len);
}

uint32_t arc4random(void)
{
	uint32_t (*next)(void);

	find(&next, "arc4random");
	return next();
}
