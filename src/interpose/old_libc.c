/* What would librt and libutil do? See old_libc.h. */
#include "old_libc.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "system/real.h"

/* This is not a cancellation point. */
int old_libc_shm_open(const char *name, int flags, mode_t mode)
{
	static const char folder[] = "/dev/shm/";
	char path[sizeof folder + NAME_MAX];
	size_t len;
	long answer;

	name += strspn(name, "/");
	len = strlen(name);
	if (!len || len > NAME_MAX || strchr(name, '/')) {
		errno = EINVAL;
		return -1;
	}
	memcpy(path, folder, sizeof folder - 1);
	memcpy(path + sizeof folder - 1, name, len + 1);
	answer = REAL_CALL(SYS_openat, AT_FDCWD, path,
			   flags | O_NOFOLLOW | O_CLOEXEC, mode);
	return (int)real_result(answer == -EISDIR ? -EINVAL : answer);
}

mqd_t old_libc_mq_open(const char *name, int flags, ...)
{
	struct mq_attr *attributes = NULL;
	mode_t mode = 0;
	va_list rest;

	if (*name != '/') {
		errno = EINVAL;
		return -1;
	}
	if (flags & O_CREAT) {
		va_start(rest, flags);
		mode = va_arg(rest, mode_t);
		attributes = va_arg(rest, struct mq_attr *);
		va_end(rest);
	}
	return (mqd_t)real_result(
		REAL_CALL(SYS_mq_open, name + 1, flags, mode, attributes));
}

int old_libc_mq_close(mqd_t queue)
{
	return (int)real_result(REAL_CALL(SYS_close, queue));
}

/* A raw system call, so that errno still is that of the failure before it. */
static void raw_close(int fd)
{
	REAL_CALL(SYS_close, fd);
}

static int open_slave(int master, char path[static PATH_MAX])
{
	if (REAL(grantpt)(master) < 0 || REAL(unlockpt)(master) < 0)
		return -1;
	if (REAL(ptsname_r)(master, path, PATH_MAX))
		return -1;
	return REAL(open)(path, O_RDWR | O_NOCTTY);
}

int old_libc_openpty(int *master, int *slave, char *name,
		     const struct termios *mode, const struct winsize *size)
{
	int first = REAL(posix_openpt)(O_RDWR), second;
	char path[PATH_MAX];

	if (first < 0)
		return -1;
	second = open_slave(first, path);
	if (second < 0) {
		raw_close(first);
		return -1;
	}
	if (mode)
		REAL(tcsetattr)(second, TCSAFLUSH, mode);
	if (size)
		REAL(ioctl)(second, TIOCSWINSZ, size);
	if (name)
		strcpy(name, path);
	*master = first;
	*slave = second;
	return 0;
}

int old_libc_login_tty(int fd)
{
	REAL(setsid)();
	if (REAL(ioctl)(fd, TIOCSCTTY, NULL) < 0)
		return -1;
	for (int to = 0; to <= 2; to++)
		while (REAL(dup2)(fd, to) < 0 && errno == EBUSY)
			;
	if (fd > 2)
		raw_close(fd);
	return 0;
}

int old_libc_forkpty(int *master, char *name, const struct termios *mode,
		     const struct winsize *size)
{
	int first, second;
	pid_t child;

	if (old_libc_openpty(&first, &second, name, mode, size) < 0)
		return -1;
	child = REAL(fork)();
	if (!child) {
		raw_close(first);
		if (old_libc_login_tty(second) < 0)
			REAL(_exit)(1);
		return 0;
	}
	raw_close(second);
	if (child < 0)
		raw_close(first);
	else
		*master = first;
	return child;
}
