/*
 * No report is made in a sandbox, even if the program entered it before the library
 * found out that a report is wanted: in a constructor that ran before ours.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "interpose/urandom_fd.h"
#include "report/report.h"

static void enter(void)
{
	urandom_fd_latch();
}

static void want(void)
{
	report_start(true, false);
}

static void nothing(void)
{
}

/* Returns how many bytes a child says at its end, after these two. */
static size_t said_after(void (*first)(void), void (*second)(void))
{
	char text[4096];
	int ends[2], status = -1;
	ssize_t len;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child) {
		dup2(ends[1], STDERR_FILENO);
		first();
		second();
		report_at_end();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	len = read(ends[0], text, sizeof text);
	close(ends[0]);
	assert_true(len >= 0);
	return (size_t)len;
}

static void a_report_is_made_where_it_is_wanted(void **state)
{
	(void)state;
	assert_true(said_after(nothing, want) > 0);
	assert_int_equal(said_after(nothing, nothing), 0);
}

static void no_report_is_made_in_a_sandbox(void **state)
{
	(void)state;
	assert_int_equal(said_after(want, enter), 0);
	assert_int_equal(said_after(enter, want), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_made_where_it_is_wanted),
		cmocka_unit_test(no_report_is_made_in_a_sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
