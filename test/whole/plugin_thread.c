/*
 * A library whose constructor starts a thread that draws, and waits for it.
 * The loader's lock is held all the while: whoever takes it in the thread waits
 * for ever.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

extern uint32_t arc4random(void) __attribute__((weak));
extern void arc4random_buf(void *buf, size_t len) __attribute__((weak));
extern uint32_t arc4random_uniform(uint32_t bound) __attribute__((weak));

extern uint64_t plugin_drawn[5];

uint64_t plugin_drawn[5];

static void *draw(void *unused)
{
	(void)unused;
	if (getrandom(&plugin_drawn[0], 8, 0) != 8 ||
	    getentropy(&plugin_drawn[1], 8) != 0 ||
	    syscall(SYS_getrandom, &plugin_drawn[2], 8, 0) != 8 ||
	    syscall(SYS_getpid) != getpid())
		abort();
	arc4random_buf(&plugin_drawn[3], 8);
	plugin_drawn[4] = (uint64_t)arc4random() << 32 | arc4random();
	if (arc4random_uniform(10) >= 10)
		abort();
	return NULL;
}

__attribute__((constructor)) static void construct(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, draw, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0)
		abort();
}
