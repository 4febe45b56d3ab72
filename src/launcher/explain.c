/*
 * Who asked for random bytes, and who answered? See explain.h. Every process
 * that has the library counts in one record.
 */
#include "explain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/explain_record.h"
#include "complain.h"
#include "cost.h"
#include "run.h"
#include "variable.h"

static const char *const sources[EXPLAIN_SOURCES] = {
	[EXPLAIN_GETRANDOM] = "getrandom",
	[EXPLAIN_GETENTROPY] = "getentropy",
	[EXPLAIN_ARC4RANDOM] = "arc4random",
	[EXPLAIN_READ] = "read",
	[EXPLAIN_SYSCALL] = "syscall",
	[EXPLAIN_FASTRAND] = "fastrand",
};

static const char *const reasons[FILL_REFUSALS] = {
	[FILL_OFF] = "off",
	[FILL_POINTER] = "pointer",
	[FILL_SMALL] = "small",
	[FILL_HELD] = "held",
	[FILL_SEED] = "seed",
	[FILL_STALE] = "stale",
	[FILL_HARDWARE] = "hardware",
	[FILL_FLAGS] = "flags",
};

/*
 * Makes the record, to which only this user has access, and its path. The
 * record is written in full, because a page for which the disk has no room
 * would kill the processes that count in it.
 */
static int make_record(char **path)
{
	static const struct explain_record empty = {.magic = EXPLAIN_MAGIC};
	const char *folder = getenv("TMPDIR");
	int fd;

	/*
	 * A relative name would not do, because children may change their
	 * working directory.
	 */
	if (!folder || *folder != '/')
		folder = "/tmp";
	if (asprintf(path, "%s/fastrand-explain-XXXXXX", folder) < 0)
		give_up("out of memory");
	fd = mkostemp(*path, O_CLOEXEC);
	if (fd < 0)
		give_up("%s: %s", *path, strerror(errno));
	if (write(fd, &empty, sizeof empty) != sizeof empty) {
		unlink(*path);
		give_up("%s: no room", *path);
	}
	return fd;
}

static uint64_t kernel_of(const struct explain_account *a)
{
	uint64_t sum = 0;

	for (int why = 0; why < FILL_REFUSALS; why++)
		sum += a->kernel[why];
	return sum;
}

static void print_row(const char *name, uint64_t served, uint64_t bytes,
		      uint64_t kernel)
{
	fprintf(stderr,
		"  %-10s %12" PRIu64 " %12" PRIu64 " %14" PRIu64 " %12" PRIu64,
		name, served + kernel, served, bytes, kernel);
}

static void print_account(const char *name, const struct explain_account *a)
{
	const char *comma = "  ";

	print_row(name, a->served, a->bytes, kernel_of(a));
	for (int why = 0; why < FILL_REFUSALS; why++) {
		if (!a->kernel[why])
			continue;
		fprintf(stderr, "%s%s %" PRIu64, comma, reasons[why],
			a->kernel[why]);
		comma = ", ";
	}
	fputc('\n', stderr);
}

static double time_of(const struct cost *c, const struct explain_account *a)
{
	return c->call * (double)a->served + c->byte * (double)a->bytes;
}

/*
 * Returns, in nanoseconds, the time that libc and the kernel would have taken,
 * less the time that the library took.
 */
static double saved_by(enum explain_source source,
		       const struct explain_account *a, const struct costs *c,
		       bool trusted)
{
	double ours = time_of(&c->draw, a);

	if (source == EXPLAIN_READ) {
		if (!trusted)
			ours += c->proof * (double)a->served;
		return time_of(&c->read, a) - ours;
	}
	if (source == EXPLAIN_SYSCALL)
		return time_of(&c->kernel, a) - ours;
	return time_of(&c->libc, a) - ours;
}

static void print_saved(const struct explain_record *r,
			const struct library *l)
{
	struct fastrand_info info = {0};
	struct loaded loaded;
	struct costs costs;
	const char *why;
	bool trusted;
	double saved = 0;

	if (!loaded_open(&loaded, l, &why)) {
		fprintf(stderr, "  time saved: not known (%s)\n", why);
		return;
	}
	cost_find(&loaded, &costs);
	loaded.info(&info, sizeof info);
	trusted = info.descriptors && !strcmp(info.descriptors, "trusted");
	for (int s = 0; s < EXPLAIN_SOURCES; s++)
		saved += saved_by(s, &r->accounts[s], &costs, trusted);
	fprintf(stderr,
		"  time saved: %.3f ms, estimated (16 bytes take %.0f ns here, "
		"%.0f ns by system call)\n",
		saved / 1e6, costs.small, costs.small_kernel);
}

/* False: no program had the library. */
static bool print_programs(const struct explain_record *r)
{
	const char *mark = "fastrand: programs that had the library: ";

	for (int t = TIERS - 1; t >= 0; t--) {
		if (!r->programs[t])
			continue;
		fprintf(stderr, "%s%" PRIu64 " in tier %s", mark,
			r->programs[t], tier_name(t));
		mark = ", ";
	}
	if (*mark != ',')
		return false;
	fprintf(stderr, "; forks of them: %" PRIu64 "\n", r->forks);
	return true;
}

static void print(const struct explain_record *r, const struct library *l)
{
	static char room[BUFSIZ];
	uint64_t served = 0, bytes = 0, kernel = 0;

	/*
	 * The output is buffered, so that it is written in as few calls as
	 * possible, because other programs write to stderr, too.
	 */
	setvbuf(stderr, room, _IOFBF, sizeof room);
	if (!print_programs(r)) {
		complain("the library was in no program that could tell");
		return;
	}
	fprintf(stderr, "  %-10s %12s %12s %14s %12s  %s\n", "source",
		"requests", "served here", "bytes", "to kernel", "because");
	for (int s = 0; s < EXPLAIN_SOURCES; s++) {
		const struct explain_account *a = &r->accounts[s];

		if (!a->served && !kernel_of(a))
			continue;
		print_account(sources[s], a);
		served += a->served;
		bytes += a->bytes;
		kernel += kernel_of(a);
	}
	print_row("all", served, bytes, kernel);
	fputc('\n', stderr);
	print_saved(r, l);
}

int explain_run(char *const command[], const struct library *l)
{
	struct explain_record record;
	char *path;
	int fd = make_record(&path);
	int status;

	variable_set("FASTRAND_EXPLAIN", path);
	status = run_child(command);
	unlink(path);
	if (status < 0)
		give_up("no process for the command");
	if (pread(fd, &record, sizeof record, 0) != sizeof record)
		give_up("%s was cut short", path);
	print(&record, l);
	fflush(stderr);
	free(path);
	close(fd);
	return status;
}
