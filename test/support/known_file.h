/*
 * Files whose every byte is known, so that one wrong byte is always noticed,
 * and bytes that are certainly not from such a file.
 *
 * A file is records of 16 bytes: a word that no other record of any file has,
 * and the same word altered by a constant. 31 bytes of a known file, from
 * anywhere, hold a whole record, and give themselves away by that constant.
 */
#ifndef KNOWN_FILE_H
#define KNOWN_FILE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KNOWN_FILES = 4,	 /* made by known_begin: 0 .. 3 */
	KNOWN_SIZE = 256 * 1024, /* of each */
	KNOWN_WINDOW = 31,	 /* bytes that are sure to hold a record */
};

#define KNOWN_SIGN UINT64_C(0x9d5c3a1be7f04826)

static char known_dir[256];

static inline uint64_t known_word(unsigned file, uint64_t record)
{
	uint64_t x = ((uint64_t)file << 40) + record + 1;

	x *= UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static inline uint8_t known_byte(unsigned file, uint64_t offset)
{
	uint64_t word = known_word(file, offset / 16);

	if (offset & 8)
		word ^= KNOWN_SIGN;
	return (uint8_t)(word >> (8 * (offset & 7)));
}

static inline void known_bytes(void *out, unsigned file, uint64_t offset,
			       size_t len)
{
	uint8_t *to = out;
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = known_byte(file, offset + i);
}

/* Are these the bytes of that file at that offset? */
static inline bool known_is(const void *bytes, unsigned file, uint64_t offset,
			    size_t len)
{
	const uint8_t *is = bytes;
	size_t i;

	for (i = 0; i < len; i++)
		if (is[i] != known_byte(file, offset + i))
			return false;
	return true;
}

/* Is there a record of any known file among these bytes? */
static inline bool known_anywhere(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t first, second;
	size_t i;

	for (i = 0; i + 16 <= len; i++) {
		memcpy(&first, at + i, 8);
		memcpy(&second, at + i + 8, 8);
		if ((first ^ second) == KNOWN_SIGN)
			return true;
	}
	return false;
}

/* Could these be random bytes? Asked of 32 or more. */
static inline bool known_random(const void *bytes, size_t len)
{
	const uint8_t *is = bytes;

	return len >= 32 && memcmp(is, is + 1, 31) != 0 &&
	       memcmp(is + len - 32, is + len - 31, 31) != 0 &&
	       !known_anywhere(bytes, len);
}

/* The path of a file in the directory of known files; see known_begin. */
static inline const char *known_path(unsigned file)
{
	static _Thread_local char path[sizeof known_dir + 32];

	snprintf(path, sizeof path, "%s/known-%u", known_dir, file);
	return path;
}

static inline bool known_make(const char *path, unsigned file, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	uint8_t *bytes = malloc(size);
	bool ok = fd >= 0 && bytes;

	if (ok) {
		known_bytes(bytes, file, 0, size);
		ok = write(fd, bytes, size) == (ssize_t)size;
	}
	free(bytes);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Makes the files, or finds those of the program that executed this one. */
static inline bool known_begin(void)
{
	const char *inherited = getenv("KNOWN_DIR");
	const char *tmp = getenv("TMPDIR");
	unsigned file;

	if (inherited) {
		snprintf(known_dir, sizeof known_dir, "%s", inherited);
		return true;
	}
	snprintf(known_dir, sizeof known_dir, "%s/fastrand-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(known_dir) || chmod(known_dir, 0755) != 0)
		return false;
	for (file = 0; file < KNOWN_FILES; file++)
		if (!known_make(known_path(file), file, KNOWN_SIZE))
			return false;
	return setenv("KNOWN_DIR", known_dir, 1) == 0;
}

static inline int known_remove(const char *path, const struct stat *st,
			       int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

/* Removes the directory and all that is in it. */
static inline void known_end(void)
{
	nftw(known_dir, known_remove, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	unsetenv("KNOWN_DIR");
}

#endif
