/* How does a read that comes by another name than read get its bytes? */
#ifndef INTERPOSE_READ_H
#define INTERPOSE_READ_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Reads len bytes from fd, or returns -1: then libc has to be asked. stack is
 * what fill_slow() needs.
 */
ssize_t read_serve(int fd, void *buf, size_t len, uintptr_t stack);

#endif
