/*
 * Names are found where the loader finds them: in every object, by both kinds
 * of hash table, and behind us in the order of loading.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/elf_symbol.h"
#include "system/real.h"
#include "source/vdso.h"

static struct link_map *object(void *handle)
{
	struct link_map *map = NULL;

	assert_non_null(handle);
	assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
	return map;
}

static const void *dynamic(const struct link_map *map, ElfW(Sxword) tag)
{
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		ElfW(Addr) value = d->d_un.d_ptr;

		if (d->d_tag == tag)
			return (const void *)(value < map->l_addr ?
						      map->l_addr + value :
						      value);
	}
	return NULL;
}

static void *found(const struct link_map *map, const char *name)
{
	return elf_symbol(map->l_addr, map->l_ld, name);
}

/*
 * Every name that this object defines, in all its versions; the names lie
 * right behind the symbols. What dlsym asks first is left out, indirect
 * functions, and what is apart in each thread.
 */
static void expect_as_dlsym(const char *file, unsigned int *hidden)
{
	void *handle = dlopen(file, RTLD_LAZY);
	struct link_map *map = object(handle);
	const char *names = dynamic(map, DT_STRTAB);
	const uint16_t *versions = dynamic(map, DT_VERSYM);
	const ElfW(Sym) *first = dynamic(map, DT_SYMTAB), *s;
	unsigned int same = 0;

	for (s = first + 1; (const char *)s < names; s++) {
		const char *name = names + s->st_name;
		unsigned int type = s->st_info & 0xf;

		if (s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS)
			continue;
		if (type == STT_GNU_IFUNC) {
			assert_null(found(map, name));
			continue;
		}
		if (type != STT_FUNC && type != STT_OBJECT)
			continue;
		if (versions && versions[s - first] & 0x8000) {
			++*hidden;
			/* The version of today may be an indirect function. */
			if (!found(map, name))
				continue;
		}
		if (found(map, name) != dlsym(handle, name))
			fail_msg("%s of %s", name, file);
		same++;
	}
	assert_true(same > 0);
	dlclose(handle);
}

static void every_name_is_found_as_dlsym_finds_it(void **state)
{
	unsigned int hidden = 0;

	(void)state;
	expect_as_dlsym("libc.so.6", &hidden);
	print_message("%u versions were hidden\n", hidden);
	expect_as_dlsym("libcmocka.so.0", &hidden);
}

static void a_name_that_is_absent_is_not_found(void **state)
{
	static const char *const absent[] = {
		"", "r", "rea", "read_", "READ", "no_such_name", "read@GLIBC",
	};
	struct link_map *libc = object(dlopen("libc.so.6", RTLD_LAZY));
	char name[5000];

	(void)state;
	for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
		assert_null(found(libc, absent[i]));
	for (size_t i = 0; i + 1 < sizeof name; i++) {
		name[i] = (char)('a' + i % 26);
		name[i + 1] = '\0';
		assert_true(!found(libc, name) || i < 10);
	}
	assert_null(elf_symbol(0, NULL, "read"));
}

static void functions_of_the_vdso_are_found(void **state)
{
	static const char *const names[] = {
		"__vdso_clock_gettime", "__vdso_getcpu", "__vdso_getrandom",
		"__vdso_gettimeofday", "__kernel_clock_gettime",
		"__kernel_getrandom", "__vdso_no_such_name", "getrandom",
	};
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	int there = 0;

	(void)state;
	if (!vdso)
		skip();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *is = dlsym(vdso, names[i]);

		/* dlsym goes on to what the vDSO depends on: nothing. */
		assert_ptr_equal(vdso_function(names[i]), is);
		there += is != NULL;
	}
	assert_true(there > 0);
}

/* It lies beside this program. */
static void *open_plugin(const char *name)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 64);

	assert_true(len > 0);
	path[len] = '\0';
	strcpy(strrchr(path, '/') + 1, name);
	return dlopen(path, RTLD_NOW);
}

