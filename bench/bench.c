/*
 * libfastrand against the kernel, libc and its peers. This file knows the
 * arguments and the order of a run; contenders.h says who takes part,
 * worker.h how they are kept apart, rounds.h how they are timed.
 */
#define BENCH_USAGE \
	"usage: bench [--quick] [--goals] [--lib FILE] [--empty FILE]\n" \
	"             [--out FILE] [--from FILE] [--only SECTION]\n" \
	"\n" \
	"Times libfastrand against the kernel, the vDSO, libc and peers.\n" \
	"\n" \
	"  --quick         about 15 seconds instead of about 90\n" \
	"  --goals         print only the table of goals, in markdown\n" \
	"  --lib FILE      the library (./libfastrand.so)\n" \
	"  --empty FILE    a library of nothing, to compare start-up with\n" \
	"  --out FILE      write the numbers there, tab-separated\n" \
	"  --from FILE     with --goals: take the numbers of an earlier run\n" \
	"  --only SECTION  request, word, keystream, latency, threads,\n" \
	"                  urandom, other or startup\n"

#include "contenders.h"
#include "results.h"
#include "rounds.h"
#include "startup.h"
#include "table.h"
#include "timing.h"
#include "worker.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <gnu/libc-version.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* How much of everything. */
struct effort {
	int only;		/* flags of contenders; 0: all */
	const uint64_t *sizes;	/* of requests */
	int rounds, other_rounds, crowd_rounds, single_rounds, spawns;
	const int *threads;
};

static const uint64_t short_sizes[] = { 4, 32, 4096, 1 << 20, 0 };
static const int short_threads[] = { 1, 2, 8, 64, 0 };

static const struct effort quick = {
	SHORT, short_sizes, 31, 41, 9, 5, 300, short_threads
};
static const struct effort goals = {
	SHORT, short_sizes, 61, 101, 25, 5, 1000, short_threads
};
static const struct effort full = {
	0, request_sizes, 17, 101, 15, 15, 1000, thread_counts
};

enum {
	ROUND_NS = 2000000,
	CROWD_NS = 30000000,
	SINGLES_NS = 10000000,
};

static void plan_sizes(struct plan *p, const uint64_t *sizes)
{
	memset(p->sizes, 0, sizeof p->sizes);
	for (int i = 0; sizes[i] && i < SIZES_MAX; i++)
		p->sizes[i] = sizes[i];
}

static void measure_times(enum section s, const struct effort *e,
			  const uint64_t *sizes)
{
	struct plan p = { .only = e->only, .rounds = e->rounds,
			  .ns = ROUND_NS };

	plan_sizes(&p, sizes);
	rounds_times(s, &p);
}

static void measure_request(const struct effort *e)
{
	measure_times(REQUEST, e, e->sizes);
}

static void measure_word(const struct effort *e)
{
	static const uint64_t four[] = { 4, 0 };

	measure_times(WORD, e, four);
}

static void measure_keystream(const struct effort *e)
{
	measure_times(KEYSTREAM, e, keystream_sizes);
}

static void measure_urandom(const struct effort *e)
{
	measure_times(URANDOM, e, urandom_sizes);
}

static void measure_other(const struct effort *e)
{
	struct plan p = { .only = e->only, .rounds = e->other_rounds,
			  .ns = ROUND_NS, .sizes = { OTHER_SIZE } };

	for (int s = OTHER_NULL; s <= OTHER_PIPE; s++)
		rounds_times((enum section)s, &p);
}

static void measure_latency(const struct effort *e)
{
	struct plan p = { .only = e->only, .rounds = e->single_rounds,
			  .ns = SINGLES_NS };

	plan_sizes(&p, latency_sizes);
	rounds_latency(&p);
}

static void measure_threads(const struct effort *e)
{
	struct plan p = { .only = e->only, .rounds = e->crowd_rounds,
			  .ns = CROWD_NS, .sizes = { THREADS_SIZE } };

	for (int i = 0; e->threads[i]; i++)
		p.threads[i] = e->threads[i];
	rounds_threads(&p);
}

static const char *empty_path;

static void measure_startup(const struct effort *e)
{
	startup_measure(empty_path, e->spawns);
}

static const struct {
	const char *name;
	void (*measure)(const struct effort *);
	void (*print)(void);
} parts[] = {
	{ "request", measure_request, table_requests },
	{ "word", measure_word, table_words },
	{ "keystream", measure_keystream, table_keystream },
	{ "urandom", measure_urandom, table_urandom },
	{ "other", measure_other, table_others },
	{ "latency", measure_latency, table_latency },
	{ "threads", measure_threads, table_threads },
	{ "startup", measure_startup, table_startup },
};
enum { PARTS = sizeof parts / sizeof *parts };

static void about_cpu(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], name[256] = "", text[16];
	struct utsname u;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "model name%*[^:]: %255[^\n]", name) == 1 ||
		    sscanf(line, "Model%*[^:]: %255[^\n]", name) == 1)
			break;
	if (f)
		fclose(f);
	uname(&u);
	about_set("cpu", name[0] ? name : u.machine);
	snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	about_set("cpus", text);
	snprintf(line, sizeof line, "%.64s %.64s", u.release, u.machine);
	about_set("kernel", line);
}

