/* What does LD_PRELOAD have to be for the command's loader? */
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

/*
 * Is this a copy of the library? Its own name tells, or that of the file to
 * which it leads.
 */
static bool is_copy(const char *name)
{
	char real[PATH_MAX];

	return is_named_so(name) ||
	       (strchr(name, '/') && realpath(name, real) && is_named_so(real));
}

/*
 * Returns the list with the library at its end, or where it already was. It is
 * at the end for two reasons. The runtime of a sanitizer has to be first. And
 * any other library in the list was put there by somebody who wants to see or
 * to change what the program asks for (faketime, for example, makes getrandom
 * repeat itself if it is told to). Before such a library we would hide the
 * requests from it; behind it we answer those that it passes on. Calls that it
 * does not pass on, such as its own close, cost only speed, because each read
 * is proved.
 *
 * Another copy of the library would answer first, and is not the one that was
 * asked for. Therefore it is removed from the list.
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
 * A program that is linked with gcc's libasan exits at once if any library was
 * loaded before libasan, unless this option turns the check off. The option
 * exists for libraries that are preloaded into every program.
 */
static void turn_off_asan_check(void)
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
	turn_off_asan_check();
}
