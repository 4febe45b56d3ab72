/*
 * Fresh key bytes from the kernel, or false.
 */
#include "seed.h"

#include <sys/random.h>

#include "real.h"
#include "vdso.h"

bool seed_read(uint8_t key[static SEED_SIZE], struct vdso_state *state)
{
	vdso_getrandom_function *ask = vdso_getrandom();

	if (ask)
		return ask(key, SEED_SIZE, GRND_NONBLOCK, state,
			   sizeof *state) == SEED_SIZE;
	return REAL_CALL(SYS_getrandom, key, SEED_SIZE, GRND_NONBLOCK) ==
	       SEED_SIZE;
}
