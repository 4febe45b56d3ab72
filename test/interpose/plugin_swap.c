/*
 * A plugin that lets a number change hands. Loaded with RTLD_DEEPBIND or into
 * a namespace of its own it calls libc directly, past any preload.
 */
#include <fcntl.h>
#include <unistd.h>

/* Makes the number onto another name of the descriptor from. */
int plugin_swap(int from, int onto);

/* Closes the number and opens path, which then should have that number. */
int plugin_reopen(int number, const char *path);

int plugin_swap(int from, int onto)
{
	return dup2(from, onto);
}

int plugin_reopen(int number, const char *path)
{
	close(number);
	return open(path, O_RDONLY);
}
