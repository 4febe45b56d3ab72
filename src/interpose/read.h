/*
 * For reads that come by other ways than their own names.
 */
#ifndef INTERPOSE_READ_H
#define INTERPOSE_READ_H

#include <stdint.h>
#include <sys/types.h>

/* len bytes from fd, or -1: ask libc. stack: as for fill_slow. */
ssize_t read_serve(int fd, void *buf, size_t len, uintptr_t stack);

#endif
