/*
 * Who asked, for how much, and who answered.
 */
#include "explain.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "fill.h"
#include "real.h"
#include "say.h"
#include "tier.h"

bool explain_on;

static struct account {
	_Atomic(uint64_t) served, bytes, kernel[FILL_REFUSALS];
} accounts[EXPLAIN_SOURCES];

static const char *const sources[EXPLAIN_SOURCES] = {
	[EXPLAIN_GETRANDOM] = "getrandom",
	[EXPLAIN_GETENTROPY] = "getentropy",
	[EXPLAIN_ARC4RANDOM] = "arc4random",
	[EXPLAIN_READ] = "read",
	[EXPLAIN_SYSCALL] = "syscall",
	[EXPLAIN_FASTRAND] = "fastrand",
};

static const char *const reasons[FILL_REFUSALS] = {
	[FILL_OFF] = "off",
	[FILL_POINTER] = "pointer",
	[FILL_SMALL] = "small",
	[FILL_HELD] = "held",
	[FILL_SEED] = "seed",
	[FILL_STALE] = "stale",
	[FILL_HARDWARE] = "hardware",
	[FILL_FLAGS] = "flags",
};

void explain_note(enum explain_source source, size_t len, bool served)
{
	struct account *a = &accounts[source];

	if (served) {
		atomic_fetch_add(&a->served, 1);
		atomic_fetch_add(&a->bytes, len);
	} else {
		atomic_fetch_add(&a->kernel[fill_last_refusal()], 1);
	}
}

void explain_forked(void)
{
	for (int s = 0; explain_on && s < EXPLAIN_SOURCES; s++) {
		atomic_store(&accounts[s].served, 0);
		atomic_store(&accounts[s].bytes, 0);
		for (int why = 0; why < FILL_REFUSALS; why++)
			atomic_store(&accounts[s].kernel[why], 0);
	}
}

static void begin(struct saying *s, const char *source)
{
	char name[16] = "";

	REAL_CALL(SYS_prctl, PR_GET_NAME, name);
	for (char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '_';
	say_text(s, "fastrand pid=");
	say_number(s, (uint64_t)REAL_CALL(SYS_getpid));
	say_text(s, " comm=");
	say_text(s, name);
	say_text(s, " tier=");
	say_text(s, tier_name(tier_now()));
	say_text(s, " source=");
	say_text(s, source);
}

static bool put_line(const struct account *a, const char *source, long fd)
{
	struct saying line = {0}, why = {0};
	uint64_t kernel = 0;

	for (int i = 0; i < FILL_REFUSALS; i++) {
		if (!a->kernel[i])
			continue;
		say_text(&why, kernel ? "," : "");
		say_text(&why, reasons[i]);
		say_text(&why, ":");
		say_number(&why, a->kernel[i]);
		kernel += a->kernel[i];
	}
	if (source && !a->served && !kernel)
		return false;
	begin(&line, source ? source : "none");
	say_text(&line, " served=");
	say_number(&line, a->served);
	say_text(&line, " bytes=");
	say_number(&line, a->bytes);
	say_text(&line, " kernel=");
	say_number(&line, kernel);
	say_text(&line, " why=");
	say_bytes(&line, why.text, why.len);
	say_text(&line, "\n");
	REAL_CALL(SYS_write, fd, line.text, line.len);
	return true;
}

void explain_at_end(const char *file)
{
	static const struct account nothing;
	bool any = false;
	long fd = REAL_CALL(SYS_openat, AT_FDCWD, file,
			    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	for (int s = 0; s < EXPLAIN_SOURCES; s++)
		any |= put_line(&accounts[s], sources[s], fd);
	if (!any)
		put_line(&nothing, NULL, fd);
	REAL_CALL(SYS_close, fd);
}
