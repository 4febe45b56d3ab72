/* How are values written as JSON (RFC 8259), on stdout? */
#ifndef JSON_H
#define JSON_H

/*
 * Writes a string in quotes, or null. Bytes that are not UTF-8, which a path
 * may contain, become U+FFFD.
 */
void json_string(const char *value);

#endif
