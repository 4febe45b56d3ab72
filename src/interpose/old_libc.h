/*
 * What do we do for names that glibc before 2.34 keeps in librt and libutil? If
 * only a plugin brings these libraries along, the plugin is bound to our names,
 * although there was no definition behind us at the start. A definition that
 * was loaded later is not looked for, because it may be unloaded again. Instead
 * we do what those libraries would do.
 */
#ifndef INTERPOSE_OLD_LIBC_H
#define INTERPOSE_OLD_LIBC_H

#include <mqueue.h>
#include <pty.h>
#include <sys/mman.h>
#include <utmp.h>

/* Each has the type and the effect of the function named after the prefix. */
extern __typeof__(shm_open) old_libc_shm_open;
extern __typeof__(mq_open) old_libc_mq_open;
extern __typeof__(mq_close) old_libc_mq_close;
extern __typeof__(openpty) old_libc_openpty;
extern __typeof__(login_tty) old_libc_login_tty;
extern __typeof__(forkpty) old_libc_forkpty;

#endif
