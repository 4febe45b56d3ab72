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
	char path[PATH_MAX];
	int why;

	execvp(command[0], command);
	why = errno;
	if (why == ENOENT && target_find(command[0], path))
		complain("%s: is there, but not the program that has to load "
			 "or run it",
			 command[0]);
	else
		complain("%s: %s", command[0], strerror(why));
	return why == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}
