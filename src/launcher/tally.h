/*
 * What the processes of a command wrote down about their random bytes, summed.
 *
 * Each process that has the library and ends by exit appends one line a source:
 *
 *   fastrand pid=12 comm=sh tier=page source=read served=3 bytes=48 kernel=1
 *   why=held:1
 *
 * (without the break), or one line with source=none.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
	TALLY_SOURCES = 8,
	TALLY_REASONS = 16,
	TALLY_TIERS = 8,
	TALLY_WORD = 24,
};

/* How often something with a name was seen. */
struct tally_count {
	char name[TALLY_WORD];
	uint64_t times;
};

struct tally_source {
	char name[TALLY_WORD];
	uint64_t served, bytes;		/* in the process */
	uint64_t kernel;		/* left to the kernel, because: */
	struct tally_count reasons[TALLY_REASONS];
};

struct tally {
	struct tally_source sources[TALLY_SOURCES];
	struct tally_count tiers[TALLY_TIERS]; /* times: processes */
	pid_t *pids;
	size_t processes;
	uint64_t odd;			/* lines not understood */
};

/* Adds a file's lines; *t is zero at first. False: no memory. */
bool tally_read(struct tally *t, FILE *file);

#endif
