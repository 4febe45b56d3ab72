/*
 * What the library does in the place of librt and libutil is what this libc does,
 * call by call: the same answer, errno, and thing behind the number.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "interpose/old_libc.h"
#include "system/real.h"

static void skip_because(const char *reason)
{
	fprintf(stderr, "skipped: %s\n", reason);
	skip();
}

/* A name that no other process has. */
static const char *own_name(void)
{
	static char name[64];

	snprintf(name, sizeof name, "/fastrand-%d", (int)getpid());
	return name;
}

/* Closes the number, which was made closing at exec; the kind of what it was. */
static mode_t kind_of(int fd)
{
	struct stat is;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &is), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
	return is.st_mode;
}

static void shm_opens_alike(const char *name, int flags)
{
	int ours, ours_errno, theirs;

	errno = 0;
	ours = old_libc_shm_open(name, flags, 0640);
	ours_errno = errno;
	if (flags & O_EXCL && ours >= 0)
		assert_int_equal(shm_unlink(name), 0);
	errno = 0;
	theirs = REAL(shm_open)(name, flags, 0640);
	assert_int_equal(ours_errno, errno);
	assert_int_equal(ours < 0, theirs < 0);
	if (theirs >= 0)
		assert_int_equal(kind_of(ours), kind_of(theirs));
}

static void shared_memory_is_opened_as_libc_does(void **state)
{
	const char *name = own_name();
	char byte = 0;
	int fd;

	(void)state;
	if (!REAL_NAMED("shm_open"))
		skip_because("no shm_open in this libc");
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0640);
	if (fd < 0)
		skip_because("no shared memory here");
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(close(fd), 0);
	fd = old_libc_shm_open(name, O_RDONLY, 0);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(close(fd), 0);

	shm_opens_alike(name, O_RDWR | O_CREAT | O_EXCL);
	shm_opens_alike(name, O_RDWR | O_CREAT);
	shm_opens_alike(name + 1, O_RDWR);
	shm_opens_alike(name, O_RDWR | O_TRUNC);
	assert_int_equal(shm_unlink(name), 0);
	shm_opens_alike(name, O_RDWR);
	shm_opens_alike(name, O_RDWR | O_CREAT | O_EXCL);
	shm_opens_alike("", O_RDWR);
	shm_opens_alike("/", O_RDWR);
	shm_opens_alike("a/b", O_RDWR);
	shm_opens_alike(".", O_RDWR);
	shm_unlink(name);
}

static void queue_opens_alike(const char *name, int flags, struct mq_attr *with)
{
	int ours, ours_errno, theirs;

	errno = 0;
	ours = old_libc_mq_open(name, flags, 0600, with);
	ours_errno = errno;
	if (flags & O_EXCL && ours >= 0)
		assert_int_equal(mq_unlink(name), 0);
	errno = 0;
	theirs = REAL(mq_open)(name, flags, 0600, with);
	assert_int_equal(ours_errno, errno);
	assert_int_equal(ours < 0, theirs < 0);
	if (ours >= 0)
		assert_int_equal(old_libc_mq_close(ours), 0);
	if (theirs >= 0)
		assert_int_equal(mq_close(theirs), 0);
}

static void queues_are_opened_as_libc_does(void **state)
{
	struct mq_attr small = {.mq_maxmsg = 2, .mq_msgsize = 16};
	struct mq_attr wrong = {.mq_maxmsg = -1, .mq_msgsize = 16};
	const char *name = own_name();
	char message[16] = "";
	mqd_t ours;

	(void)state;
	if (!REAL_NAMED("mq_open"))
		skip_because("no mq_open in this libc");
	ours = old_libc_mq_open(name, O_RDWR | O_CREAT, 0600, &small);
	if (ours < 0)
		skip_because("no message queues here");
	assert_int_equal(mq_send(ours, "hello", 6, 0), 0);
	assert_int_equal(mq_receive(ours, message, sizeof message, NULL), 6);
	assert_string_equal(message, "hello");
	assert_int_equal(old_libc_mq_close(ours), 0);
	assert_int_equal(old_libc_mq_close(ours), -1);
	assert_int_equal(errno, EBADF);

	queue_opens_alike(name, O_RDWR, NULL);
	queue_opens_alike(name, O_RDWR | O_CREAT, NULL);
	assert_int_equal(mq_unlink(name), 0);
	queue_opens_alike(name, O_RDWR, NULL);
	queue_opens_alike(name, O_RDWR | O_CREAT | O_EXCL, &wrong);
	queue_opens_alike(name, O_RDWR | O_CREAT | O_EXCL, &small);
	queue_opens_alike(name + 1, O_RDWR | O_CREAT, NULL);
	queue_opens_alike("/", O_RDWR, NULL);
	mq_unlink(name);
}