static void about_load(void)
{
	double load[1] = { 0 };
	char text[96];
	double cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);

	if (getloadavg(load, 1) != 1)
		return;
	snprintf(text, sizeof text, "%.1f%s", load[0], load[0] > cpus / 2 ?
		 " at the start: others are using this machine" :
		 " at the start");
	about_set("load", text);
}

/* A worker of each kind of loading tells what the library is like here. */
static void about_library(void)
{
	struct worker w;

	about_set("library", library_path);
	if (!worker_start(&w, &contenders[0])) {
		about_set("tier", w.why);
		return;
	}
	about_set("tier", w.hello.tier[0] ? w.hello.tier : "unknown");
	about_set("tier why", w.hello.tier_why);
	about_set("memory", w.hello.memory);
	about_set("chacha20", w.hello.chacha20[0] ? w.hello.chacha20 :
		  keystream_best());
	about_set("hardware", w.hello.hardware);
	worker_end(&w);
}

static void about_all(void)
{
	time_t now = time(NULL);
	char text[64];

	strftime(text, sizeof text, "%Y-%m-%d", localtime(&now));
	about_set("date", text);
	about_cpu();
	snprintf(text, sizeof text, "glibc %s", gnu_get_libc_version());
	about_set("libc", text);
	about_library();
	about_load();
	snprintf(text, sizeof text, "single calls by %s, batches by "
		 "CLOCK_MONOTONIC", tick_name());
	about_set("clock", text);
}

static int bad_argument(const char *what, const char *arg)
{
	fprintf(stderr, "bench: %s%s (bench --help)\n", what, arg);
	return 2;
}

struct arguments {
	bool quick, goals;
	const char *library, *out, *from, *only;
};

static char *existing(const char *path)
{
	char *p = realpath(path, NULL);

	if (!p)
		err(2, "%s", path);
	return p;
}

static int run(const struct arguments *a)
{
	const struct effort *e = a->quick ? &quick : a->goals ? &goals : &full;

	library_path = existing(a->library);
	if (empty_path)
		empty_path = existing(empty_path);
	about_all();
	/* Better to hear of a bad path now than at the end of the run. */
	if (a->out && !results_save(a->out))
		err(2, "%s", a->out);
	if (!a->goals)
		table_head();
	if (!a->goals && !a->only) {
		measure_request(&quick);
		measure_word(&quick);
		table_ratios();
		fflush(stdout);
	}
	for (int i = 0; i < PARTS; i++) {
		if (a->only && strcmp(a->only, parts[i].name))
			continue;
		/* The ratios were these two already. */
		if (!a->goals && !a->only && a->quick && i < 2)
			continue;
		notes_clear(parts[i].name);
		parts[i].measure(e);
		if (!a->goals)
			parts[i].print();
		fflush(stdout);
	}
	if (a->goals || !a->only) {
		if (!a->goals)
			puts("\nNumbers to reach\n");
		goals_print();
	}
	if (a->out && !results_save(a->out))
		err(1, "%s", a->out);
	return 0;
}

static int run_worker(int argc, char **argv)
{
	size_t i = argc == 4 ? strtoul(argv[2], NULL, 10) : contenders_count;

	if (i >= contenders_count)
		return bad_argument("--worker is for bench itself", "");
	library_path = argv[3];
	return worker_main(&contenders[i]);
}

static int known_part(const char *name)
{
	for (int i = 0; i < PARTS; i++)
		if (!strcmp(name, parts[i].name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "quick", 0, NULL, 'q' }, { "goals", 0, NULL, 'g' },
		{ "lib", 1, NULL, 'l' },   { "empty", 1, NULL, 'e' },
		{ "out", 1, NULL, 'o' },   { "from", 1, NULL, 'f' },
		{ "only", 1, NULL, 'O' },  { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments a = { .library = "./libfastrand.so" };
	int c;

	if (argc > 1 && !strcmp(argv[1], "--worker"))
		return run_worker(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'q': a.quick = true; break;
		case 'g': a.goals = true; break;
		case 'l': a.library = optarg; break;
		case 'e': empty_path = optarg; break;
		case 'o': a.out = optarg; break;
		case 'f': a.from = optarg; break;
		case 'O': a.only = optarg; break;
		case 'h': fputs(BENCH_USAGE, stdout); return 0;
		case ':':
			return bad_argument("nothing follows ",
					    argv[optind - 1]);
		default:
			return bad_argument("no such option: ",
					    argv[optind - 1]);
		}
	}
	if (optind < argc)
		return bad_argument("what is this? ", argv[optind]);
	if (a.only && !known_part(a.only))
		return bad_argument("no such section: ", a.only);
	if (a.from && !a.goals)
		return bad_argument("--from goes with --goals", "");
	if (a.from) {
		if (!results_load(a.from))
			err(2, "%s", a.from);
		goals_print();
		return 0;
	}
	return run(&a);
}
