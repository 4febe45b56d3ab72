/*
 * Promises that are kept for each name of a table: the test "NAME promise"
 * calls that name by its own symbol, and is skipped where this libc has none.
 */
#ifndef DESCRIPTOR_NAMES_H
#define DESCRIPTOR_NAMES_H

#include "support/promise.h"

#include <stdlib.h>

#include "hidden_names.h"

/* A row: a name, and how to call it, which is one of these. */
struct name {
	const char *name;
	const char *symbol; /* skipped where there is none such */
	int (*open)(const char *path, int flags, mode_t mode);
	void (*end)(int fd);
	int (*copy)(int fd);
	int (*copy_onto)(int from, int onto);
	void (*reopen)(int fd, const char *path);
	bool untagged; /* what it makes need not be served */
};

static const struct name *by; /* the row at work */

static inline void expect_tagged(int fd)
{
	if (by->untagged)
		expect_random(fd);
	else
		expect_served(fd);
}

struct pair {
	void (*promise)(void);
	const struct name *by;
};

static struct promise_list list;

static inline void keep_by_name(void **state)
{
	const struct pair *pair = *state;

	by = pair->by;
	if (by->symbol && !dlsym(RTLD_DEFAULT, by->symbol))
		skip_because("this libc has no such name");
	pair->promise();
}

static inline void promise_of(const char *what, void (*promise)(void),
			      const struct name *names, size_t count)
{
	struct pair *pairs = calloc(count, sizeof *pairs);
	size_t i;

	for (i = 0; pairs && i < count; i++) {
		pairs[i] = (struct pair){promise, &names[i]};
		promise_add(&list, names[i].name, what, keep_by_name,
			    &pairs[i]);
	}
}

#define FOR_ALL(names, promise) \
	promise_of(" " #promise, promise, names, COUNT(names))

#endif
