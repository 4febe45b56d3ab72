/*
 * The processor's random number generator: RDRAND on x86, RNDR on arm64. Is it
 * there, is it fast, is it alive?
 *
 * Its words are input to the cipher under a key of the kernel's, never a key and
 * never part of one: were they all known, nothing would be lost but this: that
 * two clones of a machine part before the kernel has noticed that it was cloned.
 */
#ifndef HARDWARE_H
#define HARDWARE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Finds out. At the start, and not at the first draw: to measure is to look at a
 * clock, which a program may have forbidden itself by then.
 */
void hardware_start(void);

/*
 * A nonce: a fresh word, or 0 where the processor has none, was too slow at the
 * start (over some 60 ns a word), or seems dead. *last, the caller's, holds the word
 * before: some processors repeat one for ever after a resume.
 */
uint64_t hardware_nonce(uint64_t *last);

/* As many fresh words, or false: none is there, or one failed as said above. */
bool hardware_words(uint64_t *words, int count, uint64_t *last);

/* Is it there, and fast? */
bool hardware_there(void);

/* rdrand, rndr or none. */
const char *hardware_name(void);

#endif
