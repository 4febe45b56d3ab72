/* How is the library loaded into this process? */
#ifndef LOADED_H
#define LOADED_H

#include <stdbool.h>
#include <sys/types.h>

#include "fastrand.h"
#include "library.h"

struct loaded {
	void (*info)(struct fastrand_info *info, size_t size);
	ssize_t (*draw)(void *buf, size_t len, unsigned int flags);
};

/*
 * Loads the library, for this process only. The variables that would make it
 * report or count are removed from our environment. False: it could not be
 * loaded, and *why says why.
 */
bool loaded_open(struct loaded *l, const struct library *library,
		 const char **why);

#endif
