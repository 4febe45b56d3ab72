/* fastrand --explain COMMAND: who asked for random bytes, and who answered? */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "library.h"

/*
 * Runs the command, prints the result on stderr afterwards, and returns the
 * status that run_child() gave.
 */
int explain_run(char *const command[], const struct library *l);

#endif
