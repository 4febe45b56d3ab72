/*
 * What the user asks for by environment variables.
 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"

static bool refuse(const char *name, const char *value, const char *allowed)
{
	struct saying r = {0};

	say_text(&r, "fastrand: ");
	say_text(&r, name);
	say_text(&r, "=");
	say_text(&r, value);
	say_text(&r, " is not ");
	say_text(&r, allowed);
	say_text(&r, "; the kernel serves every request\n");
	say_write(&r);
	return false;
}

static bool read_source(enum tier *ceiling)
{
	const char *value = secure_getenv("FASTRAND_SOURCE");

	*ceiling = TIER_PAGE;
	if (!value || !*value)
		return true;
	for (enum tier t = TIER_OFF; t < TIERS; t++) {
		if (!strcmp(value, tier_name(t))) {
			*ceiling = t;
			return true;
		}
	}
	return refuse("FASTRAND_SOURCE", value, "one of page, call, hardware, kernel, off");
}

static bool read_switch(const char *name, bool *on)
{
	const char *value = secure_getenv(name);

	*on = value && !strcmp(value, "1");
	if (!value || !*value || *on || !strcmp(value, "0"))
		return true;
	return refuse(name, value, "one of 1, 0");
}

static bool read_path(const char *name, const char **path)
{
	const char *value = secure_getenv(name);

	*path = value && *value ? value : NULL;
	if (!*path || **path == '/')
		return true;
	return refuse(name, value, "an absolute path");
}

bool settings_read(struct settings *s)
{
	bool good = read_source(&s->ceiling);

	good &= read_switch("FASTRAND_STATS", &s->stats);
	good &= read_switch("FASTRAND_TRUST_FDS", &s->trust_fds);
	good &= read_path("FASTRAND_EXPLAIN", &s->explain);
	if (!good)
		*s = (struct settings){.ceiling = TIER_OFF};
	return good;
}
