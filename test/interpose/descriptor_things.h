/*
 * What the model knows: which thing each of a few numbers is, what a read of
 * that thing must give, and, for when it does not, what was done last.
 */
#ifndef DESCRIPTOR_THINGS_H
#define DESCRIPTOR_THINGS_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "descriptor_by.h"
#include "support/known_file.h"
#include "support/preload.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum {
	FIRST = 10, /* below: taken for good, so that births land here */
	NUMBERS = 8,
	BEYOND = 4, /* births when all are taken; closed at once */
	SMALL_FILES = 32, /* contents of memfds and streams */
	SMALL_SIZE = 1024,
	LONGEST = 4096,
	REMEMBERED = 40, /* operations, to be printed */
	WORDS = 1 << 16,
};

/* --- what there is --- */

/* An open file description; several numbers may share one. */
struct thing {
	enum kind {
		KNOWN,	    /* a file, at an offset */
		DEVICE,	    /* /dev/urandom or /dev/random */
		UNREADABLE, /* write-only, or a path */
		STREAM,	    /* known bytes, and then nothing */
		COUNTER,    /* an eventfd */
	} kind;
	int numbers; /* 0: this thing is free */
	unsigned file;
	uint64_t at, size; /* of a counter: size is its value */
};

static struct thing things[NUMBERS + BEYOND + 2];
static struct thing *slots[NUMBERS + BEYOND];

static bool in_child; /* offsets are the parent's too: leave them */
static bool unseen_too; /* calls that no preload sees; see unseen() */

static uint8_t *contents[KNOWN_FILES + SMALL_FILES];

/* --- what was done --- */

static struct operation {
	const char *what;
	int a, b; /* a: the number that it was about, in the end */
} done[REMEMBERED];

static uint64_t seed, dice, operations, device_reads;

static inline void note(const char *what, int a, int b)
{
	done[operations % REMEMBERED].what = what;
	done[operations % REMEMBERED].a = a;
	done[operations % REMEMBERED].b = b;
	operations++;
}

static inline struct operation *last_done(void)
{
	return &done[(operations + REMEMBERED - 1) % REMEMBERED];
}

static inline __attribute__((noreturn)) void wrong(int line, const char *what)
{
	char path[32], is[256];
	uint64_t i;
	int fd;

	fprintf(stderr, "%s:%d: wrong: %s (errno %d)%s\n", __FILE__, line, what,
		errno, in_child ? ", in a child" : "");
	fprintf(stderr, "MODEL_SEED=%llu, operation %llu; the last ones:\n",
		(unsigned long long)seed, (unsigned long long)operations);
	i = operations > REMEMBERED ? operations - REMEMBERED : 0;
	for (; i < operations; i++)
		fprintf(stderr, "  %s %d %d\n", done[i % REMEMBERED].what,
			done[i % REMEMBERED].a, done[i % REMEMBERED].b);
	for (fd = FIRST; fd < FIRST + NUMBERS + BEYOND; fd++) {
		struct thing *thing = slots[fd - FIRST];

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		memset(is, 0, sizeof is);
		if (RAW(SYS_readlinkat, AT_FDCWD, path, is, sizeof is - 1) < 0)
			strcpy(is, "closed");
		fprintf(stderr, "  %d: model %d (file %u at %llu), kernel %s\n",
			fd, thing ? (int)thing->kind : -1,
			thing ? thing->file : 0,
			(unsigned long long)(thing ? thing->at : 0), is);
	}
	if (!in_child)
		known_end();
	_exit(1);
}

