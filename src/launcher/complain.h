/*
 * How does the command say one line on stderr, "fastrand: ...", and end if it
 * must?
 */
#ifndef COMPLAIN_H
#define COMPLAIN_H

/* The exit statuses are those of env(1). */
enum {
	EXIT_OURS = 125,	/* fastrand failed, or was misused */
	EXIT_CANNOT = 126,	/* the command exists, but cannot be run */
	EXIT_NOT_FOUND = 127,
};

__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* Complains, and exits with EXIT_OURS. */
__attribute__((format(printf, 1, 2), noreturn)) void
give_up(const char *format, ...);

#endif
