/*
 * Which names create a descriptor of something that is no random device, or
 * that we have not seen? The new number is noted after the call, because before
 * it the number means nothing.
 */
#include <dirent.h>
#include <mntent.h>
#include <mqueue.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <fcntl.h>

#include "system/linux.h"
#include "system/real.h"
#include "urandom_fd.h"
#include "system/export.h"
#include "names.h"
#include "old_libc.h"

int pidfd_open(pid_t, unsigned int);
int pidfd_getfd(int, int, unsigned int);

static int born(int fd)
{
	urandom_fd_is_other(fd);
	return fd;
}

#define BIRTH(name, parameters, arguments) \
	EXPORT int name parameters \
	{ \
		return born(REAL_OR_ENOSYS(name, arguments)); \
	}

BIRTH(creat, (const char *path, mode_t mode), (path, mode))
BIRTH(mkstemp, (char *name), (name))
BIRTH(mkostemp, (char *name, int flags), (name, flags))
BIRTH(mkstemps, (char *name, int suffix), (name, suffix))
BIRTH(mkostemps, (char *name, int suffix, int flags), (name, suffix, flags))
ONLY_GLIBC(
BIRTH(creat64, (const char *path, mode_t mode), (path, mode))
BIRTH(mkstemp64, (char *name), (name))
BIRTH(mkostemp64, (char *name, int flags), (name, flags))
BIRTH(mkstemps64, (char *name, int suffix), (name, suffix))
BIRTH(mkostemps64, (char *name, int suffix, int flags), (name, suffix, flags))
BIRTH(getpt, (void), ())
)
BIRTH(socket, (int domain, int type, int protocol), (domain, type, protocol))
BIRTH(accept, (int fd, names_peer peer, socklen_t *len), (fd, peer, len))
BIRTH(accept4, (int fd, names_peer peer, socklen_t *len, int flags),
      (fd, peer, len, flags))
BIRTH(epoll_create, (int size), (size))
BIRTH(epoll_create1, (int flags), (flags))
BIRTH(eventfd, (unsigned int count, int flags), (count, flags))
BIRTH(signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
BIRTH(timerfd_create, (clockid_t clock, int flags), (clock, flags))
BIRTH(inotify_init, (void), ())
BIRTH(inotify_init1, (int flags), (flags))
BIRTH(fanotify_init, (unsigned int flags, unsigned int events),
      (flags, events))
BIRTH(posix_openpt, (int flags), (flags))

EXPORT int shm_open(const char *name, int flags, mode_t mode)
{
	return born(REAL_OR(shm_open, old_libc_shm_open)(name, flags, mode));
}

EXPORT int memfd_create(const char *name, unsigned int flags)
{
	return born(REAL_OR_KERNEL(memfd_create, name, flags));
}

EXPORT int pidfd_open(pid_t pid, unsigned int flags)
{
	return born(REAL_OR_KERNEL(pidfd_open, pid, flags));
}

/*
 * This copies a descriptor of another process. Like one that was received in a
 * message, it may be anything.
 */
EXPORT int pidfd_getfd(int pidfd, int target, unsigned int flags)
{
	int fd = REAL_OR_KERNEL(pidfd_getfd, pidfd, target, flags);

	urandom_fd_ends(fd);
	return fd;
}

EXPORT mqd_t mq_open(const char *name, int flags, ...)
{
	struct mq_attr *attributes;
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = va_arg(rest, mode_t);
	attributes = va_arg(rest, struct mq_attr *);
	va_end(rest);
	return born(REAL_OR(mq_open, old_libc_mq_open)(name, flags, mode,
						       attributes));
}

static int born_pair(int answer, const int *pair)
{
	if (!answer) {
		urandom_fd_is_other(pair[0]);
		urandom_fd_is_other(pair[1]);
	}
	return answer;
}

#define BIRTH_OF_PAIR(name, parameters, arguments) \
	EXPORT int name parameters \
	{ \
		return born_pair(REAL_OR_ENOSYS(name, arguments), pair); \
	}

BIRTH_OF_PAIR(pipe, (int pair[2]), (pair))
BIRTH_OF_PAIR(pipe2, (int pair[2], int flags), (pair, flags))
BIRTH_OF_PAIR(socketpair, (int domain, int type, int protocol, int pair[2]),
	      (domain, type, protocol, pair))

EXPORT int openpty(int *master, int *slave, char *name,
		   const struct termios *mode, const struct winsize *size)
{
	int answer = REAL_OR(openpty, old_libc_openpty)(master, slave, name,
							mode, size);

	if (!answer) {
		urandom_fd_is_other(*master);
		urandom_fd_is_other(*slave);
	}
	return answer;
}

/* Functions that open a stream on something other than the random device. */
#define STREAM(name, parameters, arguments) \
	EXPORT FILE *name parameters \
	{ \
		FILE *stream = REAL(name) arguments; \
\
		if (stream) \
			urandom_fd_is_other(fileno(stream)); \
		return stream; \
	}

STREAM(popen, (const char *command, const char *mode), (command, mode))
STREAM(setmntent, (const char *path, const char *mode), (path, mode))
STREAM(tmpfile, (void), ())
ONLY_GLIBC(STREAM(tmpfile64, (void), ()))

EXPORT DIR *opendir(const char *path)
{
	DIR *directory = REAL(opendir)(path);

	if (directory)
		urandom_fd_is_other(dirfd(directory));
	return directory;
}

EXPORT DIR *fdopendir(int fd)
{
	DIR *directory = REAL(fdopendir)(fd);

	if (directory)
		urandom_fd_is_other(fd);
	return directory;
}

/*
 * Another process has sent these descriptors. They may be anything, and so also
 * the random device.
 */
static void received(struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);

	for (; c; c = CMSG_NXTHDR(message, c)) {
		const int *fds = (const int *)CMSG_DATA(c);
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++)
			urandom_fd_ends(fds[i]);
	}
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t got = REAL(recvmsg)(fd, message, flags);

	if (got >= 0 && message->msg_controllen)
		received(message);
	return got;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned int room,
		    names_message_flags flags, struct timespec *timeout)
{
	int got = REAL(recvmmsg)(fd, messages, room, flags, timeout);

	for (int i = 0; i < got; i++)
		if (messages[i].msg_hdr.msg_controllen)
			received(&messages[i].msg_hdr);
	return got;
}
