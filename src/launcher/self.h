/*
 * Which file is this program?
 */
#ifndef SELF_H
#define SELF_H

#include <limits.h>
#include <stdbool.h>

/* Its absolute path; false if there is no saying. */
bool self_find(char path[static PATH_MAX]);

#endif
