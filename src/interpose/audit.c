/*
 * What if somebody names the library in LD_AUDIT? The loader ends a program if
 * it has to unload an auditor, and this library cannot be unloaded. Therefore
 * we act as an auditor that wants no notifications, and say on stderr that this
 * was a mistake, because nothing is served in that way.
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
