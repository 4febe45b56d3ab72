/*
 * Fork handlers that were registered before the library's own, as those of
 * profilers and RPC runtimes may be. So the one of the child runs before the
 * library's there, and the one that prepares runs after it.
 *
 * For a program that the library's rooms are linked into. To one that it is
 * preloaded into a plugin brings them: see early.h.
 */
#ifndef EARLY_HANDLERS_H
#define EARLY_HANDLERS_H

#include <pthread.h>
#include <stdlib.h>

extern void (*early_handler_prepare)(void), (*early_handler_child)(void);

/* What they are to do; or NULL. */
void (*early_handler_prepare)(void), (*early_handler_child)(void);

static void early_prepares(void)
{
	if (early_handler_prepare)
		early_handler_prepare();
}

static void early_is_child(void)
{
	if (early_handler_child)
		early_handler_child();
}

/* Constructors with a number run before those without, as the library's are. */
__attribute__((constructor(101))) static void early_register(void)
{
	if (pthread_atfork(early_prepares, NULL, early_is_child) != 0)
		abort();
}

#endif
