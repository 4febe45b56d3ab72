/*
 * Which file is this program?
 */
#ifndef SELF_H
#define SELF_H

#include <limits.h>
#include <stdbool.h>

/* Finds the absolute path. False: it cannot be found out. */
bool self_find(char path[static PATH_MAX]);

#endif
