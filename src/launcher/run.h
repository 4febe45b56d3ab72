/*
 * Become the command, or have a child that does.
 */
#ifndef RUN_H
#define RUN_H

/* Returns only where that failed: it has said so, and gives the exit status. */
int run(char *const command[]);

/*
 * Waits for it. What would end us meanwhile (SIGTERM, SIGHUP, SIGUSR1, SIGUSR2,
 * SIGALRM) is passed on to it; the keys of the terminal are its business. Gives
 * its exit status, or 128 and the number of the signal that it died of; -1: no
 * process was to be had.
 */
int run_child(char *const command[]);

#endif
