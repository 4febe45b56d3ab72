/*
 * Become the command.
 */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "target.h"

int run(char *const command[])
{
	const char *name = *command[0] ? command[0] : "''";
	char path[PATH_MAX];
	int why;

	execvp(command[0], command);
	why = errno;
	if (why == ENOENT && target_find(command[0], path))
		complain("%s: is there, but not the program that has to load "
			 "or run it",
			 name);
	else
		complain("%s: %s", name, strerror(why));
	return why == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}
