/*
 * The handlers of early_handlers.h, for a program that the library is preloaded
 * into: by a plugin that is preloaded behind it, whose constructor therefore
 * runs first.
 */
#ifndef EARLY_H
#define EARLY_H

#include "forks.h"

/* What they are to do; or NULL. */
static void (**early_prepare)(void), (**early_child)(void);

/*
 * In main: executes the program anew with the plugin, where it is not there
 * yet. False, and says why, if that does not help.
 */
static inline bool early_begin(char **arguments)
{
	char both[4 * PATH_MAX];

	if (!draws_begin())
		return false;
	early_prepare = dlsym(RTLD_DEFAULT, "early_handler_prepare");
	early_child = dlsym(RTLD_DEFAULT, "early_handler_child");
	if (early_prepare && early_child)
		return true;
	snprintf(both, sizeof both, "%s:%s", library(),
		 beside("plugin_early.so"));
	if (!preload_told("LD_PRELOAD", both)) {
		setenv("LD_PRELOAD", both, 1);
		execv("/proc/self/exe", arguments);
	}
	fprintf(stderr, "cannot be preloaded: %s\n", both);
	return false;
}

#endif
