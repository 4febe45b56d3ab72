/* Numbers with three digits and a unit, in columns. */
#include "table.h"
#include "contenders.h"
#include "results.h"
#include "rounds.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const uint64_t request_sizes[] = {
	4, 16, 32, 64, 256, 1024, 4096, 16384, 65536, 1 << 20, 1 << 24, 0
};
const uint64_t keystream_sizes[] = { 1024, 4096, 65536, 1 << 20, 0 };
const uint64_t latency_sizes[] = { 4, 32, 4096, 0 };
const uint64_t urandom_sizes[] = { 16, 256, 4096, 1 << 20, 0 };
const int thread_counts[] = { 1, 2, 4, 8, 16, 32, 64, 0 };

enum { NAME = 24, CELL = 9 };

static void number(char *to, size_t room, double v, const char *unit)
{
	snprintf(to, room, "%.*f %s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v,
		 unit);
}

const char *text_time(char *to, size_t room, double ns)
{
	snprintf(to, room, "-");
	if (ns < 999.5)
		number(to, room, ns, "ns");
	else if (ns < 999.5e3)
		number(to, room, ns / 1e3, "us");
	else if (ns >= 999.5e3)
		number(to, room, ns / 1e6, "ms");
	return to;
}

static void cell_time(double ns)
{
	char text[32];

	text_time(text, sizeof text, ns);
	printf("%*s", CELL, text);
}

static void cell_ratio(double r)
{
	char text[32] = "-";

	if (!isnan(r))
		number(text, sizeof text, r, "x");
	printf("%*s", CELL, text);
}

static void cell_size(uint64_t size)
{
	char text[32];

	if (size >= 1 << 20)
		snprintf(text, sizeof text, "%d MiB", (int)(size >> 20));
	else if (size >= 1 << 10)
		snprintf(text, sizeof text, "%d KiB", (int)(size >> 10));
	else
		snprintf(text, sizeof text, "%d B", (int)size);
	printf("%*s", CELL, text);
}

static void title(const char *text)
{
	printf("\n%s\n", text);
}

static bool any_size(const char *section, const char *name,
		     const uint64_t *sizes, const char *metric)
{
	for (; *sizes; sizes++)
		if (!isnan(result_get(section, name, *sizes, 1, metric)))
			return true;
	return false;
}

