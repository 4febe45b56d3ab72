/*
 * Every libc name that opens is known to the library, by its own symbol, as
 * programs call it that were compiled with _FORTIFY_SOURCE or for large files:
 * the device is served, a file is that file, and all else is as it was.
 */
#include "descriptor_names.h"

#include <signal.h>

static int by_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags, mode);
}

static int by_open64(const char *path, int flags, mode_t mode)
{
	return open64(path, flags, mode);
}

static int by_openat(const char *path, int flags, mode_t mode)
{
	return openat(AT_FDCWD, path, flags, mode);
}

static int by_openat64(const char *path, int flags, mode_t mode)
{
	return openat64(AT_FDCWD, path, flags, mode);
}

static int by___open(const char *path, int flags, mode_t mode)
{
	return __open(path, flags, mode);
}

static int by___open64(const char *path, int flags, mode_t mode)
{
	return __open64(path, flags, mode);
}

static int by___open_2(const char *path, int flags, mode_t mode)
{
	(void)mode;
	return __open_2(path, flags);
}

static int by___open64_2(const char *path, int flags, mode_t mode)
{
	(void)mode;
	return __open64_2(path, flags);
}

static int by___openat_2(const char *path, int flags, mode_t mode)
{
	(void)mode;
	return __openat_2(AT_FDCWD, path, flags);
}

static int by___openat64_2(const char *path, int flags, mode_t mode)
{
	(void)mode;
	return __openat64_2(AT_FDCWD, path, flags);
}

static int by_syscall_openat(const char *path, int flags, mode_t mode)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPENER(name_, ...) \
	{.name = #name_, .open = by_##name_, __VA_ARGS__}
#define WEAK_OPENER(weak, ...) \
	{.name = #weak, .symbol = #weak, .open = by_##weak, __VA_ARGS__}

static struct name openers[] = {
	OPENER(open),
	OPENER(open64),
	OPENER(openat),
	OPENER(openat64),
	WEAK_OPENER(__open),
	WEAK_OPENER(__open64),
	OPENER(syscall_openat, .untagged = true),
};

/* What open is called when the compiler has checked that it needs no mode. */
static struct name fortified_openers[] = {
	WEAK_OPENER(__open_2),
	WEAK_OPENER(__open64_2),
	WEAK_OPENER(__openat_2),
	WEAK_OPENER(__openat64_2),
};

/* --- the promises, each kept for every row of its table --- */

static void opens_the_device(void)
{
	int fd = by->open("/dev/urandom", O_RDONLY, 0);

	expect(fd >= 0);
	expect_tagged(fd);
	expect(close(fd) == 0);
	fd = by->open("/dev/urandom", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
	expect(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	expect_tagged(fd);
	expect(close(fd) == 0);
	expect_known_lands_on(fd, 1);
}

static void opens_a_file_where_the_device_was(void)
{
	int number = open_served();
	int fd;

	expect(RAW(SYS_close, number) == 0);
	fd = by->open(known_path(1), O_RDONLY, 0);
	expect(fd == number);
	expect_known(fd, 1);
	expect(close(fd) == 0);
}

static void fails_as_before(void)
{
	const char *volatile nowhere = NULL;
	const char *volatile nearly = (const char *)1;

	expect(by->open("/nowhere/urandom", O_RDONLY, 0) == -1);
	expect(errno == ENOENT);
	expect(by->open("/dev/urandom/", O_RDONLY, 0) == -1);
	expect(errno == ENOTDIR);
	expect(by->open("/dev/urandom", O_RDONLY | O_DIRECTORY, 0) == -1);
	expect(errno == ENOTDIR);
	expect(by->open("", O_RDONLY, 0) == -1 && errno == ENOENT);
	expect(by->open(nowhere, O_RDONLY, 0) == -1 && errno == EFAULT);
	expect(by->open(nearly, O_RDONLY, 0) == -1 && errno == EFAULT);
}

static void passes_the_mode_on(void)
{
	struct stat st;
	char path[PATH_MAX];
	mode_t mask = umask(0);
	int fd;

	snprintf(path, sizeof path, "%s/urandom", known_dir);
	fd = by->open(path, O_RDWR | O_CREAT | O_EXCL, 0751);
	expect(fd >= 0);
	expect(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0751);
	expect_as_the_kernel(fd);
	expect(close(fd) == 0 && unlink(path) == 0);

	fd = by->open(known_dir, O_RDWR | O_TMPFILE, 0640);
	umask(mask);
	if (fd < 0)
		skip_because("no O_TMPFILE here");
	expect(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640);
	expect(close(fd) == 0);
}

static void create_without_mode(void)
{
	(void)!__open_2("/dev/urandom", O_CREAT | O_RDONLY);
}

static void a_fortified_open_still_demands_a_mode(void)
{
	int status;

	if (!__open_2)
		skip_because("this libc has no __open_2");
	status = status_apart(create_without_mode);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	static const struct promise alone =
		HERE(a_fortified_open_still_demands_a_mode);

	FOR_ALL(openers, opens_the_device);
	FOR_ALL(openers, opens_a_file_where_the_device_was);
	FOR_ALL(openers, fails_as_before);
	FOR_ALL(openers, passes_the_mode_on);
	FOR_ALL(fortified_openers, opens_the_device);
	FOR_ALL(fortified_openers, opens_a_file_where_the_device_was);
	FOR_ALL(fortified_openers, fails_as_before);
	promises_add(&list, &alone, 1);
	return promise_run("descriptors_open", list.tests, list.count);
}
