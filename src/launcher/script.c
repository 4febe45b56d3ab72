/*
 * What runs a script? The first line of the script says so. The kernel passes
 * everything behind the interpreter as one argument.
 */
#include "script.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target.h"

enum { LINE = 256 };	/* as much as the kernel reads of a script */

static const char blanks[] = " \t";

/*
 * Returns the word at *text and moves *text behind it; NULL if there is no
 * word.
 */
static char *next_word(char **text)
{
	char *word = *text + strspn(*text, blanks);

	if (!*word)
		return NULL;
	*text = word + strcspn(word, blanks);
	if (**text)
		*(*text)++ = '\0';
	return word;
}

/* Returns what follows a prefix, or NULL if word does not begin with it. */
static char *after_prefix(char *word, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(word, prefix, len) == 0 ? word + len : NULL;
}

static bool is_env(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strcmp(slash ? slash + 1 : path, "env");
}

/*
 * Returns the value of an option, which may be in the same word or in the next:
 * -uNAME, -u NAME, --unset=NAME or --unset NAME. NULL: word is not this option.
 */
static char *value_of(char *word, const char *brief, const char *full,
		      char **rest)
{
	char *value = after_prefix(word, full);

	if (!value || (*value && *value != '='))
		value = after_prefix(word, brief);
	else if (*value == '=')
		return value + 1;
	if (!value)
		return NULL;
	if (!*value)
		value = next_word(rest);
	return value ? value : "";
}

/* Returns the program that is named by the words of an env command. */
static char *run_by_words(char *rest, bool *cleared)
{
	char *word, *value;

	while ((word = next_word(&rest))) {
		if ((value = value_of(word, "-u", "--unset", &rest)))
			*cleared |= !strcmp(value, "LD_PRELOAD");
		else if (value_of(word, "-C", "--chdir", &rest))
			continue;
		else if (!strcmp(word, "-") || !strcmp(word, "-i") ||
			 !strcmp(word, "--ignore-environment") ||
			 after_prefix(word, "LD_PRELOAD="))
			*cleared = true;
		else if (*word != '-' && !strchr(word, '=') && !is_env(word))
			return word;
	}
	return NULL;
}

/*
 * Handles the one argument of env. It is a program, or it is options, of which
 * -S splits the rest into words, and an i before the S clears the environment.
 */
static char *run_by_env(char *argument, bool *cleared)
{
	char *words = after_prefix(argument, "--split-string=");
	size_t flags;

	if (*argument != '-')
		return argument;
	flags = strspn(argument + 1, "iv0");
	if (!words && argument[1 + flags] == 'S') {
		*cleared |= memchr(argument + 1, 'i', flags) != NULL;
		words = argument + 1 + flags + 1;
	}
	return words ? run_by_words(words, cleared) : NULL;
}

bool script_runner(int fd, char path[static PATH_MAX], bool *cleared)
{
	char line[LINE + 1] = "";
	char *argument = line + 2, *interpreter, *program;
	ssize_t len = pread(fd, line, LINE, 0);

	if (len < 0)
		return false;
	/*
	 * This is what the C library does if the kernel does not know the file.
	 */
	snprintf(path, PATH_MAX, "/bin/sh");
	if (len < 2 || line[0] != '#' || line[1] != '!')
		return true;
	line[strcspn(line, "\n")] = '\0';
	interpreter = next_word(&argument);
	if (!interpreter)
		return false;
	argument += strspn(argument, blanks);
	if (!is_env(interpreter) || !*argument) {
		snprintf(path, PATH_MAX, "%s", interpreter);
		return true;
	}
	for (size_t end = strlen(argument); strchr(blanks, argument[end - 1]);)
		argument[--end] = '\0';
	program = run_by_env(argument, cleared);
	return program && target_find(program, path);
}
