/*
 * Does every number read as what it is, after any history? A model knows what
 * each of a few numbers should be; a million random operations, by any name
 * and by none, make and end and swap them; every read is compared.
 *
 * MODEL_OPS (or the argument) sets how many operations, MODEL_SEED repeats a
 * run. The first wrong byte ends it, with the seed and what was done last.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "descriptor_things.h"

extern char **environ;

enum {
	POST_OUT = 3, /* sockets through which descriptors are passed */
	POST_IN = 4,
};

static void any_read(void)
{
	read_number(roll_number());
}

/* --- operations: opening --- */

static int open_some(const char *path, int flags)
{
	bool readable = !(flags & (O_WRONLY | O_PATH));

	return open_by(roll(OPEN_NAMES + (unseen_too && readable)), path,
		       flags);
}

static void any_open(void)
{
	unsigned file = roll(KNOWN_FILES);
	char path[sizeof known_dir + 32];

	switch (roll(16)) {
	case 0:
		note("open write-only", -1, -1);
		born(open_some("/dev/urandom", O_WRONLY), FIRST,
		     new_thing(UNREADABLE, 0, 0));
		break;
	case 1:
		note("open path", -1, -1);
		born(open_some("/dev/urandom", O_PATH), FIRST,
		     new_thing(UNREADABLE, 0, 0));
		break;
	case 2:
		note("open file write-only", -1, -1);
		born(open_some(known_path(file), O_WRONLY), FIRST,
		     new_thing(UNREADABLE, 0, 0));
		break;
	case 3:
		note("creat", -1, -1);
		snprintf(path, sizeof path, "%s/created", known_dir);
		born(roll(2) ? creat(path, 0600) : creat64(path, 0600), FIRST,
		     new_thing(UNREADABLE, 0, 0));
		break;
	case 4:
		note("open file called urandom", 3, -1);
		snprintf(path, sizeof path, "%s/urandom", known_dir);
		born(open_some(path, O_RDONLY), FIRST, known_thing(3));
		break;
	case 5:
		note("open /dev/random", -1, -1);
		born(open_some("/dev/random", O_RDONLY), FIRST, device_thing());
		break;
	case 6:
		note("open /dev/urandom read-write", -1, -1);
		born(open_some("/dev/urandom", O_RDWR), FIRST, device_thing());
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		note("open /dev/urandom", -1, -1);
		born(open_some("/dev/urandom", O_RDONLY | O_CLOEXEC), FIRST,
		     device_thing());
		break;
	default:
		note("open file", (int)file, -1);
		born(open_some(known_path(file), O_RDONLY), FIRST,
		     known_thing(file));
	}
}

/* --- operations: ending --- */

static void any_close(void)
{
	int fd = roll_number();
	unsigned name = roll(CLOSE_NAMES + unseen_too);
	int answer;

	note("close", fd, (int)name);
	answer = close_by(name, fd);
	check(is_now(fd) ? answer == 0 : answer == -1 && errno == EBADF);
	ends(fd);
}

static void any_range_closed(void)
{
	int first = roll_number();
	int last = first + (int)roll(3);
	int fd;

	if (roll(16) == 0) {
		last = FIRST + NUMBERS - 1;
		note("closefrom", first, last);
		closefrom(first);
	} else {
		note("close_range", first, last);
		check(close_range((unsigned)first, (unsigned)last, 0) == 0);
	}
	for (fd = first; fd <= last && fd < FIRST + NUMBERS; fd++)
		ends(fd);
}

/* --- operations: copying --- */

static void any_copy(void)
{
	int fd = roll_number();
	int from = roll(2) ? FIRST : roll_number();
	unsigned name = roll(COPY_NAMES + unseen(is_now(fd)));
	int answer;

	note(name == COPY_NAMES ? "copy unseen" : "copy", fd, (int)name);
	if (roll(4)) {
		answer = copy_by(name, fd, from);
	} else {
		from = FIRST;
		answer = roll(3) ? dup(fd) : (int)syscall(SYS_dup, fd);
	}
	if (is_now(fd))
		born(answer, from, is_now(fd));
	else
		check(answer < 0 && errno == EBADF);
}

static void any_place(void)
{
	int fd = roll_number();
	int onto = roll_number();
	unsigned name = roll(PLACE_NAMES + unseen(is_now(fd)));
	int answer;

	note(name == PLACE_NAMES ? "place unseen" : "place", onto, fd);
	answer = place_by(name, fd, onto);
	if (answer == onto)
		check(is_now(fd));
	else if (fd == onto && errno == EINVAL)
		return; /* dup3 does not like it */
	else
		check(!is_now(fd) && errno == EBADF);
	if (is_now(fd))
		becomes(onto, is_now(fd));
}

