/*
 * Text for people, put together without allocation or stdio and written to
 * stderr in one system call: we speak from inside somebody else's program.
 */
#ifndef SAY_H
#define SAY_H

#include <stddef.h>
#include <stdint.h>

/* Zero is an empty one. What does not fit is left out. */
struct saying {
	size_t len;
	char text[1024];
};

void say_text(struct saying *r, const char *text);
void say_bytes(struct saying *r, const char *bytes, size_t len);
void say_number(struct saying *r, uint64_t number);

/*
 * Writes it, and never harms: no signal of the write reaches the program, and
 * nothing is written where descriptor 2 is not the file any more that say_start
 * saw, if that was called. For the start of a program, and its end; not in a
 * sandbox, which may know none of these system calls.
 */
void say_write(const struct saying *r);

/* Looks at descriptor 2: for who means to speak later. */
void say_start(void);

#endif
