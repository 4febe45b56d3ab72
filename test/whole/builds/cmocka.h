/*
 * As much of cmocka as our tests use, in one header: for machines and libcs for
 * which there is none to link. What is printed is what test/run counts.
 *
 * LEFT_OUT="name,name": tests that ask for what this libc or emulator has not.
 */
#ifndef CMOCKA_H
#define CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
	const char *name;
	CMUnitTestFunction test_func;
	CMFixtureFunction setup_func, teardown_func;
	void *initial_state;
};

#define cmocka_unit_test(f) {#f, f, NULL, NULL, NULL}
#define cmocka_unit_test_setup(f, setup) {#f, f, setup, NULL, NULL}
#define cmocka_run_group_tests(tests, setup, teardown) \
	_cmocka_run_group_tests(#tests, tests, \
				sizeof(tests) / sizeof(tests)[0], setup, \
				teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
	_cmocka_run_group_tests(name, tests, \
				sizeof(tests) / sizeof(tests)[0], setup, \
				teardown)

#define print_message(...) printf(__VA_ARGS__)

/* Where a test that ends early goes on; the value says how it ended. */
static jmp_buf cmocka_end;
enum { CMOCKA_FAILED = 1, CMOCKA_SKIPPED };

#define skip() longjmp(cmocka_end, CMOCKA_SKIPPED)

__attribute__((noreturn, unused))
static void _fail(const char *file, int line)
{
	printf("%s:%d: error: Failure!\n", file, line);
	longjmp(cmocka_end, CMOCKA_FAILED);
}

#define fail() _fail(__FILE__, __LINE__)
#define fail_msg(...) (printf(__VA_ARGS__), puts(""), fail())

__attribute__((unused))
static void cmocka_expect(int good, const char *what, unsigned long long a,
			  unsigned long long b, const char *file, int line)
{
	if (good)
		return;
	printf("not so: %s (%#llx, %#llx)\n", what, a, b);
	_fail(file, line);
}

#define CMOCKA_EXPECT(good, what, a, b) \
	cmocka_expect(good, what, (unsigned long long)(a), \
		      (unsigned long long)(b), __FILE__, __LINE__)
#define CMOCKA_NUMBERS(a, relation, b) \
	do { \
		unsigned long long a_ = (unsigned long long)(a); \
		unsigned long long b_ = (unsigned long long)(b); \
		CMOCKA_EXPECT(a_ relation b_, #a " " #relation " " #b, a_, \
			      b_); \
	} while (0)

#define assert_true(c) CMOCKA_EXPECT(!!(c), #c, 0, 0)
#define assert_false(c) CMOCKA_EXPECT(!(c), "!(" #c ")", 0, 0)
#define assert_int_equal(a, b) CMOCKA_NUMBERS(a, ==, b)
#define assert_int_not_equal(a, b) CMOCKA_NUMBERS(a, !=, b)
#define assert_ptr_equal(a, b) CMOCKA_NUMBERS((uintptr_t)(a), ==, (uintptr_t)(b))
#define assert_ptr_not_equal(a, b) \
	CMOCKA_NUMBERS((uintptr_t)(a), !=, (uintptr_t)(b))
#define assert_null(p) assert_ptr_equal(p, NULL)
#define assert_non_null(p) assert_ptr_not_equal(p, NULL)
#define assert_in_range(n, low, high) \
	do { \
		CMOCKA_NUMBERS(n, >=, low); \
		CMOCKA_NUMBERS(n, <=, high); \
	} while (0)
#define assert_memory_equal(a, b, size) assert_true(!memcmp(a, b, size))
#define assert_string_equal(a, b) assert_true(!strcmp(a, b))

/* Is it in the list? A name of two words is there by its last. */
__attribute__((unused))
static int cmocka_left_out(const char *name)
{
	const char *list = getenv("LEFT_OUT"), *space = strrchr(name, ' ');
	size_t len;

	for (; list && *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if ((!strncmp(name, list, len) && !name[len]) ||
		    (space && !strncmp(space + 1, list, len) &&
		     !space[1 + len]))
			return 1;
	}
	return 0;
}

/* How one test ended. */
__attribute__((unused))
static int cmocka_run_one(const struct CMUnitTest *test, void **state)
{
	int end;

	if (cmocka_left_out(test->name))
		return CMOCKA_SKIPPED;
	*state = test->initial_state;
	end = setjmp(cmocka_end);
	if (end == 0) {
		if (test->setup_func && test->setup_func(state) != 0)
			fail();
		test->test_func(state);
	}
	if (test->teardown_func && test->teardown_func(state) != 0)
		end = CMOCKA_FAILED;
	return end;
}

__attribute__((unused))
static int _cmocka_run_group_tests(const char *group,
				   const struct CMUnitTest *tests, size_t count,
				   CMFixtureFunction setup,
				   CMFixtureFunction teardown)
{
	static const char *const ends[] = {"       OK", "  FAILED ",
					   "  SKIPPED"};
	size_t ended[3] = {0}, i;
	void *state = NULL;

	printf("[==========] %s: Running %zu test(s).\n", group, count);
	if (setup && setup(&state) != 0)
		return 255;
	for (i = 0; i < count; i++) {
		volatile size_t here = i;
		int end;

		fflush(stdout);
		end = cmocka_run_one(&tests[here], &state);
		i = here;
		ended[end]++;
		printf("[%s ] %s\n", ends[end], tests[i].name);
	}
	if (teardown && teardown(&state) != 0)
		ended[CMOCKA_FAILED]++;
	printf("[  PASSED  ] %zu test(s).\n", ended[0]);
	if (ended[CMOCKA_SKIPPED])
		printf("[  SKIPPED ] %zu test(s), listed above.\n",
		       ended[CMOCKA_SKIPPED]);
	if (ended[CMOCKA_FAILED])
		printf("[  FAILED  ] %zu test(s), listed above.\n",
		       ended[CMOCKA_FAILED]);
	return (int)ended[CMOCKA_FAILED];
}

#endif
