/*
 * A library whose constructor runs before that of the one which it is preloaded
 * behind, and registers fork handlers.
 */
#include "early_handlers.h"
