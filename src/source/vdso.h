/*
 * The vDSO: its functions, by name, and where it lies. It is the only part of
 * the kernel that runs in this process.
 */
#ifndef VDSO_H
#define VDSO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * getrandom as the vDSO has it (Linux 6.11; lib/vdso/getrandom.c): fills len
 * bytes and returns how many, or -errno. The state is the caller's, is used by
 * one thread at a time, lies within one page, and is safe to be zeroed at any
 * moment: zero means unseeded.
 */
typedef ssize_t vdso_getrandom_function(void *buffer, size_t len,
					unsigned int flags, void *state,
					size_t state_size);

/*
 * That state, as every kernel from 6.11 to 7.3 lays it out
 * (include/vdso/getrandom.h). We read one field of it: the generation of the
 * kernel's generator that its key is of.
 */
struct vdso_state {
	uint8_t batch_and_key[128];
	uint64_t generation;
	uint8_t position;
	uint8_t in_use;
	uint8_t padding[6];
};

/* Where the vDSO begins; 0 if there is none. */
uintptr_t vdso_base(void);

/* One of its functions; NULL if it has no such. */
void *vdso_function(const char *name);

/*
 * Its getrandom, or NULL: there is none, or it is not the one described above
 * (an emulator's may want another size of state or another kind of memory).
 * Found once; later calls only load it. Until vdso_start it is NULL.
 */
vdso_getrandom_function *vdso_getrandom(void);

void vdso_start(void);

/*
 * Is the code still that which vdso_start found? A process that was restored
 * from an image (CRIU) on another kernel finds its old vDSO patched to jump to
 * the new one, and the pages in front of it gone: they must not be read then.
 */
bool vdso_unchanged(void);

/* There is no getrandom any more. */
void vdso_end(void);

#endif
