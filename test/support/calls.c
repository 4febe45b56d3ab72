/*
 * calls COMMAND [ARG...]: runs it, and says on stderr how many system calls it
 * and its children made that ask the kernel for random bytes: getrandom, and
 * reads of /dev/random and /dev/urandom. strace can do that too; the
 * demonstration has to work where it is not installed. What malloc asks for
 * inside libc (8 bytes, GRND_NONBLOCK) is not counted: nobody can serve it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long getrandoms, reads;

static int is_device(pid_t pid, unsigned long long fd)
{
	char link[64], path[32];
	ssize_t len;

	snprintf(link, sizeof link, "/proc/%d/fd/%llu", (int)pid, fd);
	len = readlink(link, path, sizeof path - 1);
	if (len < 0)
		return 0;
	path[len] = '\0';
	return !strcmp(path, "/dev/urandom") || !strcmp(path, "/dev/random");
}

static void look(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	switch (info.entry.nr) {
	case SYS_getrandom:
		getrandoms += !(info.entry.args[1] == 8 &&
				info.entry.args[2] == GRND_NONBLOCK);
		break;
	case SYS_read:
	case SYS_readv:
	case SYS_pread64:
	case SYS_preadv:
		/* One of nothing asks for nothing. */
		reads += info.entry.args[2] &&
			 is_device(pid, info.entry.args[0]);
		break;
	}
}

/* Until nobody is left; the first one's status is ours. */
static int follow(pid_t first)
{
	int status, result = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int sig = 0;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == first)
				result = WIFEXITED(status) ?
						 WEXITSTATUS(status) :
						 128 + WTERMSIG(status);
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			look(pid);
		else if (WSTOPSIG(status) != SIGTRAP &&
			 WSTOPSIG(status) != SIGSTOP)
			sig = WSTOPSIG(status);
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)sig);
	}
	return result;
}

int main(int argc, char **argv)
{
	const char *preload = getenv("CALLS_PRELOAD");
	int status;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: calls COMMAND [ARG...]\n");
		return 125;
	}
	pid = fork();
	if (!pid) {
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			perror("calls: ptrace");
		raise(SIGSTOP);
		execvp(argv[1], argv + 1);
		fprintf(stderr, "calls: %s: %s\n", argv[1], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
		perror("calls: cannot trace");
		return 125;
	}
	ptrace(PTRACE_SETOPTIONS, pid, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
		       PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		       PTRACE_O_TRACEEXEC);
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	status = follow(pid);
	fprintf(stderr, "calls: %lu %lu\n", getrandoms, reads);
	return status;
}
