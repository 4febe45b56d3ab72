/*
 * Random bytes are never given for a number that is no longer the device,
 * whichever way it changed hands. The ways, and their numbers, are those of
 * the list of adversarial cases in which a naive preload was seen to fail.
 */
#include "support/promise.h"

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>

int __close(int fd) __attribute__((weak));
int __dup2(int from, int onto) __attribute__((weak));

extern char **environ;

/* 1 */
static void fclose_ends_the_number(void)
{
	int number = open_served();
	FILE *stream = fdopen(number, "r");

	expect(stream != NULL);
	expect(fclose(stream) == 0);
	expect_unreadable(number);
	expect_known_lands_on(number, 1);
}

/* 2 */
static void pipe_takes_the_number_after_fclose(void)
{
	int number = open_served();
	int ends[2];
	char word[8] = "";

	expect(fclose(fdopen(number, "r")) == 0);
	expect(pipe(ends) == 0 && ends[0] == number);
	expect_as_the_kernel(number);
	expect(write(ends[1], "hello", 5) == 5);
	expect(read(number, word, sizeof word) == 5);
	expect(strcmp(word, "hello") == 0);
	expect(read(ends[1], word, sizeof word) == -1 && errno == EBADF);
}

/* 3 */
static void freopen_gives_the_number_to_a_file(void)
{
	int number = open_served();
	FILE *stream = fdopen(number, "r");

	expect(freopen(known_path(2), "r", stream) == stream);
	expect(fileno(stream) == number);
	expect_known(number, 2);
	expect(fclose(stream) == 0);
	expect_unreadable(number);
}

/* 4 */
static void close_range_ends_the_number(void)
{
	int number = open_served();

	expect(close_range((unsigned)number, ~0U, 0) == 0);
	expect_unreadable(number);
	expect_known_lands_on(number, 1);
}

/* 5 */
static void closefrom_ends_the_number(void)
{
	int number = open_served();

	closefrom(number);
	expect_unreadable(number);
	expect_known_lands_on(number, 1);
}

/* 6 */
static void a_close_by_syscall_ends_the_number(void)
{
	int number = open_served();
	FILE *stream;

	expect(syscall(SYS_close, number) == 0);
	expect_unreadable(number);
	stream = fopen(known_path(1), "r");
	expect(stream && fileno(stream) == number);
	expect_known(number, 1);
}

/* 7 */
static void a_dup3_by_syscall_gives_the_number_away(void)
{
	int number = open_served();

	expect(syscall(SYS_dup3, open_known(1), number, 0) == number);
	expect_known(number, 1);
}

/* 8 */
static void underscore_close_ends_the_number(void)
{
	int number = open_served();

	if (!__close)
		skip_because("this libc has no __close");
	expect(__close(number) == 0);
	expect_unreadable(number);
	expect_known_lands_on(number, 1);
}

/* 9 */
static void underscore_dup2_gives_the_number_away(void)
{
	int number = open_served();

	if (!__dup2)
		skip_because("this libc has no __dup2");
	expect(__dup2(open_known(1), number) == number);
	expect_known(number, 1);
}

/* 10 */
static void dup3_gives_the_number_away(void)
{
	int number = open_served();

	expect(dup3(open_known(1), number, O_CLOEXEC) == number);
	expect_known(number, 1);
}

/* 11: the child has its own descriptors, but its parent's memory. */
static __attribute__((noinline, noreturn)) void
vfork_child(int opened, int copied, int duped, int spare)
{
	uint8_t bytes[SERVED_LEN];

	if (close(opened) != 0 || open("/dev/urandom", O_RDONLY) != opened)
		_exit(1);
	if (read(opened, bytes, sizeof bytes) != sizeof bytes)
		_exit(2);
	if (!known_random(bytes, sizeof bytes))
		_exit(3);
	if (dup2(opened, copied) != copied || close(duped) != 0)
		_exit(4);
	_exit(dup(spare) == duped ? 0 : 5);
}

