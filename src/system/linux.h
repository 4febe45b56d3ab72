/*
 * Which numbers of the Linux interface have no name in old headers, or in those
 * of musl? System calls from 424 on have the same number on every architecture
 * that we support (scripts/syscall.tbl).
 */
#ifndef LINUX_H
#define LINUX_H

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* include/uapi/linux/close_range.h */
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* include/uapi/linux/random.h */
#ifndef GRND_INSECURE
#define GRND_INSECURE 0x04
#endif

/* include/uapi/linux/mman.h, include/uapi/asm-generic/mman-common.h */
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#endif
