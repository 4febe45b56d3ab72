/*
 * Which names close or copy a descriptor? They are here so that the table of
 * urandom_fd stays true, whatever a program does through the names of libc. The
 * names that create descriptors are in open.c and birth.c.
 *
 * The end of a descriptor is noted before the kernel is asked, because after
 * the call the number may already belong to another thread. It is noted once
 * more after the call, because a signal handler that reads in between still
 * finds the device there, and tags the number as such. The beginning of a
 * descriptor is noted after the call.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <mqueue.h>
#include <pty.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <utmp.h>

#include "system/linux.h"
#include "system/real.h"
#include "report/report.h"
#include "urandom_fd.h"
#include "system/export.h"
#include "names.h"
#include "old_libc.h"

int __close(int);
int __dup2(int, int);
int __fcntl(int, int, ...);
int _IO_fclose(FILE *);

/* --- Copies ------------------------------------------------------------ */

EXPORT int dup(int fd)
{
	enum urandom_tag from = urandom_fd_tag(fd);

	return urandom_fd_copied(from, REAL(dup)(fd));
}

/* A descriptor that is copied onto itself keeps its tag. */
#define DUP2(name, parameters, arguments) \
	EXPORT int name parameters \
	{ \
		enum urandom_tag from = urandom_fd_tag(fd); \
\
		if (fd == to) \
			return REAL(name) arguments; \
		urandom_fd_ends(to); \
		return urandom_fd_copied(from, REAL(name) arguments); \
	}

DUP2(dup2, (int fd, int to), (fd, to))
DUP2(dup3, (int fd, int to, int flags), (fd, to, flags))
ONLY_GLIBC(DUP2(__dup2, (int fd, int to), (fd, to)))

/*
 * The third argument is an int, a pointer or absent; all of these are passed in
 * the same way. fcntl64 is what programs built with glibc 2.28 or later call.
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
			return urandom_fd_copied(from, answer); \
		return answer; \
	}

ONLY_ONE_FCNTL(FCNTL(fcntl, REAL(fcntl)))
ONLY_GLIBC(
FCNTL(__fcntl, REAL_NAMED("__fcntl") ? REAL(__fcntl) : REAL(fcntl))
FCNTL(fcntl64, REAL_NAMED("fcntl64") ? REAL(fcntl64) : REAL(fcntl))
)

/* --- Ends -------------------------------------------------------------- */

#define CLOSE(name, next) \
	EXPORT int name(int fd) \
	{ \
		int answer; \
\
		urandom_fd_ends(fd); \
		answer = (next)(fd); \
		urandom_fd_ends(fd); \
		return answer; \
	}

CLOSE(close, REAL(close))
CLOSE(mq_close, REAL_OR(mq_close, old_libc_mq_close))
ONLY_GLIBC(CLOSE(__close, REAL(__close)))

/*
 * With CLOSE_RANGE_UNSHARE this thread continues with a table of descriptors of
 * its own. With CLOSE_RANGE_CLOEXEC nothing is closed yet.
 */
EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	bool ends = !(flags & (CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC));
	int answer;

	if (flags & CLOSE_RANGE_UNSHARE)
		urandom_fd_latch();
	if (ends)
		urandom_fd_range_ends(first, last);
	answer = REAL_OR_KERNEL(close_range, first, last, flags);
	if (ends)
		urandom_fd_range_ends(first, last);
	return answer;
}

/*
 * Where the system call is missing (before Linux 5.9), the numbers are closed
 * one by one, up to the limit.
 */
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

/*
 * Many programs close stderr in an exit handler, so the report is written
 * before that. stream may be NULL, because endmntent accepts it; then there is
 * no descriptor.
 */
static int stream_ends(FILE *stream)
{
	int saved = errno, fd = stream ? fileno(stream) : -1;

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

EXPORT int closedir(DIR *directory)
{
	/*
	 * closedir is declared to take no NULL, so without volatile the
	 * compiler would remove the test.
	 */
	DIR *volatile given = directory;
	int fd = given ? dirfd(directory) : -1, answer;

	urandom_fd_ends(fd);
	answer = REAL(closedir)(directory);
	urandom_fd_ends(fd);
	return answer;
}

/* --- Terminals and daemons: 0, 1 and 2 are replaced -------------------- */

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
	return REAL_OR(login_tty, old_libc_login_tty)(fd);
}

/*
 * In the child 0, 1 and 2 are the terminal. The child has a table of its own.
 */
EXPORT int forkpty(int *master, char *name, const struct termios *mode,
		   const struct winsize *size)
{
	int answer = REAL_OR(forkpty, old_libc_forkpty)(master, name, mode,
							size);

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
