/* Where is the library? See library.h. */
#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"
#include "self.h"

/* The Makefile defines PRELOAD. */
static const char installed[] = PRELOAD;

/* A name that no other library defines. */
static const char our_name[] = "fastrand_getrandom";

enum { LIBRARY_MAX = 64 << 20 };

static char *join(const char *a, const char *b, const char *c)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", a, b, c) < 0)
		give_up("out of memory");
	return joined;
}

/*
 * Finds $LIB in a line; *behind is what follows it. Returns NULL if the line
 * has none.
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

/* Makes a pattern for glob that matches this path and nothing else. */
static char *literally(const char *from, size_t len)
{
	char *pattern = malloc(2 * len + 1), *to = pattern;

	if (!pattern)
		give_up("out of memory");
	while (len--) {
		if (strchr("*?[\\", *from))
			*to++ = '\\';
		*to++ = *from++;
	}
	*to = '\0';
	return pattern;
}

/*
 * Calls with for each file that the line may mean, until with returns true.
 * Each loader has its own value of $LIB, and there is no way to ask for it.
 * Therefore every folder is tried whose name has the shape of such a value.
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
		char *before = literally(line, (size_t)(token - line));
		char *after = literally(behind, strlen(behind));
		char *pattern = join(before, shapes[i], after);
		glob_t files;

		if (glob(pattern, 0, NULL, &files) == 0) {
			for (size_t n = 0; !found && n < files.gl_pathc; n++)
				found = with(files.gl_pathv[n], data);
			globfree(&files);
		}
		free(pattern);
		free(after);
		free(before);
	}
	return found;
}

static bool is_there(const char *file, const void *data)
{
	(void)data;
	return access(file, F_OK) == 0;
}

/*
 * Does the file contain our name? It is read, not mapped, because somebody may
 * truncate it meanwhile. Its size is limited, because a file may claim to be
 * larger than any library.
 */
static bool has_our_name(int fd, size_t size)
{
	void *all = size <= LIBRARY_MAX ? malloc(size) : NULL;
	ssize_t len = all ? pread(fd, all, size, 0) : 0;
	bool has = len > 0 &&
		   memmem(all, (size_t)len, our_name, sizeof our_name);

	free(all);
	return has;
}

/* If kind is NULL, a library of any kind is accepted. */
static bool is_library(const char *file, const void *kind)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct elf_file f;
	struct stat is;
	bool good;

	if (fd < 0)
		return false;
	good = fstat(fd, &is) == 0 && S_ISREG(is.st_mode) &&
	       elf_file_read(&f, fd) && f.library &&
	       has_our_name(fd, (size_t)is.st_size) &&
	       (!kind || elf_file_alike(&f, kind));
	close(fd);
	return good;
}

/*
 * Makes a name absolute, because a relative one would mean another file as soon
 * as a child changes its working directory.
 */
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

/*
 * Returns the path of the library beside the running program, or NULL if that
 * cannot be found out.
 */
static char *beside_us(void)
{
	char self[PATH_MAX];
	char *slash;

	if (!self_find(self) || !(slash = strrchr(self, '/')))
		return NULL;
	*slash = '\0';
	return join(self, "/", "libfastrand.so");
}

static const char *choose(const char *asked)
{
	const char *none = "libfastrand.so beside this program";
	char *beside;

	if (asked)
		return absolute(asked);
	beside = beside_us();
	if (beside && is_there(beside, NULL))
		return beside;
	if (!any_file(installed, is_there, NULL))
		give_up("there is neither %s nor %s; say where by --library",
			beside ? beside : none, installed);
	free(beside);
	return installed;
}

/* Says why a line names no library. */
static const char *why_not(const char *line)
{
	const char *behind;

	if (find_token(line, &behind))
		return "no libfastrand.so, whatever $LIB is";
	return access(line, R_OK) < 0 ? strerror(errno) : "is no libfastrand.so";
}

struct library library_find(const char *asked)
{
	struct library l = {choose(asked)};
	const char *behind;

	if (strpbrk(l.line, LIBRARY_SEPARATORS) ||
	    (strchr(l.line, '$') && !find_token(l.line, &behind)))
		give_up("%s: LD_PRELOAD cannot name a path with a space, a "
			"colon or a $; give --library a link to it elsewhere",
			l.line);
	if (!any_file(l.line, is_library, NULL))
		give_up("%s: %s", l.line, why_not(l.line));
	return l;
}

bool library_serves(const struct library *l, const struct elf_file *program)
{
	return any_file(l->line, is_library, program);
}
