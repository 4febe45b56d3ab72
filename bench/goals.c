/*
 * "Numbers to reach" (DESIGN.md) against those of this run, in markdown. A
 * verdict is "goal", "must" (reached the one, not the other), "missed", or
 * "not measured".
 */
#include "table.h"
#include "results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void row(const char *what, const char *against, const char *must,
		const char *goal, const char *measured, const char *verdict)
{
	printf("| %s | %s | %s | %s | %s | %s |\n", what, against, must, goal,
	       measured, verdict);
}

static const char *verdict(double value, double must, double goal)
{
	if (isnan(value))
		return "not measured";
	return value >= goal ? "goal" : value >= must ? "must" : "missed";
}

/* For numbers that ought to be small. */
static const char *verdict_most(double value, double must, double goal)
{
	return verdict(-value, -must, -goal);
}

static const char *times(char *text, size_t room, double v)
{
	if (isnan(v))
		snprintf(text, room, "-");
	else
		snprintf(text, room, "%.*fx",
			 v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v);
	return text;
}

/* ours is must times as fast as theirs, or better goal times. */
static void ratio(const char *what, const char *against, double ours,
		  double theirs, double must, double goal)
{
	char m[16], g[16], text[96], value[32], t[32], o[32];

	snprintf(m, sizeof m, "%gx", must);
	snprintf(g, sizeof g, "%gx", goal);
	times(value, sizeof value, theirs / ours);
	if (isnan(theirs / ours))
		snprintf(text, sizeof text, "-");
	else
		snprintf(text, sizeof text, "%s (%s / %s)", value,
			 text_time(t, sizeof t, theirs),
			 text_time(o, sizeof o, ours));
	row(what, against, m, g, text, verdict(theirs / ours, must, goal));
}

/* The kernel's own answer under our name proves nothing: not measured. */
static double served_ns(const char *section, const char *name, uint64_t size)
{
	if (result_get(section, name, size, 1, "served") < 0.5)
		return NAN;
	return result_get(section, name, size, 1, "ns");
}

static double request(const char *name, uint64_t size)
{
	return served_ns("request", name, size);
}

static double word(const char *name)
{
	return served_ns("word", name, 4);
}

static double urandom(const char *name, uint64_t size)
{
	return served_ns("urandom", name, size);
}

static double keystream(const char *name, uint64_t size)
{
	return result_get("keystream", name, size, 1, "ns");
}

static void others(void)
{
	static const char *const section[] = {
		"read null", "read file", "read pipe"
	};
	double v, worst = -INFINITY;
	char text[96] = "";

	for (int i = 0; i < 3; i++) {
		v = result_get(section[i], "preloaded", OTHER_SIZE, 1,
			       "added_ns");
		if (isnan(v))
			continue;
		worst = v > worst ? v : worst;
		snprintf(text + strlen(text), sizeof text - strlen(text),
			 "%s%s %.1f ns", text[0] ? ", " : "", section[i] + 5,
			 v);
	}
	row("read of any other descriptor", "without the preload",
	    "2 ns added", "1 ns", text[0] ? text : "-",
	    verdict_most(text[0] ? worst : NAN, 2, 1));
}

static void startup(void)
{
	double us = result_get("startup", "ours", 0, 0, "over_empty_us");
	double best = result_get("startup", "ours", 0, 0, "best_us") -
		      result_get("startup", "empty", 0, 0, "best_us");
	double pages = result_get("startup", "ours", 0, 0, "dirty_pages") -
		       result_get("startup", "empty", 0, 0, "dirty_pages");
	double itself = result_get("startup", "empty", 0, 0,
				   "over_nothing_us");
	char against[64], text[96] = "-";

	snprintf(against, sizeof against,
		 "preloading an empty library (itself %.0f us)", itself);
	if (!isnan(us))
		snprintf(text, sizeof text,
			 "%.0f us (best %.0f us), %.1f pages", us, best, pages);
	row("start-up of /bin/true", isnan(itself) ?
	    "preloading an empty library" : against,
	    "40 us, 3 dirty pages", "25 us", text,
	    pages > 3.5 ? "missed" : verdict_most(us, 40, 25));
}

