/* How is the library loaded into this process? See loaded.h. */
#include "loaded.h"

#include <dlfcn.h>
#include <stdlib.h>

bool loaded_open(struct loaded *l, const struct library *library,
		 const char **why)
{
	void *handle;

	/*
	 * Draws of this process must not be reported or counted. (They are if
	 * the library was in this process before.)
	 */
	unsetenv("FASTRAND_STATS");
	unsetenv("FASTRAND_EXPLAIN");
	handle = dlopen(library->line, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		*why = dlerror();
		return false;
	}
	*(void **)&l->info = dlsym(handle, "fastrand_info");
	*(void **)&l->draw = dlsym(handle, "fastrand_getrandom");
	*why = "it is no libfastrand.so";
	return l->info && l->draw;
}
