/*
 * The kernel's own getrandom in user space, called as glibc 2.41 calls it: a
 * state per thread, in memory mapped as the function itself prescribes. Left
 * out is what glibc adds around it (finding the state, cancellation), so this
 * contender is a little faster here than in a program.
 */
#ifndef BENCH_VDSO_H
#define BENCH_VDSO_H

#include <stddef.h>
#include <sys/types.h>

typedef ssize_t vdso_getrandom_fn(void *buf, size_t len, unsigned int flags,
				  void *state, size_t state_size);

/* NULL if this kernel's vDSO has none. */
vdso_getrandom_fn *vdso_getrandom(void);

/* A new state for the calling thread, and its size; NULL if refused. */
void *vdso_state(vdso_getrandom_fn *f, size_t *size);

#endif