static void a_vfork_child_takes_only_its_own_numbers(void)
{
	int spare = open_served();
	int opened = open_known(1);
	int copied = open_known(2);
	int duped = open_known(3);
	pid_t child = vfork();

	if (child == 0)
		vfork_child(opened, copied, duped, spare);
	reap(child);
	expect_known(opened, 1);
	expect_known(copied, 2);
	expect_known(duped, 3);
	expect_random(spare);
	expect(close(opened) == 0);
	expect_known_lands_on(opened, 2);
}

/* 12 */
static void posix_spawn_actions_change_only_the_child(void)
{
	posix_spawn_file_actions_t actions;
	int number = open_served();
	int file = open_known(1);
	char *argv[] = {"sh", "-c", "exit 0", NULL};
	pid_t child;

	expect(posix_spawn_file_actions_init(&actions) == 0);
	posix_spawn_file_actions_adddup2(&actions, number, 0);
	posix_spawn_file_actions_adddup2(&actions, number, file);
	posix_spawn_file_actions_addclose(&actions, number);
	posix_spawn_file_actions_addopen(&actions, number, "/dev/null",
					 O_RDONLY, 0);
	expect(posix_spawn(&child, "/bin/sh", &actions, NULL, argv, environ) ==
	       0);
	reap(child);
	expect_known(file, 1);
	expect_random(number);
}

/* 23 */
static void pass_descriptor(int through, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 'x';
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof control};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	expect(sendmsg(through, &message, 0) == 1);
}

static int receive_descriptor(int through)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof control};
	int fd;

	expect(recvmsg(through, &message, 0) == 1);
	expect(message.msg_controllen >= CMSG_LEN(sizeof fd));
	memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
	return fd;
}

static void a_received_descriptor_takes_the_number(void)
{
	int sockets[2];
	int number;

	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	pass_descriptor(sockets[0], open_known(1));
	pass_descriptor(sockets[0], open_served());
	number = open_served();
	expect(fclose(fdopen(number, "r")) == 0);
	expect(receive_descriptor(sockets[1]) == number);
	expect_known(number, 1);
	expect(close(number) == 0);
	expect(receive_descriptor(sockets[1]) == number);
	expect_random(number);
}

/* 27: a handler swaps and reads while its program reads and swaps. */
static struct turn {
	volatile sig_atomic_t count;	/* of handler runs so far */
	volatile sig_atomic_t is_known;	/* what the handler left there */
	volatile sig_atomic_t wrong;	/* line of the handler's failure */
	int number, other, random, file;
} turn;

static void turn_the_number(int signal)
{
	uint8_t bytes[64];
	int before = errno;
	int known = !turn.is_known;

	(void)signal;
	if (dup2(known ? turn.file : turn.random, turn.number) != turn.number)
		turn.wrong = __LINE__;
	if (pread(turn.number, bytes, sizeof bytes, 640) != sizeof bytes)
		turn.wrong = __LINE__;
	if (known ? !known_is(bytes, 1, 640, sizeof bytes) :
		    !known_random(bytes, sizeof bytes))
		turn.wrong = __LINE__;
	close(turn.other);
	if (read(turn.other, bytes, sizeof bytes) != -1 || errno != EBADF)
		turn.wrong = __LINE__;
	if (dup2(known ? turn.random : turn.file, turn.other) != turn.other)
		turn.wrong = __LINE__;
	turn.is_known = known;
	turn.count = turn.count + 1;
	errno = before;
}

static void read_the_turning_number(void)
{
	uint8_t bytes[SERVED_LEN];
	sig_atomic_t count = turn.count;
	sig_atomic_t known = turn.is_known;
	ssize_t got;

	if (count != turn.count)
		return;
	got = pread(turn.number, bytes, sizeof bytes, 4096);
	expect(got == sizeof bytes);
	if (count != turn.count)
		expect(known_is(bytes, 1, 4096, sizeof bytes) ||
		       known_random(bytes, sizeof bytes));
	else if (known)
		expect(known_is(bytes, 1, 4096, sizeof bytes));
	else
		expect(known_random(bytes, sizeof bytes));
}

