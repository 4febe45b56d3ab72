/*
 * May this descriptor be /dev/urandom, and is it really?
 *
 * Nobody's table of descriptors is complete: libc closes inside itself, programs
 * make system calls of their own, children share the table. So ours is a hint,
 * and before each served read one fstat proves it: a character device, 1:9 or
 * 1:8. FASTRAND_TRUST_FDS=1 takes the hint for the fact; for that the names in
 * interpose/open.c, birth.c and descriptor.c keep it up.
 *
 * Three rules follow. To say "unknown" or "other" of a number is always safe. To
 * say "random" needs proof: where each read is proved, the first read gives it, and
 * an open asks nothing. Where the tag is trusted, it needs a table that is this
 * process's alone, too: a child of vfork must not speak for its parent. What ends a
 * descriptor is noted before the kernel is asked, what begins one after.
 *
 * Numbers from URANDOM_FDS on are never served. All of it is lock-free, safe in
 * signal handlers, and leaves errno alone.
 */
#ifndef URANDOM_FD_H
#define URANDOM_FD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { URANDOM_FDS = 1024 };

/* Zero, as at the start, is safe: a first read proves what was inherited. */
enum urandom_tag {
	URANDOM_UNKNOWN,
	URANDOM_OTHER,		/* was something else when last looked at */
	URANDOM_RANDOM,		/* was the device, open for reading */
};

extern __attribute__((visibility("hidden")))
_Atomic(uint8_t) urandom_tags[URANDOM_FDS];

/* Is a read of it worth a look? One load; all that other files pay. */
static inline bool urandom_fd_maybe(int fd)
{
	return (unsigned int)fd < URANDOM_FDS &&
	       atomic_load_explicit(&urandom_tags[fd], memory_order_relaxed) !=
		       URANDOM_OTHER;
}

/* Is the user's word enough for it? */
extern __attribute__((visibility("hidden"))) atomic_bool urandom_fd_trusting;

static inline bool urandom_fd_trusted(int fd)
{
	return atomic_load_explicit(&urandom_fd_trusting,
				    memory_order_relaxed) &&
	       atomic_load_explicit(&urandom_tags[fd], memory_order_relaxed) ==
		       URANDOM_RANDOM;
}

/*
 * Of one that may be: is it, now, the device, open for reading? One fstat (none
 * if tags are trusted); one read of nothing more the first time.
 */
bool urandom_fd_proved(int fd);

/* This number ends, or is about to be something that nobody has seen. */
void urandom_fd_ends(int fd);
void urandom_fd_range_ends(unsigned int first, unsigned int last);

/* This number has just become something that is no random device. */
void urandom_fd_is_other(int fd);

/*
 * This number was just opened by that path with those flags. Only a path whose
 * last part is random, urandom, stdin or a number is worth a look. A negative
 * number is none, here and below; either is given back.
 */
int urandom_fd_opened(int fd, const char *path, int flags);

/* to has just become a copy of a descriptor that had this tag. */
enum urandom_tag urandom_fd_tag(int fd);
int urandom_fd_copied(enum urandom_tag from, int to);

/*
 * From now on nothing is random: the process enters a sandbox that may kill on
 * fstat, or its threads no longer share one table of descriptors.
 */
void urandom_fd_latch(void);

/* For a constructor. Does the user vouch for the table? */
void urandom_fd_start(bool trusts);

#endif
