/* How is the command run: in place of this process, or as its child? */
#ifndef RUN_H
#define RUN_H

/*
 * Replaces this process by the command. It returns only if that fails; then it
 * has said so, and returns the exit status.
 */
int run(char *const command[]);

/*
 * Runs the command as a child, and waits for it. Signals that would end this
 * process meanwhile (SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM) are passed on
 * to the child. Signals from the keys of the terminal reach the child without
 * us. Returns the child's exit status, or 128 plus the number of the signal
 * that ended it. -1: there was no child.
 */
int run_child(char *const command[]);

#endif