static void the_older_hash_table_will_do(void **state)
{
	static const char *const names[] = {
		"sysv_one", "sysv_two_with_a_name_long_enough_to_overflow",
		"sysv_three_is_data", "sysv_calls_hidden",
	};
	void *plugin = open_plugin("plugin_sysv.so");
	struct link_map *map = object(plugin);

	(void)state;
	assert_null(dynamic(map, DT_GNU_HASH));
	assert_non_null(dynamic(map, DT_HASH));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_non_null(dlsym(plugin, names[i]));
		assert_ptr_equal(found(map, names[i]), dlsym(plugin, names[i]));
	}
	assert_null(found(map, "hidden"));
	assert_null(found(map, "sysv_on"));
	assert_null(found(map, "read"));
	assert_null(found(map, ""));
}

static void the_next_one_is_that_of_the_loader(void **state)
{
	(void)state;
	assert_ptr_equal(REAL(read), dlsym(RTLD_NEXT, "read"));
	assert_ptr_equal(REAL(open), dlsym(RTLD_NEXT, "open"));
	assert_ptr_equal(REAL(close), dlsym(RTLD_NEXT, "close"));
	assert_ptr_equal(REAL(fopen), dlsym(RTLD_NEXT, "fopen"));
	assert_ptr_equal(REAL(recv), dlsym(RTLD_NEXT, "recv"));
	assert_ptr_equal(REAL(getrandom), dlsym(RTLD_NEXT, "getrandom"));
	assert_ptr_equal(REAL_NAMED("arc4random"),
			 dlsym(RTLD_NEXT, "arc4random"));
}

static void an_absent_one_is_null_every_time(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_null(REAL_NAMED("no_such_name"));
}

/* What is loaded later is not behind us: it may go away. */
static void what_is_loaded_later_is_not_found(void **state)
{
	(void)state;
	assert_non_null(REAL_NAMED("read"));
	assert_non_null(open_plugin("plugin_sysv.so"));
	assert_null(REAL_NAMED("sysv_one"));
}

static void a_raw_call_leaves_errno_alone(void **state)
{
	(void)state;
	errno = 4242;
	assert_int_equal(REAL_CALL(SYS_getppid), getppid());
	assert_int_equal(REAL_CALL(SYS_fcntl, -1, F_GETFD), -EBADF);
	assert_int_equal(REAL_CALL(SYS_lseek, -1, 0, 0), -EBADF);
	assert_int_equal(errno, 4242);
	assert_int_equal(real_result(5), 5);
	assert_int_equal(errno, 4242);
	assert_int_equal(real_result(-EBADF), -1);
	assert_int_equal(errno, EBADF);
}

/* Six arguments arrive. */
static void a_raw_call_has_six_arguments(void **state)
{
	int from[2], to[2];
	int64_t begin = 0;
	char c;

	(void)state;
	assert_int_equal(pipe(from), 0);
	assert_int_equal(pipe(to), 0);
	assert_int_equal(write(from[1], "x", 1), 1);
	assert_int_equal(REAL_CALL(SYS_splice, from[0], NULL, to[1], NULL, 1,
				   ~0U),
			 -EINVAL);
	assert_int_equal(REAL_CALL(SYS_splice, from[0], NULL, to[1], &begin, 1,
				   0),
			 -ESPIPE);
	assert_int_equal(REAL_CALL(SYS_splice, from[0], NULL, to[1], NULL, 1,
				   0),
			 1);
	assert_int_equal(REAL_CALL(SYS_read, to[0], &c, 1), 1);
	assert_int_equal(c, 'x');
}

static void *cancels_itself(void *unused)
{
	pthread_cancel(pthread_self());
	real_testcancel();
	return unused;
}

static void a_request_to_cancel_is_acted_on(void **state)
{
	pthread_t thread;
	void *result;

	(void)state;
	real_testcancel();
	assert_int_equal(pthread_create(&thread, NULL, cancels_itself, NULL),
			 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_found_as_dlsym_finds_it),
		cmocka_unit_test(a_name_that_is_absent_is_not_found),
		cmocka_unit_test(functions_of_the_vdso_are_found),
		cmocka_unit_test(the_older_hash_table_will_do),
		cmocka_unit_test(the_next_one_is_that_of_the_loader),
		cmocka_unit_test(an_absent_one_is_null_every_time),
		cmocka_unit_test(what_is_loaded_later_is_not_found),
		cmocka_unit_test(a_raw_call_leaves_errno_alone),
		cmocka_unit_test(a_raw_call_has_six_arguments),
		cmocka_unit_test(a_request_to_cancel_is_acted_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
