/*
 * Where is the library, and what has LD_PRELOAD to say for it?
 */
#include "library.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"

#ifndef LIBDIR
#define LIBDIR "/usr/local/lib"
#endif

/* The installed library; PREFIX/$LIB/libfastrand.so where one line serves more
 * than one kind of program. */
#ifndef PRELOAD
#define PRELOAD LIBDIR "/libfastrand.so"
#endif

/* What separates the names in LD_PRELOAD; there is no way to quote it. */
static const char separators[] = " :";

static char *join(const char *a, const char *b, const char *c)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", a, b, c) < 0)
		give_up("out of memory");
	return joined;
}

/*
 * $LIB in a line, and what stands before and behind it; NULL if it is none.
 */
static const char *find_token(const char *line, const char **behind)
{
	static const char *const tokens[] = {"$LIB/", "${LIB}/"};

	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		const char *at = strstr(line, tokens[i]);

		if (!at)
			continue;
		*behind = at + strlen(tokens[i]) - 1;
		return at;
	}
	return NULL;
}

/*
 * Calls with for each file that the line may stand for, until it says true.
 * What $LIB is, each loader knows for itself and tells nobody: so it is
 * whatever folder of that shape has the file.
 */
static bool any_file(const char *line,
		     bool (*with)(const char *file, const void *data),
		     const void *data)
{
	static const char *const shapes[] = {"lib*", "lib/*-linux-*"};
	const char *behind;
	const char *token = find_token(line, &behind);
	bool found = false;

	if (!token)
		return with(line, data);
	for (size_t i = 0; !found && i < sizeof shapes / sizeof *shapes; i++) {
		char *before = strndup(line, (size_t)(token - line));
		char *pattern = join(before ? before : "", shapes[i], behind);
		glob_t files;

		if (glob(pattern, 0, NULL, &files) == 0) {
			for (size_t n = 0; !found && n < files.gl_pathc; n++)
				found = with(files.gl_pathv[n], data);
			globfree(&files);
		}
		free(pattern);
		free(before);
	}
	return found;
}

static bool is_there(const char *file, const void *data)
{
	(void)data;
	return access(file, F_OK) == 0;
}

static bool is_library(const char *file, const void *data)
{
	struct elf_file f;

	(void)data;
	return elf_file_open(&f, file) && f.library;
}

static bool is_for(const char *file, const void *data)
{
	struct elf_file f;

	return elf_file_open(&f, file) && f.library && elf_file_alike(&f, data);
}

/* A relative name would mean another file wherever a child changes to. */
static char *absolute(const char *name)
{
	char *here, *path;

	if (*name == '/')
		return join(name, "", "");
	here = getcwd(NULL, 0);
	if (!here)
		give_up("the working directory: %s", strerror(errno));
	path = join(here, "/", name);
	free(here);
	return path;
}

/* The file beside the one that runs now; NULL if there is no saying. */
static char *beside_us(void)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (len <= 0)
		return NULL;
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return join(self, "/", "libfastrand.so");
}

static const char *choose(const char *asked)
{
	char *beside;

	if (asked) {
		char *path = absolute(asked);

		if (!any_file(path, is_there, NULL))
			give_up("%s: no such library", path);
		return path;
	}
	beside = beside_us();
	if (beside && is_there(beside, NULL))
		return beside;
	if (any_file(PRELOAD, is_there, NULL)) {
		free(beside);
		return PRELOAD;
	}
	give_up("libfastrand.so is neither %s nor %s; say where by --library",
		beside ? beside : "beside this program", PRELOAD);
}

struct library library_find(const char *asked)
{
	struct library l = {choose(asked)};

	if (strpbrk(l.line, separators))
		give_up("%s: LD_PRELOAD cannot name a path with a space or a "
			"colon; give --library a link to it elsewhere",
			l.line);
	if (!any_file(l.line, is_library, NULL))
		give_up("%s: not a shared library", l.line);
	return l;
}

bool library_serves(const struct library *l, const struct elf_file *program)
{
	return any_file(l->line, is_for, program);
}

/* The next name of a list, and its length; NULL behind the last. */
static const char *next_name(const char *list, size_t *len)
{
	list += strspn(list, separators);
	*len = strcspn(list, separators);
	return *len ? list : NULL;
}

static bool is_copy(const char *name, size_t len)
{
	static const char file[] = "/libfastrand.so";
	size_t tail = sizeof file - 1;

	return len >= tail && strncmp(name + len - tail, file, tail) == 0;
}

/* The value's memory is given up: the environment has a copy. */
static void set(const char *variable, char *value)
{
	if (setenv(variable, value, 1) < 0)
		give_up("%s: %s", variable, strerror(errno));
	free(value);
}

/*
 * The list with the library at its end. A sanitizer's runtime wants to be
 * first. And whatever else is there was put there by somebody who wants to see,
 * or to change, what the program asks for (faketime makes getrandom repeat
 * itself, if told to): before it we would take that away, behind it we answer
 * what it passes on. What it does not pass on, such as a close of its own
 * making, costs nothing but speed: each read is proved.
 *
 * Another copy of the library would answer first, and is not the one asked for:
 * it goes.
 */
static char *extended(const char *list, const char *line)
{
	char *to = join("", "", ""), *all;
	const char *name;
	size_t len;

	while ((name = next_name(list, &len))) {
		char *longer;

		list = name + len;
		if (is_copy(name, len))
			continue;
		if (asprintf(&longer, "%s%.*s:", to, (int)len, name) < 0)
			give_up("out of memory");
		free(to);
		to = longer;
	}
	all = join(to, line, "");
	free(to);
	return all;
}

static bool names(const char *list, const char *line)
{
	const char *name;
	size_t len;

	while ((name = next_name(list, &len))) {
		if (len == strlen(line) && strncmp(name, line, len) == 0)
			return true;
		list = name + len;
	}
	return false;
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
	all = join(is && *is ? is : "", is && *is ? ":" : "", option);
	set("ASAN_OPTIONS", join(all, "=0", ""));
	free(all);
}

void library_preload(const struct library *l)
{
	const char *list = getenv("LD_PRELOAD");

	if (!list || !names(list, l->line))
		set("LD_PRELOAD", extended(list ? list : "", l->line));
	calm_asan();
}
