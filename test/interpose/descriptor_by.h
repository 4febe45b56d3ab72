/*
 * What a program may do with a descriptor, by any of the names that libc has
 * for it: the name is a number below OPEN_NAMES and so on, for dice to choose.
 * The number OPEN_NAMES itself, and so on, stands for a system call that no
 * preload sees. Names that this libc lacks are replaced by the plain one.
 */
#ifndef DESCRIPTOR_BY_H
#define DESCRIPTOR_BY_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hidden_names.h"
#include "support/preload.h"

enum {
	OPEN_NAMES = 11,
	CLOSE_NAMES = 6,
	COPY_NAMES = 7,
	PLACE_NAMES = 6,
	READ_NAMES = 4,
	PREAD_NAMES = 8,
};

/* A raw answer as libc gives it. */
static inline int by_raw(long answer)
{
	if (answer >= 0)
		return (int)answer;
	errno = (int)-answer;
	return -1;
}

static inline int open_by(unsigned name, const char *path, int flags)
{
	switch (name) {
	case 0:
		return open64(path, flags);
	case 1:
		return openat(AT_FDCWD, path, flags);
	case 2:
		return openat64(AT_FDCWD, path, flags);
	case 3:
		return (__open ? __open : open)(path, flags);
	case 4:
		return (__open64 ? __open64 : open64)(path, flags);
	case 5:
		return __open_2 ? __open_2(path, flags) : open(path, flags);
	case 6:
		return __open64_2 ? __open64_2(path, flags) : open(path, flags);
	case 7:
		return __openat_2 ? __openat_2(AT_FDCWD, path, flags) :
				    open(path, flags);
	case 8:
		return __openat64_2 ? __openat64_2(AT_FDCWD, path, flags) :
				      open(path, flags);
	case 9:
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
	case OPEN_NAMES:
		return by_raw(RAW(SYS_openat, AT_FDCWD, path, flags));
	default:
		return open(path, flags);
	}
}

/* A stream of it, in the mode that it allows. */
static inline FILE *stream_of(int fd)
{
	long flags = RAW(SYS_fcntl, fd, F_GETFL);

	return fdopen(fd, (flags & O_ACCMODE) == O_WRONLY ? "w" : "r");
}

/* -1 and EBADF if there was nothing to close, whatever the name. */
static inline int close_by(unsigned name, int fd)
{
	bool there = RAW(SYS_fcntl, fd, F_GETFD) >= 0;
	FILE *stream;
	int answer;

	switch (name) {
	case 0:
		return (__close ? __close : close)(fd);
	case 1:
		return (int)syscall(SYS_close, fd);
	case 2:
		answer = close_range((unsigned)fd, (unsigned)fd, 0);
		break;
	case 3:
		answer = (int)syscall(SYS_close_range, fd, fd, 0);
		break;
	case 4:
		stream = stream_of(fd);
		return stream ? fclose(stream) : -1;
	case CLOSE_NAMES:
		return by_raw(RAW(SYS_close, fd));
	default:
		return close(fd);
	}
	/* A range may be empty. */
	errno = there ? errno : EBADF;
	return there ? answer : -1;
}

/* The copy has the lowest free number that is not below from. */
static inline int copy_by(unsigned name, int fd, int from)
{
	switch (name) {
	case 0:
		return fcntl(fd, F_DUPFD_CLOEXEC, from);
	case 1:
		return fcntl64(fd, F_DUPFD, from);
	case 2:
		return fcntl64(fd, F_DUPFD_CLOEXEC, from);
	case 3:
		return (__fcntl ? __fcntl : fcntl)(fd, F_DUPFD, from);
	case 4:
		return (__fcntl ? __fcntl : fcntl)(fd, F_DUPFD_CLOEXEC, from);
	case 5:
		return (int)syscall(SYS_fcntl, fd, F_DUPFD, from);
	case COPY_NAMES:
		return by_raw(RAW(SYS_fcntl, fd, F_DUPFD, from));
	default:
		return fcntl(fd, F_DUPFD, from);
	}
}

/* onto becomes a copy of fd. */
static inline int place_by(unsigned name, int fd, int onto)
{
	switch (name) {
	case 0:
		return (__dup2 ? __dup2 : dup2)(fd, onto);
	case 1:
		return dup3(fd, onto, 0);
	case 2:
		return dup3(fd, onto, O_CLOEXEC);
	case 3:
		return (int)syscall(SYS_dup3, fd, onto, 0);
#ifdef SYS_dup2
	case 4:
		return (int)syscall(SYS_dup2, fd, onto);
#endif
	case PLACE_NAMES:
		return by_raw(RAW(SYS_dup3, fd, onto, 0));
	default:
		return dup2(fd, onto);
	}
}

static inline ssize_t read_by(unsigned name, int fd, void *buf, size_t len)
{
	struct iovec parts[2] = {{buf, len / 3},
				 {(char *)buf + len / 3, len - len / 3}};

	switch (name) {
	case 0:
		return (__read ? __read : read)(fd, buf, len);
	case 1:
		return __read_chk ? __read_chk(fd, buf, len, len) :
				    read(fd, buf, len);
	case 2:
		return readv(fd, parts, 2);
	default:
		return read(fd, buf, len);
	}
}

static inline ssize_t pread_by(unsigned name, int fd, void *buf, size_t len,
			       off_t at)
{
	struct iovec parts[2] = {{buf, len / 3},
				 {(char *)buf + len / 3, len - len / 3}};

	switch (name) {
	case 0:
		return pread64(fd, buf, len, at);
	case 1:
		return preadv(fd, parts, 2, at);
	case 2:
		return preadv64(fd, parts, 2, at);
	case 3:
		return preadv2(fd, parts, 2, at, 0);
	case 4:
		return (__pread64 ? __pread64 : pread64)(fd, buf, len, at);
	case 5:
		return __pread_chk ? __pread_chk(fd, buf, len, at, len) :
				     pread(fd, buf, len, at);
	case 6:
		return __pread64_chk ? __pread64_chk(fd, buf, len, at, len) :
				       pread64(fd, buf, len, at);
	default:
		return pread(fd, buf, len, at);
	}
}

#endif
