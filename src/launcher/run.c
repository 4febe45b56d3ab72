/*
 * Become the command, or have a child that does.
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

/* What we do with signals while the command runs. */
static const struct manner {
	int signal;
	void (*handler)(int);
} manners[] = {
	{SIGINT, SIG_IGN},	/* keys: the terminal tells the command, too */
	{SIGQUIT, SIG_IGN},
	{SIGTERM, pass_on},	/* who ends us means the command */
	{SIGHUP, pass_on},
	{SIGCHLD, SIG_DFL},	/* ignored, it takes the exit status with it */
};

enum { MANNERS = sizeof manners / sizeof *manners };

static struct sigaction before[MANNERS];

static void take_manners(void)
{
	for (int i = 0; i < MANNERS; i++) {
		struct sigaction now = {.sa_handler = manners[i].handler};

		sigaction(manners[i].signal, NULL, &before[i]);
		/* As under nohup. */
		if (now.sa_handler != pass_on ||
		    before[i].sa_handler != SIG_IGN)
			sigaction(manners[i].signal, &now, NULL);
	}
}

static void drop_manners(void)
{
	for (int i = 0; i < MANNERS; i++)
		sigaction(manners[i].signal, &before[i], NULL);
}

int run_child(char *const command[])
{
	sigset_t all, mask;
	int status;

	/* No signal finds us between our manners and a child to pass it to. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	take_manners();
	child = fork();
	if (child == 0) {
		drop_manners();
		sigprocmask(SIG_SETMASK, &mask, NULL);
		_exit(run(command));
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (child < 0)
		return -1;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	drop_manners();
	return WIFSIGNALED(status) ? DIED_OF_SIGNAL + WTERMSIG(status) :
				     WEXITSTATUS(status);
}
