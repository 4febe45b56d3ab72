/* What does the user ask for by environment variables? See settings.h. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "report/say.h"

/*
 * A value is shown up to this length, or up to a character that would break the
 * line.
 */
enum { LONGEST = 64 };
#define UNPRINTABLE \
	"\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020" \
	"\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037\177"

static bool refuse(const char *name, const char *value, const char *allowed)
{
	struct saying r = {0};
	size_t shown = strcspn(value, UNPRINTABLE);

	if (shown > LONGEST)
		shown = LONGEST;

	say_text(&r, "fastrand: ");
	say_text(&r, name);
	say_text(&r, "=");
	say_bytes(&r, value, shown);
	say_text(&r, value[shown] ? "..." : "");
	say_text(&r, " is not ");
	say_text(&r, allowed);
	say_text(&r, "; every request is passed on, as without the library\n");
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