/* --- operations: other births --- */

static void any_freopen(void)
{
	int fd = roll_number();
	unsigned file = roll(KNOWN_FILES);
	bool device = roll(2);
	FILE *stream;

	if (!is_now(fd))
		return;
	note("freopen", fd, device ? -1 : (int)file);
	stream = stream_of(fd);
	check(stream);
	stream = freopen(device ? "/dev/urandom" : known_path(file), "r",
			 stream);
	check(stream && fileno(stream) == fd);
	becomes(fd, device ? device_thing() : known_thing(file));
	read_number(fd);
	note("fclose", fd, -1);
	check(fclose(stream) == 0);
	ends(fd);
}

static unsigned roll_small(void)
{
	return KNOWN_FILES + roll(SMALL_FILES);
}

static void any_pipe(void)
{
	unsigned file = roll_small();
	int fds[2];

	note("pipe", -1, -1);
	check((roll(2) ? pipe2(fds, O_NONBLOCK) : pipe(fds)) == 0);
	check(RAW(SYS_fcntl, fds[0], F_SETFL, O_NONBLOCK) == 0);
	born(fds[0], FIRST, new_thing(STREAM, file, SMALL_SIZE));
	born(fds[1], FIRST, new_thing(UNREADABLE, 0, 0));
	check(write(fds[1], contents[file], SMALL_SIZE) == SMALL_SIZE);
}

static void any_socketpair(void)
{
	unsigned file = roll_small();
	int fds[2];

	note("socketpair", -1, -1);
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	born(fds[0], FIRST, new_thing(STREAM, file, SMALL_SIZE));
	born(fds[1], FIRST, new_thing(STREAM, file, 0));
	check(write(fds[1], contents[file], SMALL_SIZE) == SMALL_SIZE);
}

static void any_eventfd(void)
{
	unsigned value = roll(3) * 1000;

	note("eventfd", (int)value, -1);
	born(eventfd(value, EFD_NONBLOCK), FIRST, new_thing(COUNTER, 0, value));
}

static void any_memfd(void)
{
	unsigned file = roll_small();
	int fd = memfd_create("model", 0);

	note("memfd_create", (int)file, -1);
	born(fd, FIRST, new_thing(KNOWN, file, SMALL_SIZE));
	check(pwrite(fd, contents[file], SMALL_SIZE, 0) == SMALL_SIZE);
}

static void any_message(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 'x';
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof control};
	int fd = roll_number();
	int received;

	if (!is_now(fd))
		return;
	note("SCM_RIGHTS", fd, -1);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	check(sendmsg(POST_OUT, &message, 0) == 1);
	check(recvmsg(POST_IN, &message, 0) == 1);
	memcpy(&received, CMSG_DATA(&control.head), sizeof received);
	born(received, FIRST, is_now(fd));
}

static void any_lseek(void)
{
	int fd = roll_number();
	struct thing *thing = is_now(fd);
	uint64_t at = roll(SMALL_SIZE);

	if (!thing || thing->kind != KNOWN || in_child)
		return;
	if (thing->size > SMALL_SIZE)
		at = roll(KNOWN_SIZE);
	note("lseek", fd, (int)at);
	check(lseek(fd, (off_t)at, SEEK_SET) == (off_t)at);
	thing->at = at;
}

/* --- operations: children --- */

static void one_operation(void);

static void await(pid_t child)
{
	int status = -1;

	check(child > 0);
	check(waitpid(child, &status, 0) == child);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The child goes on with the model that it inherits, and then is gone. */
static void any_fork(void)
{
	pid_t child;
	int i;

	note("fork", -1, -1);
	child = fork();
	if (child == 0) {
		in_child = true;
		for (i = 0; i < 30; i++)
			one_operation();
		_exit(0);
	}
	await(child);
}

/* The child changes its own numbers, in the memory of its parent. */
static __attribute__((noinline, noreturn)) void
vfork_child(int closed, int from, int onto, const char *path)
{
	close(closed);
	if (open(path, O_RDONLY) < 0)
		_exit(1);
	dup2(from, onto);
	if (open("/dev/urandom", O_RDONLY) < 0)
		_exit(2);
	if (dup2(onto, closed) == closed)
		close(onto);
	if (dup(closed) >= 0)
		close_range(FIRST, FIRST + 2, 0);
	_exit(0);
}

static void any_vfork(void)
{
	int closed = roll_number(), from = roll_number(), onto = roll_number();
	const char *path = roll(2) ? "/dev/urandom" : known_path(1);
	pid_t child;

	note("vfork", closed, onto);
	child = vfork();
	if (child == 0)
		vfork_child(closed, from, onto, path);
	await(child);
}

static void any_spawn(void)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = {(char *)"true", NULL};
	int from = roll_number(), onto = roll_number();
	pid_t child;

	note("posix_spawn", from, onto);
	check(posix_spawn_file_actions_init(&actions) == 0);
	posix_spawn_file_actions_addopen(&actions, from, "/dev/urandom",
					 O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, from, onto);
	posix_spawn_file_actions_adddup2(&actions, from, 0);
	posix_spawn_file_actions_addclose(&actions, from);
	check(posix_spawn(&child, "/bin/true", &actions, NULL, argv, environ) ==
	      0);
	posix_spawn_file_actions_destroy(&actions);
	await(child);
}

