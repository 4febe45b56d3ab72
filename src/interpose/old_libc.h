/*
 * Names that glibc before 2.34 keeps in librt and libutil. If only a plugin brings
 * those along it is bound to our names, behind which there was nothing at the
 * start; and what came later may go away again, so it is not looked for. We do
 * what they would do.
 */
#ifndef INTERPOSE_OLD_LIBC_H
#define INTERPOSE_OLD_LIBC_H

#include <mqueue.h>
#include <pty.h>
#include <sys/mman.h>
#include <utmp.h>

/* Each as the name behind its prefix. */
extern __typeof__(shm_open) old_libc_shm_open;
extern __typeof__(mq_open) old_libc_mq_open;
extern __typeof__(mq_close) old_libc_mq_close;
extern __typeof__(openpty) old_libc_openpty;
extern __typeof__(login_tty) old_libc_login_tty;
extern __typeof__(forkpty) old_libc_forkpty;

#endif
