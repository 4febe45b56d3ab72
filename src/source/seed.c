/*
 * Fresh key bytes from the kernel, or false.
 */
#include "seed.h"

#include <stdatomic.h>
#include <sys/random.h>

#include "system/real.h"
#include "vdso.h"
#include "chacha20/wipe.h"

bool seed_read(uint8_t key[static SEED_SIZE], struct vdso_state *state)
{
	vdso_getrandom_function *ask;
	ssize_t got;

	/*
	 * The caller has stamped its bucket. Where fork has not wiped memory,
	 * its handler takes the vDSO's function away, and then says stale:
	 * whoever still finds the function is to find its stamp gone.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	ask = vdso_getrandom();
	if (ask) {
		got = ask(key, SEED_SIZE, GRND_NONBLOCK, state, sizeof *state);
		wipe_registers();
		return got == SEED_SIZE;
	}
	return REAL_CALL(SYS_getrandom, key, SEED_SIZE, GRND_NONBLOCK) ==
	       SEED_SIZE;
}