void table_head(void)
{
	static const char *const keys[] = {
		"date", "cpu", "cpus", "kernel", "libc", "library", "tier",
		"tier why", "memory", "chacha20", "hardware", "load", "clock",
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (about_get(keys[i])[0])
			printf("%-9s %s\n", keys[i], about_get(keys[i]));
}

static void ratio_row(const char *what, double ours, double vdso, double call)
{
	if (isnan(ours))
		return;
	printf("%-*s", NAME, what);
	cell_time(ours);
	cell_time(vdso);
	cell_time(call);
	cell_ratio(vdso / ours);
	cell_ratio(call / ours);
	putchar('\n');
}

void table_ratios(void)
{
	static const struct {
		const char *what;
		uint64_t size;
	} rows[] = {
		{ "getrandom, 4 B", 4 },
		{ "getrandom, 32 B", 32 },
		{ "getrandom, 4 KiB", 4096 },
		{ "getrandom, 1 MiB", 1 << 20 },
	};

	title("How many times as fast as the kernel's own");
	printf("%-*s%*s%*s%*s%*s%*s\n", NAME, "", CELL, "ours", CELL, "vDSO",
	       CELL, "syscall", CELL, "vs vDSO", CELL, "vs sysc.");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ratio_row(rows[i].what,
			  result_get("request", "ours", rows[i].size, 1, "ns"),
			  result_get("request", "vDSO", rows[i].size, 1, "ns"),
			  result_get("request", "system call", rows[i].size, 1,
				     "ns"));
	ratio_row("arc4random()", result_get("word", "ours", 4, 1, "ns"),
		  result_get("word", "vDSO, 4 B", 4, 1, "ns"),
		  result_get("word", "system call, 4 B", 4, 1, "ns"));
	notes_print("request");
	notes_print("word");
}

/* A row of times per contender of a section; returns how many there were. */
static int times(enum section s, const uint64_t *sizes)
{
	const char *section = section_name[s];
	int rows = 0;

	printf("%-*s", NAME, "");
	for (const uint64_t *size = sizes; *size; size++)
		cell_size(*size);
	putchar('\n');
	for (size_t i = 0; i < contenders_count; i++) {
		const struct contender *c = &contenders[i];

		if (c->section != s ||
		    !any_size(section, c->name, sizes, "ns"))
			continue;
		printf("%-*s", NAME, c->name);
		for (const uint64_t *size = sizes; *size; size++)
			cell_time(result_get(section, c->name, *size, 1,
					     "ns"));
		putchar('\n');
		rows++;
	}
	return rows;
}

void table_requests(void)
{
	title("Time per request");
	times(REQUEST, request_sizes);
	notes_print("request");
}

void table_words(void)
{
	double vdso = result_get("word", "vDSO, 4 B", 4, 1, "ns");

	title("One 32-bit number: arc4random() and its like");
	printf("%-*s%*s%*s\n", NAME, "", CELL, "time", CELL, "vs vDSO");
	for (size_t i = 0; i < contenders_count; i++) {
		const struct contender *c = &contenders[i];
		double ns = result_get("word", c->name, 4, 1, "ns");

		if (c->section != WORD || isnan(ns))
			continue;
		printf("%-*s", NAME, c->name);
		cell_time(ns);
		cell_ratio(vdso / ns);
		putchar('\n');
	}
	notes_print("word");
}

void table_keystream(void)
{
	title("ChaCha20 key stream, GB/s");
	printf("%-*s", NAME, "");
	for (const uint64_t *size = keystream_sizes; *size; size++)
		cell_size(*size);
	printf("   vs OpenSSL, 64 KiB\n");
	for (size_t i = 0; i < contenders_count; i++) {
		const struct contender *c = &contenders[i];
		double ns, other;

		if (c->section != KEYSTREAM ||
		    !any_size("keystream", c->name, keystream_sizes, "ns"))
			continue;
		printf("%-*s", NAME, c->name);
		for (const uint64_t *size = keystream_sizes; *size; size++) {
			ns = result_get("keystream", c->name, *size, 1, "ns");
			if (isnan(ns))
				printf("%*s", CELL, "-");
			else
				printf("%*.2f", CELL, (double)*size / ns);
		}
		ns = result_get("keystream", c->name, 65536, 1, "ns");
		other = result_get("keystream", "OpenSSL", 65536, 1, "ns");
		cell_ratio(other / ns);
		if (!strcmp(c->name, about_get("chacha20")))
			printf("   the library's choice here");
		putchar('\n');
	}
	notes_print("keystream");
}

void table_latency(void)
{
	static const char *const metric[] = { "p50", "p99", "p999" };

	title("Single requests: median, 99% and 99.9% are no slower than this");
	printf("%-*s", NAME, "");
	for (const uint64_t *size = latency_sizes; *size; size++) {
		cell_size(*size);
		printf("%*s%*s", CELL, "99%", CELL, "99.9%");
	}
	putchar('\n');
	for (size_t i = 0; i < contenders_count; i++) {
		const struct contender *c = &contenders[i];

		if (c->section != REQUEST || !(c->flags & LATENCY) ||
		    !any_size("latency", c->name, latency_sizes, "p50"))
			continue;
		printf("%-*s", NAME, c->name);
		for (const uint64_t *size = latency_sizes; *size; size++)
			for (int m = 0; m < 3; m++)
				cell_time(result_get("latency", c->name, *size,
						     1, metric[m]));
		putchar('\n');
	}
	printf("  less the clock's own %.0f ns (median); it moves in steps of "
	       "%.0f ns;\n  interrupts and other programs are in the last "
	       "columns\n",
	       result_get("latency", "system call", 4, 1, "clock_ns"),
	       result_get("latency", "system call", 4, 1, "step_ns"));
	notes_print("latency");
}

static void threads_part(const char *what, const char *metric, double unit,
			 bool relative)
{
	printf("%-*s", NAME, what);
	for (const int *t = thread_counts; *t; t++)
		printf("%*d", CELL, *t);
	putchar('\n');
	for (size_t i = 0; i < contenders_count; i++) {
		const struct contender *c = &contenders[i];
		double one = result_get("threads", c->name, THREADS_SIZE, 1,
					metric);

		if (c->section != REQUEST || isnan(one))
			continue;
		printf("  %-*s", NAME - 2, c->name);
		for (const int *t = thread_counts; *t; t++) {
			double v = result_get("threads", c->name, THREADS_SIZE,
					      *t, metric);

			if (relative)
				v /= one;
			if (isnan(v))
				printf("%*s", CELL, "-");
			else
				printf("%*.*f", CELL, relative ? 3 : 2,
				       v / unit);
		}
		putchar('\n');
	}
}

void table_threads(void)
{
	title("Threads: getrandom of 32 B");
	threads_part("million a second", "per_second", 1e6, false);
	threads_part("per CPU second, vs 1", "per_cpu_second", 1, true);
	threads_part("% asked of the kernel", "kernel", 0.01, false);
	notes_print("threads");
}

void table_urandom(void)
{
	static const char *const ours[] = { "ours, proved", "ours, trusted" };

	title("read of /dev/urandom");
	times(URANDOM, urandom_sizes);
	for (int i = 0; i < 2; i++) {
		if (!any_size("urandom", ours[i], urandom_sizes, "ns"))
			continue;
		printf("  kernel / %-*s", NAME - 11, ours[i]);
		for (const uint64_t *s = urandom_sizes; *s; s++)
			cell_ratio(result_get("urandom", "kernel", *s, 1,
					      "ns") /
				   result_get("urandom", ours[i], *s, 1,
					      "ns"));
		putchar('\n');
	}
	notes_print("urandom");
}

void table_others(void)
{
	title("read of 16 B of something else");
	printf("%-*s%*s%*s%*s   preloaded, libc's own read\n", NAME, "",
	       CELL, "without", CELL, "preload", CELL, "added");
	for (int s = OTHER_NULL; s <= OTHER_PIPE; s++) {
		const char *section = section_name[s];
		double with = result_get(section, "preloaded", OTHER_SIZE, 1,
					 "ns");

		printf("%-*s", NAME, section);
		cell_time(result_get(section, "without preload", OTHER_SIZE, 1,
				     "ns"));
		cell_time(with);
		if (isnan(with))
			printf("%*s", CELL, "-");
		else
			printf("%*.1f", CELL,
			       result_get(section, "preloaded", OTHER_SIZE, 1,
					  "added_ns"));
		cell_time(result_get(section, "preloaded", OTHER_SIZE, 1,
				     "baseline_ns"));
		putchar('\n');
	}
	printf("  added: the library's read less libc's, in turns in one "
	       "process, ns\n");
	notes_print("other");
}

void table_startup(void)
{
	static const char *const kinds[] = { "nothing", "empty", "ours" };
	static const char *const metrics[] = {
		"us", "best_us", "over_nothing_us", "over_empty_us",
		"dirty_pages", "resident_kib",
	};

	title("Start-up: /bin/true, us and memory");
	printf("%-*s%*s%*s%*s%*s%*s%*s\n", NAME, "preloaded", CELL, "median",
	       CELL, "best", CELL, "-nothing", CELL, "-empty", CELL, "dirty",
	       CELL, "RSS KiB");
	for (int k = 0; k < 3; k++) {
		if (isnan(result_get("startup", kinds[k], 0, 0, "us")))
			continue;
		printf("%-*s", NAME, kinds[k]);
		for (int m = 0; m < 6; m++) {
			double v = result_get("startup", kinds[k], 0, 0,
					      metrics[m]);

			if (isnan(v))
				printf("%*s", CELL, "-");
			else
				printf("%*.*f", CELL, m < 5 ? 1 : 0, v);
		}
		putchar('\n');
	}
	printf("  dirty: pages of its own, written to, when it exits (mean)\n");
	notes_print("startup");
}
