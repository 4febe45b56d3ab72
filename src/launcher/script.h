/*
 * What runs a script?
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <limits.h>
#include <stdbool.h>

/*
 * Finds the path of the program by which execvp(3) would run the script in fd,
 * which is open and no ELF file. If that is env(1), it is the program that env
 * would run, and *cleared is set if env removes LD_PRELOAD. False: it cannot be
 * found out.
 */
bool script_runner(int fd, char path[static PATH_MAX], bool *cleared);

#endif
