/* How is the environment changed that the command inherits? See variable.h. */
#include "variable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"

bool variable_set(const char *name, const char *value)
{
	const char *is = getenv(name);

	if (is && !strcmp(is, value))
		return false;
	if (setenv(name, value, 1) < 0)
		give_up("%s: %s", name, strerror(errno));
	return true;
}
