/*
 * Text for people, put together without allocation or stdio.
 */
#include "say.h"

#include <string.h>

#include "real.h"

void say_bytes(struct saying *r, const char *bytes, size_t len)
{
	size_t room = sizeof r->text - r->len;

	if (len > room)
		len = room;
	memcpy(r->text + r->len, bytes, len);
	r->len += len;
}

void say_text(struct saying *r, const char *text)
{
	say_bytes(r, text, strlen(text));
}

void say_number(struct saying *r, uint64_t number)
{
	char digits[21], *first = digits + sizeof digits - 1;

	*first = '\0';
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	say_text(r, first);
}

void say_write(const struct saying *r)
{
	REAL_CALL(SYS_write, 2, r->text, r->len);
}
