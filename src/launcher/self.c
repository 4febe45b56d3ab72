/* Which file is this program? See self.h. */
#include "self.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Without /proc this is the file that was executed, unless it was moved. */
bool self_find(char path[static PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	const char *executed = (const char *)getauxval(AT_EXECFN);

	if (len > 0) {
		path[len] = '\0';
		return true;
	}
	return executed && realpath(executed, path);
}
