/*
 * One line on stderr, "fastrand: ..."; and the end, where it has to be.
 */
#ifndef COMPLAIN_H
#define COMPLAIN_H

/* As env(1) ends. */
enum {
	EXIT_OURS = 125,	/* the fault is fastrand's, or its user's */
	EXIT_CANNOT = 126,	/* the command is there, and cannot be run */
	EXIT_NOT_FOUND = 127,
};

__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* Complains, and ends with EXIT_OURS. */
__attribute__((format(printf, 1, 2), noreturn)) void
give_up(const char *format, ...);

#endif
