/*
 * Fresh key bytes from the kernel, or false.
 */
#ifndef SEED_H
#define SEED_H

#include <stdbool.h>
#include <stdint.h>

struct vdso_state;

enum { SEED_SIZE = 32 };

/*
 * Writes SEED_SIZE bytes to key: by the vDSO's getrandom, with the caller's
 * state, where there is one; else by one getrandom system call. False where the
 * kernel refuses, or has not gathered entropy yet (we never block).
 */
bool seed_read(uint8_t key[static SEED_SIZE], struct vdso_state *state);

#endif
