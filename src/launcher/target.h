/*
 * Will the loader of a command preload a library into it?
 */
#ifndef TARGET_H
#define TARGET_H

#include <limits.h>
#include <stdbool.h>

#include "library.h"

/* The file that execvp(3) runs for a command. False: there is none. */
bool target_find(const char *command, char path[static PATH_MAX]);

/*
 * Why the library will not get into this command, as the end of a sentence that
 * begins with its name; NULL if it should, or if there is no telling.
 */
const char *target_obstacle(const char *command, const struct library *l);

#endif
