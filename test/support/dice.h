/*
 * Dice that can be thrown again: the seed is said, and TEST_SEED=... sets it.
 */
#ifndef DICE_H
#define DICE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void dice_begin(void)
{
	const char *again = getenv("TEST_SEED");
	unsigned int seed = again ? (unsigned int)strtoul(again, NULL, 0) :
				    (unsigned int)time(NULL);

	fprintf(stderr, "TEST_SEED=%u\n", seed);
	srand(seed);
}

#endif
