/*
 * What LD_PRELOAD says to the command's loader.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include "library.h"

/*
 * Puts the library into our environment's LD_PRELOAD, if it is not there
 * already, in place of every other copy of it; and what has to be told to
 * programs that would not start with it.
 */
void preload(const struct library *l);

#endif
