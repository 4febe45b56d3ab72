/*
 * What LD_PRELOAD says to the command's loader.
 */
#include "preload.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "variable.h"

static const char file_name[] = "libfastrand.so";

static bool is_named_so(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strcmp(slash ? slash + 1 : path, file_name);
}

/* By its own name, or by that of the file which it leads to. */
static bool is_copy(const char *name)
{
	char real[PATH_MAX];

	return is_named_so(name) ||
	       (strchr(name, '/') && realpath(name, real) && is_named_so(real));
}

/*
 * The list with the library at its end, or where it was. A sanitizer's runtime
 * wants to be first. And whatever else is there was put there by somebody who
 * wants to see, or to change, what the program asks for (faketime makes
 * getrandom repeat itself, if told to): before it we would take that away,
 * behind it we answer what it passes on. What it does not pass on, such as a
 * close of its own making, costs nothing but speed: each read is proved.
 *
 * Another copy of the library would answer first, and is not the one asked for:
 * it goes.
 */
static char *extended(const char *list, const char *line)
{
	char *names = strdup(list), *rest = names, *name, *to;
	size_t room = strlen(list) + strlen(line) + 2;
	bool there = false;

	to = calloc(1, room);
	if (!names || !to)
		give_up("out of memory");
	while ((name = strsep(&rest, LIBRARY_SEPARATORS))) {
		bool ours = !strcmp(name, line);

		if (!*name || (ours ? there : is_copy(name)))
			continue;
		there |= ours;
		strcat(strcat(to, *to ? ":" : ""), name);
	}
	if (!there)
		strcat(strcat(to, *to ? ":" : ""), line);
	free(names);
	return to;
}

/*
 * A program that is linked with gcc's libasan ends at once if any library was
 * loaded before that one, unless it is told not to look: the option is there
 * for libraries that are preloaded into everything.
 */
static void calm_asan(void)
{
	static const char option[] = "verify_asan_link_order";
	const char *is = getenv("ASAN_OPTIONS");
	char *all;

	if (is && strstr(is, option))
		return;
	if (asprintf(&all, "%s%s%s=0", is ? is : "", is && *is ? ":" : "",
		     option) < 0)
		give_up("out of memory");
	variable_set("ASAN_OPTIONS", all);
	free(all);
}

void preload(const struct library *l)
{
	const char *list = getenv("LD_PRELOAD");
	char *all = extended(list ? list : "", l->line);

	variable_set("LD_PRELOAD", all);
	free(all);
	calm_asan();
}
