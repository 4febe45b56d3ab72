/*
 * The steps on numbers of descriptors: what makes, copies, ends and reads them.
 */
#ifndef COMPARE_NUMBERS_H
#define COMPARE_NUMBERS_H

#include <pty.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>

#include "compare_things.h"

/* Requests that the library answered, by the way they came. */
static uint64_t served_reads, served_streams;

/* One that is open, more often than not. */
static int any_number(void)
{
	int fd = roll(NUMBERS);

	for (int i = 0; i < 3 && nature_of(fd) == NATURE_CLOSED; i++)
		fd = roll(NUMBERS);
	return fd;
}

static void say_result(long result)
{
	say(" = %ld errno %d", result, errno);
}

static void any_open(void)
{
	static const int access[] = {O_RDONLY, O_RDONLY, O_RDONLY, O_RDWR,
				     O_RDWR, O_WRONLY, O_PATH, O_ACCMODE};
	static const int more[] = {0, 0, 0, O_CLOEXEC, O_NONBLOCK, O_APPEND,
				   O_NOFOLLOW, O_DIRECTORY};
	const char *path = any_path();
	int flags = ROLL_OF(access) | ROLL_OF(more), how = roll(6), fd;

	say("open %d %s %o", how, path, flags);
	errno = 4242;
	if (how == 0)
		fd = open64(path, flags);
	else if (how == 1)
		fd = openat(AT_FDCWD, path, flags);
	else if (how == 2)
		fd = openat64(AT_FDCWD, path, flags);
	else if (how == 3)
		fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags);
	else if (how == 4)
		fd = open(path, flags | O_CREAT, 0600);
	else
		fd = open(path, flags);
	say_result(fd);
	say_number(fd);
}

static void any_close(void)
{
	int fd = any_number(), how = roll(8), result;

	say("close %d %d", how, fd);
	errno = 4242;
	if (how == 0)
		result = (int)syscall(SYS_close, fd);
	else if (how == 1)
		result = (int)syscall(SYS_close_range, fd, fd + 1, 0);
	else
		result = close(fd);
	say_result(result);
}

static void any_copy(void)
{
	int from = any_number(), to = any_number(), how = roll(8), result;

	say("copy %d %d %d", how, from, to);
	errno = 4242;
	switch (how) {
	case 0: result = dup(from); break;
	case 1: result = fcntl(from, F_DUPFD, to); break;
	case 2: result = fcntl(from, F_DUPFD_CLOEXEC, to); break;
	case 3: result = dup3(from, to, O_CLOEXEC); break;
	case 4: result = (int)syscall(SYS_dup3, from, to, 0); break;
	default: result = dup2(from, to);
	}
	say_result(result);
	say_number(result);
}

static void any_flags(void)
{
	int fd = any_number(), how = roll(5), result;

	say("fcntl %d %d", how, fd);
	errno = 4242;
	switch (how) {
	case 0: result = fcntl(fd, F_GETFL); break;
	case 1: result = fcntl(fd, F_GETFD); break;
	case 2: result = fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND); break;
	case 3: result = fcntl(fd, F_SETFD, FD_CLOEXEC); break;
	default: result = (int)lseek(fd, roll(3) ? roll(50000) : -1, roll(3));
	}
	say_result(result);
	say_number(fd);
}

/* None of them is ever waited for. */
static void any_pair(void)
{
	int pair[2] = {-1, -1}, how = roll(4), result;
	struct termios raw;

	say("pair %d", how);
	errno = 4242;
	if (how == 0) {
		result = pipe2(pair, O_NONBLOCK);
	} else if (how == 1) {
		result = pipe(pair);
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		fcntl(pair[1], F_SETFL, O_NONBLOCK);
	} else if (how == 2) {
		result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair);
	} else {
		cfmakeraw(memset(&raw, 0, sizeof raw));
		result = openpty(&pair[0], &pair[1], NULL, &raw, NULL);
		fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK);
		fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK);
	}
	say_result(result);
	say_number(pair[0]);
	say_number(pair[1]);
}

static void any_read(void)
{
	size_t len = roll_length(), half = len / 3;
	int fd = any_number(), how = roll(8);
	off_t at = roll(4) ? roll(50000) : -1;
	struct iovec parts[3] = {{bytes, half}, {NULL, 0},
				 {bytes + half, len - half}};
	bool mixed = nature_of(fd) == NATURE_RANDOM;
	uint64_t before = preload_served();
	ssize_t got;

	say("read %d %d %zu", how, fd, len);
	memset(bytes, 0xa5, sizeof bytes);
	errno = 4242;
	switch (how) {
	case 0: got = pread(fd, bytes, len, at); break;
	case 1: got = pread64(fd, bytes, len, at); break;
	case 2: got = readv(fd, parts, 3); break;
	case 3: got = preadv(fd, parts, 3, at); break;
	case 4: got = syscall(SYS_read, fd, bytes, len); break;
	default: got = read(fd, bytes, len);
	}
	say_result(got);
	served_reads += preload_served() - before;
	if (got >= 0)
		say_bytes(mixed, bytes, (size_t)got);
	say_bytes(false, bytes + (got > 0 ? got : 0),
		  sizeof bytes - (got > 0 ? (size_t)got : 0));
	say_number(fd);
}

static void fill_known(size_t len)
{
	for (size_t i = 0; i < len; i += RECORD)
		record(bytes + i, 7, (int)(i / RECORD));
}

static void any_write(void)
{
	size_t len = roll_length() % 6000;
	int fd = any_number();
	ssize_t put;

	fill_known(len);
	say("write %d %zu", fd, len);
	errno = 4242;
	put = roll(3) ? write(fd, bytes, len) : pwrite(fd, bytes, len, 100);
	say_result(put);
	say_number(fd);
}

#endif
