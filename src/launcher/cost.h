/*
 * How long do requests take, here and without the library?
 */
#ifndef COST_H
#define COST_H

#include "loaded.h"

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

/* Takes less than a tenth of a second. */
void cost_find(const struct loaded *l, struct costs *c);

#endif
