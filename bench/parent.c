/* How does the parent start a worker, talk to it and end it? */
#include "worker.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 30000,	/* who takes longer hangs */
	ENVIRONMENT_MAX = 512,
	TEXT_MAX = 4200,
};

extern char **environ;

/*
 * A worker has the environment of the bench, without the variables that would
 * change a contender, and with the contender's setting.
 */
static char **environment_for(const struct contender *c)
{
	static char *e[ENVIRONMENT_MAX + 3];
	static char preload[TEXT_MAX], setting[64];
	size_t n = 0;

	for (char **old = environ; *old && n < ENVIRONMENT_MAX; old++)
		if (strncmp(*old, "LD_PRELOAD=", 11) &&
		    strncmp(*old, "OPENSSL_ia32cap=", 16) &&
		    strncmp(*old, "FASTRAND_", 9))
			e[n++] = *old;
	if (c->flags & PRELOADED) {
		snprintf(preload, sizeof preload, "LD_PRELOAD=%s",
			 contender_path("$LIB"));
		e[n++] = preload;
	}
	if (c->setting) {
		snprintf(setting, sizeof setting, "%s", c->setting);
		e[n++] = setting;
	}
	e[n] = NULL;
	return e;
}

/* Both ends lie above the numbers that the child will use for them. */
static void high_pipe(int ends[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC))
		err(1, "pipe");
	for (int i = 0; i < 2; i++) {
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 16);
		if (ends[i] < 0)
			err(1, "fcntl");
		close(low[i]);
	}
}

bool worker_start(struct worker *w, const struct contender *c)
{
	char index[16], me[] = "bench", flag[] = "--worker";
	char *argv[] = { me, flag, index, NULL };
	posix_spawn_file_actions_t actions;
	struct ask hello = { .what = HELLO };
	int asks[2], answers[2], e;

	memset(w, 0, sizeof *w);
	w->contender = c;
	snprintf(index, sizeof index, "%d", (int)(c - contenders));
	high_pipe(asks);
	high_pipe(answers);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, asks[0], 3);
	posix_spawn_file_actions_adddup2(&actions, answers[1], 4);
	e = posix_spawn(&w->pid, "/proc/self/exe", &actions, NULL, argv,
			environment_for(c));
	posix_spawn_file_actions_destroy(&actions);
	close(asks[0]);
	close(answers[1]);
	w->to = asks[1];
	w->from = answers[0];
	if (e) {
		w->pid = 0;
		close(w->to);
		close(w->from);
		snprintf(w->why, sizeof w->why, "cannot start: %s",
			 strerror(e));
		return false;
	}
	if (!worker_ask(w, &hello, &w->hello))
		return false;
	if (w->hello.why[0]) {
		snprintf(w->why, sizeof w->why, "%s", w->hello.why);
		worker_end(w);
		return false;
	}
	return true;
}

static void reap(struct worker *w, const char *trouble)
{
	int status = 0;

	close(w->to);
	close(w->from);
	waitpid(w->pid, &status, 0);
	w->pid = 0;
	if (trouble)
		snprintf(w->why, sizeof w->why, "%s", trouble);
	else if (WIFSIGNALED(status))
		snprintf(w->why, sizeof w->why, "DIED of signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(w->why, sizeof w->why, "DIED with status %d",
			 WEXITSTATUS(status));
}

bool worker_ask(struct worker *w, const struct ask *ask, struct answer *answer)
{
	struct pollfd p = { .fd = w->from, .events = POLLIN };
	size_t got = 0;
	ssize_t n;

	if (!w->pid)
		return false;
	if (write(w->to, ask, sizeof *ask) != sizeof *ask) {
		reap(w, NULL);
		return false;
	}
	while (got < sizeof *answer) {
		n = poll(&p, 1, PATIENCE_MS);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0) {
			kill(w->pid, SIGKILL);
			reap(w, "HANGS: no answer in 30 s");
			return false;
		}
		n = read(w->from, (char *)answer + got, sizeof *answer - got);
		if (n <= 0) {
			reap(w, NULL);
			return false;
		}
		got += (size_t)n;
	}
	if (answer->bad) {
		worker_end(w);
		snprintf(w->why, sizeof w->why, "FAILED: %llu of %llu calls",
			 (unsigned long long)answer->bad,
			 (unsigned long long)answer->calls);
		return false;
	}
	return true;
}

/* A library's destructors may hang, too. */
void worker_end(struct worker *w)
{
	struct timespec nap = { 0, 1000000 };

	if (!w->pid)
		return;
	close(w->to);
	close(w->from);
	for (int ms = 0; waitpid(w->pid, NULL, WNOHANG) == 0; ms++) {
		if (ms == 5000) {
			warnx("%s: hangs at its end", w->contender->name);
			kill(w->pid, SIGKILL);
			waitpid(w->pid, NULL, 0);
			break;
		}
		nanosleep(&nap, NULL);
	}
	w->pid = 0;
}
