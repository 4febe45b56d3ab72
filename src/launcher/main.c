/*
 * fastrand: runs a command with the library preloaded; or tells what the
 * library does on this system (--status) or did for a command (--explain).
 *
 *   main.c        the command line
 *   library.c     which library, and how LD_PRELOAD names it
 *   target.c      will it get into the command?  (elf_file.c)
 *   run.c         become the command
 *   status.c      --status
 *   explain.c     --explain
 *   loaded.c      the library in this process: asked and timed
 *   complain.c    one line on stderr
 */
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../include/fastrand.h"
#include "../tier.h"
#include "complain.h"
#include "explain.h"
#include "library.h"
#include "run.h"
#include "status.h"
#include "target.h"

static const char usage[] =
	"usage: fastrand [OPTION...] [--] COMMAND [ARG...]\n"
	"       fastrand [--source TIER] [--trust-fds] --status [--json]\n"
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
	const char *library;
	bool status, json, explain;
};

/* What is set is inherited by the command; and read by our own copy. */
static bool set(const char *name, const char *value)
{
	const char *is = getenv(name);

	if (is && !strcmp(is, value))
		return false;
	if (setenv(name, value, 1) < 0)
		give_up("%s: %s", name, strerror(errno));
	return true;
}

static const char *tier(const char *name)
{
	for (enum tier t = TIER_OFF; t < TIERS; t++)
		if (!strcmp(name, tier_name(t)))
			return name;
	give_up("--source %s: not one of page, call, hardware, kernel, off",
		name);
}

static void print_and_end(const char *text)
{
	fputs(text, stdout);
	exit(fflush(stdout) == 0 ? 0 : EXIT_OURS);
}

/*
 * A library that is in this process already, preloaded, has read the settings
 * that were there at its start. Those asked for now need a new start, without
 * it where that can be had (/etc/ld.so.preload is not ours to undo). The second
 * time nothing is left to change.
 */
static void start_again(char *argv[], bool changed)
{
	changed |= getenv("LD_PRELOAD") != NULL;
	if (!changed || !dlsym(RTLD_DEFAULT, "fastrand_info"))
		return;
	unsetenv("LD_PRELOAD");
	execv("/proc/self/exe", argv);
}

/* Gives the place of COMMAND in argv. */
static int read_options(int argc, char *argv[], struct wishes *w)
{
	enum { SOURCE = 1, TRUST, STATS, STATUS, JSON, EXPLAIN, LIBRARY,
	       VERSION, HELP };
	static const struct option options[] = {
		{"source", required_argument, NULL, SOURCE},
		{"trust-fds", no_argument, NULL, TRUST},
		{"stats", no_argument, NULL, STATS},
		{"status", no_argument, NULL, STATUS},
		{"json", no_argument, NULL, JSON},
		{"explain", no_argument, NULL, EXPLAIN},
		{"library", required_argument, NULL, LIBRARY},
		{"version", no_argument, NULL, VERSION},
		{"help", no_argument, NULL, HELP},
		{NULL, 0, NULL, 0},
	};
	bool changed = false;
	int option;

	/* +: what follows COMMAND is COMMAND's. */
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case SOURCE:
			changed |= set("FASTRAND_SOURCE", tier(optarg));
			break;
		case TRUST:
			changed |= set("FASTRAND_TRUST_FDS", "1");
			break;
		case STATS:
			set("FASTRAND_STATS", "1");
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
			print_and_end("fastrand " FASTRAND_VERSION "\n");
			break;
		case HELP:
			print_and_end(usage);
			break;
		default:
			fprintf(stderr, "Try 'fastrand --help'.\n");
			exit(EXIT_OURS);
		}
	}
	if (w->status)
		start_again(argv, changed);
	return optind;
}

static bool trusted(void)
{
	const char *is = getenv("FASTRAND_TRUST_FDS");

	return is && !strcmp(is, "1");
}

int main(int argc, char *argv[])
{
	struct wishes w = {0};
	char *const *command = argv + read_options(argc, argv, &w);
	struct library library;
	const char *obstacle;

	if (w.json && !w.status)
		give_up("--json goes with --status");
	if (w.status && (w.explain || *command))
		give_up("--status runs no command");
	if (!w.status && !*command)
		give_up("no COMMAND; try 'fastrand --help'");
	library = library_find(w.library);
	if (w.status)
		return status_print(&library, trusted(), w.json);
	obstacle = target_obstacle(*command, &library);
	if (obstacle)
		complain("warning: %s %s", *command, obstacle);
	library_preload(&library);
	return w.explain ? explain_run(command, &library, trusted()) :
			   run(command);
}
