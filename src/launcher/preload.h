/* What does LD_PRELOAD have to be for the command's loader? */
#ifndef PRELOAD_H
#define PRELOAD_H

#include "library.h"

/*
 * Puts the library into LD_PRELOAD in our environment, if it is not there
 * already, and removes every other copy of it. It also sets what programs need
 * that would not start with the library otherwise.
 */
void preload(const struct library *l);

#endif
