/*
 * Values in JSON (RFC 8259), on stdout.
 */
#ifndef JSON_H
#define JSON_H

/*
 * A string, quoted; or null. Bytes that are no UTF-8, as a path may have them,
 * become U+FFFD.
 */
void json_string(const char *value);

#endif
