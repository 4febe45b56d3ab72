/*
 * Where is the library?
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdbool.h>

#include "elf_file.h"

/*
 * The characters that separate names in LD_PRELOAD. They cannot be quoted
 * there.
 */
#define LIBRARY_SEPARATORS " :"

struct library {
	/*
	 * The library's name in LD_PRELOAD: an absolute path. It may contain
	 * $LIB as it stands, which the loader of each program replaces by the
	 * folder of its own kind of libraries (lib/x86_64-linux-gnu, lib64, lib
	 * ...).
	 */
	const char *line;
};

/*
 * Finds the library. If asked is not NULL, it is that one; otherwise it is the
 * one beside this program, where make leaves it, and if there is none, the
 * installed one. If no library is found, or LD_PRELOAD cannot name it, the
 * program ends with one line.
 */
struct library library_find(const char *asked);

/* Is there a library for this kind of program? */
bool library_serves(const struct library *l, const struct elf_file *program);

#endif
