/*
 * How is text for people made and written? Without allocation or stdio, and to
 * stderr in one system call, because this code runs inside somebody else's
 * program.
 */
#ifndef SAY_H
#define SAY_H

#include <stddef.h>
#include <stdint.h>

/* All zero is an empty text. What does not fit is left out. */
struct saying {
	size_t len;
	char text[1024];
};

void say_text(struct saying *r, const char *text);
void say_bytes(struct saying *r, const char *bytes, size_t len);
void say_number(struct saying *r, uint64_t number);

/*
 * Writes the text, and does no harm: no signal that the write raises reaches
 * the program. If say_start() was called, nothing is written if descriptor 2 is
 * no longer the file that it was then. This is for the start and for the end of
 * a program. It must not be called in a sandbox, which may forbid these system
 * calls.
 */
void say_write(const struct saying *r);

/* Remembers which file descriptor 2 is, for a say_write() that comes later. */
void say_start(void);

#endif
