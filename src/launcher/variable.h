/*
 * The environment, which the command inherits.
 */
#ifndef VARIABLE_H
#define VARIABLE_H

#include <stdbool.h>

/* Sets it; ends the program where that fails. False: it was so before. */
bool variable_set(const char *name, const char *value);

#endif
