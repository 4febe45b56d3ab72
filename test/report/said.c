/*
 * The report at exit harms nobody: it goes to the file that stderr was at the start,
 * or nowhere, and no signal of its writing reaches the program.
 */
#include "support/draws.h"

#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>

/* Becomes a program that draws, speaks at its end if it can, and ends well. */
static void become_a_speaker(const char *role)
{
	setenv("FASTRAND_STATS", "1", 1);
	execl("/proc/self/exe", "said", role, NULL);
	_exit(2);
}

static void draws(void)
{
	uint8_t bytes[600];

	by_getrandom(bytes, sizeof bytes);
}

static int temporary(char *path)
{
	int fd;

	strcpy(path, "/tmp/fastrand-said-XXXXXX");
	fd = mkstemp(path);
	expect(fd >= 0);
	return fd;
}

static void expect_length(const char *path, bool empty)
{
	struct stat is;

	expect(stat(path, &is) == 0 && (is.st_size == 0) == empty);
	expect(unlink(path) == 0);
}

static void a_file_has_the_report(void)
{
	char path[64];
	int fd = temporary(path);
	pid_t child = fork();

	if (!child) {
		dup2(fd, STDERR_FILENO);
		become_a_speaker("draws");
	}
	reap(child);
	expect_length(path, false);
}

static void a_reader_that_is_gone_ends_nobody(void)
{
	int ends[2];
	pid_t child;

	expect(pipe(ends) == 0);
	child = fork();
	if (!child) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		become_a_speaker("draws");
	}
	close(ends[0]);
	close(ends[1]);
	reap(child);
}

static void a_limit_on_files_ends_nobody(void)
{
	struct rlimit none = {0, 0};
	char path[64];
	int fd = temporary(path);
	pid_t child = fork();

	if (!child) {
		dup2(fd, STDERR_FILENO);
		setrlimit(RLIMIT_FSIZE, &none);
		become_a_speaker("draws");
	}
	reap(child);
	expect_length(path, true);
}

/* What opened the lowest number that was free does not know who else writes. */
static void opens_another_file_as_stderr(void)
{
	draws();
	close(STDERR_FILENO);
	expect(open(getenv("ANOTHER"), O_RDWR) == STDERR_FILENO);
}

static void another_file_is_not_written_to(void)
{
	char path[64];
	int fd = temporary(path);
	pid_t child = fork();

	if (!child) {
		setenv("ANOTHER", path, 1);
		become_a_speaker("opens_another_file_as_stderr");
	}
	close(fd);
	reap(child);
	expect_length(path, true);
}

static void without_stderr_nothing_is_said(void)
{
	char path[64];
	int fd = temporary(path);
	pid_t child = fork();

	if (!child) {
		close(STDERR_FILENO);
		setenv("ANOTHER", path, 1);
		become_a_speaker("opens_another_file_as_stderr");
	}
	close(fd);
	reap(child);
	expect_length(path, true);
}

/* In a session of its own, whose terminal stops background jobs that write. */
static void job(void)
{
	struct termios mode;
	int status = -1;
	pid_t child;

	expect(tcgetattr(0, &mode) == 0);
	mode.c_lflag |= TOSTOP;
	expect(tcsetattr(0, TCSANOW, &mode) == 0);
	child = fork();
	if (!child) {
		setpgid(0, 0);
		become_a_speaker("draws");
	}
	setpgid(child, child);
	expect(waitpid(child, &status, WUNTRACED) == child);
	if (WIFSTOPPED(status))
		kill(child, SIGKILL);
	_exit(!WIFEXITED(status) || WEXITSTATUS(status));
}

static void a_background_job_is_not_stopped(void)
{
	char said[4096];
	int terminal;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	if (!child)
		job();
	expect(child > 0);
	while (read(terminal, said, sizeof said) > 0)
		;
	reap(child);
}

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		APART(a_file_has_the_report),
		APART(a_reader_that_is_gone_ends_nobody),
		APART(a_limit_on_files_ends_nobody),
		APART(another_file_is_not_written_to),
		APART(without_stderr_nothing_is_said),
		APART(a_background_job_is_not_stopped),
	};
	static const struct promise roles[] = {
		HERE(draws),
		HERE(opens_another_file_as_stderr),
	};

	if (!draws_begin())
		return 2;
	if (count == 2)
		return promise_executed(arguments[1], roles, COUNT(roles));
	return promises_keep("said", promises, COUNT(promises));
}
