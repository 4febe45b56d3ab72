/*
 * Where is the library?
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdbool.h>

#include "elf_file.h"

/* What separates the names in LD_PRELOAD; there is no way to quote it. */
#define LIBRARY_SEPARATORS " :"

struct library {
	/*
	 * What LD_PRELOAD names: an absolute path. It may have a literal $LIB
	 * in it, which the loader of each program replaces by the folder of
	 * its own kind of libraries (lib/x86_64-linux-gnu, lib64, lib ...).
	 */
	const char *line;
};

/*
 * Finds it: the one asked for (NULL: none); else the one beside this program,
 * which is how a tree looks after make; else the installed one. Ends the
 * program with one line where there is none or LD_PRELOAD cannot name it.
 */
struct library library_find(const char *asked);

/* Is there a library for this kind of program? */
bool library_serves(const struct library *l, const struct elf_file *program);

#endif
