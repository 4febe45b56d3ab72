/*
 * How is the command run: in place of this process, or as its child? See run.h.
 */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "complain.h"
#include "target.h"

enum { DIED_OF_SIGNAL = 128 };

int run(char *const command[])
{
	const char *name = *command[0] ? command[0] : "''";
	char path[PATH_MAX];
	int why;

	execvp(command[0], command);
	why = errno;
	if (why == ENOENT && target_find(command[0], path))
		complain("%s: is there, but not the program that has to load "
			 "or run it",
			 name);
	else
		complain("%s: %s", name, strerror(why));
	return why == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}

static volatile pid_t child;

static void pass_on(int signal)
{
	int saved = errno;

	kill(child, signal);
	errno = saved;
}

/* What this process does with signals while the command runs. */
static const struct disposition {
	int signal;
	void (*handler)(int);
} dispositions[] = {
	{SIGINT, SIG_IGN},	/* keys: the command gets them, too */
	{SIGQUIT, SIG_IGN},
	{SIGTERM, pass_on},	/* meant for the command */
	{SIGHUP, pass_on},
	{SIGUSR1, pass_on},
	{SIGUSR2, pass_on},
	{SIGALRM, pass_on},
	{SIGCHLD, SIG_DFL},	/* if ignored, no exit status is kept */
};

enum { DISPOSITIONS = sizeof dispositions / sizeof *dispositions };

static struct sigaction before[DISPOSITIONS];

static void set_dispositions(void)
{
	for (int i = 0; i < DISPOSITIONS; i++) {
		struct sigaction now = {.sa_handler = dispositions[i].handler};

		sigaction(dispositions[i].signal, NULL, &before[i]);
		/* A signal that is ignored stays so, as under nohup. */
		if (now.sa_handler != pass_on ||
		    before[i].sa_handler != SIG_IGN)
			sigaction(dispositions[i].signal, &now, NULL);
	}
}

static void restore_dispositions(void)
{
	for (int i = 0; i < DISPOSITIONS; i++)
		sigaction(dispositions[i].signal, &before[i], NULL);
}

/*
 * Our handlers are in place only while there is a child to which they can pass
 * a signal. They are installed and removed while signals are blocked, and the
 * process id of a child that has ended is not used again before the child is
 * reaped.
 */
int run_child(char *const command[])
{
	sigset_t all, mask;
	siginfo_t ended;
	int status = 0, got;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	set_dispositions();
	child = fork();
	if (child <= 0)
		restore_dispositions();
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (child == 0)
		_exit(run(command));
	if (child < 0)
		return -1;
	do
		got = waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT);
	while (got < 0 && errno == EINTR);
	sigprocmask(SIG_BLOCK, &all, NULL);
	restore_dispositions();
	waitpid(child, &status, 0);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (got < 0)
		return -1;
	return WIFSIGNALED(status) ? DIED_OF_SIGNAL + WTERMSIG(status) :
				     WEXITSTATUS(status);
}
