/*
 * Descriptors 0, 1 and 2: what the shell redirected is served, what daemon and
 * the terminal functions put there is what they put there, and where they are
 * closed they stay closed. Most of it can only be seen by a program executed
 * anew: this one executes itself, with the name of what to do there.
 */
#include "support/promise.h"

#include <poll.h>
#include <pty.h>
#include <sys/resource.h>
#include <utmp.h>

static void answer(int through, bool yes)
{
	_exit(write(through, yes ? "y" : "n", 1) == 1 ? 0 : 1);
}

/* What the process at the other end answered, within some seconds. */
static void expect_yes(int from)
{
	struct pollfd wait = {from, POLLIN, 0};
	char byte = 0;

	expect(poll(&wait, 1, PROMISE_SECONDS / 2 * 1000) == 1);
	expect(read(from, &byte, 1) == 1 && byte == 'y');
}

static void standard_input_is_served(void)
{
	int number = open_served();

	expect(dup2(number, 0) == 0);
	expect_served(0);
}

/* 17 */
static void daemon_ends_standard_input(void)
{
	char bytes[SERVED_LEN];
	int ends[2];

	standard_input_is_served();
	expect(pipe(ends) == 0);
	if (fork() == 0) {
		if (daemon(0, 0) != 0)
			answer(ends[1], false);
		answer(ends[1], read(0, bytes, sizeof bytes) == 0);
	}
	expect_yes(ends[0]);
	expect_served(0);
}

static void daemon_keeps_standard_input_when_told(void)
{
	char bytes[SERVED_LEN];
	int ends[2];

	standard_input_is_served();
	expect(pipe(ends) == 0);
	if (fork() == 0) {
		if (daemon(0, 1) != 0)
			answer(ends[1], false);
		answer(ends[1], read(0, bytes, sizeof bytes) == sizeof bytes &&
					known_random(bytes, sizeof bytes));
	}
	expect_yes(ends[0]);
}

static bool reads_a_line_from_terminal(void)
{
	char line[32] = "";

	return read(0, line, sizeof line) == 6 && !strcmp(line, "hello\n");
}

static void login_tty_gives_standard_input_to_the_terminal(void)
{
	int master, slave, ends[2];

	standard_input_is_served();
	expect(pipe(ends) == 0);
	if (openpty(&master, &slave, NULL, NULL, NULL) != 0)
		skip_because("no terminals here");
	if (fork() == 0) {
		if (login_tty(slave) != 0 || fcntl(slave, F_GETFD) != -1)
			answer(ends[1], false);
		answer(ends[1], reads_a_line_from_terminal());
	}
	expect(write(master, "hello\n", 6) == 6);
	expect_yes(ends[0]);
}

static void forkpty_gives_standard_input_to_the_terminal(void)
{
	int master, ends[2];
	pid_t child;

	standard_input_is_served();
	expect(pipe(ends) == 0);
	child = forkpty(&master, NULL, NULL, NULL);
	if (child == 0)
		answer(ends[1], reads_a_line_from_terminal());
	if (child < 0)
		skip_because("no terminals here");
	expect(write(master, "hello\n", 6) == 6);
	expect_yes(ends[0]);
	expect_served(0);
}


/* --- a program executed anew --- */

/* Executes this program to do that; its 0 and some others are as given. */
static void execute(const char *what, int input)
{
	pid_t child = fork();

	if (child == 0) {
		if (input >= 0)
			RAW(SYS_dup3, input, 0, 0);
		else
			RAW(SYS_close, 0);
		execl("/proc/self/exe", "descriptors_standard", what, NULL);
		_exit(1);
	}
	reap(child);
}

static void input_is_served(void)
{
	expect_served(0);
}

static void standard_input_from_the_device_is_served(void)
{
	execute("input_is_served", open("/dev/urandom", O_RDONLY));
	execute("input_is_served", open("/dev/urandom", O_RDWR));
}

static void input_is_file(void)
{
	expect_known(0, 1);
	expect_known(0, 1);
	expect(close(0) == 0);
	expect_unreadable(0);
	expect(open("/dev/urandom", O_RDONLY) == 0);
	expect_served(0);
}

static void standard_input_from_a_file_is_that_file(void)
{
	execute("input_is_file", open_known(1));
}

static void input_is_unreadable(void)
{
	expect_unreadable(0);
}

static void standard_input_that_cannot_be_read_is_not(void)
{
	execute("input_is_unreadable", open("/dev/urandom", O_WRONLY));
	execute("input_is_unreadable", open("/dev/urandom", O_PATH));
	execute("input_is_unreadable", -1);
}

static void input_becomes_file(void)
{
	expect_served(0);
	expect(dup2(open_known(2), 0) == 0);
	expect_known(0, 2);
	expect(close(0) == 0);
	expect_known_lands_on(0, 3);
}

