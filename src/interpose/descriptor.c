/*
 * Every other name that ends or copies a descriptor, or gives birth to one, so
 * that the table of urandom_fd stays true of all that libc's names can do.
 *
 * What ends a number is noted before the kernel is asked: after it, the number
 * may be another thread's already. And it is noted again after: a handler that
 * reads in between finds the device still there, and tags it. What begins a
 * number is noted after.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <mntent.h>
#include <mqueue.h>
#include <pty.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utmp.h>

#include "../real.h"
#include "../report.h"
#include "../urandom_fd.h"
#include "export.h"
#include "names.h"

int pidfd_open(pid_t, unsigned int);
int pidfd_getfd(int, int, unsigned int);
int __close(int);
int __dup2(int, int);
int __fcntl(int, int, ...);
int _IO_fclose(FILE *);

/* --- Births of something else ----------------------------------------- */

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
BIRTH(shm_open, (const char *name, int flags, mode_t mode),
      (name, flags, mode))
BIRTH(memfd_create, (const char *name, unsigned int flags), (name, flags))
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
BIRTH(pidfd_open, (pid_t pid, unsigned int flags), (pid, flags))

/* Another process's: anything, as in a message. */
EXPORT int pidfd_getfd(int pidfd, int target, unsigned int flags)
{
	int fd = REAL_OR_ENOSYS(pidfd_getfd, (pidfd, target, flags));

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
	return born(REAL_OR_ENOSYS(mq_open, (name, flags, mode, attributes)));
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

/* --- Descriptors in messages ------------------------------------------ */

/* Sent by another process: anything, the random device too. */
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

/* --- Copies ------------------------------------------------------------ */

static int copied(enum urandom_tag from, int to)
{
	if (to >= 0)
		urandom_fd_copied(from, to);
	return to;
}

EXPORT int dup(int fd)
{
	enum urandom_tag from = urandom_fd_tag(fd);

	return copied(from, REAL(dup)(fd));
}

/* A number copied onto itself stays what it is. */
#define DUP2(name, parameters, arguments) \
	EXPORT int name parameters \
	{ \
		enum urandom_tag from = urandom_fd_tag(fd); \
\
		if (fd == to) \
			return REAL(name) arguments; \
		urandom_fd_ends(to); \
		return copied(from, REAL(name) arguments); \
	}

DUP2(dup2, (int fd, int to), (fd, to))
DUP2(dup3, (int fd, int to, int flags), (fd, to, flags))
ONLY_GLIBC(DUP2(__dup2, (int fd, int to), (fd, to)))

/*
 * The third argument is an int, a pointer or nothing; all are passed alike.
 * fcntl64 is what programs built with glibc 2.28 or later call.
 */
#define FCNTL(name, next) \
	EXPORT int name(int fd, int command, ...) \
	{ \
		enum urandom_tag from = urandom_fd_tag(fd); \
		va_list rest; \
		void *third; \
		int answer; \
\
		va_start(rest, command); \
		third = va_arg(rest, void *); \
		va_end(rest); \
		answer = (next)(fd, command, third); \
		if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) \
			return copied(from, answer); \
		return answer; \
	}

ONLY_ONE_FCNTL(FCNTL(fcntl, REAL(fcntl)))
ONLY_GLIBC(
FCNTL(__fcntl, REAL_NAMED("__fcntl") ? REAL(__fcntl) : REAL(fcntl))
FCNTL(fcntl64, REAL_NAMED("fcntl64") ? REAL(fcntl64) : REAL(fcntl))
)

/* --- Ends -------------------------------------------------------------- */

#define CLOSE(name) \
	EXPORT int name(int fd) \
	{ \
		int answer; \
\
		urandom_fd_ends(fd); \
		answer = REAL_OR_ENOSYS(name, (fd)); \
		urandom_fd_ends(fd); \
		return answer; \
	}

CLOSE(close)
CLOSE(mq_close)
ONLY_GLIBC(CLOSE(__close))

/*
 * With CLOSE_RANGE_UNSHARE this thread goes on with a table of its own, and with
 * CLOSE_RANGE_CLOEXEC nothing ends yet.
 */
EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	bool ends = !(flags & (CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC));
	__typeof__(close_range) *next = REAL(close_range);
	int answer;

	if (flags & CLOSE_RANGE_UNSHARE)
		urandom_fd_latch();
	if (ends)
		urandom_fd_range_ends(first, last);
	if (next)
		answer = next(first, last, flags);
	else
		answer = (int)real_result(
			REAL_CALL(SYS_close_range, first, last, flags));
	if (ends)
		urandom_fd_range_ends(first, last);
	return answer;
}

/* Without the call (before Linux 5.9) number by number, up to the limit. */
static void close_from(unsigned int first)
{
	if (REAL_CALL(SYS_close_range, first, UINT_MAX, 0) < 0)
		for (int fd = getdtablesize() - 1; fd >= (int)first; fd--)
			REAL_CALL(SYS_close, fd);
}

EXPORT void closefrom(int first)
{
	void (*next)(int) = REAL_NAMED("closefrom");

	if (first < 0)
		first = 0;
	urandom_fd_range_ends((unsigned int)first, UINT_MAX);
	if (next)
		next(first);
	else
		close_from((unsigned int)first);
	urandom_fd_range_ends((unsigned int)first, UINT_MAX);
}

/* Many programs close stderr in an exit handler: what we say comes before. */
static int stream_ends(FILE *stream)
{
	int saved = errno, fd = fileno(stream);

	if (fd == STDERR_FILENO)
		report_at_end();
	urandom_fd_ends(fd);
	errno = saved;
	return fd;
}

#define FCLOSE(name) \
	EXPORT int name(FILE *stream) \
	{ \
		int fd = stream_ends(stream); \
		int answer = REAL_OR_ENOSYS(name, (stream)); \
\
		urandom_fd_ends(fd); \
		return answer; \
	}

FCLOSE(fclose)
FCLOSE(pclose)
FCLOSE(endmntent)
ONLY_GLIBC(FCLOSE(_IO_fclose))

/* Streams on something else. */
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

EXPORT int closedir(DIR *directory)
{
	int fd = dirfd(directory), answer;

	urandom_fd_ends(fd);
	answer = REAL(closedir)(directory);
	urandom_fd_ends(fd);
	return answer;
}

/* --- Terminals and daemons: 0, 1 and 2 change hands -------------------- */

static void standard_ends(void)
{
	urandom_fd_range_ends(0, 2);
}

EXPORT int daemon(int keep_directory, int keep_standard)
{
	if (!keep_standard)
		standard_ends();
	return REAL(daemon)(keep_directory, keep_standard);
}

EXPORT int login_tty(int fd)
{
	standard_ends();
	urandom_fd_ends(fd);
	return REAL_OR_ENOSYS(login_tty, (fd));
}

EXPORT int openpty(int *master, int *slave, char *name,
		   const struct termios *mode, const struct winsize *size)
{
	int answer = REAL_OR_ENOSYS(openpty, (master, slave, name, mode, size));

	if (!answer) {
		urandom_fd_is_other(*master);
		urandom_fd_is_other(*slave);
	}
	return answer;
}

/* In the child 0, 1 and 2 are the terminal; its table is its own. */
EXPORT int forkpty(int *master, char *name, const struct termios *mode,
		   const struct winsize *size)
{
	int answer = REAL_OR_ENOSYS(forkpty, (master, name, mode, size));

	if (!answer)
		standard_ends();
	else if (answer > 0)
		urandom_fd_is_other(*master);
	return answer;
}

/* --- What makes the table untrue at once: see urandom_fd_latch --------- */

EXPORT int unshare(int flags)
{
	if (flags & CLONE_FILES)
		urandom_fd_latch();
	return REAL(unshare)(flags);
}

EXPORT int prctl(int option, ...)
{
	unsigned long argument[4];
	va_list rest;

	va_start(rest, option);
	for (int i = 0; i < 4; i++)
		argument[i] = va_arg(rest, unsigned long);
	va_end(rest);
	if (option == PR_SET_SECCOMP)
		urandom_fd_latch();
	return REAL(prctl)(option, argument[0], argument[1], argument[2],
			   argument[3]);
}
