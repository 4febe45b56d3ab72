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
void say_write(const struct saying *r);

#endif
