/* Alternating rounds, skipping visibly what cannot take part. */
#include "rounds.h"
#include "results.h"
#include "timing.h"
#include "worker.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TEAM_MAX = 24,
	ROUNDS_MAX = 200,
	NOTES_MAX = 100,
	TOO_LONG_NS = 300000000,	/* a request: the size is left out */
};

static struct {
	char section[24], text[300];
} notes[NOTES_MAX];
static size_t notes_count;

void note(const char *section, const char *format, ...)
{
	char text[300], both[340];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	for (size_t i = 0; i < notes_count; i++)
		if (!strcmp(notes[i].section, section) &&
		    !strcmp(notes[i].text, text))
			return;
	if (notes_count == NOTES_MAX)
		return;
	snprintf(notes[notes_count].section, sizeof notes->section, "%s",
		 section);
	snprintf(notes[notes_count].text, sizeof notes->text, "%s", text);
	notes_count++;
	snprintf(both, sizeof both, "%s: %s", section, text);
	about_set("note", both);
}

void notes_print(const char *section)
{
	for (size_t i = 0; i < notes_count; i++)
		if (!strcmp(notes[i].section, section))
			printf("  ! %s\n", notes[i].text);
}

/* The three kinds of other reads share a table. */
static const char *note_key(enum section s)
{
	return s >= OTHER_NULL ? "other" : section_name[s];
}

void notes_clear(const char *section)
{
	for (size_t i = 0; i < notes_count; i++)
		if (!strcmp(notes[i].section, section))
			notes[i].section[0] = 0;
}

static void progress(const char *section, const char *what, uint64_t number)
{
	if (isatty(2))
		fprintf(stderr, "\r\033[K%s, %s %llu ...\r", section, what,
			(unsigned long long)number);
}

static void progress_end(void)
{
	if (isatty(2))
		fprintf(stderr, "\r\033[K");
}

static struct worker team[TEAM_MAX];
static size_t team_size;

/* A forced tier that is not what we got would be a row under a false name. */
static void check_tier(struct worker *w, const char *section)
{
	const char *asked = w->contender->source;

	if (!w->pid || !asked || !strcmp(asked, w->hello.tier))
		return;
	note(section, "skipped: %s: the library is in tier \"%s\" instead: %s",
	     w->contender->name, w->hello.tier, w->hello.tier_why);
	worker_end(w);
}

static void gather(enum section s, int only, const char *section)
{
	team_size = 0;
	for (size_t i = 0; i < contenders_count; i++) {
		const struct contender *c = &contenders[i];
		struct worker *w = &team[team_size];

		if (c->section != s || (c->flags & only) != only ||
		    team_size == TEAM_MAX)
			continue;
		if (worker_start(w, c)) {
			check_tier(w, section);
			team_size++;
		} else {
			note(section, "skipped: %s: %s", c->name, w->why);
		}
	}
}

static void dismiss(void)
{
	for (size_t i = 0; i < team_size; i++)
		worker_end(&team[i]);
	team_size = 0;
	progress_end();
}

static bool ask(struct worker *w, const struct ask *what, struct answer *a,
		const char *section)
{
	if (worker_ask(w, what, a))
		return true;
	if (w->why[0])
		note(section, "%s, %llu B: %s", w->contender->name,
		     (unsigned long long)what->size, w->why);
	w->why[0] = 0;
	return false;
}

/* There and back again, so that nobody always follows the same neighbour. */
static struct worker *turn(int round, size_t i)
{
	return &team[round % 2 ? team_size - 1 - i : i];
}

/* What one contender did in the rounds of one size. */
struct tally {
	double ns[ROUNDS_MAX], baseline[ROUNDS_MAX], added[ROUNDS_MAX];
	size_t n;
	uint64_t calls, requests, kernel;
	bool counts, too_long;
	char unserved[100];	/* sizes, over all of the run */
};

enum { SMALL = 256 };		/* to a contender that is KERNEL_SMALL */

static struct tally tallies[TEAM_MAX];

static void tally_add(struct tally *t, const struct answer *a)
{
	t->ns[t->n] = a->ns;
	t->baseline[t->n] = a->baseline_ns;
	t->added[t->n] = a->ns - a->baseline_ns;
	t->n++;
	t->calls += a->calls;
	t->requests += a->requests;
	t->kernel += a->kernel;
	t->counts = a->counts;
}

static void tally_report(struct tally *t, const struct contender *c,
			 uint64_t size)
{
	const char *section = section_name[c->section];
	const char *key = note_key(c->section);
	double served;

	if (t->n == 0)
		return;
	result_add(section, c->name, size, 1, "ns", median(t->ns, t->n));
	result_add(section, c->name, size, 1, "best_ns", t->ns[0]);
	if (c->baseline) {
		result_add(section, c->name, size, 1, "baseline_ns",
			   median(t->baseline, t->n));
		result_add(section, c->name, size, 1, "added_ns",
			   median(t->added, t->n));
	}
	if (!(c->flags & OURS))
		return;
	served = fmin(1, (double)t->requests / (double)t->calls);
	result_add(section, c->name, size, 1, "served", served);
	if (!t->counts)
		note(key, "%s: NOT KNOWN whether it was served: "
		     "the library has no fastrand_info", c->name);
	else if (served < 0.5 && !(c->flags & KERNEL_ALL) &&
		 !(c->flags & KERNEL_SMALL && size <= SMALL))
		snprintf(t->unserved + strlen(t->unserved),
			 sizeof t->unserved - strlen(t->unserved), "%s%llu",
			 t->unserved[0] ? ", " : "", (unsigned long long)size);
}

