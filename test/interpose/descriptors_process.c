/*
 * What a process may be: one with very few or very many descriptors, a copy
 * of another, one that has not begun or has already ended.
 */
#include "support/promise.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

/* --- numbers --- */

/* Any number may be the device's, and any the file's, and again. */
static void expect_number_to_work(int number)
{
	int device = open_served();
	int file = open_known(1);

	expect(dup2(device, number) == number);
	expect_random(number);
	expect(dup2(file, number) == number);
	expect_known(number, 1);
	expect(close(number) == 0);
	expect_unreadable(number);
	expect(fcntl(device, F_DUPFD, number) == number);
	expect_random(number);
	expect(close(number) == 0);
	expect(fcntl(file, F_DUPFD, number) == number);
	expect_known(number, 1);
	expect(close(number) == 0 && close(file) == 0 && close(device) == 0);
}

/* As many as asked for, or as many as may be had: how many? */
static rlim_t allow_numbers(rlim_t most)
{
	struct rlimit limit;

	expect(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = most;
	if (limit.rlim_max < most)
		limit.rlim_max = most;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		expect(getrlimit(RLIMIT_NOFILE, &limit) == 0);
		limit.rlim_cur = limit.rlim_max;
		expect(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	}
	return limit.rlim_cur;
}

static void every_number_around_a_power_of_two_works(void)
{
	int limit = (int)allow_numbers(70000);
	int power, number;

	for (power = 16; power + 2 < limit; power *= 2)
		for (number = power - 2; number <= power + 2; number++)
			expect_number_to_work(number);
}

static void numbers_far_apart_are_not_confused(void)
{
	int limit = (int)allow_numbers(70000);
	int power, number = 10;

	expect(dup2(open_served(), number) == number);
	for (power = 16; number + power < limit; power *= 2) {
		expect(dup2(open_known(1), number + power) == number + power);
		expect_random(number);
		expect_known(number + power, 1);
		expect(close(number + power) == 0);
		expect_random(number);
	}
	expect_served(number);
}

static void a_limit_of_four_leaves_room_for_one(void)
{
	int number;

	RAW(SYS_close_range, 3, ~0U, 0);
	expect(allow_numbers(4) == 4);
	number = open_served();
	expect(number == 3);
	expect(open("/dev/urandom", O_RDONLY) == -1 && errno == EMFILE);
	expect(dup(number) == -1 && errno == EMFILE);
	expect(dup2(number, 4) == -1 && errno == EBADF);
	expect(fcntl(number, F_DUPFD, 4) == -1 && errno == EINVAL);
	expect_served(number);
	expect(close(number) == 0);
	expect_known_lands_on(number, 1);
}

/* As many as the kernel has; 2^30 where a container was told so. */
static rlim_t most_numbers(void)
{
	FILE *file = fopen("/proc/sys/fs/nr_open", "r");
	unsigned long most = 0;

	if (!file || fscanf(file, "%lu", &most) != 1)
		most = 65536;
	if (file)
		fclose(file);
	return most > 1 << 20 ? 1 << 20 : most;
}

static void the_largest_number_works(void)
{
	rlim_t most = allow_numbers(most_numbers());

	expect_number_to_work((int)most - 1);
	expect(close_range(3, ~0U, 0) == 0);
	expect_served(open_served());
}

static void many_numbers_served(void)
{
	struct rlimit limit;

	expect(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	expect(limit.rlim_cur == limit.rlim_max);
	expect_served(open_served());
	expect_number_to_work((int)limit.rlim_cur - 1);
}

static void a_program_may_start_with_a_very_large_limit(void)
{
	pid_t child;

	allow_numbers(most_numbers());
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "descriptors_process",
		      "many_numbers_served", NULL);
		_exit(1);
	}
	reap(child);
}

static void numbers_that_are_none_fail_as_before(void)
{
	const int numbers[] = {-1, -100, INT_MIN, INT_MAX, 1 << 30};
	int device = open_served();
	size_t i;

	for (i = 0; i < COUNT(numbers); i++) {
		expect_unreadable(numbers[i]);
		expect(close(numbers[i]) == -1 && errno == EBADF);
		expect(dup(numbers[i]) == -1 && errno == EBADF);
		expect(dup2(numbers[i], device) == -1 && errno == EBADF);
		expect(dup2(device, numbers[i]) == -1 && errno == EBADF);
		expect(dup3(device, numbers[i], 0) == -1 && errno == EBADF);
		expect(fcntl(numbers[i], F_DUPFD, 0) == -1 && errno == EBADF);
		expect(!fdopen(numbers[i], "r") && errno == EBADF);
	}
	expect(fcntl(device, F_DUPFD, -1) == -1 && errno == EINVAL);
	expect(close_range(INT_MAX, INT_MAX, 0) == 0);
	expect(close_range(1U << 31, ~0U, 0) == 0);
	expect_served(device);
}

/* --- 32: copies of a process read different bytes --- */

static int inherited;

static pid_t by_fork(void)
{
	return fork();
}

static pid_t by__Fork(void)
{
	pid_t (*function)(void);

	*(void **)&function = dlsym(RTLD_DEFAULT, "_Fork");
	if (!function)
		skip_because("this libc has no _Fork");
	return function();
}

static pid_t by_raw_clone(void)
{
	return (pid_t)RAW(SYS_clone, SIGCHLD);
}

