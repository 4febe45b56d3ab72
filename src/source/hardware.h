/*
 * Does the processor have a random number generator (RDRAND on x86, RNDR on
 * arm64), is it fast, and does it work?
 *
 * Its words are only input to the cipher, under a key from the kernel. They are
 * never a key or a part of one. If an attacker knew all these words, only one
 * property would be lost: that clones of a machine produce different bytes even
 * before the kernel has noticed that it was cloned.
 */
#ifndef HARDWARE_H
#define HARDWARE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Finds out. This is called at the start and not at the first draw, because the
 * measurement reads a clock, and by then a program may have forbidden itself to
 * do so.
 */
void hardware_start(void);

/*
 * Returns a nonce. It is a fresh word, or 0 if the processor has no generator,
 * if the generator was too slow at the start (more than some 60 ns for a word),
 * or if it seems to be broken. *last, which belongs to the caller, keeps the
 * word before, because some processors repeat one word for ever after a resume.
 */
uint64_t hardware_nonce(uint64_t *last);

/*
 * Writes count fresh words. False: there is no usable generator, or it failed
 * as described above.
 */
bool hardware_words(uint64_t *words, int count, uint64_t *last);

/* Is there a generator, and was it fast? */
bool hardware_there(void);

/* Returns "rdrand", "rndr" or "none". */
const char *hardware_name(void);

#endif
