/* How long do requests take, with the library and without it? */
#ifndef COST_H
#define COST_H

#include "loaded.h"

/* The cost of a request of n bytes is call + n * byte, in nanoseconds. */
struct cost {
	double call, byte;
};

struct costs {
	double small, small_kernel; /* 16 bytes: by us, by system call */
	struct cost draw;	/* the library */
	struct cost libc;	/* libc's getrandom; the vDSO's in newer ones */
	struct cost kernel;	/* the system call */
	struct cost read;	/* a read of /dev/urandom */
	double proof;		/* one fstat */
};

/* Measures all of these. This takes less than a tenth of a second. */
void cost_find(const struct loaded *l, struct costs *c);

#endif