static void tally_clear(struct tally *t)
{
	struct tally kept = *t;

	memset(t, 0, sizeof *t);
	t->too_long = kept.too_long;
	memcpy(t->unserved, kept.unserved, sizeof t->unserved);
}

static void note_unserved(const char *key)
{
	for (size_t j = 0; j < team_size; j++)
		if (tallies[j].unserved[0])
			note(key, "%s: NOT SERVED in-process, the kernel "
			     "answered: %s B", team[j].contender->name,
			     tallies[j].unserved);
}

void rounds_times(enum section s, const struct plan *p)
{
	const char *key = note_key(s);
	struct answer a;

	gather(s, p->only, key);
	memset(tallies, 0, sizeof tallies);
	for (int i = 0; p->sizes[i] && i < SIZES_MAX; i++) {
		struct ask what = { ROUND, 1, p->sizes[i], p->ns };

		progress(key, "bytes", p->sizes[i]);
		for (size_t j = 0; j < team_size; j++)
			tally_clear(&tallies[j]);
		/* Round -1 finds the size of the batch, and is not counted. */
		for (int r = -1; r < p->rounds; r++) {
			for (size_t j = 0; j < team_size; j++) {
				struct worker *w = turn(r, j);
				struct tally *t = &tallies[w - team];

				if (t->too_long || !w->pid ||
				    !ask(w, &what, &a, key))
					continue;
				if (r >= 0 && r < ROUNDS_MAX)
					tally_add(t, &a);
				else if (a.ns > TOO_LONG_NS)
					t->too_long = true;
			}
		}
		for (size_t j = 0; j < team_size; j++) {
			tally_report(&tallies[j], team[j].contender,
				     p->sizes[i]);
			if (tallies[j].too_long)
				note(key, "%s, %llu B: left out, it takes "
				     "too long", team[j].contender->name,
				     (unsigned long long)p->sizes[i]);
		}
	}
	note_unserved(key);
	dismiss();
}

void rounds_latency(const struct plan *p)
{
	static struct {
		double p50[ROUNDS_MAX], p99[ROUNDS_MAX], p999[ROUNDS_MAX];
		double clock[ROUNDS_MAX], step[ROUNDS_MAX];
		size_t n;
	} tallies[TEAM_MAX];
	struct answer a;

	gather(REQUEST, p->only | LATENCY, "latency");
	for (int i = 0; p->sizes[i] && i < SIZES_MAX; i++) {
		struct ask what = { SINGLES, 1, p->sizes[i], p->ns };

		progress("latency", "bytes", p->sizes[i]);
		memset(tallies, 0, sizeof tallies);
		for (int r = 0; r < p->rounds; r++) {
			for (size_t j = 0; j < team_size; j++) {
				struct worker *w = turn(r, j);
				__typeof__(&tallies[0]) t = &tallies[w - team];

				if (!w->pid || !ask(w, &what, &a, "latency"))
					continue;
				t->p50[t->n] = a.p50;
				t->p99[t->n] = a.p99;
				t->p999[t->n] = a.p999;
				t->step[t->n] = a.step_ns;
				t->clock[t->n++] = a.clock_ns;
			}
		}
		for (size_t j = 0; j < team_size; j++) {
			__typeof__(&tallies[0]) t = &tallies[j];
			const char *name = team[j].contender->name;
			uint64_t size = p->sizes[i];

			if (t->n == 0)
				continue;
			result_add("latency", name, size, 1, "p50",
				   median(t->p50, t->n));
			result_add("latency", name, size, 1, "p99",
				   median(t->p99, t->n));
			result_add("latency", name, size, 1, "p999",
				   median(t->p999, t->n));
			result_add("latency", name, size, 1, "clock_ns",
				   median(t->clock, t->n));
			result_add("latency", name, size, 1, "step_ns",
				   median(t->step, t->n));
		}
	}
	dismiss();
}

void rounds_threads(const struct plan *p)
{
	static struct {
		double wall[ROUNDS_MAX], cpu[ROUNDS_MAX];
		size_t n;
		uint64_t calls, kernel, requests;
	} tallies[TEAM_MAX];
	uint64_t size = p->sizes[0];
	struct answer a;

	gather(REQUEST, p->only | THREADS, "threads");
	for (int i = 0; p->threads[i] && i < SIZES_MAX; i++) {
		struct ask what = { CROWD, p->threads[i], size, p->ns };

		progress("threads", "threads", (uint64_t)p->threads[i]);
		memset(tallies, 0, sizeof tallies);
		for (int r = 0; r < p->rounds; r++) {
			for (size_t j = 0; j < team_size; j++) {
				struct worker *w = turn(r, j);
				__typeof__(&tallies[0]) t = &tallies[w - team];

				if (!w->pid || !ask(w, &what, &a, "threads"))
					continue;
				t->wall[t->n] = 1e9 / a.ns;
				t->cpu[t->n++] = 1e9 / a.cpu_ns;
				t->calls += a.calls;
				t->kernel += a.kernel;
				t->requests += a.requests;
			}
		}
		for (size_t j = 0; j < team_size; j++) {
			__typeof__(&tallies[0]) t = &tallies[j];
			const struct contender *c = team[j].contender;

			if (t->n == 0)
				continue;
			result_add("threads", c->name, size, p->threads[i],
				   "per_second", median(t->wall, t->n));
			result_add("threads", c->name, size, p->threads[i],
				   "per_cpu_second", median(t->cpu, t->n));
			if (!(c->flags & OURS))
				continue;
			result_add("threads", c->name, size, p->threads[i],
				   "kernel",
				   (double)t->kernel / (double)t->calls);
			if (t->requests * 2 < t->calls)
				note("threads", "%s, %d threads: NOT SERVED "
				     "in-process", c->name, p->threads[i]);
		}
	}
	dismiss();
}
