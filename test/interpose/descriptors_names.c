/*
 * Every libc name that copies, ends or reopens a descriptor is known to the
 * library: by its own symbol, as programs compiled with _FORTIFY_SOURCE or
 * for large files call it. Where that name makes a descriptor of the device,
 * its reads are served; where a number passes to a file by that name, its
 * reads are the file's.
 */
#include "descriptor_names.h"

#include <dirent.h>
#include <mntent.h>
#include <mqueue.h>

/* --- names that end --- */

static void by_close(int fd)
{
	expect(close(fd) == 0);
}

static void by___close(int fd)
{
	expect(__close(fd) == 0);
}

static void by_close_range(int fd)
{
	expect(close_range((unsigned)fd, (unsigned)fd, 0) == 0);
}

static void by_closefrom(int fd)
{
	closefrom(fd);
}

static void by_syscall_close(int fd)
{
	expect(syscall(SYS_close, fd) == 0);
}

static void by_syscall_close_range(int fd)
{
	expect(syscall(SYS_close_range, fd, fd, 0) == 0);
}

static void by_fclose(int fd)
{
	expect(fclose(fdopen(fd, "r")) == 0);
}

static void by__IO_fclose(int fd)
{
	expect(_IO_fclose(_IO_fdopen(fd, "r")) == 0);
}

static void by_endmntent(int fd)
{
	expect(endmntent(fdopen(fd, "r")) == 1);
}

static void by_mq_close(int fd)
{
	expect(mq_close(fd) == 0);
}

static void by_failed_freopen(int fd)
{
	expect(!freopen("/nowhere/file", "r", fdopen(fd, "r")));
}

/* Streams whose number was the device's when they ended. */
static void place_the_device_on(int number, int fd)
{
	expect(dup2(fd, number) == number);
	expect_served(number);
	expect(close(fd) == 0);
}

static void expect_both_are_free(int number, int fd)
{
	expect_unreadable(number);
	expect(open_known(3) == fd && open_known(3) == number);
	expect_known(number, 3);
	expect(close(fd) == 0 && close(number) == 0);
}

static void by_pclose(int fd)
{
	FILE *stream = popen("exit 0", "r");
	int number = fileno(stream);

	place_the_device_on(number, fd);
	expect(pclose(stream) == 0);
	expect_both_are_free(number, fd);
}

static void by_closedir(int fd)
{
	DIR *directory = opendir("/");
	int number = dirfd(directory);

	place_the_device_on(number, fd);
	expect(closedir(directory) == 0);
	expect_both_are_free(number, fd);
}

static void by_tmpfile_fclose(int fd)
{
	FILE *stream = tmpfile();
	int number = fileno(stream);

	place_the_device_on(number, fd);
	expect(fclose(stream) == 0);
	expect_both_are_free(number, fd);
}

#define ENDER(name_) {.name = #name_, .end = by_##name_}
#define WEAK_ENDER(weak) {.name = #weak, .symbol = #weak, .end = by_##weak}

static struct name enders[] = {
	ENDER(close),
	WEAK_ENDER(__close),
	WEAK_ENDER(close_range),
	WEAK_ENDER(closefrom),
	ENDER(syscall_close),
	ENDER(syscall_close_range),
	ENDER(fclose),
	WEAK_ENDER(_IO_fclose),
	ENDER(endmntent),
	ENDER(mq_close),
	ENDER(failed_freopen),
	ENDER(pclose),
	ENDER(closedir),
	ENDER(tmpfile_fclose),
};

/* --- names that copy --- */

static int by_dup(int fd)
{
	return dup(fd);
}

static int by_fcntl(int fd)
{
	return fcntl(fd, F_DUPFD, 3);
}

