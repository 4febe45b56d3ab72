/*
 * Will the loader of a command preload a library into it?
 */
#ifndef TARGET_H
#define TARGET_H

#include <limits.h>
#include <stdbool.h>

#include "library.h"

struct target {
	/*
	 * Why the library will not get into it, as the end of a sentence that
	 * begins with its name; NULL if it should, or if there is no telling.
	 * Good until the next look.
	 */
	const char *obstacle;
	bool must_not;		/* it would get in, and do harm */
};

struct target target_look(const char *command, const struct library *l);

/*
 * The file that execvp(3) would try for a command. With a slash in it: that, if
 * it is there. False: there is none, or its path is too long.
 */
bool target_find(const char *command, char path[static PATH_MAX]);

#endif
