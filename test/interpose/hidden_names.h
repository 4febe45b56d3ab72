/*
 * Names that headers hide, or that some libc lacks: NULL where it is not there.
 */
#ifndef HIDDEN_NAMES_H
#define HIDDEN_NAMES_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

int WEAK __open(const char *path, int flags, ...);
int WEAK __open64(const char *path, int flags, ...);
int WEAK __open_2(const char *path, int flags);
int WEAK __open64_2(const char *path, int flags);
int WEAK __openat_2(int dir, const char *path, int flags);
int WEAK __openat64_2(int dir, const char *path, int flags);
int WEAK __close(int fd);
int WEAK close_range(unsigned first, unsigned last, int flags);
void WEAK closefrom(int first);
int WEAK __dup2(int from, int onto);
int WEAK __fcntl(int fd, int command, ...);
int WEAK fcntl64(int fd, int command, ...);
FILE WEAK *_IO_fdopen(int fd, const char *mode);
int WEAK _IO_fclose(FILE *stream);
ssize_t WEAK __read(int fd, void *buf, size_t len);
ssize_t WEAK __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t WEAK __pread64(int fd, void *buf, size_t len, off64_t offset);
ssize_t WEAK __pread_chk(int fd, void *buf, size_t len, off_t offset,
			 size_t room);
ssize_t WEAK __pread64_chk(int fd, void *buf, size_t len, off64_t offset,
			   size_t room);
ssize_t WEAK preadv2(int fd, const struct iovec *parts, int count, off_t offset,
		     int flags);
ssize_t WEAK preadv64v2(int fd, const struct iovec *parts, int count,
			off64_t offset, int flags);

#undef WEAK

#endif
