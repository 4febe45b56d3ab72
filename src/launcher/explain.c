/*
 * Who asked for random bytes, and who answered? Every process that has the
 * library adds its own lines to a file when it ends.
 */
#include "explain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "complain.h"
#include "loaded.h"
#include "run.h"
#include "tally.h"

enum { DIED_OF_SIGNAL = 128 };

/* Ends with the path of an empty file that only we may read. */
static int make_file(char **path)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	/* Children may be anywhere: a relative name would not do. */
	if (!folder || *folder != '/')
		folder = "/tmp";
	if (asprintf(path, "%s/fastrand-explain-XXXXXX", folder) < 0)
		give_up("out of memory");
	fd = mkostemp(*path, O_CLOEXEC);
	if (fd < 0)
		give_up("%s: %s", *path, strerror(errno));
	return fd;
}

/*
 * The keys of the terminal are the command's business: it may live on, and what
 * it drew is told in any case.
 */
static int wait_for(pid_t child)
{
	int status;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_OURS;
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	return WIFSIGNALED(status) ? DIED_OF_SIGNAL + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void print_counts(const struct tally_count *counts, size_t places,
			 const char *format)
{
	const char *comma = "";

	for (size_t i = 0; i < places && *counts[i].name; i++) {
		fputs(comma, stderr);
		/* Each format has a %s and a number; cppcheck sees another. */
		/* cppcheck-suppress wrongPrintfScanfArgNum */
		fprintf(stderr, format, counts[i].name, counts[i].times);
		comma = ", ";
	}
}

static void print_source(const struct tally_source *s)
{
	fprintf(stderr,
		"  %-10s %12" PRIu64 " %12" PRIu64 " %14" PRIu64 " %12" PRIu64,
		s->name, s->served + s->kernel, s->served, s->bytes, s->kernel);
	if (*s->reasons[0].name) {
		fputs("  ", stderr);
		print_counts(s->reasons, TALLY_REASONS, "%s %" PRIu64);
	}
	fputc('\n', stderr);
}

static double time_of(const struct cost *c, const struct tally_source *s)
{
	return c->call * (double)s->served + c->byte * (double)s->bytes;
}

/* In nanoseconds: what libc and the kernel would have taken, less our time. */
static double saved_by(const struct tally_source *s, const struct costs *c,
		       bool trusted)
{
	double ours = time_of(&c->draw, s);

	if (!strcmp(s->name, "read")) {
		if (!trusted)
			ours += c->proof * (double)s->served;
		return time_of(&c->read, s) - ours;
	}
	if (!strcmp(s->name, "syscall"))
		return time_of(&c->kernel, s) - ours;
	return time_of(&c->libc, s) - ours;
}

static void print_saved(const struct tally *t, const struct library *l,
			bool trusted)
{
	struct loaded loaded;
	struct costs costs;
	const char *why;
	double saved = 0;

	if (!loaded_open(&loaded, l, &why)) {
		fprintf(stderr, "  time saved: not known (%s)\n", why);
		return;
	}
	loaded_time(&loaded, &costs);
	for (size_t i = 0; i < TALLY_SOURCES && *t->sources[i].name; i++)
		saved += saved_by(&t->sources[i], &costs, trusted);
	fprintf(stderr,
		"  time saved: %.3f ms, estimated (16 bytes take %.0f ns here, "
		"%.0f ns by system call)\n",
		saved > 0 ? saved / 1e6 : 0, costs.small, costs.small_kernel);
}

static void print(const struct tally *t, const struct library *l, bool trusted)
{
	struct tally_source all = {.name = "all"};

	if (t->odd)
		complain("%" PRIu64 " lines were not understood", t->odd);
	if (!t->processes) {
		complain("no process told what it drew: the library was in "
			 "none of them, or none ended by exit");
		return;
	}
	fprintf(stderr, "fastrand: %zu process%s told what they drew; tier ",
		t->processes, t->processes == 1 ? "" : "es");
	print_counts(t->tiers, TALLY_TIERS, "%s (%" PRIu64 ")");
	fprintf(stderr, "\n  %-10s %12s %12s %14s %12s  %s\n", "source",
		"requests", "served here", "bytes", "to kernel", "because");
	for (size_t i = 0; i < TALLY_SOURCES && *t->sources[i].name; i++) {
		const struct tally_source *s = &t->sources[i];

		print_source(s);
		all.served += s->served;
		all.bytes += s->bytes;
		all.kernel += s->kernel;
	}
	print_source(&all);
	print_saved(t, l, trusted);
}

static void tell(int fd, const struct library *l, bool trusted)
{
	FILE *file = fdopen(fd, "r");
	struct tally t = {0};

	if (!file || !tally_read(&t, file))
		give_up("out of memory");
	fclose(file);
	print(&t, l, trusted);
	free(t.pids);
}

int explain_run(char *const command[], const struct library *l, bool trusted)
{
	char *path;
	int fd = make_file(&path);
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (setenv("FASTRAND_EXPLAIN", path, 1) < 0)
			_exit(EXIT_OURS);
		_exit(run(command));
	}
	if (child < 0) {
		unlink(path);
		give_up("fork: %s", strerror(errno));
	}
	status = wait_for(child);
	unlink(path);
	free(path);
	tell(fd, l, trusted);
	return status;
}
