/*
 * Become the command.
 */
#ifndef RUN_H
#define RUN_H

/* Returns only where that failed: it has said so, and gives the exit status. */
int run(char *const command[]);

#endif
