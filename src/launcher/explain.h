/*
 * fastrand --explain COMMAND: who asked for random bytes, and who answered?
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "library.h"

/* Runs the command, tells on stderr afterwards, and gives run_child's status. */
int explain_run(char *const command[], const struct library *l);

#endif
