/* /bin/true, many times over; and a look into its memory as it exits. */
#include "startup.h"
#include "contenders.h"
#include "results.h"
#include "rounds.h"
#include "timing.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KINDS = 3, TURNS_MAX = 2000, LOOKS = 40, TEXT_MAX = 4200 };

static const char *const kind_name[KINDS] = { "nothing", "empty", "ours" };

static char program[] = "/bin/true";

/* The environment of a kind: LD_PRELOAD or nothing at all. */
static char **environment_of(const char *library)
{
	static char preload[TEXT_MAX];
	static char *e[2];

	e[0] = NULL;
	if (library) {
		snprintf(preload, sizeof preload, "LD_PRELOAD=%s", library);
		e[0] = preload;
	}
	return e;
}

/* Microseconds from asking for the process to its end; negative: failed. */
static double run_once(const char *library)
{
	char *argv[] = { program, NULL };
	char **e = environment_of(library);
	uint64_t start = now_ns();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, argv, e))
		return -1;
	if (waitpid(pid, &status, 0) != pid || status)
		return -1;
	return (double)(now_ns() - start) / 1000;
}

/*
 * Sums over smaps: KiB of pages that this process has written to, KiB
 * resident. (Private_Dirty would count the file's pages, too, as long as a
 * library just built is not on the disk yet.)
 */
static void read_smaps(pid_t pid, double *dirty, double *resident)
{
	char line[512];
	double kib;
	FILE *f;

	*dirty = *resident = 0;
	snprintf(line, sizeof line, "/proc/%d/smaps", (int)pid);
	f = fopen(line, "re");
	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "Anonymous: %lf", &kib) == 1)
			*dirty += kib;
		else if (sscanf(line, "Rss: %lf", &kib) == 1)
			*resident += kib;
	}
	fclose(f);
}

/*
 * The program is stopped where it exits, after its destructors: its memory is
 * at its fullest then, and still there.
 */
static bool memory_of(const char *library, double *dirty, double *resident)
{
	char *argv[] = { program, NULL };
	char **e = environment_of(library);
	bool seen = false;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(126);
		raise(SIGSTOP);
		execve(program, argv, e);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT |
	       PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, 0, 0);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
			read_smaps(pid, dirty, resident);
			seen = *resident > 0;
		}
		ptrace(PTRACE_CONT, pid, 0, 0);
	}
	return seen;
}

static double difference(const double *a, const double *b, int n)
{
	static double d[TURNS_MAX];

	for (int i = 0; i < n; i++)
		d[i] = a[i] - b[i];
	return median(d, (size_t)n);
}

static void report_times(double us[KINDS][TURNS_MAX], int n, bool with_empty)
{
	/* The differences first: a median sorts. */
	double ours = difference(us[2], us[0], n);
	double empty = difference(us[1], us[0], n);
	double over = difference(us[2], us[1], n);

	result_add("startup", "ours", 0, 0, "over_nothing_us", ours);
	if (with_empty) {
		result_add("startup", "empty", 0, 0, "over_nothing_us", empty);
		result_add("startup", "ours", 0, 0, "over_empty_us", over);
	}
	for (int k = 0; k < KINDS; k++) {
		if (k == 1 && !with_empty)
			continue;
		result_add("startup", kind_name[k], 0, 0, "us",
			   median(us[k], (size_t)n));
		result_add("startup", kind_name[k], 0, 0, "best_us", us[k][0]);
	}
}

/* Means: the stack begins at a random place, and so in two or four pages. */
static bool report_memory(int k, const char *library)
{
	double page = (double)sysconf(_SC_PAGESIZE);
	double dirty = 0, resident = 0, d, r;

	for (int i = 0; i < LOOKS; i++) {
		if (!memory_of(library, &d, &r))
			return false;
		dirty += d / LOOKS;
		resident += r / LOOKS;
	}
	result_add("startup", kind_name[k], 0, 0, "dirty_pages",
		   dirty * 1024 / page);
	result_add("startup", kind_name[k], 0, 0, "resident_kib", resident);
	return true;
}

void startup_measure(const char *empty, int n)
{
	static double us[KINDS][TURNS_MAX];
	const char *libraries[KINDS] = { NULL, empty, library_path };

	if (n > TURNS_MAX)
		n = TURNS_MAX;
	if (!empty)
		note("startup", "no empty library given (--empty FILE): "
		     "ours is compared with no preload only");
	for (int i = -3; i < n; i++) {
		for (int j = 0; j < KINDS; j++) {
			int k = i % 2 ? KINDS - 1 - j : j;
			double t = k == 1 && !empty ? 0 :
				   run_once(libraries[k]);

			if (t < 0) {
				note("startup", "%s: %s FAILED", kind_name[k],
				     program);
				return;
			}
			if (i >= 0)
				us[k][i] = t;
		}
	}
	report_times(us, n, empty != NULL);
	for (int k = 0; k < KINDS; k++) {
		if (k == 1 && !empty)
			continue;
		if (!report_memory(k, libraries[k])) {
			note("startup", "memory not measured: %s could not be "
			     "traced", program);
			return;
		}
	}
}
