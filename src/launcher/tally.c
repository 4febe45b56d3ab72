/*
 * What the processes of a command wrote down, summed.
 */
#include "tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * What stands behind the last " key=". The last: a process may call itself
 * anything, and its name (comm=) comes before what we look for.
 */
static const char *value_of(const char *line, const char *key)
{
	const char *found = NULL;
	const char *at = line;

	while ((at = strstr(at, key)))
		found = at += strlen(key);
	return found;
}

static bool number_of(const char *line, const char *key, uint64_t *to)
{
	const char *value = value_of(line, key);

	return value && sscanf(value, "%" SCNu64, to) == 1;
}

/* A name is copied up to one of these, and cut where there is no room. */
static void copy_word(char to[static TALLY_WORD], const char *from)
{
	size_t len = strcspn(from, " :,\n");

	if (len >= TALLY_WORD)
		len = TALLY_WORD - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* The last place is for all that find none of their own. */
static void count(struct tally_count *counts, size_t places, const char *name,
		  uint64_t times)
{
	struct tally_count *end = counts + places - 1;

	while (counts < end && *counts->name && strcmp(counts->name, name) != 0)
		counts++;
	strcpy(counts->name, counts < end ? name : "other");
	counts->times += times;
}

static struct tally_source *source_of(struct tally *t, const char *name)
{
	struct tally_source *s = t->sources;

	while (s < t->sources + TALLY_SOURCES - 1 && *s->name &&
	       strcmp(s->name, name) != 0)
		s++;
	if (!*s->name)
		strcpy(s->name, name);
	return s;
}

static void count_reasons(struct tally_source *s, const char *why)
{
	while (*why && *why != '\n') {
		char name[TALLY_WORD];
		uint64_t times = 0;

		copy_word(name, why);
		why += strcspn(why, ":,\n");
		if (*why == ':')
			sscanf(why + 1, "%" SCNu64, &times);
		why += strcspn(why, ",\n");
		why += *why == ',';
		if (times)
			count(s->reasons, TALLY_REASONS, name, times);
	}
}

/* A process with many sources writes many lines, perhaps between another's. */
static bool add_process(struct tally *t, pid_t pid, const char *tier)
{
	pid_t *more;

	for (size_t i = t->processes; i-- > 0;)
		if (t->pids[i] == pid)
			return true;
	more = realloc(t->pids, (t->processes + 1) * sizeof *more);
	if (!more)
		return false;
	t->pids = more;
	more[t->processes++] = pid;
	count(t->tiers, TALLY_TIERS, tier, 1);
	return true;
}

static bool add_line(struct tally *t, const char *line)
{
	const char *source = value_of(line, " source=");
	const char *tier = value_of(line, " tier=");
	const char *why = value_of(line, " why=");
	uint64_t served, bytes, kernel;
	char word[TALLY_WORD];
	int pid;

	if (!source || !tier || !why ||
	    sscanf(line, "fastrand pid=%d ", &pid) != 1 ||
	    !number_of(line, " served=", &served) ||
	    !number_of(line, " bytes=", &bytes) ||
	    !number_of(line, " kernel=", &kernel)) {
		t->odd++;
		return true;
	}
	copy_word(word, tier);
	if (!add_process(t, pid, word))
		return false;
	copy_word(word, source);
	if (strcmp(word, "none") != 0) {
		struct tally_source *s = source_of(t, word);

		s->served += served;
		s->bytes += bytes;
		s->kernel += kernel;
		count_reasons(s, why);
	}
	return true;
}

bool tally_read(struct tally *t, FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	bool good = true;

	while (good && getline(&line, &room, file) > 0)
		good = add_line(t, line);
	free(line);
	return good;
}
