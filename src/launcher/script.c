/*
 * What runs a script? Its first line says so, to the kernel, which hands
 * everything behind the interpreter on as one argument.
 */
#include "script.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target.h"

enum { LINE = 256 };	/* what the kernel reads of a script */

static const char blanks[] = " \t";

/* The word at *text, and *text behind it; NULL if there is none. */
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

/* What stands behind a prefix; NULL: something else does. */
static char *behind(char *word, const char *prefix)
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
 * A value that may stand in a word of its own: of -uNAME, -u NAME, --unset=NAME,
 * --unset NAME. NULL: this word is no such option.
 */
static char *value_of(char *word, const char *brief, const char *full,
		      char **rest)
{
	char *value = behind(word, full);

	if (!value || (*value && *value != '='))
		value = behind(word, brief);
	else if (*value == '=')
		return value + 1;
	if (!value)
		return NULL;
	if (!*value)
		value = next_word(rest);
	return value ? value : "";
}

/* The program that the words of an env command name. */
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
			 behind(word, "LD_PRELOAD="))
			*cleared = true;
		else if (*word != '-' && !strchr(word, '=') && !is_env(word))
			return word;
	}
	return NULL;
}

/*
 * env's one argument: a program; or options, of which -S has it split into
 * words, and i before the S clears.
 */
static char *run_by_env(char *argument, bool *cleared)
{
	char *words = behind(argument, "--split-string=");
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
	/* The C library's doing, where the kernel knows no better. */
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
