/*
 * Loops. Who draws the same few bytes from the same place, thousands of times,
 * may be served in some quicker way. It must be as safe for whoever comes to
 * that place later, or at the same time.
 */
#ifndef LOOP_H
#define LOOP_H

#include "support/forks.h"

enum { HABIT = 40000 }; /* draws, after which there is such a way */

/* Records the last ones. All come from one place: the compiler sees to it. */
static __attribute__((noinline)) void loop(int count, int recorded)
{
	uint64_t word;

	while (count--) {
		if (getrandom(&word, sizeof word, 0) != sizeof word)
			abort();
		if (count < recorded)
			words_add(words, &word, sizeof word);
	}
}

#endif
