/* How new is the kernel's generator? See kernel.h. */
#include "kernel.h"

#include <stdatomic.h>
#include <sys/utsname.h>

#include "system/real.h"

static atomic_bool one_generator;

/* Is a release such as "6.18.44-something" at least 5.6? */
static bool since_5_6(void)
{
	struct utsname name;
	unsigned int part[2] = {0, 0};
	const char *c = name.release;

	if (REAL_CALL(SYS_uname, &name) < 0)
		return false;
	for (int i = 0; i < 2; i++, c++)
		while (*c >= '0' && *c <= '9')
			part[i] = part[i] * 10 + (unsigned int)(*c++ - '0');
	return part[0] > 5 || (part[0] == 5 && part[1] >= 6);
}

void kernel_start(bool recent)
{
	one_generator = recent || since_5_6();
}

bool kernel_one_generator(void)
{
	return one_generator;
}
