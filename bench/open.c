/* Where is a contender's function, and what must be done before its calls? */
#include "contenders.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GCRYPT_INITIALISED = 38 };	/* GCRYCTL_INITIALIZATION_FINISHED */

void *contender_function;
static void *library;

const char *contender_path(const char *name)
{
	const char *value = *name == '$' ? getenv(name + 1) : name;

	return value ? value : "";
}

void *contender_symbol(const char *name)
{
	return dlsym(library ? library : RTLD_DEFAULT, name);
}

/*
 * dlsym looks into the libraries that this one needs, too. But libbsd's
 * arc4random has to be libbsd's, although some libcs have one.
 */
static int defined_in(void *function, const char *path)
{
	Dl_info where;

	return dladdr(function, &where) && where.dli_fname &&
	       strstr(where.dli_fname, path);
}

const char *contender_open(const struct contender *self)
{
	static char why[256];
	char names[256], *path = names, *rest = NULL;

	if (!self->so)
		return self->setup ? self->setup(self) : NULL;
	snprintf(names, sizeof names, "%s", self->so);
	while (!library && (path = strtok_r(rest ? NULL : names, " ", &rest)))
		library = dlopen(contender_path(path), RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		snprintf(why, sizeof why, "%s", dlerror());
		return why;
	}
	contender_function = contender_symbol(self->symbol);
	if (!contender_function ||
	    !defined_in(contender_function, contender_path(path))) {
		snprintf(why, sizeof why, "%.99s has no %s of its own",
			 contender_path(path), self->symbol);
		return why;
	}
	return self->setup ? self->setup(self) : NULL;
}

static const char *sodium_setup(const char *name)
{
	int (*set)(void *) = contender_symbol("randombytes_set_implementation");
	int (*init)(void) = contender_symbol("sodium_init");
	void *implementation = contender_symbol(name);

	if (!set || !init || !implementation)
		return "this libsodium lacks a symbol that we need";
	if (set(implementation) || init() < 0)
		return "libsodium could not be initialised";
	return NULL;
}

const char *sodium_system_setup(const struct contender *self)
{
	(void)self;
	return sodium_setup("randombytes_sysrandom_implementation");
}

const char *sodium_internal_setup(const struct contender *self)
{
	(void)self;
	return sodium_setup("randombytes_internal_implementation");
}

const char *gcrypt_setup(const struct contender *self)
{
	const char *(*check)(const char *) =
		contender_symbol("gcry_check_version");
	int (*control)(int, ...) = contender_symbol("gcry_control");

	(void)self;
	if (!check || !control || !check(NULL))
		return "this libgcrypt lacks a symbol that we need";
	control(GCRYPT_INITIALISED, 0);
	return NULL;
}
