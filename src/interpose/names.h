/*
 * Which of libc's names are there to be shadowed, and how they are declared,
 * where one libc differs from another.
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
 * In musl open64 is open by a macro, and __open or preadv2 are not there: a
 * program that finds such a name with us would believe it.
 */
#define ONLY_GLIBC(...)
typedef struct sockaddr *restrict names_peer;
typedef unsigned int names_message_flags;

#endif

/*
 * On i386 glibc has two of them, fcntl@GLIBC_2.0 and 2.28, which differ in what
 * F_OFD_SETLK points to. Which one a program means we are not told, so fcntl is
 * left alone there. F_DUPFD then begins a number unnoted; but a free number is
 * one that was noted as ended, and is looked at when it is first read.
 */
#if defined(__GLIBC__) && defined(__i386__)
#define ONLY_ONE_FCNTL(...)
#else
#define ONLY_ONE_FCNTL(...) __VA_ARGS__
#endif

#endif