static void input_is_replaced_at_once(void)
{
	expect(dup2(open_known(2), 0) == 0);
	expect_known(0, 2);
}

static void input_is_closed_at_once(void)
{
	expect(close(0) == 0);
	expect_known_lands_on(0, 1);
}

static void input_is_reopened(void)
{
	expect(freopen(known_path(1), "r", stdin) == stdin);
	expect(fileno(stdin) == 0);
	expect_known(0, 1);
}

static void standard_input_may_change_hands(void)
{
	int device = open_served();

	execute("input_becomes_file", device);
	execute("input_is_replaced_at_once", device);
	execute("input_is_closed_at_once", device);
	execute("input_is_reopened", device);
}

static void input_is_replaced_unseen(void)
{
	expect(RAW(SYS_dup3, open_known(2), 0, 0) == 0);
	expect_known(0, 2);
}

static void standard_input_is_proved_at_its_first_read(void)
{
	execute("input_is_replaced_unseen", open_served());
}

static void input_is_proved_each_time(void)
{
	expect_served(0);
	expect(RAW(SYS_dup3, open_known(2), 0, 0) == 0);
	expect_known(0, 2);
}

static void standard_input_is_proved_at_each_read(void)
{
	only_the_proof_sees_this();
	execute("input_is_proved_each_time", open_served());
}

enum { INHERITED_DEVICE = 33, INHERITED_FILE = 34 };

static void inherited_are_what_they_were(void)
{
	expect_known(INHERITED_FILE, 3);
	expect_random(INHERITED_DEVICE);
	expect(dup2(INHERITED_FILE, INHERITED_DEVICE) == INHERITED_DEVICE);
	expect_known(INHERITED_DEVICE, 3);
}

static void other_descriptors_are_inherited_unharmed(void)
{
	expect(dup2(open_served(), INHERITED_DEVICE) == INHERITED_DEVICE);
	expect(dup2(open_known(3), INHERITED_FILE) == INHERITED_FILE);
	execute("inherited_are_what_they_were", INHERITED_FILE);
}

/* 37 */
static void expect_open(int first, int last, int expected)
{
	int fd, found = 0;

	for (fd = first; fd < last; fd++)
		found += RAW(SYS_fcntl, fd, F_GETFD) >= 0;
	expect(found == expected);
}

static void nothing_was_opened(void)
{
	expect_open(0, 1000, 0);
	expect(open("/dev/urandom", O_RDONLY) == 0);
	expect_served(0);
	expect(open("/dev/urandom", O_RDONLY) == 1);
	expect_served(1);
	expect(dup(0) == 2);
	expect_served(2);
	expect(open_known(1) == 3);
	expect_known(3, 1);
	expect_open(0, 1000, 4);
	expect(close(0) == 0);
	expect_known_lands_on(0, 2);
}

static void a_start_without_descriptors_takes_none(void)
{
	pid_t child = fork();

	if (child == 0) {
		RAW(SYS_close_range, 0, ~0U, 0);
		execl("/proc/self/exe", "descriptors_standard",
		      "nothing_was_opened", NULL);
		_exit(1);
	}
	reap(child);
}

static void nothing_is_opened_in_use(void)
{
	uint8_t bytes[SERVED_LEN];
	int number, i;

	RAW(SYS_close_range, 3, ~0U, 0);
	number = open_served();
	for (i = 0; i < 10000; i++)
		expect(read(number, bytes, sizeof bytes) == sizeof bytes);
	expect_open(3, 1000, 1);
}

static const struct promise executed[] = {
	APART(input_is_served),
	APART(input_is_file),
	APART(input_is_unreadable),
	APART(input_becomes_file),
	APART(input_is_replaced_at_once),
	APART(input_is_closed_at_once),
	APART(input_is_reopened),
	APART(input_is_replaced_unseen),
	APART(input_is_proved_each_time),
	APART(inherited_are_what_they_were),
	APART(nothing_was_opened),
};

static struct promise promises[] = {
	APART(daemon_ends_standard_input),
	APART(daemon_keeps_standard_input_when_told),
	APART(login_tty_gives_standard_input_to_the_terminal),
	APART(forkpty_gives_standard_input_to_the_terminal),
	APART(standard_input_from_the_device_is_served),
	APART(standard_input_from_a_file_is_that_file),
	APART(standard_input_that_cannot_be_read_is_not),
	APART(standard_input_may_change_hands),
	APART(standard_input_is_proved_at_its_first_read),
	APART(standard_input_is_proved_at_each_read),
	APART(other_descriptors_are_inherited_unharmed),
	APART(a_start_without_descriptors_takes_none),
	APART(nothing_is_opened_in_use),
};

int main(int argc, char **argv)
{
	if (argc < 2)
		return promises_keep("descriptors_standard", promises,
				     COUNT(promises));
	return promise_executed(argv[1], executed, COUNT(executed));
}
