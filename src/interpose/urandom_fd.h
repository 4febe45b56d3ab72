/*
 * May this descriptor be /dev/urandom, and is it really?
 *
 * No table of descriptors in a process is complete: libc closes descriptors
 * inside itself, programs make system calls of their own, and children share
 * the table of the kernel. Therefore a tag in our table is only a hint, and
 * before each read that is served one fstat proves that the descriptor is a
 * character device with the number 1:9 or 1:8. With FASTRAND_TRUST_FDS=1 the
 * hint is taken for the fact. To make that possible, the shims in open.c,
 * birth.c and descriptor.c keep the table up to date.
 *
 * Three rules follow. It is always safe to tag a number as "unknown" or
 * "other". To tag it as "random" needs a proof. Where each read is proved, the
 * first read gives this proof, and an open makes no system call for it. Where
 * tags are trusted, the table must also belong to this process alone, because a
 * child of vfork must not change it for its parent. The end of a descriptor is
 * noted before the kernel is asked, and the beginning of one after it.
 *
 * Descriptors from URANDOM_FDS on are never served. All functions are lock-free
 * and safe in signal handlers, and leave errno alone.
 */
#ifndef URANDOM_FD_H
#define URANDOM_FD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { URANDOM_FDS = 1024 };

/*
 * Zero, the value at the start, is safe, because the first read of an inherited
 * descriptor proves what it is.
 */
enum urandom_tag {
	URANDOM_UNKNOWN,
	URANDOM_OTHER,		/* was another file at the last look */
	URANDOM_RANDOM,		/* was the device, open for reading */
};

extern __attribute__((visibility("hidden")))
_Atomic(uint8_t) urandom_tags[URANDOM_FDS];

/*
 * Can a read of this descriptor be ours? This costs one load, which is all that
 * the reads of other files pay.
 */
static inline bool urandom_fd_maybe(int fd)
{
	return (unsigned int)fd < URANDOM_FDS &&
	       atomic_load_explicit(&urandom_tags[fd], memory_order_relaxed) !=
		       URANDOM_OTHER;
}

/* Does the user want tags to be trusted without proof? */
extern __attribute__((visibility("hidden"))) atomic_bool urandom_fd_trusting;

static inline bool urandom_fd_trusted(int fd)
{
	return atomic_load_explicit(&urandom_fd_trusting,
				    memory_order_relaxed) &&
	       atomic_load_explicit(&urandom_tags[fd], memory_order_relaxed) ==
		       URANDOM_RANDOM;
}

/*
 * For a descriptor that may be the device: is it the device now, and open for
 * reading? This takes one fstat (none if tags are trusted), and the first time
 * also a read of 0 bytes.
 */
bool urandom_fd_proved(int fd);

/*
 * The descriptor with this number is closed, or about to become one that we
 * have not seen.
 */
void urandom_fd_ends(int fd);
void urandom_fd_range_ends(unsigned int first, unsigned int last);

/* This number has just become something that is no random device. */
void urandom_fd_is_other(int fd);

/*
 * This number was just opened by that path with those flags. It can become
 * "random" only if the last part of the path is random, urandom, stdin or a
 * number. Here and below a negative number stands for none, and the number is
 * returned.
 */
int urandom_fd_opened(int fd, const char *path, int flags);

/*
 * The number to has just become a copy of a descriptor that had the tag from.
 */
enum urandom_tag urandom_fd_tag(int fd);
int urandom_fd_copied(enum urandom_tag from, int to);

/*
 * From now on no descriptor is served. This is called when the process enters a
 * sandbox that may kill it for an fstat, or when its threads no longer share
 * one table of descriptors.
 */
void urandom_fd_latch(void);

/* To be called by a constructor. trusts: the user wants tags to be trusted. */
void urandom_fd_start(bool trusts);

#endif
