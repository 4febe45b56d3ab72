/* The list of numbers, kept in memory and in a file. */
#include "results.h"

#include <err.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_ = 48, TEXT_MAX_ = 256, ABOUT_MAX = 128 };

struct result {
	char section[NAME_MAX_], name[NAME_MAX_], metric[NAME_MAX_];
	uint64_t size;
	int threads;
	double value;
};

static struct result *results;
static size_t count, room;

static struct {
	char key[NAME_MAX_], text[TEXT_MAX_];
} about[ABOUT_MAX];
static size_t abouts;

static struct result *find(const char *section, const char *name,
			   uint64_t size, int threads, const char *metric)
{
	for (size_t i = 0; i < count; i++) {
		struct result *r = &results[i];

		if (r->size == size && r->threads == threads &&
		    !strcmp(r->section, section) && !strcmp(r->name, name) &&
		    !strcmp(r->metric, metric))
			return r;
	}
	return NULL;
}

void result_add(const char *section, const char *name, uint64_t size,
		int threads, const char *metric, double value)
{
	struct result *r = find(section, name, size, threads, metric);

	if (!r && count == room) {
		room = room ? room * 2 : 256;
		results = realloc(results, room * sizeof *results);
		if (!results)
			err(1, "results");
	}
	if (!r)
		r = &results[count++];
	snprintf(r->section, sizeof r->section, "%s", section);
	snprintf(r->name, sizeof r->name, "%s", name);
	snprintf(r->metric, sizeof r->metric, "%s", metric);
	r->size = size;
	r->threads = threads;
	r->value = value;
}

double result_get(const char *section, const char *name, uint64_t size,
		  int threads, const char *metric)
{
	struct result *r = find(section, name, size, threads, metric);

	return r ? r->value : NAN;
}

void about_set(const char *key, const char *text)
{
	if (abouts == ABOUT_MAX)
		return;
	snprintf(about[abouts].key, NAME_MAX_, "%s", key);
	snprintf(about[abouts].text, TEXT_MAX_, "%s", text);
	abouts++;
}

const char *about_get(const char *key)
{
	for (size_t i = 0; i < abouts; i++)
		if (!strcmp(about[i].key, key))
			return about[i].text;
	return "";
}

bool results_save(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return false;
	for (size_t i = 0; i < abouts; i++)
		fprintf(f, "# %s\t%s\n", about[i].key, about[i].text);
	fputs("section\tname\tsize\tthreads\tmetric\tvalue\n", f);
	for (size_t i = 0; i < count; i++) {
		struct result *r = &results[i];

		fprintf(f, "%s\t%s\t%llu\t%d\t%s\t%.6g\n", r->section, r->name,
			(unsigned long long)r->size, r->threads, r->metric,
			r->value);
	}
	return fclose(f) == 0;
}

bool results_load(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024], s[NAME_MAX_], n[NAME_MAX_], m[NAME_MAX_];
	char k[NAME_MAX_], t[TEXT_MAX_];
	unsigned long long size;
	int threads;
	double value;

	if (!f)
		return false;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "# %47[^\t]\t%255[^\n]", k, t) == 2)
			about_set(k, t);
		else if (sscanf(line,
				"%47[^\t]\t%47[^\t]\t%llu\t%d\t%47[^\t]\t%lf",
				s, n, &size, &threads, m, &value) == 6)
			result_add(s, n, size, threads, m, value);
	}
	return fclose(f) == 0;
}
