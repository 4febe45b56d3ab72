/*
 * What if somebody names us in LD_AUDIT? The loader ends a program whose auditor it
 * would have to unload, which we cannot be. So we are one that wants to be told
 * nothing; and say that this was not meant, since nothing is served.
 */
#include "system/export.h"
#include "report/say.h"

unsigned int la_version(unsigned int version);

EXPORT unsigned int la_version(unsigned int version)
{
	struct saying s = {0};

	say_text(&s, "fastrand: LD_AUDIT names libfastrand.so, which does "
		     "nothing there: it is for LD_PRELOAD\n");
	say_write(&s);
	return version;
}
