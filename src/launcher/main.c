/*
 * fastrand runs a command with the library preloaded, or prints what the
 * library does on this system (--status) or did for a command (--explain).
 *
 *   main.c        the command line
 *   library.c     which library?                 (self.c)
 *   target.c      will it be loaded?             (elf_file.c, script.c)
 *   preload.c     how does LD_PRELOAD name it?   (variable.c)
 *   run.c         replaces this process by the command
 *   status.c      --status                       (json.c)
 *   explain.c     --explain
 *   loaded.c      loads the library into this process
 *   cost.c        how long do requests take?
 *   complain.c    one line on stderr
 */
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fastrand.h"
#include "source/tier.h"
#include "complain.h"
#include "explain.h"
#include "library.h"
#include "preload.h"
#include "run.h"
#include "self.h"
#include "status.h"
#include "target.h"
#include "variable.h"

static const char usage[] =
	"usage: fastrand [OPTION...] [--] COMMAND [ARG...]\n"
	"       fastrand [--source TIER] [--trust-fds] [--library FILE]\n"
	"                --status [--json]\n"
	"\n"
	"Runs COMMAND with its random bytes made in its own process.\n"
	"\n"
	"  --source TIER   page, call, hardware, kernel or off: no better one\n"
	"  --trust-fds     do not prove a descriptor at each read\n"
	"  --stats         each process reports on stderr at its end\n"
	"  --explain       tell afterwards what was asked and who answered\n"
	"  --library FILE  preload this libfastrand.so\n"
	"  --status        what this system offers and what is used of it;\n"
	"                  exit status 0 in tier page or call, else 1\n"
	"  --json          the same for machines\n"
	"  --version       print the version\n"
	"  --help          print this\n"
	"\n"
	"Exit status: COMMAND's; 125 if fastrand fails, 126 if COMMAND cannot\n"
	"be run, 127 if it is not found. See fastrand(1), libfastrand(7).\n";

struct wishes {
	const char *library, *source;
	bool trust, stats, status, json, explain;
};

static const char *tier(const char *name)
{
	for (enum tier t = TIER_OFF; t < TIERS; t++)
		if (!strcmp(name, tier_name(t)))
			return name;
	give_up("--source '%s': not one of page, call, hardware, kernel, off",
		name);
}

static int print(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
		give_up("stdout: %s", strerror(errno));
	return 0;
}

/*
 * A library that is already preloaded into this process has read the settings
 * that were there at its start. The settings that are asked for now take effect
 * only if this program is started again, without that library where possible
 * (we cannot undo /etc/ld.so.preload). The second time nothing changes any
 * more, so it goes on.
 */
static void start_again(char *argv[], bool changed)
{
	char self[PATH_MAX];

	changed |= getenv("LD_PRELOAD") != NULL;
	if (!changed || !dlsym(RTLD_DEFAULT, "fastrand_info"))
		return;
	unsetenv("LD_PRELOAD");
	if (self_find(self))
		execv(self, argv);
	give_up("cannot start without the library that is preloaded here");
}

enum { SOURCE = 1, TRUST, STATS, STATUS, JSON, EXPLAIN, LIBRARY, VERSION,
       HELP };

static const struct option options[] = {
	{"source", required_argument, NULL, SOURCE},
	{"trust-fds", no_argument, NULL, TRUST},
	{"stats", no_argument, NULL, STATS},
	{"explain", no_argument, NULL, EXPLAIN},
	{"library", required_argument, NULL, LIBRARY},
	{"status", no_argument, NULL, STATUS},
	{"json", no_argument, NULL, JSON},
	{"version", no_argument, NULL, VERSION},
	{"help", no_argument, NULL, HELP},
	{NULL, 0, NULL, 0},
};

/*
 * Says in our words what getopt found wrong: with the value of an option, or
 * with a word that is no option.
 */
static void __attribute__((noreturn)) misused(int how, const char *word)
{
	char brief[] = "-?";

	for (const struct option *o = options; o->name; o++)
		if (o->val == optopt)
			give_up("--%s takes %s value; see 'fastrand --help'",
				o->name, how == ':' ? "a" : "no");
	/* It is a letter of a group (-abc), so word may be the word before. */
	if (optopt) {
		brief[1] = (char)optopt;
		word = brief;
	}
	give_up("'%s' is not one of fastrand's options: --source, --trust-fds, "
		"--stats, --explain, --library, --status, --json, --version, "
		"--help", word);
}

/* Returns the index of COMMAND in argv. */
static int read_options(int argc, char *argv[], struct wishes *w)
{
	int option;

	opterr = 0;
	/* With "+" the options after COMMAND are left to COMMAND. */
	while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (option) {
		case SOURCE:
			w->source = tier(optarg);
			break;
		case TRUST:
			w->trust = true;
			break;
		case STATS:
			w->stats = true;
			break;
		case STATUS:
			w->status = true;
			break;
		case JSON:
			w->json = true;
			break;
		case EXPLAIN:
			w->explain = true;
			break;
		case LIBRARY:
			w->library = optarg;
			break;
		case VERSION:
			exit(print("fastrand " FASTRAND_VERSION "\n"));
		case HELP:
			exit(print(usage));
		default:
			misused(option, argv[optind - 1]);
		}
	}
	if (w->json && !w->status)
		give_up("--json goes with --status");
	if (w->status && (w->explain || w->stats || argv[optind]))
		give_up("--status runs no COMMAND: there is nothing to report "
			"or explain");
	if (!w->status && !argv[optind])
		give_up("no COMMAND; try 'fastrand --help'");
	return optind;
}

/* Returns whether a variable has changed. */
static bool set_variables(const struct wishes *w)
{
	bool changed = false;

	if (w->source)
		changed |= variable_set("FASTRAND_SOURCE", w->source);
	if (w->trust)
		changed |= variable_set("FASTRAND_TRUST_FDS", "1");
	if (w->stats)
		changed |= variable_set("FASTRAND_STATS", "1");
	return changed;
}

int main(int argc, char *argv[])
{
	struct wishes w = {0};
	char *const *command = argv + read_options(argc, argv, &w);
	bool changed = set_variables(&w);
	struct library library;
	struct target target;

	if (w.status)
		start_again(argv, changed);
	library = library_find(w.library);
	if (w.status)
		return status_print(&library, w.json);
	target = target_look(*command, &library);
	if (target.obstacle)
		complain("warning: %s %s", *command, target.obstacle);
	if (!target.must_not)
		preload(&library);
	return w.explain ? explain_run(command, &library) : run(command);
}
