/*
 * The mappings of this process, each with what the kernel says of it in the
 * line VmFlags of /proc/self/smaps.
 */
#ifndef MAPS_H
#define MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct mapping {
	uint8_t *at;
	size_t size;
	char flags[512];
};

/* smaps is that file, opened. False after the last. */
static inline bool mapping_next(FILE *smaps, struct mapping *mapping)
{
	unsigned long from, to;
	char line[1024];

	while (fgets(line, sizeof line, smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			mapping->at = (uint8_t *)from;
			mapping->size = to - from;
		} else if (sscanf(line, "VmFlags:%511[^\n]", mapping->flags) ==
			   1) {
			return true;
		}
	}
	return false;
}

/* The flag is two letters: "dp" is droppable, "wf" is wiped on fork. */
static inline bool mapping_has(const struct mapping *mapping, const char *flag)
{
	const char *at = mapping->flags;

	while ((at = strchr(at, ' ')))
		if (!strncmp(++at, flag, 2))
			return true;
	return false;
}

#endif
