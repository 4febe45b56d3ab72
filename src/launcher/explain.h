/*
 * fastrand --explain COMMAND: who asked for random bytes, and who answered?
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdbool.h>

#include "library.h"

/*
 * Runs the command as a child, and tells on stderr afterwards. Gives the exit
 * status: the command's, or 128 and the number of the signal that it died of.
 */
int explain_run(char *const command[], const struct library *l, bool trusted);

#endif
