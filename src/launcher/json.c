/* How are values written as JSON? See json.h. */
#include "json.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Returns how many bytes the UTF-8 character has that begins here, or 0 if no
 * valid one does. A valid character is encoded in the shortest form, is no
 * surrogate, and is not beyond U+10FFFF (RFC 3629).
 */
static size_t utf8(const unsigned char *c)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	size_t more = *c < 0x80 ? 0 : *c < 0xe0 ? 1 : *c < 0xf0 ? 2 : 3;
	uint32_t point = more ? *c & (0x3fu >> more) : *c;

	if ((*c >= 0x80 && *c < 0xc0) || *c > 0xf7)
		return 0;
	for (size_t i = 1; i <= more; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (c[i] & 0x3f);
	}
	if (point < least[more] || point > 0x10ffff ||
	    (point >= 0xd800 && point < 0xe000))
		return 0;
	return more + 1;
}

void json_string(const char *value)
{
	const unsigned char *c = (const unsigned char *)value;

	if (!value) {
		printf("null");
		return;
	}
	putchar('"');
	while (*c) {
		size_t len = utf8(c);

		if (!len)
			printf("\\ufffd");
		else if (*c < ' ')
			printf("\\u%04x", *c);
		else
			printf("%s%.*s", *c == '"' || *c == '\\' ? "\\" : "",
			       (int)len, (const char *)c);
		c += len ? len : 1;
	}
	putchar('"');
}