static void threads(void)
{
	static const int counts[] = { 2, 8, 64 };
	double one = result_get("threads", "ours", THREADS_SIZE, 1,
				"per_cpu_second");
	double v, kernel, worst = INFINITY, most = -INFINITY;
	char against[64], text[128] = "";

	for (int i = 0; i < 3; i++) {
		v = result_get("threads", "ours", THREADS_SIZE, counts[i],
			       "per_cpu_second") / one;
		kernel = result_get("threads", "ours", THREADS_SIZE, counts[i],
				    "kernel");
		if (isnan(v))
			continue;
		worst = v < worst ? v : worst;
		most = kernel > most ? kernel : most;
		snprintf(text + strlen(text), sizeof text - strlen(text),
			 "%d: %.2f, ", counts[i], v);
	}
	if (text[0])
		snprintf(text + strlen(text), sizeof text - strlen(text),
			 "%.2g%% asked of the kernel", most * 100);
	snprintf(against, sizeof against,
		 "1 thread x CPUs, per CPU second (%s CPUs)",
		 about_get("cpus"));
	row("2, 8, 64 threads", against, "0.9",
	    "0.97, under 0.1% of calls to the kernel", text[0] ? text : "-",
	    !text[0] ? "not measured" :
	    verdict(worst, 0.9, most < 0.001 ? 0.97 : INFINITY));
}

void goals_print(void)
{
	const char *best = about_get("chacha20"), *vdso = "`__vdso_getrandom`";

	printf("Measured %s on %s (%s CPUs), Linux %s, libc %s; tier %s, "
	       "ChaCha20 %s, %s, nonces from %s; load %s.\n\n",
	       about_get("date"), about_get("cpu"), about_get("cpus"),
	       about_get("kernel"), about_get("libc"), about_get("tier"), best,
	       about_get("memory"), about_get("hardware"), about_get("load"));
	row("what", "against", "must", "goal", "measured", "verdict");
	row("---", "---", "---", "---", "---", "---");
	ratio("arc4random()", vdso, word("ours"), word("vDSO, 4 B"), 3, 4);
	ratio("getrandom(4 B)", vdso, request("ours", 4), request("vDSO", 4),
	      3, 4);
	ratio("getrandom(32 B)", vdso, request("ours", 32),
	      request("vDSO", 32), 5, 6);
	ratio("getrandom(4 KiB)", vdso, request("ours", 4096),
	      request("vDSO", 4096), 5, 6);
	ratio("getrandom(1 MiB)", vdso, request("ours", 1 << 20),
	      request("vDSO", 1 << 20), 5, 6);
	ratio("getrandom(4 B)", "the system call", request("ours", 4),
	      request("system call", 4), 60, 80);
	ratio("getrandom(32 B)", "the system call", request("ours", 32),
	      request("system call", 32), 20, 25);
	ratio("key stream of 64 KiB", "OpenSSL's ChaCha20",
	      keystream(best, 65536), keystream("OpenSSL", 65536), 0.9, 1.1);
	ratio("key stream of 1 MiB", "OpenSSL's ChaCha20",
	      keystream(best, 1 << 20), keystream("OpenSSL", 1 << 20), 0.9,
	      1.1);
	if (!isnan(keystream("OpenSSL, no AVX-512", 65536)))
		ratio("key stream of 64 KiB, avx2",
		      "OpenSSL's ChaCha20 without AVX-512",
		      keystream("avx2", 65536),
		      keystream("OpenSSL, no AVX-512", 65536), 0.9, 1.1);
	ratio("read of 4 KiB from /dev/urandom, proved", "the kernel's read",
	      urandom("ours, proved", 4096), urandom("kernel", 4096), 6, 7);
	ratio("read of 16 B, proved", "the kernel's read",
	      urandom("ours, proved", 16), urandom("kernel", 16), 1.1, 1.3);
	ratio("read of 16 B, tag trusted", "the kernel's read",
	      urandom("ours, trusted", 16), urandom("kernel", 16), 40, 60);
	ratio("tier kernel, getrandom(4 KiB)", "the system call",
	      request("ours, tier kernel", 4096),
	      request("system call", 4096), 5, 7);
	others();
	startup();
	threads();
}
