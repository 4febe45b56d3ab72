/*
 * fastrand --status: what does this system offer, and what is used of it?
 */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>

#include "library.h"

/*
 * Prints the answer on stdout and returns the exit status, which is 0 in tier
 * page or call.
 */
int status_print(const struct library *l, bool json);

#endif
