/* How do we get fresh key bytes from the kernel? See seed.h. */
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
	 * This fence pairs with the one in bucket_forget(). The caller has
	 * stamped its bucket before it. Where fork has not wiped our memory,
	 * the child's handler first takes the vDSO's function away and then
	 * zeroes the stamps. So a draw that still finds the function here finds
	 * its stamp zeroed afterwards.
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