/* 24 rows, and no echo. */
static void expect_terminal(int fd, const char *name)
{
	struct winsize size = {0};
	struct termios mode;
	char path[PATH_MAX];

	assert_int_equal(ttyname_r(fd, path, sizeof path), 0);
	assert_string_equal(path, name);
	assert_int_equal(ioctl(fd, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_row, 24);
	assert_int_equal(tcgetattr(fd, &mode), 0);
	assert_false(mode.c_lflag & ECHO);
}

static const struct winsize rows = {.ws_row = 24, .ws_col = 80};

/* Its own, since the terminal that this runs on may be none. */
static struct termios without_echo(void)
{
	struct termios mode;
	int master, slave;

	assert_int_equal(
		old_libc_openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &mode), 0);
	mode.c_lflag &= ~(tcflag_t)ECHO;
	close(master);
	close(slave);
	return mode;
}

static void only_where_terminals_are(void)
{
	int master, slave;

	if (old_libc_openpty(&master, &slave, NULL, NULL, NULL) < 0)
		skip_because("no pseudoterminals here");
	close(master);
	close(slave);
}

static void a_terminal_is_opened(void **state)
{
	char name[PATH_MAX] = "", line[8] = "";
	struct termios mode;
	int master, slave;

	(void)state;
	only_where_terminals_are();
	mode = without_echo();
	assert_int_equal(old_libc_openpty(&master, &slave, name, &mode, &rows),
			 0);
	expect_terminal(slave, name);
	assert_int_equal(write(master, "hello\n", 6), 6);
	assert_int_equal(read(slave, line, sizeof line), 6);
	assert_string_equal(line, "hello\n");
	close(master);
	close(slave);
}

/* In the child: 0, 1 and 2 are the terminal, which is the one of its session. */
static int say_terminal(const char *expected)
{
	char path[PATH_MAX] = "";
	int own = open("/dev/tty", O_RDWR);

	if (own < 0 || tcgetsid(0) != getpid() || getsid(0) != getpid())
		return 3;
	if (ttyname_r(0, path, sizeof path) || strcmp(path, expected))
		return 4;
	return write(1, "one\n", 4) == 4 && write(2, "two\n", 4) == 4 ? 7 : 5;
}

static void expect_said(int master, pid_t child)
{
	char said[64] = "";
	size_t len = 0;
	ssize_t got;
	int status;

	while ((got = read(master, said + len, sizeof said - 1 - len)) > 0)
		len += (size_t)got;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(said, "one\r\ntwo\r\n");
	close(master);
}

/* The name is there before the fork. */
static void a_child_is_forked_on_a_terminal(void **state)
{
	char name[PATH_MAX] = "";
	struct termios mode;
	int master = -1;
	pid_t child;

	(void)state;
	only_where_terminals_are();
	mode = without_echo();
	child = old_libc_forkpty(&master, name, &mode, &rows);
	if (!child)
		_exit(say_terminal(name));
	assert_true(child > 0);
	assert_int_equal(fcntl(master, F_GETFD), 0);
	expect_said(master, child);
}

static void a_terminal_is_logged_in_on(void **state)
{
	char name[PATH_MAX] = "";
	int master, slave;
	pid_t child;

	(void)state;
	only_where_terminals_are();
	assert_int_equal(old_libc_openpty(&master, &slave, name, NULL, NULL), 0);
	child = fork();
	if (!child) {
		close(master);
		if (old_libc_login_tty(slave) || fcntl(slave, F_GETFD) != -1)
			_exit(2);
		_exit(say_terminal(name));
	}
	close(slave);
	expect_said(master, child);
}

static void what_is_no_terminal_is_refused(void **state)
{
	int status, ends[2];
	pid_t child = fork();

	(void)state;
	if (!child) {
		bool refused = pipe(ends) == 0 &&
			       old_libc_login_tty(ends[0]) == -1 &&
			       errno == ENOTTY && fcntl(ends[0], F_GETFD) == 0 &&
			       old_libc_login_tty(-1) == -1 && errno == EBADF;

		_exit(refused ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_memory_is_opened_as_libc_does),
		cmocka_unit_test(queues_are_opened_as_libc_does),
		cmocka_unit_test(a_terminal_is_opened),
		cmocka_unit_test(a_child_is_forked_on_a_terminal),
		cmocka_unit_test(a_terminal_is_logged_in_on),
		cmocka_unit_test(what_is_no_terminal_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
