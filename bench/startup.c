/*
 * What does it cost a program that needs no randomness to be preloaded? The
 * contender runs /bin/true and says what memory it has when it exits.
 */
#include "contenders.h"

#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOKS = 40, TEXT_MAX = 4200 };

static char program[] = "/bin/true";
static char preload[2][TEXT_MAX];
static char *arguments[] = { program, NULL };
static char *with[] = { preload[0], NULL }, *without[] = { preload[1], NULL };

static void preload_set(char *environment[2], const char *library)
{
	if (*library)
		snprintf(environment[0], TEXT_MAX, "LD_PRELOAD=%s", library);
	else
		environment[0] = NULL;
}

/*
 * The contender's setting is PRELOAD: "$LIB", "$EMPTY" or nothing. Ours is
 * compared with the empty library, and that one with nothing.
 */
const char *startup_setup(const struct contender *self)
{
	const char *library = contender_path("$PRELOAD");

	(void)self;
	preload_set(with, contender_path(library));
	preload_set(without, strcmp(library, "$EMPTY") ?
		    contender_path("$EMPTY") : "");
	return NULL;
}

static uint64_t start(char *environment[2], uint64_t n)
{
	uint64_t bad = 0;
	int status;
	pid_t pid;

	while (n--)
		bad += posix_spawn(&pid, program, NULL, NULL, arguments,
				   environment) ||
		       waitpid(pid, &status, 0) != pid || status;
	return bad;
}

uint64_t startup_run(uint8_t *buf, size_t len, uint64_t n)
{
	(void)buf;
	(void)len;
	return start(with, n);
}

uint64_t startup_baseline(uint8_t *buf, size_t len, uint64_t n)
{
	(void)buf;
	(void)len;
	return start(without, n);
}

/*
 * Adds the KiB of pages that this process has written to, and the KiB
 * resident. (Private_Dirty would count the file's pages, too, as long as a
 * library just built is not on the disk yet.)
 */
static void read_smaps(pid_t pid, double *dirty, double *resident)
{
	char line[512];
	double kib;
	FILE *f;

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
 * The program is stopped where it exits, after its destructors, because its
 * memory is at its fullest then, and still there.
 */
static bool look(double *dirty, double *resident)
{
	bool seen = false;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(126);
		raise(SIGSTOP);
		execve(program, arguments, with);
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

/* Means: the stack begins at a random place, and so in two or four pages. */
int startup_memory(double *dirty_pages, double *resident_kib)
{
	double page_kib = (double)sysconf(_SC_PAGESIZE) / 1024;
	double dirty = 0, resident = 0;

	for (int i = 0; i < LOOKS; i++)
		if (!look(&dirty, &resident))
			return 0;
	*dirty_pages = dirty / page_kib / LOOKS;
	*resident_kib = resident / LOOKS;
	return 1;
}
