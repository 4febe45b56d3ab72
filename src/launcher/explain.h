/*
 * fastrand --explain COMMAND: who asked for random bytes, and who answered?
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "library.h"

/*
 * Runs the command as a child, and tells on stderr afterwards. Gives the exit
 * status: the command's, or 128 and the number of the signal that it died of.
 * SIGTERM and SIGHUP are passed on to it.
 */
int explain_run(char *const command[], const struct library *l);

#endif
