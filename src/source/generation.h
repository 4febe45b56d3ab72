/*
 * Which generation of the kernel's generator is it now, and how do we know?
 *
 * Since Linux 6.11 the kernel publishes, for its own vDSO, a 64-bit counter that
 * it moves whenever its generator takes a new key: once a minute, when the
 * machine was cloned or resumed, when an administrator says so
 * (drivers/char/random.c, crng_reseed). 0 is never a generation. The place is no
 * published interface; it has moved once (facts by release in generation.c). So
 * a place is only a candidate until the vDSO's function has been seen to agree
 * with it, and it has to agree again at every key we take.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include <stdbool.h>
#include <stdint.h>

struct vdso_state;

/* The kernel's counter, or a word that is always 0. Never NULL. */
extern __attribute__((visibility("hidden")))
const volatile uint64_t *generation_page;

/*
 * The generation now; 0: not known, nothing is current. One load. To be called
 * with a nonzero stamp in hand, or after generation_reachable(): a process
 * restored from an image may have lost the page, and finds all stamps zero.
 */
static inline uint64_t generation_now(void)
{
	const volatile uint64_t *page =
		__atomic_load_n(&generation_page, __ATOMIC_RELAXED);

	return __atomic_load_n(page, __ATOMIC_RELAXED);
}

/*
 * Looks for the page among the places that it had in any release. True if one
 * was found that has the right shape. Makes one system call per place tried.
 */
bool generation_start(void);

/* Is the page still where we found it? False: do not read it. No system call. */
bool generation_reachable(void);

/*
 * Does a vDSO state, just used, agree that this is the generation, and the page
 * too? The state is secret memory that may have been wiped meanwhile: only a
 * caller that still has its stamp can call a no by its name.
 */
bool generation_agrees(const struct vdso_state *state, uint64_t generation);

/*
 * The page reads 0 in mid-life: on kernels up to 6.14 a process that enters a
 * time namespace finds it at another place. Looks for it anew; where it is not
 * found, or where places were looked for too often, there is no page any more.
 */
bool generation_lost(void);

/* There is no page any more: from now on generation_now() is 0. */
void generation_end(void);

#endif