static pid_t by_syscall_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* No 8 bytes of the one are 8 bytes of the other. */
static void expect_nothing_shared(const uint8_t *one, const uint8_t *other)
{
	size_t i, j;

	for (i = 0; i < SERVED_LEN; i += 8)
		for (j = 0; j < SERVED_LEN; j += 8)
			expect(memcmp(one + i, other + j, 8) != 0);
}

static void copy_and_compare(pid_t (*copy)(void))
{
	uint8_t ours[SERVED_LEN], theirs[SERVED_LEN], childs[SERVED_LEN];
	int ends[2];
	pid_t child;

	inherited = open_served();
	expect(pipe(ends) == 0);
	child = copy();
	if (child == 0) {
		if (read(inherited, theirs, sizeof theirs) != sizeof theirs ||
		    write(ends[1], theirs, sizeof theirs) != sizeof theirs)
			_exit(1);
		expect_served(inherited);
		expect(dup2(open_known(2), inherited) == inherited);
		expect_known(inherited, 2);
		expect_served(open_served());
		_exit(0);
	}
	expect(read(inherited, ours, sizeof ours) == sizeof ours);
	expect(read(ends[0], childs, sizeof childs) == sizeof childs);
	expect_random_bytes(ours, sizeof ours);
	expect_random_bytes(childs, sizeof childs);
	expect_nothing_shared(ours, childs);
	reap(child);
	expect_served(inherited);
}

static void a_fork_reads_other_bytes(void)
{
	copy_and_compare(by_fork);
}

static void an_underscore_fork_reads_other_bytes(void)
{
	copy_and_compare(by__Fork);
}

static void a_raw_clone_reads_other_bytes(void)
{
	copy_and_compare(by_raw_clone);
}

static void a_clone_by_syscall_reads_other_bytes(void)
{
	copy_and_compare(by_syscall_clone);
}

/* It runs in the memory of its parent, and with its thread pointer. */
static int read_in_clone(void *bytes)
{
	int i;

	for (i = 0; i < 100; i++)
		if (read(inherited, bytes, SERVED_LEN) != SERVED_LEN)
			return 1;
	return 0;
}

static void a_clone_in_our_memory_reads_other_bytes(void)
{
	static _Alignas(64) char stack[64 * 1024];
	uint8_t ours[SERVED_LEN], theirs[SERVED_LEN];

	inherited = open_served();
	reap(clone(read_in_clone, stack + sizeof stack,
		   CLONE_VM | CLONE_VFORK | SIGCHLD, theirs));
	expect(read(inherited, ours, sizeof ours) == sizeof ours);
	expect_random_bytes(theirs, sizeof theirs);
	expect_random_bytes(ours, sizeof ours);
	expect_nothing_shared(ours, theirs);
	expect_served(inherited);
}

/* --- 29: before the first constructor, and after the last destructor --- */

static bool early_ok;

static bool reads_as_it_should(void)
{
	uint8_t bytes[SERVED_LEN];
	int device = open("/dev/urandom", O_RDONLY);
	int program, copy;
	bool ok;

	ok = read(device, bytes, sizeof bytes) == sizeof bytes &&
	     known_random(bytes, sizeof bytes);
	copy = dup(device);
	ok = ok && read(copy, bytes, sizeof bytes) == sizeof bytes &&
	     known_random(bytes, sizeof bytes);
	program = open("/proc/self/exe", O_RDONLY);
	ok = ok && dup2(program, device) == device &&
	     read(device, bytes, 4) == 4 && memcmp(bytes, "\177ELF", 4) == 0;
	ok = ok && close(copy) == 0 && read(copy, bytes, 1) == -1;
	close(program);
	close(device);
	return ok;
}

/* exit() ends the libraries, and then calls this. */
static void after_all_destructors(void)
{
	if (!reads_as_it_should())
		_exit(1);
}

static void before_all_constructors(int argc, char **argv, char **environment)
{
	(void)environment;
	early_ok = reads_as_it_should();
	if (argc > 1 && strcmp(argv[1], "returns_from_main") == 0)
		atexit(after_all_destructors);
}

__attribute__((section(".preinit_array"), used)) static void (*const early)(
	int, char **, char **) = before_all_constructors;

static void reads_before_all_constructors(void)
{
	expect(early_ok);
}

static void returns_from_main(void)
{
	expect_served(open_served());
}

static void reads_after_all_destructors(void)
{
	pid_t child = fork();

	if (child == 0) {
		execl("/proc/self/exe", "descriptors_process",
		      "returns_from_main", NULL);
		_exit(1);
	}
	reap(child);
}

static const struct promise executed[] = {
	APART(many_numbers_served),
	APART(returns_from_main),
};

static struct promise promises[] = {
	APART(every_number_around_a_power_of_two_works),
	APART(numbers_far_apart_are_not_confused),
	APART(a_limit_of_four_leaves_room_for_one),
	APART(the_largest_number_works),
	APART(a_program_may_start_with_a_very_large_limit),
	APART(numbers_that_are_none_fail_as_before),
	APART(a_fork_reads_other_bytes),
	APART(an_underscore_fork_reads_other_bytes),
	APART(a_raw_clone_reads_other_bytes),
	APART(a_clone_by_syscall_reads_other_bytes),
	APART(a_clone_in_our_memory_reads_other_bytes),
	HERE(reads_before_all_constructors),
	APART(reads_after_all_destructors),
};

int main(int argc, char **argv)
{
	if (argc < 2)
		return promises_keep("descriptors_process", promises,
				     COUNT(promises));
	return promise_executed(argv[1], executed, COUNT(executed));
}
