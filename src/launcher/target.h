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
	 * Says why the library will not be loaded into the command, as the end
	 * of a sentence that begins with the command's name. obstacle is NULL
	 * if the library will probably be loaded, or if that cannot be found
	 * out. The text is valid until the next call.
	 */
	const char *obstacle;
	bool must_not;		/* it would be loaded, and do harm */
};

struct target target_look(const char *command, const struct library *l);

/*
 * Finds the file that execvp(3) would try for a command. A command with a slash
 * is the path itself, if that exists. False: there is no such file, or its path
 * is too long.
 */
bool target_find(const char *command, char path[static PATH_MAX]);

#endif