static int by_fcntl_cloexec(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int by_fcntl64(int fd)
{
	return fcntl64(fd, F_DUPFD, 3);
}

static int by_fcntl64_cloexec(int fd)
{
	return fcntl64(fd, F_DUPFD_CLOEXEC, 3);
}

static int by___fcntl(int fd)
{
	return __fcntl(fd, F_DUPFD, 3);
}

static int by___fcntl_cloexec(int fd)
{
	return __fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int by_syscall_dup(int fd)
{
	return (int)syscall(SYS_dup, fd);
}

static int by_syscall_fcntl(int fd)
{
	return (int)syscall(SYS_fcntl, fd, F_DUPFD, 3);
}

#define COPIER(name_, ...) \
	{.name = #name_, .copy = by_##name_, __VA_ARGS__}

static struct name copiers[] = {
	COPIER(dup),
	COPIER(fcntl),
	COPIER(fcntl_cloexec),
	COPIER(fcntl64, .symbol = "fcntl64"),
	COPIER(fcntl64_cloexec, .symbol = "fcntl64"),
	COPIER(__fcntl, .symbol = "__fcntl"),
	COPIER(__fcntl_cloexec, .symbol = "__fcntl"),
	COPIER(syscall_dup, .untagged = true),
	COPIER(syscall_fcntl, .untagged = true),
};

static int by_dup2(int from, int onto)
{
	return dup2(from, onto);
}

static int by___dup2(int from, int onto)
{
	return __dup2(from, onto);
}

static int by_dup3(int from, int onto)
{
	return dup3(from, onto, 0);
}

static int by_dup3_cloexec(int from, int onto)
{
	return dup3(from, onto, O_CLOEXEC);
}

#ifdef SYS_dup2
static int by_syscall_dup2(int from, int onto)
{
	return (int)syscall(SYS_dup2, from, onto);
}
#endif

static int by_syscall_dup3(int from, int onto)
{
	return (int)syscall(SYS_dup3, from, onto, 0);
}

#define PLACER(name_, ...) \
	{.name = #name_, .copy_onto = by_##name_, __VA_ARGS__}

static struct name placers[] = {
	PLACER(dup2),
	PLACER(__dup2, .symbol = "__dup2"),
	PLACER(dup3),
	PLACER(dup3_cloexec),
#ifdef SYS_dup2
	PLACER(syscall_dup2, .untagged = true),
#endif
	PLACER(syscall_dup3, .untagged = true),
};

/* --- names that reopen a stream --- */

static void by_freopen(int fd, const char *path)
{
	expect(freopen(path, "r", fdopen(fd, "r")));
}

static void by_freopen64(int fd, const char *path)
{
	expect(freopen64(path, "r", fdopen(fd, "r")));
}

#define REOPENER(name_) {.name = #name_, .reopen = by_##name_}

static struct name reopeners[] = {
	REOPENER(freopen),
	REOPENER(freopen64),
};

/* --- the promises, each kept for every row of its table --- */

static void ends_the_number(void)
{
	int number = open_served();

	by->end(number);
	expect_unreadable(number);
	expect(read(number, NULL, 0) == -1 && errno == EBADF);
	expect_known_lands_on(number, 1);
}

static void copies_the_device(void)
{
	int from = open_served();
	int copy = by->copy(from);

	expect(copy > from);
	expect_tagged(copy);
	expect(close(from) == 0);
	expect_tagged(copy);
	expect_known_lands_on(from, 1);
	expect(close(copy) == 0);
}

static void copies_a_file_where_the_device_was(void)
{
	int file = open_known(2);
	int number = open_served();

	expect(RAW(SYS_close, number) == 0);
	expect(by->copy(file) == number);
	expect_known(number, 2);
	expect(close(number) == 0 && close(file) == 0);
	expect(by->copy(file) == -1 && errno == EBADF);
}

static void places_the_device(void)
{
	int from = open_served();
	int onto = open_known(1);

	expect_known(onto, 1);
	expect(by->copy_onto(from, onto) == onto);
	expect_tagged(onto);
	expect(close(from) == 0);
	expect_tagged(onto);
	expect(by->copy_onto(onto, from) == from);
	expect_tagged(from);
	expect(close(from) == 0 && close(onto) == 0);
}

static void places_a_file_over_the_device(void)
{
	int number = open_served();
	int file = open_known(1);

	expect(by->copy_onto(file, number) == number);
	expect_known(number, 1);
	expect(close(file) == 0);
	expect_known(number, 1);
	expect(close(number) == 0);
}

static void leaves_the_number_when_it_fails(void)
{
	int number = open_served();
	int itself;

	expect(by->copy_onto(number + 50, number) == -1 && errno == EBADF);
	expect_random(number);
	expect(by->copy_onto(number, -1) == -1 && errno == EBADF);
	itself = by->copy_onto(number, number);
	expect(itself == number || (itself == -1 && errno == EINVAL));
	expect_random(number);
	expect(close(number) == 0);
	expect_known_lands_on(number, 1);
}

static void reopens_as_a_file(void)
{
	int number = open_served();

	by->reopen(number, known_path(1));
	expect_known(number, 1);
	expect(close(number) == 0);
}

static void reopens_as_the_device(void)
{
	int number = open_known(1);

	by->reopen(number, "/dev/urandom");
	expect_random(number);
	by->reopen(number, known_path(2));
	expect_known(number, 2);
	expect(close(number) == 0);
}

/* --- names that seem to end descriptors, and do not --- */

static void fcloseall_ends_nothing(void)
{
	int number = open_served();

	expect(fdopen(number, "r") != NULL);
	expect(fcloseall() == 0);
	expect_random(number);
}

static void close_range_cloexec_ends_nothing(void)
{
	int number = open_served();

	expect(close_range((unsigned)number, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
	expect(fcntl(number, F_GETFD) == FD_CLOEXEC);
	expect_random(number);
}

static void a_range_that_is_none_ends_nothing(void)
{
	int number = open_served();

	expect(close_range((unsigned)number + 1, (unsigned)number, 0) == -1);
	expect(errno == EINVAL);
	expect(close_range((unsigned)number, ~0U, 1 << 20) == -1);
	expect(errno == EINVAL);
	expect(close(-1) == -1 && errno == EBADF);
	expect_random(number);
}

static void a_range_from_zero_ends_all(void)
{
	int number = open_served();
	int copy = dup(number);

	expect(close_range(3, ~0U, 0) == 0);
	expect_unreadable(number);
	expect_unreadable(copy);
	expect(open_known(1) == 3 && open_known(2) == 4);
	expect_known(3, 1);
	expect_known(4, 2);
	closefrom(-5);
	expect(RAW(SYS_fcntl, 0, F_GETFD) == -EBADF);
	expect(RAW(SYS_fcntl, 3, F_GETFD) == -EBADF);
}

/* fcntl's third argument may be a number, a pointer, or not there. */
static void fcntl_passes_all_commands_on(void)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	struct f_owner_ex owner = {F_OWNER_PID, getpid()};
	int file = open_known(1);
	int number = open_served();

	expect(fcntl(file, F_SETLK, &lock) == 0);
	lock.l_type = F_RDLCK;
	expect(fcntl(file, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
	expect(fcntl(number, F_SETOWN_EX, &owner) == 0);
	owner.pid = 0;
	expect(fcntl(number, F_GETOWN_EX, &owner) == 0);
	expect(owner.pid == getpid());
	expect(fcntl(number, F_SETFD, FD_CLOEXEC) == 0);
	expect(fcntl(number, F_GETFD) == FD_CLOEXEC);
	expect(fcntl(number, F_SETFL, O_NONBLOCK) == 0);
	expect(fcntl(number, F_GETFL) & O_NONBLOCK);
	expect(fcntl(number, F_DUPFD, 40) == 40);
	expect_served(40);
	expect(fcntl(number, F_DUPFD, INT_MAX) == -1 && errno == EINVAL);
	expect(fcntl(number, 12345, 0) == -1 && errno == EINVAL);
	expect_served(number);
}

static struct promise alone[] = {
	APART(fcloseall_ends_nothing),
	APART(close_range_cloexec_ends_nothing),
	APART(a_range_that_is_none_ends_nothing),
	APART(a_range_from_zero_ends_all),
	APART(fcntl_passes_all_commands_on),
};

int main(void)
{
	FOR_ALL(enders, ends_the_number);
	FOR_ALL(copiers, copies_the_device);
	FOR_ALL(copiers, copies_a_file_where_the_device_was);
	FOR_ALL(placers, places_the_device);
	FOR_ALL(placers, places_a_file_over_the_device);
	FOR_ALL(placers, leaves_the_number_when_it_fails);
	FOR_ALL(reopeners, reopens_as_a_file);
	FOR_ALL(reopeners, reopens_as_the_device);
	promises_add(&list, alone, COUNT(alone));
	return promise_run("descriptors_names", list.tests, list.count);
}
