/*
 * What the comparison rolls, and what it writes down: one line a step, by a
 * system call of its own, into a number that no step can reach.
 *
 * Bytes that came from the device differ from run to run, so of such reads only
 * that is written which does not: how many there were, which records of the
 * known files are among them and where, and what is surely not random.
 */
#ifndef COMPARE_LOG_H
#define COMPARE_LOG_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/preload.h"

enum {
	LOG_NUMBER = 900,	/* and one more for the summary */
	RECORD = 16,		/* bytes of a record of a known file */
	SURE = 40,		/* so many odd bytes in a row come from the device */
	LONGEST = 80000,	/* of a read or a write */
};

static uint8_t bytes[LONGEST + 64];

/* --- dice --- */

static uint64_t dice;

static uint64_t roll_word(void)
{
	uint64_t x = dice += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static int roll(int sides)
{
	return (int)(roll_word() % (uint64_t)sides);
}

#define ROLL_OF(array) ((array)[roll((int)(sizeof(array) / sizeof *(array)))])

/* Around what matters to a buffer of 4 KiB, or any. */
static size_t roll_length(void)
{
	static const size_t lengths[] = {
		0, 1, 3, 16, 100, 511, 512, 1000, 4095, 4096, 4097, 5000, 8191,
		8192, 8193, 12288, 16384, 20000, 65536,
	};

	return roll(4) ? ROLL_OF(lengths) : (size_t)roll(20000);
}

/* --- the log --- */

static char line[2000];
static size_t line_len;

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	size_t room = sizeof line - line_len - 1;
	va_list rest;
	int len;

	va_start(rest, format);
	len = vsnprintf(line + line_len, room, format, rest);
	va_end(rest);
	if (len > 0)
		line_len += (size_t)len < room ? (size_t)len : room - 1;
}

static void say_end(void)
{
	line[line_len++] = '\n';
	RAW(SYS_write, LOG_NUMBER, line, line_len);
	line_len = 0;
}

/* --- what was read --- */

static uint64_t hash_of(const void *data, size_t len)
{
	const uint8_t *from = data;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ from[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Record number index of a known file, as text. */
static void record(uint8_t *out, int file, int index)
{
	char text[RECORD + 1];

	snprintf(text, sizeof text, "f%d:%012x\n", file, (unsigned)index);
	memcpy(out, text, RECORD);
}

static bool is_record(const uint8_t *at, int *file, int *index)
{
	uint8_t same[RECORD];

	if (at[0] != 'f' || at[2] != ':' || at[RECORD - 1] != '\n')
		return false;
	*file = at[1] - '0';
	if (*file < 0 || *file > 9 ||
	    sscanf((const char *)at + 3, "%12x", (unsigned *)index) != 1)
		return false;
	record(same, *file, *index);
	return !memcmp(same, at, RECORD);
}

static bool is_run(const uint8_t *at)
{
	return !memcmp(at, at + 1, RECORD - 1);
}

/* The device's bytes, so far: never the same again. */
static void say_odd(const uint8_t *at, size_t len)
{
	static uint8_t last[RECORD];

	if (len < SURE)
		return;
	say(memcmp(last, at, RECORD) ? " random" : " random, again");
	memcpy(last, at, RECORD);
}

/*
 * Where a run of one byte begins and ends cannot be told from its neighbours;
 * where a record does, can.
 */
static void say_mixed(const uint8_t *data, size_t len)
{
	size_t at = 0, odd = 0, first;
	int file, index;

	while (at + RECORD <= len) {
		if (is_run(data + at)) {
			say_odd(data + odd, at - odd);
			say(" run of %02x", data[at]);
			for (first = at; at < len && data[at] == data[first];)
				at++;
			odd = at;
		} else if (is_record(data + at, &file, &index)) {
			say_odd(data + odd, at - odd);
			say(" f%d from %d at %zu", file, index, at);
			for (first = at; at + RECORD <= len &&
			     is_record(data + at, &file, &index);)
				at += RECORD;
			say(" (%zu)", (at - first) / RECORD);
			odd = at;
		} else {
			at++;
		}
	}
	say_odd(data + odd, len - odd);
}

static void say_bytes(bool mixed, const void *data, size_t len)
{
	say(" [%zu", len);
	if (mixed)
		say_mixed(data, len);
	else
		say(" %016" PRIx64, hash_of(data, len));
	say("]");
}

#endif