#define check(condition) \
	((condition) ? (void)0 : wrong(__LINE__, #condition))

/* xorshift64*: the dice are not what is tested. */
static inline unsigned roll(unsigned sides)
{
	dice ^= dice >> 12;
	dice ^= dice << 25;
	dice ^= dice >> 27;
	return (unsigned)((dice * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % sides;
}

static inline int roll_number(void)
{
	return FIRST + (int)roll(NUMBERS);
}

/* --- the model's own operations --- */

static inline struct thing *is_now(int fd)
{
	return slots[fd - FIRST];
}

static inline void ends(int fd)
{
	struct thing *thing = is_now(fd);

	if (thing)
		thing->numbers--;
	slots[fd - FIRST] = NULL;
}

static inline void becomes(int fd, struct thing *thing)
{
	thing->numbers++;
	ends(fd);
	slots[fd - FIRST] = thing;
}

static inline struct thing *new_thing(enum kind kind, unsigned file,
				      uint64_t size)
{
	struct thing *thing = things;

	while (thing->numbers)
		thing++;
	assert(thing < things + COUNT(things));
	*thing = (struct thing){kind, 0, file, 0, size};
	return thing;
}

static inline struct thing *known_thing(unsigned file)
{
	return new_thing(KNOWN, file, KNOWN_SIZE);
}

static inline struct thing *device_thing(void)
{
	return new_thing(DEVICE, 0, 0);
}

static inline int lowest_free(int from)
{
	while (is_now(from))
		from++;
	return from;
}

/* A birth: the kernel gives the lowest free number from that one on. */
static inline void born(int fd, int from, struct thing *thing)
{
	check(fd == lowest_free(from));
	becomes(fd, thing);
	last_done()->a = fd;
}

static inline void close_beyond(void)
{
	int fd;

	for (fd = FIRST + NUMBERS; fd < FIRST + NUMBERS + BEYOND; fd++)
		if (is_now(fd)) {
			check(close(fd) == 0);
			ends(fd);
		}
}

/*
 * May this become something by a call that no preload sees? The proof before a
 * read is that a number is the device; that the device may be read through it
 * was proved when it was first seen, and is not proved again.
 */
static inline bool unseen(const struct thing *thing)
{
	return unseen_too && (!thing || thing->kind != UNREADABLE);
}

/* --- reads --- */

static uint8_t bytes[LONGEST + 8];
static uint64_t *words; /* recently read; shared with children */

static inline void check_random(size_t len)
{
	uint64_t word;
	size_t i;

	if (len >= 32)
		check(known_random(bytes, len));
	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, bytes + i, 8);
		check(words[word % WORDS] != word);
		words[word % WORDS] = word;
	}
}

static inline size_t roll_length(void)
{
	unsigned size = roll(16);

	if (size < 6)
		return 1 + roll(32);
	if (size < 11)
		return 33 + roll(224);
	return size < 15 ? 257 + roll(500) : LONGEST;
}

/* From the file that a thing is, at that offset, as much as there is. */
static inline void check_known(const struct thing *thing, uint64_t at,
			       ssize_t got, size_t len)
{
	uint64_t left = at < thing->size ? thing->size - at : 0;

	check(got == (ssize_t)(len < left ? len : left));
	check(memcmp(bytes, contents[thing->file] + at, (size_t)got) == 0);
}

static inline void check_stream(struct thing *thing, ssize_t got, size_t len)
{
	if (thing->at == thing->size) {
		check(got == 0 || (got == -1 && (errno == EAGAIN ||
						 errno == ECONNRESET)));
		return;
	}
	check_known(thing, thing->at, got, len);
	thing->at += (uint64_t)got;
}

static inline void check_counter(struct thing *thing, ssize_t got, size_t len)
{
	if (len < 8) {
		check(got == -1 && errno == EINVAL);
	} else if (thing->size == 0) {
		check(got == -1 && errno == EAGAIN);
	} else {
		check(got == 8 && memcmp(bytes, &thing->size, 8) == 0);
		thing->size = 0;
	}
}

static inline void read_number(int fd)
{
	struct thing *thing = is_now(fd);
	size_t len = roll_length();
	off_t at = roll(KNOWN_SIZE + 1000);
	bool offset = roll(2);
	ssize_t got;

	if (in_child && thing && thing->kind != DEVICE)
		offset = true;
	if (thing && thing->kind == COUNTER) {
		if (in_child)
			return;
		offset = false;
	}
	note(offset ? "pread" : "read", fd, (int)len);
	memcpy(bytes, contents[0], len); /* what is not written is noticed */
	bytes[len] = 0x5a;
	got = offset ? pread_by(roll(PREAD_NAMES), fd, bytes, len, at) :
		       read_by(roll(READ_NAMES), fd, bytes, len);
	check(bytes[len] == 0x5a);
	if (!thing || thing->kind == UNREADABLE) {
		/* The write end of a pipe has no offsets, first of all. */
		check(got == -1);
		check(errno == EBADF || (thing && offset && errno == ESPIPE));
	} else if (thing->kind == DEVICE) {
		check(got == (ssize_t)len);
		check_random(len);
		device_reads += len >= 512;
	} else if (thing->kind == STREAM && offset) {
		check(got == -1 && errno == ESPIPE);
	} else if (thing->kind == STREAM) {
		check_stream(thing, got, len);
	} else if (thing->kind == COUNTER) {
		check_counter(thing, got, len);
	} else if (offset) {
		check_known(thing, (uint64_t)at, got, len);
	} else {
		check_known(thing, thing->at, got, len);
		thing->at += (uint64_t)got;
	}
}

/* Before anything else. */
static inline void prepare_contents(void)
{
	unsigned file;

	for (file = 0; file < COUNT(contents); file++) {
		size_t size = file < KNOWN_FILES ? KNOWN_SIZE : SMALL_SIZE;

		contents[file] = malloc(size);
		assert(contents[file]);
		known_bytes(contents[file], file, 0, size);
	}
	words = mmap(NULL, WORDS * sizeof *words, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert(words != MAP_FAILED);
}

#endif
