/*
 * restored OUT GO: draws, so that there is a key and stock; waits until the file
 * GO is there; then draws, forks, and both draw. Lines "WHO TIER WORD..." are
 * added to OUT. Between the two it is dumped and restored, more than once.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fastrand.h>

enum { DRAWS = 200 };

static void tell(const char *path, const char *who)
{
	struct fastrand_info now = {0};
	static char line[DRAWS * 17 + 64];
	int fd, len;

	fastrand_info(&now, sizeof now);
	len = sprintf(line, "%s %s", who, now.tier);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t word[2];

		if (getrandom(word, sizeof word, 0) != sizeof word)
			return;
		len += sprintf(line + len, " %016jx", (uintmax_t)word[0]);
	}
	line[len++] = '\n';
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		return;
	close(fd);
}

int main(int count, char *arguments[])
{
	const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
	pid_t child;

	if (count != 3)
		return 2;
	tell(arguments[1], "before");
	while (access(arguments[2], F_OK) != 0)
		nanosleep(&moment, NULL);
	child = fork();
	tell(arguments[1], child ? "parent" : "child");
	if (child)
		waitpid(child, NULL, 0);
	return 0;
}
