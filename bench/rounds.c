/* How do rounds alternate, and who cannot take part in them? */
#include "rounds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TEAM_MAX = 64,
	ROUNDS_MAX = 1000,
	TOO_LONG_NS = 300000000,	/* a request: the size is left out */
};

void note(const char *section, const char *format, ...)
{
	va_list list;

	printf("# note\t%s\t", section);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

static struct worker team[TEAM_MAX];
static size_t team_size;

/* A forced tier that is not in force would be a row under a false name. */
static bool in_its_tier(const struct worker *w, const char *section)
{
	const char *asked = w->contender->setting;

	if (!asked || strncmp(asked, "FASTRAND_SOURCE=", 16) ||
	    !strcmp(asked + 16, w->hello.tier))
		return true;
	note(section, "skipped: %s: the library is in tier \"%s\" instead: %s",
	     w->contender->name, w->hello.tier, w->hello.tier_why);
	return false;
}

static void gather(const struct plan *p)
{
	team_size = 0;
	for (size_t i = 0; i < contenders_count; i++) {
		const struct contender *c = &contenders[i];
		struct worker *w = &team[team_size];

		if (strcmp(c->section, p->of) ||
		    (c->flags & p->only) != p->only || team_size == TEAM_MAX)
			continue;
		if (!worker_start(w, c))
			note(p->section, "skipped: %s: %s", c->name, w->why);
		else if (in_its_tier(w, p->section))
			team_size++;
		else
			worker_end(w);
	}
}

/* What one contender did in the rounds of one point. */
static struct tally {
	double value[FIGURES_MAX][ROUNDS_MAX];
	struct answer last;
	size_t n;
	bool too_long;		/* this size, and so all that follow */
} tallies[TEAM_MAX];

static void take_turn(const struct plan *p, const struct ask *ask, int round,
		      size_t i)
{
	struct worker *w = &team[i];
	struct tally *t = &tallies[i];
	struct answer *a = &t->last;

	if (t->too_long || !w->pid)
		return;
	if (!worker_ask(w, ask, a)) {
		note(p->section, "%s, %llu B: %s", w->contender->name,
		     (unsigned long long)ask->size, w->why);
		return;
	}
	if (round < 0) {
		t->too_long = ask->what == ROUND &&
			      a->figure[0].value > TOO_LONG_NS;
		return;
	}
	for (int f = 0; f < a->figures; f++)
		t->value[f][t->n] = a->figure[f].value;
	t->n++;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of_sorted(const double *v, size_t n)
{
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* The median would hide the calls of a few rounds that the kernel answered. */
static double mean(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return sum / (double)n;
}

static void number(const struct plan *p, const struct point *at,
		   const char *name, const char *metric, double value)
{
	printf("%s\t%s\t%llu\t%d\t%s\t%.6g\n", p->section, name,
	       (unsigned long long)at->size, at->threads, metric, value);
}

static void report(const struct plan *p, const struct point *at,
		   const struct contender *c, struct tally *t)
{
	bool known = false, served = false;

	for (int f = 0; t->n && f < t->last.figures; f++) {
		const char *metric = t->last.figure[f].name;
		double *v = t->value[f], value;

		qsort(v, t->n, sizeof *v, by_value);
		value = strcmp(metric, "kernel") ? median_of_sorted(v, t->n) :
			mean(v, t->n);
		number(p, at, c->name, metric, value);
		if (!strcmp(metric, "ns"))
			number(p, at, c->name, "best_ns", v[0]);
		if (!strcmp(metric, "served")) {
			known = true;
			served = value >= 0.5;
		}
	}
	if (t->too_long)
		note(p->section, "%s, %llu B: left out, it takes too long",
		     c->name, (unsigned long long)at->size);
	if (!t->n || !(c->flags & OURS) || p->how == SINGLES)
		return;
	if (!known)
		note(p->section, "%s: NOT KNOWN whether it was served: the "
		     "library has no fastrand_info", c->name);
	else if (!served && at->size > c->kernel_up_to)
		note(p->section, "%s, %llu B: NOT SERVED in-process, the "
		     "kernel answered", c->name,
		     (unsigned long long)at->size);
}

static void progress(const struct plan *p, const struct point *at)
{
	if (isatty(2))
		fprintf(stderr, "\r\033[K%s, %llu bytes, threads: %d ...\r",
			p->section, (unsigned long long)at->size, at->threads);
}

void rounds_run(const struct plan *p)
{
	gather(p);
	memset(tallies, 0, sizeof tallies);
	for (int i = 0; i < p->count; i++) {
		const struct point *at = &p->points[i];
		struct ask ask = { p->how, at->threads, at->size, p->ns };

		progress(p, at);
		for (size_t j = 0; j < team_size; j++)
			tallies[j].n = 0;
		/* Round -1 finds the size of the batch, and is not counted. */
		for (int r = -1; r < p->rounds && r < ROUNDS_MAX; r++)
			/* Back and forth: neighbours follow each other. */
			for (size_t j = 0; j < team_size; j++)
				take_turn(p, &ask, r, r % 2 ?
					  team_size - 1 - j : j);
		for (size_t j = 0; j < team_size; j++)
			report(p, at, team[j].contender, &tallies[j]);
	}
	for (size_t j = 0; j < team_size; j++)
		worker_end(&team[j]);
	if (isatty(2))
		fputs("\r\033[K", stderr);
}
