/*
 * The library in this process, to ask it and to time it.
 */
#ifndef LOADED_H
#define LOADED_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../include/fastrand.h"
#include "library.h"

struct loaded {
	void (*info)(struct fastrand_info *info, size_t size);
	ssize_t (*draw)(void *buf, size_t len, unsigned int flags);
};

/* What a request of n bytes takes: call + n * byte, in nanoseconds. */
struct cost {
	double call, byte;
};

struct costs {
	double small, small_kernel; /* 16 bytes: ours, the system call */
	struct cost draw;	/* ours */
	struct cost libc;	/* libc's getrandom; the vDSO's in newer ones */
	struct cost kernel;	/* the system call */
	struct cost read;	/* a read of the device */
	double proof;		/* an fstat */
};

/* False: the loader refused; *why has its words. */
bool loaded_open(struct loaded *l, const struct library *library,
		 const char **why);

/* Takes less than a tenth of a second. */
void loaded_time(const struct loaded *l, struct costs *c);

#endif
