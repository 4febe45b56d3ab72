/*
 * Which names of libc can be interposed, and how are they declared, where one
 * libc differs from another?
 */
#ifndef INTERPOSE_NAMES_H
#define INTERPOSE_NAMES_H

#include <sys/socket.h>

#if defined(__GLIBC__)

#define ONLY_GLIBC(...) __VA_ARGS__
typedef __SOCKADDR_ARG names_peer;
typedef int names_message_flags;

#else

/*
 * In musl open64 is a macro for open, and __open and preadv2 do not exist. They
 * must not be defined by us either, because a program that finds such a name
 * would believe that libc has it.
 */
#define ONLY_GLIBC(...)
typedef struct sockaddr *restrict names_peer;
typedef unsigned int names_message_flags;

#endif

/*
 * On i386 glibc has two fcntl, of version GLIBC_2.0 and GLIBC_2.28, which
 * differ in what F_OFD_SETLK points to. We are not told which of them a program
 * means, so fcntl is left alone there. Then a descriptor that F_DUPFD creates
 * is not noted. But a free number is one whose end was noted, so the first read
 * looks at what it is.
 */
#if defined(__GLIBC__) && defined(__i386__)
#define ONLY_ONE_FCNTL(...)
#else
#define ONLY_ONE_FCNTL(...) __VA_ARGS__
#endif

#endif
