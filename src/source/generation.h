/*
 * Which generation of the kernel's generator is current, and how do we know?
 *
 * Since Linux 6.11 the kernel publishes a 64-bit counter for its own vDSO. It
 * increases the counter whenever its generator takes a new key: once a minute,
 * when the machine was cloned or resumed, and when an administrator asks for it
 * (drivers/char/random.c, crng_reseed). 0 is never a generation.
 *
 * The place of the counter is not a published interface, and has moved
 * (generation.c has the place for each release). Therefore a place is only a
 * candidate until the vDSO's function has been seen to agree with it, and it
 * has to agree again whenever we fetch a key.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include <stdbool.h>
#include <stdint.h>

struct vdso_state;

/* Points to the kernel's counter, or to a word that is always 0. Never NULL. */
extern __attribute__((visibility("hidden")))
const volatile uint64_t *generation_page;

/*
 * Returns the current generation, by one load. 0: it is not known, and no key
 * is current. The caller must have seen a nonzero stamp, or have called
 * generation_reachable(), because a process that was restored from an image may
 * have lost the page. In such a process all stamps are zero.
 */
static inline uint64_t generation_now(void)
{
	const volatile uint64_t *page =
		__atomic_load_n(&generation_page, __ATOMIC_RELAXED);

	return __atomic_load_n(page, __ATOMIC_RELAXED);
}

/*
 * Looks for the page in all places that it had in any release. True if a page
 * of the right shape was found. This makes one system call for each place that
 * is tried.
 */
bool generation_start(void);

/*
 * Is the page still where we found it? False: it must not be read. No system
 * call.
 */
bool generation_reachable(void);

/*
 * Does this vDSO state, which was just used, belong to this generation, and
 * does the page give the same? The state is secret memory that may have been
 * wiped meanwhile. Only a caller whose stamp is still there can conclude from
 * "false" that the page and the vDSO disagree.
 */
bool generation_agrees(const struct vdso_state *state, uint64_t generation);

/*
 * To be called when the page suddenly gives 0. On kernels up to 6.14 the page
 * of a process that enters a time namespace is at another place. This looks for
 * the page again. If it is not found, or if it was looked for too often, there
 * is no page any more.
 */
bool generation_lost(void);

/* Ends the use of the page: from now on generation_now() is 0. */
void generation_end(void);

#endif
