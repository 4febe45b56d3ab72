/* How is the environment changed that the command inherits? */
#ifndef VARIABLE_H
#define VARIABLE_H

#include <stdbool.h>

/*
 * Sets a variable. If that fails the program ends. False: it had this value
 * before.
 */
bool variable_set(const char *name, const char *value);

#endif
