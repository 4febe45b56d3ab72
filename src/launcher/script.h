/*
 * What runs a script?
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <limits.h>
#include <stdbool.h>

/*
 * Of an open file that is no ELF file: the path of the program that execvp(3)
 * would have it run by. env(1) in the first line is looked through; *cleared is
 * set if it takes LD_PRELOAD away. False: there is no telling.
 */
bool script_runner(int fd, char path[static PATH_MAX], bool *cleared);

#endif
