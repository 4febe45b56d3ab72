/*
 * Fresh key bytes from the kernel, or false.
 */
#include "seed.h"

#include <sys/random.h>

#include "real.h"
#include "vdso.h"
#include "wipe.h"

bool seed_read(uint8_t key[static SEED_SIZE], struct vdso_state *state)
{
	vdso_getrandom_function *ask = vdso_getrandom();
	ssize_t got;

	if (ask) {
		got = ask(key, SEED_SIZE, GRND_NONBLOCK, state, sizeof *state);
		wipe_registers();
		return got == SEED_SIZE;
	}
	return REAL_CALL(SYS_getrandom, key, SEED_SIZE, GRND_NONBLOCK) ==
	       SEED_SIZE;
}
