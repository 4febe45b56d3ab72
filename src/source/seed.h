/* How do we get fresh key bytes from the kernel? */
#ifndef SEED_H
#define SEED_H

#include <stdbool.h>
#include <stdint.h>

struct vdso_state;

enum { SEED_SIZE = 32 };

/*
 * Writes SEED_SIZE bytes to key. They come from the vDSO's getrandom, which is
 * given the caller's state, or from one getrandom system call if there is no
 * such function. False: the kernel refuses, or its generator is not ready yet.
 * This never blocks.
 */
bool seed_read(uint8_t key[static SEED_SIZE], struct vdso_state *state);

#endif