/* Both sides wrote the number: whoever came last, the kernel knows. */
static void agree_with_the_kernel(int number)
{
	enum nature nature = nature_of(number);

	expect(nature == NATURE_REGULAR || nature == NATURE_RANDOM);
	if (nature == NATURE_RANDOM) {
		expect_random(number);
		return;
	}
	expect(lseek(number, 0, SEEK_SET) == 0);
	expect_known(number, 1);
}

static void a_handler_swaps_and_reads_during_reads(void)
{
	struct itimerval often = {{0, 150}, {0, 150}};
	struct sigaction action = {.sa_handler = turn_the_number,
				   .sa_flags = SA_RESTART};
	unsigned round;
	sigset_t tick;

	turn.file = open_known(1);
	turn.random = open_served();
	turn.number = dup(turn.random);
	turn.other = dup(turn.file);
	sigemptyset(&tick);
	sigaddset(&tick, SIGALRM);
	expect(sigaction(SIGALRM, &action, NULL) == 0);
	expect(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (round = 0; turn.count < 3000; round++) {
		read_the_turning_number();
		expect(turn.wrong == 0);
		if (round % 8)
			continue;
		dup2(round % 16 ? turn.file : turn.random, turn.other);
		expect(sigprocmask(SIG_BLOCK, &tick, NULL) == 0);
		agree_with_the_kernel(turn.other);
		agree_with_the_kernel(turn.number);
		expect(sigprocmask(SIG_UNBLOCK, &tick, NULL) == 0);
	}
}

/* A read just before the end, by a handler, does not outlive it. */
static void read_the_ending_number(int signal)
{
	uint8_t bytes[16];
	int before = errno;

	(void)signal;
	(void)!read(turn.number, bytes, sizeof bytes);
	turn.count = turn.count + 1;
	errno = before;
}

static void end_number(unsigned how)
{
	switch (how % 4) {
	case 0:
		expect(close(turn.number) == 0);
		break;
	case 1:
		expect(close_range((unsigned)turn.number,
				   (unsigned)turn.number, 0) == 0);
		break;
	case 2:
		expect(syscall(SYS_close, turn.number) == 0);
		break;
	default:
		expect(dup2(turn.file, turn.number) == turn.number);
	}
}

static void a_handler_reads_a_number_as_it_ends(void)
{
	struct itimerval often = {{0, 100}, {0, 100}};
	struct sigaction action = {.sa_handler = read_the_ending_number,
				   .sa_flags = SA_RESTART};
	uint8_t bytes[64];
	unsigned round;

	turn.file = open_known(1);
	turn.random = open_served();
	turn.number = 100;
	expect(sigaction(SIGALRM, &action, NULL) == 0);
	expect(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (round = 0; turn.count < 10000; round++) {
		expect(dup2(turn.random, turn.number) == turn.number);
		end_number(round);
		if (round % 4 < 3) {
			expect(read(turn.number, bytes, 64) == -1);
			expect(errno == EBADF);
			continue;
		}
		expect(pread(turn.number, bytes, 64, 4096) == 64);
		expect(known_is(bytes, 1, 4096, 64));
	}
}

int main(void)
{
	static struct promise promises[] = {
		APART(fclose_ends_the_number),
		APART(pipe_takes_the_number_after_fclose),
		APART(freopen_gives_the_number_to_a_file),
		APART(close_range_ends_the_number),
		APART(closefrom_ends_the_number),
		APART(a_close_by_syscall_ends_the_number),
		APART(a_dup3_by_syscall_gives_the_number_away),
		APART(underscore_close_ends_the_number),
		APART(underscore_dup2_gives_the_number_away),
		APART(dup3_gives_the_number_away),
		APART(a_vfork_child_takes_only_its_own_numbers),
		APART(posix_spawn_actions_change_only_the_child),
		APART(a_received_descriptor_takes_the_number),
		APART(a_handler_swaps_and_reads_during_reads),
		APART(a_handler_reads_a_number_as_it_ends),
	};

	return promises_keep("descriptors", promises, COUNT(promises));
}
