/*
 * libfastrand: random bytes from the kernel's generator, made in this process.
 *
 * The library needs no initialisation and keeps no descriptor. Every function
 * here may be called from any thread, from a signal handler, after fork, and
 * before or after the library's constructor and destructor. errno is left
 * alone on success. Where the library cannot prove that it is as safe as the
 * kernel, it asks the kernel; the caller need not care.
 *
 * Preloaded (LD_PRELOAD), or linked, the same code answers getrandom, getentropy,
 * arc4random, arc4random_buf, arc4random_uniform, syscall(SYS_getrandom), and
 * reads of /dev/urandom and /dev/random; see libfastrand(7).
 */
#ifndef FASTRAND_H
#define FASTRAND_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FASTRAND_VERSION "0.1.0"

/*
 * As getrandom(2): flags, result and errno are the kernel's, with one
 * difference: a bad pointer that could be one of mapped memory faults. Not a
 * cancellation point.
 */
ssize_t fastrand_getrandom(void *buf, size_t len, unsigned int flags);

/*
 * As arc4random_buf(3), arc4random(3) and arc4random_uniform(3): no failure. On
 * a system that has no random bytes at all they end the process.
 */
void fastrand_buf(void *buf, size_t len);
uint32_t fastrand_u32(void);
uint32_t fastrand_uniform(uint32_t bound);

/*
 * A generator of the caller's own, apart from the one that the functions above
 * share. *state is NULL before the first call, which sets it once and for all;
 * whoever loses that race is served by the kernel meanwhile. flags, result and
 * errno are getrandom(2)'s. The interface is the one proposed to the kernel
 * with the vDSO's getrandom in 2024.
 */
ssize_t fastrand_vgetrandom(void **state, void *buffer, size_t len,
			    unsigned long flags);

/* What the library found on this system, and what it did so far. */
struct fastrand_info {
	size_t size;		/* of this structure, as the library knows it */
	const char *version;
	const char *tier;	/* page, call, hardware, kernel or off */
	const char *why;	/* why not a better tier; "" in tier page */
	const char *memory;	/* droppable, wipe-on-fork or none */
	const char *chacha20;	/* variant */
	const char *hardware;	/* rdrand, rndr or none */
	uint64_t generation;	/* the kernel's, now; 0: not known */
	uint64_t requests;	/* served here */
	uint64_t bytes;		/* served here */
	uint64_t refills;	/* keys and batches made */
	uint64_t reseeds;	/* keys taken from the kernel */
	uint64_t kernel;	/* requests that were left to the kernel */
	uint64_t held;		/* buckets held now: in use, or lost */
	const char *signals;	/* vmclock, sysgenid, both, or none */
	const char *descriptors; /* proved at each read of them, or trusted */
};

/*
 * Fills *info, of which the caller knows size bytes. The counts are of this
 * process; another thread's draw under way may or may not be in them. A read that
 * is not worth the proof of its descriptor is not counted.
 */
void fastrand_info(struct fastrand_info *info, size_t size);

/* FASTRAND_VERSION of the library that is loaded. */
const char *fastrand_version(void);

#ifdef __cplusplus
}
#endif

#endif
