/*
 * Where is the vDSO, and which functions does it have? It is the only part of
 * the kernel that runs in this process.
 */
#ifndef VDSO_H
#define VDSO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The vDSO's getrandom (Linux 6.11; lib/vdso/getrandom.c) fills len bytes and
 * returns how many, or -errno. The state belongs to the caller. It is used by
 * one thread at a time and lies within one page, and it may be zeroed at any
 * moment: zero means that the state is unseeded.
 */
typedef ssize_t vdso_getrandom_function(void *buffer, size_t len,
					unsigned int flags, void *state,
					size_t state_size);

/*
 * This is the state as every kernel from 6.11 to 7.3 lays it out
 * (include/vdso/getrandom.h). We read one field of it: the generation of the
 * kernel's generator to which the state's key belongs.
 */
struct vdso_state {
	uint8_t batch_and_key[128];
	uint64_t generation;
	uint8_t position;
	uint8_t in_use;
	uint8_t padding[6];
};

/* Returns the address of the vDSO, or 0 if there is none. */
uintptr_t vdso_base(void);

/* Returns one of its functions, or NULL if it has no function of that name. */
void *vdso_function(const char *name);

/*
 * Returns its getrandom. NULL: there is none, or it is not as described above
 * (that of an emulator may want a state of another size, or another kind of
 * memory). It is looked up once, by vdso_start(); before that the result is
 * NULL. A call only loads a pointer.
 */
vdso_getrandom_function *vdso_getrandom(void);

void vdso_start(void);

/*
 * Is the code still the one that vdso_start() found? If CRIU restores a process
 * on another kernel, it patches the old vDSO to jump to the new one, and the
 * pages in front of the old one are gone. Then these pages must not be read.
 */
bool vdso_unchanged(void);

/* Ends the use of getrandom: from now on vdso_getrandom() returns NULL. */
void vdso_end(void);

#endif
