/*
 * What is measured, in which order, and how much of it? bench/run calls this
 * program and makes tables of the numbers that it prints: contenders.h says
 * who takes part, worker.h how contenders are kept apart, rounds.h how they
 * are timed.
 */
#include "rounds.h"
#include "timing.h"

#include <gnu/libc-version.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum effort { QUICK, GOALS, FULL, EFFORTS };
static const char *const effort_name[EFFORTS] = { "quick", "goals", "full" };

enum { MS = 1000000 };

/* A point is the size of a request, and "*" the number of threads if not 1. */
static const struct section {
	const char *name, *of;
	int flag;
	enum what how;
	uint64_t ns;
	int rounds[EFFORTS];
	const char *points, *more;	/* of each run; also of a full one */
} sections[] = {
	{ "request", "request", 0, ROUND, 2 * MS, { 31, 61, 17 },
	  "4 32 4096 1048576", "16 64 256 1024 16384 65536 16777216" },
	{ "word", "word", 0, ROUND, 2 * MS, { 31, 61, 17 }, "4", "" },
	{ "keystream", "keystream", 0, ROUND, 2 * MS, { 31, 61, 17 },
	  "1024 4096 65536 1048576", "" },
	{ "urandom", "urandom", 0, ROUND, 2 * MS, { 31, 61, 17 },
	  "16 256 4096 1048576", "" },
	/*
	 * A round is shorter here than the scheduler's slice, because the end
	 * of a slice would fall into one of the two functions, round by round.
	 */
	{ "other", "other", 0, ROUND, MS / 2, { 101, 301, 301 }, "16", "" },
	{ "latency", "request", LATENCY, SINGLES, 10 * MS, { 5, 5, 15 },
	  "4 32 4096", "" },
	{ "threads", "request", THREADS, CROWD, 30 * MS, { 9, 25, 15 },
	  "32 32*2 32*8 32*64", "32*4 32*16 32*32" },
	/* A round is as few starts as there can be: 1 ns asks for no more. */
	{ "startup", "startup", 0, ROUND, 1, { 150, 500, 500 }, "1", "" },
	{ "startup", "startup", 0, MEMORY, 1, { 1, 1, 1 }, "1", "" },
};
enum { SECTIONS = sizeof sections / sizeof *sections };

static int by_threads_and_size(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->threads != y->threads)
		return x->threads < y->threads ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

static void points_add(struct plan *p, const char *text)
{
	struct point at;
	char *end;
	int i;

	for (; *text && p->count < POINTS_MAX; text = end) {
		at.size = strtoull(text, &end, 10);
		at.threads = *end == '*' ? (int)strtol(end + 1, &end, 10) : 1;
		if (end == text)
			return;
		for (i = 0; i < p->count; i++)
			if (!by_threads_and_size(&p->points[i], &at))
				break;
		if (i == p->count)
			p->points[p->count++] = at;
	}
	qsort(p->points, (size_t)p->count, sizeof at, by_threads_and_size);
}

static struct plan plans[SECTIONS];
static bool has_goal[SECTIONS];

static void plan(enum effort e)
{
	char name[24], points[200];

	for (int i = 0; i < SECTIONS; i++) {
		const struct section *s = &sections[i];

		plans[i] = (struct plan){
			.section = s->name, .of = s->of, .how = s->how,
			.only = s->flag | (e == FULL ? 0 : SHORT),
			.rounds = s->rounds[e], .ns = s->ns,
		};
		points_add(&plans[i], s->points);
		if (e == FULL)
			points_add(&plans[i], s->more);
	}
	/* A line for each goal: its section, and the points that it names. */
	while (scanf("%23s %199[^\n]", name, points) == 2)
		for (int i = 0; i < SECTIONS; i++) {
			if (strcmp(name, sections[i].name))
				continue;
			points_add(&plans[i], points);
			has_goal[i] = true;
		}
}

static void about(const char *key, const char *text)
{
	printf("# %s\t%s\n", key, text);
}

static void about_system(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], name[256] = "";
	double cpus = (double)sysconf(_SC_NPROCESSORS_ONLN), load = 0;
	time_t now = time(NULL);
	struct utsname u;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "model name%*[^:]: %255[^\n]", name) == 1 ||
		    sscanf(line, "Model%*[^:]: %255[^\n]", name) == 1)
			break;
	if (f)
		fclose(f);
	uname(&u);
	strftime(line, sizeof line, "%Y-%m-%d", localtime(&now));
	about("date", line);
	about("cpu", name[0] ? name : u.machine);
	printf("# cpus\t%.0f\n", cpus);
	printf("# kernel\t%s %s\n", u.release, u.machine);
	printf("# libc\tglibc %s\n", gnu_get_libc_version());
	if (getloadavg(&load, 1) == 1)
		printf("# load\t%.1f at the start%s\n", load, load > cpus / 2 ?
		       ": others are using this machine" : "");
	about("clock", "single calls by " TICK_NAME ", batches by "
	      "CLOCK_MONOTONIC");
}

/* A worker with the library in it tells what the library is like here. */
static void about_library(void)
{
	struct worker w;

	about("library", contender_path("$LIB"));
	if (!worker_start(&w, &contenders[0])) {
		about("tier", w.why);
		return;
	}
	about("tier", w.hello.tier[0] ? w.hello.tier : "unknown");
	about("tier why", w.hello.tier_why);
	about("memory", w.hello.memory);
	about("chacha20", w.hello.chacha20);
	about("hardware", w.hello.hardware);
	worker_end(&w);
}

int main(int argc, char **argv)
{
	size_t worker = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	enum effort e = QUICK;
	bool any = false;

	if (argc == 3 && !strcmp(argv[1], "--worker"))
		return worker < contenders_count ?
			worker_main(&contenders[worker]) : 2;
	while (argc == 3 && e < EFFORTS && strcmp(argv[1], effort_name[e]))
		e++;
	if (argc != 3 || e == EFFORTS) {
		fputs("bench: bench/run calls this program\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	about_system();
	about_library();
	puts("section\tname\tsize\tthreads\tmetric\tvalue");
	plan(e);
	for (int i = 0; i < SECTIONS; i++) {
		if (argv[2][0] && strcmp(argv[2], sections[i].name))
			continue;
		any = true;
		if (e == GOALS && !has_goal[i])
			continue;
		rounds_run(&plans[i]);
		fflush(stdout);
	}
	if (!any)
		fprintf(stderr, "bench: no such section: %s\n", argv[2]);
	return any && !ferror(stdout) ? 0 : 2;
}