/* --- the run --- */

/* Is the model right? The kernel says so, past any preload. */
static void audit(void)
{
	const struct thing *thing;
	enum nature nature;
	int fd;

	for (fd = FIRST; fd < FIRST + NUMBERS + BEYOND; fd++) {
		nature = nature_of(fd);
		thing = is_now(fd);
		if (!thing)
			check(nature == NATURE_CLOSED);
		else if (thing->kind == DEVICE)
			check(nature == NATURE_RANDOM);
		else if (thing->kind == KNOWN)
			check(nature == NATURE_REGULAR);
		else
			check(nature != NATURE_CLOSED);
	}
}

static const struct {
	void (*operate)(void);
	unsigned often; /* of 1000 */
} choices[] = {
	{any_read, 460},	 {any_open, 160},  {any_close, 110},
	{any_range_closed, 10},	 {any_copy, 60},   {any_place, 100},
	{any_freopen, 15},	 {any_pipe, 10},   {any_socketpair, 5},
	{any_eventfd, 10},	 {any_memfd, 10},  {any_message, 10},
	{any_lseek, 40},
};

static void one_operation(void)
{
	unsigned choice = roll(1000), i;

	for (i = 0; choice >= choices[i].often; i++)
		choice -= choices[i].often;
	choices[i].operate();
	close_beyond();
	/* Often, what was touched last is read at once. */
	i = (unsigned)(last_done()->a - FIRST);
	if (i < NUMBERS && roll(2))
		read_number(FIRST + (int)i);
}

static void one_rare_operation(void)
{
	if (roll(2000) == 0)
		any_fork();
	if (roll(1000) == 0)
		any_vfork();
	if (roll(5000) == 0)
		any_spawn();
	if (roll(500) == 0)
		audit();
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static void prepare_numbers(void)
{
	char path[sizeof known_dir + 32];
	int post[2], fd;

	RAW(SYS_close_range, 3, ~0U, 0);
	check(socketpair(AF_UNIX, SOCK_DGRAM, 0, post) == 0);
	check(post[0] == POST_OUT && post[1] == POST_IN);
	for (fd = POST_IN + 1; fd < FIRST; fd++)
		check(open("/dev/null", O_RDONLY) == fd);
	snprintf(path, sizeof path, "%s/urandom", known_dir);
	check(link(known_path(3), path) == 0);
}

int main(int argc, char **argv)
{
	uint64_t limit = setting("MODEL_OPS", 1000000);
	uint64_t before, served;

	if (argc > 1)
		limit = strtoull(argv[1], NULL, 0);
	if (!preload_begin() || !known_begin())
		return 2;
	seed = setting("MODEL_SEED", (uint64_t)time(NULL) * 1000003 +
					     (uint64_t)getpid());
	dice = seed | 1;
	unseen_too = !preload_trusts();
	prepare_contents();
	prepare_numbers();
	printf("%llu operations, MODEL_SEED=%llu\n", (unsigned long long)limit,
	       (unsigned long long)seed);
	fflush(stdout);

	before = preload_served();
	while (operations < limit) {
		one_operation();
		one_rare_operation();
	}
	audit();
	served = preload_served() - before;
	printf("all as the model says; served %llu, device reads of 512 bytes "
	       "and more: %llu\n",
	       (unsigned long long)served, (unsigned long long)device_reads);
	/* Some numbers got to be the device in ways that no tag can know. */
	if (preload_counts())
		check(served > device_reads / 4);
	known_end();
	puts("[==========] 1 test(s) run.\n[  PASSED  ] 1 test(s).");
	return 0;
}
