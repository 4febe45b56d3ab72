/*
 * What an argument may be: values that make sense and many that make little, by
 * kind, the good one first. Those that have to be made are made in the child
 * that makes the call.
 */
#ifndef ODD_VALUES_H
#define ODD_VALUES_H

#include "support/promise.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum { ROOM = 65536 }; /* bytes of memory; then comes a page of none */

/* Descriptors, at the same numbers in every child. */
enum {
	DEVICE = 100,
	UNSEEN_DEVICE,		/* the library did not see it opened */
	DEVICE_FOR_WRITING,
	DEVICE_AS_PATH,
	A_FILE,
	UNSEEN_FILE,
	DIRECTORY,
	EMPTY_PIPE,
	LISTENER,
	CLOSED,
};

/* What a value says of a call that the library may serve. */
enum odd {
	NOT_MEMORY = 1,		/* no address that memory could have */
	GONE = 2,		/* one that it has, with nothing there */
	NOT_THE_DEVICE = 4,	/* nor is the call served */
	BOTH_POOLS = 8,		/* of the kernel: it refuses that, by EINVAL */
};

struct value {
	const char *label;
	long value;
	long (*make)(void);	/* makes the value, in the child */
	int odd;
};

struct kind {
	const struct value *values;
	size_t count;
};

#define KIND(name, ...) \
	static const struct value name##_values[] = {__VA_ARGS__}; \
	static const struct kind name = {name##_values, COUNT(name##_values)}
#define IS(constant) {#constant, (long)(constant), NULL, 0}

/* --- values that have to be made --- */

static char *room;

static long room_made(void)
{
	return (long)room;
}

static long gone(void)
{
	return (long)(room + ROOM);
}

static long unterminated(void)
{
	return (long)memset(room + ROOM - 3, 'a', 3);
}

static long too_long(void)
{
	static char text[2 * PATH_MAX];

	return (long)memset(text, 'a', sizeof text - 1);
}

static long template(void)
{
	static char text[] = "odd-XXXXXX";

	return (long)text;
}

static long nowhere(void)
{
	static char text[] = "/nowhere/XXXXXX";

	return (long)text;
}

static long short_template(void)
{
	static char text[] = "XXXXX";

	return (long)text;
}

static long own_pid(void)
{
	return getpid();
}

static long own_pidfd(void)
{
	return RAW(SYS_pidfd_open, getpid(), 0);
}

/* --- streams and directories --- */

static long device_stream(void)
{
	return (long)fopen("/dev/urandom", "r");
}

static long file_stream(void)
{
	return (long)fopen("file", "r");
}

static long memory_stream(void)
{
	return (long)fmemopen(room, 64, "r");
}

static long pipe_stream(void)
{
	return (long)popen("exit 3", "r");
}

static long stream_without_number(void)
{
	FILE *stream = fopen("/dev/urandom", "r");

	close(fileno(stream));
	return (long)stream;
}

static long directory(void)
{
	return (long)opendir(".");
}

static long directory_without_number(void)
{
	DIR *made = opendir(".");

	close(dirfd(made));
	return (long)made;
}

/* --- vectors --- */

static struct iovec parts[1025];

static struct iovec *vector_of(void *first, size_t len)
{
	memset(parts, 0, sizeof parts);
	parts[0] = (struct iovec){first, len};
	parts[1] = (struct iovec){room + 1024, 512};
	return parts;
}

static long vector(void)
{
	return (long)vector_of(room, 512);
}

static long vector_over_itself(void)
{
	return (long)vector_of(parts, 2 * sizeof *parts);
}

static long vector_over_its_end(void)
{
	return (long)vector_of(parts + 1, sizeof *parts);
}

static long vector_of_nothing(void)
{
	vector_of(NULL, 0);
	parts[1].iov_len = 0;
	return (long)parts;
}

static long vector_from_null(void)
{
	return (long)vector_of(NULL, 512);
}

static long vector_to_null(void)
{
	vector_of(room, 512);
	parts[1].iov_base = NULL;
	return (long)parts;
}

static long vector_over_gone_memory(void)
{
	return (long)vector_of(room + ROOM, 512);
}

static long vector_of_minus_one(void)
{
	return (long)vector_of(room, SIZE_MAX);
}

static long vector_of_too_much(void)
{
	vector_of(room, SSIZE_MAX);
	parts[1].iov_len = SSIZE_MAX;
	return (long)parts;
}

/* The second part of it is in no memory. */
static long vector_that_ends_in_gone_memory(void)
{
	struct iovec *last = (struct iovec *)(room + ROOM) - 1;

	*last = (struct iovec){room, 512};
	return (long)last;
}

/* --- messages --- */

static long socket_with_a_message(void)
{
	int pair[2], device = DEVICE;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof device)] = {0};
	struct iovec text = {"text", 4};
	struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	expect(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS,
				   .cmsg_len = CMSG_LEN(sizeof device)};
	memcpy(CMSG_DATA(header), &device, sizeof device);
	expect(sendmsg(pair[1], &message, 0) == 4);
	return pair[0];
}

static struct mmsghdr messages[1024]; /* the kernel takes no more */

static struct msghdr *message_for(void *control, size_t len)
{
	static struct iovec text;
	struct msghdr *message = &messages[0].msg_hdr;

	memset(messages, 0, sizeof messages);
	text = (struct iovec){room, 64};
	*message = (struct msghdr){.msg_iov = &text, .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = len};
	return message;
}

static long message(void)
{
	return (long)message_for(room + 1024, 256);
}

static long message_without_control(void)
{
	return (long)message_for(NULL, 0);
}

static long message_with_control_at_null(void)
{
	return (long)message_for(NULL, 256);
}

static long message_with_control_gone(void)
{
	return (long)message_for(room + ROOM, 256);
}

static long message_with_too_little_control(void)
{
	return (long)message_for(room + 1024, sizeof(struct cmsghdr));
}

static long message_with_too_much_control(void)
{
	return (long)message_for(room + 1024, SIZE_MAX);
}

static long message_of_too_many_parts(void)
{
	message_for(room + 1024, 256)->msg_iovlen = SIZE_MAX;
	return (long)messages;
}

static long message_to_a_name_that_is_gone(void)
{
	struct msghdr *made = message_for(room + 1024, 256);

	made->msg_name = room + ROOM;
	made->msg_namelen = 16;
	return (long)made;
}

/* --- kinds of arguments, the good one first --- */

#define NOT_DEVICE(number) {#number, number, NULL, NOT_THE_DEVICE}
#define NO_DESCRIPTORS \
	NOT_DEVICE(CLOSED), NOT_DEVICE(-1), NOT_DEVICE(INT_MIN), \
		NOT_DEVICE(INT_MAX), NOT_DEVICE(1 << 20)
#define NEVER_MEMORY \
	{"NULL", 0, NULL, NOT_MEMORY}, {"1", 1, NULL, NOT_MEMORY}, \
		{"-1", -1, NULL, NOT_MEMORY}, \
		{"LONG_MIN", LONG_MIN, NULL, NOT_MEMORY}
#define NO_MEMORY NEVER_MEMORY, {"gone", 0, gone, GONE}

KIND(fd, IS(DEVICE), IS(UNSEEN_DEVICE), NOT_DEVICE(DEVICE_FOR_WRITING),
     NOT_DEVICE(DEVICE_AS_PATH), NOT_DEVICE(A_FILE), NOT_DEVICE(UNSEEN_FILE),
     NOT_DEVICE(DIRECTORY), NOT_DEVICE(EMPTY_PIPE), NOT_DEVICE(LISTENER),
     NO_DESCRIPTORS);
KIND(to, IS(CLOSED), IS(DEVICE), IS(A_FILE), IS(1023), IS(1024), IS(-1),
     IS(INT_MIN), IS(INT_MAX), IS(1 << 20));
KIND(listener, IS(LISTENER), IS(DEVICE), IS(A_FILE), NO_DESCRIPTORS);
KIND(socket_, {"socket", 0, socket_with_a_message, 0}, IS(DEVICE), IS(A_FILE),
     IS(LISTENER), NO_DESCRIPTORS);
KIND(pidfd, {"own pidfd", 0, own_pidfd, 0}, IS(DEVICE), NO_DESCRIPTORS);
KIND(at, IS(AT_FDCWD), IS(DEVICE), IS(A_FILE), IS(DIRECTORY), NO_DESCRIPTORS);

KIND(memory, {"memory", 0, room_made, 0}, NO_MEMORY);
KIND(memory_or_null, IS(NULL), {"memory", 0, room_made, 0},
     {"1", 1, NULL, 0}, {"-1", -1, NULL, 0}, {"gone", 0, gone, 0});
KIND(length, IS(512), IS(0), IS(1), IS(16), IS(32), IS(ROOM),
     {"ROOM + 1", ROOM + 1, NULL, GONE}, {"1 << 20", 1 << 20, NULL, GONE},
     {"INT_MAX", INT_MAX, NULL, GONE}, {"LONG_MAX", LONG_MAX, NULL, GONE},
     {"LONG_MIN", LONG_MIN, NULL, GONE}, {"-1", -1, NULL, GONE});
KIND(how_many, IS(1), IS(0), {"2", 2, NULL, GONE}, {"64", 64, NULL, GONE},
     {"1 << 32", 1L << 32, NULL, GONE}, {"LONG_MAX", LONG_MAX, NULL, GONE},
     {"-1", -1, NULL, GONE});
KIND(large, IS(8192), IS(0), IS(1), IS(4096), IS(ROOM),
     {"ROOM + 1", ROOM + 1, NULL, GONE}, {"1 << 32", 1L << 32, NULL, GONE},
     {"LONG_MIN", LONG_MIN, NULL, GONE}, {"-1", -1, NULL, GONE});
KIND(chk_room, IS(ROOM), IS(-1), IS(0), IS(1), IS(512), IS(8192));
KIND(entropy, IS(16), IS(0), IS(1), IS(256), IS(257), IS(ROOM), IS(LONG_MAX),
     IS(-1));
KIND(bound, IS(0), IS(1));
KIND(larger_bound, IS(2), IS(-1), IS(INT_MIN));
KIND(offset, IS(0), IS(1L << 40), IS(-1), IS(-2), IS(LONG_MIN), IS(LONG_MAX),
     IS(LONG_MAX - 512));

KIND(iovec, {"vector", 0, vector, 0},
     {"over itself", 0, vector_over_itself, 0},
     {"over its end", 0, vector_over_its_end, 0},
     {"of nothing", 0, vector_of_nothing, 0},
     {"from null", 0, vector_from_null, 0},
     {"to null", 0, vector_to_null, 0},
     {"over gone memory", 0, vector_over_gone_memory, GONE},
     {"of -1", 0, vector_of_minus_one, GONE},
     {"of too much", 0, vector_of_too_much, GONE},
     {"that ends in gone memory", 0, vector_that_ends_in_gone_memory, GONE},
     NO_MEMORY);
KIND(iovecs, IS(2), IS(1), IS(0), IS(16), IS(17), IS(1024), IS(1025), IS(-1),
     IS(INT_MIN), IS(INT_MAX));
KIND(read_flags, IS(0), IS(-1), IS(1), IS(8), IS(INT_MIN));

KIND(path, {"\"/dev/urandom\"", (long)"/dev/urandom", NULL, 0},
     {"\"\"", (long)"", NULL, 0}, {"\".\"", (long)".", NULL, 0},
     {"\"/\"", (long)"/", NULL, 0}, {"\"file\"", (long)"file", NULL, 0},
     {"\"new\"", (long)"new", NULL, 0},
     {"\"/nowhere/urandom\"", (long)"/nowhere/urandom", NULL, 0},
     {"too long", 0, too_long, 0}, {"unterminated", 0, unterminated, 0},
     NO_MEMORY);
KIND(template_, {"template", 0, template, 0},
     {"read-only", (long)"odd-XXXXXX", NULL, 0},
     {"nowhere", 0, nowhere, 0}, {"too short", 0, short_template, 0},
     {"\"\"", (long)"", NULL, 0}, {"unterminated", 0, unterminated, 0},
     NO_MEMORY);
KIND(suffix, IS(0), IS(1), IS(4), IS(5), IS(-1), IS(INT_MAX), IS(INT_MIN));
KIND(open_flags, IS(O_RDONLY), IS(O_WRONLY), IS(O_RDWR), IS(O_ACCMODE),
     IS(O_PATH), IS(O_DIRECTORY), IS(O_CREAT), IS(O_TMPFILE | O_RDWR),
     IS(O_CREAT | O_EXCL | O_RDWR), IS(O_NOFOLLOW | O_CLOEXEC), IS(-1),
     IS(INT_MIN), IS(INT_MAX));
KIND(open_only, IS(O_RDONLY), IS(O_WRONLY), IS(O_RDWR), IS(O_ACCMODE),
     IS(O_CLOEXEC | O_NONBLOCK), IS(INT_MIN));
KIND(mode, IS(0600), IS(0), IS(-1), IS(INT_MIN));
KIND(stdio_mode, {"\"r\"", (long)"r", NULL, 0}, {"\"\"", (long)"", NULL, 0},
     {"\"q\"", (long)"q", NULL, 0}, {"\"r+\"", (long)"r+", NULL, 0},
     {"\"w\"", (long)"w", NULL, 0}, {"\"a+ex\"", (long)"a+ex", NULL, 0},
     {"\"rbmc,ccs=none\"", (long)"rbmc,ccs=none", NULL, 0},
     {"too long", 0, too_long, 0}, {"unterminated", 0, unterminated, 0},
     NO_MEMORY);
KIND(command, {"\"exit 3\"", (long)"exit 3", NULL, 0},
     {"\"\"", (long)"", NULL, 0}, {"NULL", 0, NULL, 0}, {"gone", 0, gone, 0});
KIND(popen_mode, {"\"r\"", (long)"r", NULL, 0}, {"\"\"", (long)"", NULL, 0},
     {"\"rw\"", (long)"rw", NULL, 0}, {"\"we\"", (long)"we", NULL, 0},
     {"\"q\"", (long)"q", NULL, 0}, NO_MEMORY);

KIND(stream, {"device", 0, device_stream, 0},
     {"file", 0, file_stream, NOT_THE_DEVICE},
     {"memory", 0, memory_stream, NOT_THE_DEVICE},
     {"of a command", 0, pipe_stream, NOT_THE_DEVICE},
     {"without a number", 0, stream_without_number, NOT_THE_DEVICE},
     NO_MEMORY);
KIND(dir, {"directory", 0, directory, 0},
     {"without a number", 0, directory_without_number, 0}, NO_MEMORY);

KIND(message_, {"message", 0, message, 0},
     {"without control", 0, message_without_control, 0},
     {"control at NULL", 0, message_with_control_at_null, 0},
     {"control gone", 0, message_with_control_gone, 0},
     {"too little control", 0, message_with_too_little_control, 0},
     {"too much control", 0, message_with_too_much_control, 0},
     {"too many parts", 0, message_of_too_many_parts, 0},
     {"name gone", 0, message_to_a_name_that_is_gone, 0}, NO_MEMORY);
KIND(messages_, IS(1), IS(0), IS(2), IS(-1), IS(INT_MAX));
KIND(message_flags, IS(0), IS(MSG_PEEK), IS(MSG_ERRQUEUE), IS(MSG_TRUNC),
     IS(MSG_CMSG_CLOEXEC), IS(-1), IS(INT_MIN));

KIND(flags, IS(0), IS(1), IS(O_NONBLOCK), IS(O_CLOEXEC), IS(-1), IS(INT_MIN),
     IS(INT_MAX));
KIND(random_flags, IS(0), IS(1), IS(2), IS(3), IS(4), IS(5),
     {"6", 6, NULL, BOTH_POOLS}, {"7", 7, NULL, BOTH_POOLS}, IS(8), IS(-1),
     IS(INT_MIN));
KIND(number, IS(1), IS(0), IS(-1), IS(INT_MAX), IS(INT_MIN));
KIND(domain, IS(AF_UNIX), IS(-1), IS(INT_MAX), IS(INT_MIN));
KIND(type, IS(SOCK_STREAM), IS(0), IS(-1), IS(INT_MAX),
     IS(SOCK_DGRAM | SOCK_CLOEXEC));
KIND(protocol, IS(0), IS(-1), IS(INT_MAX));
KIND(clock_, IS(CLOCK_MONOTONIC), IS(-1), IS(INT_MAX), IS(INT_MIN));
KIND(pid, {"own", 0, own_pid, 0}, IS(0), IS(-1), IS(INT_MAX), IS(INT_MIN));
KIND(from, IS(CLOSED), IS(DEVICE), IS(0), IS(-1), IS(INT_MAX));
KIND(range_flags, IS(0), {"UNSHARE", 2, NULL, 0}, {"CLOEXEC", 4, NULL, 0},
     IS(6), IS(8), IS(-1), IS(INT_MIN));
KIND(unshared, IS(0), IS(CLONE_FILES), IS(CLONE_FS), IS(-1), IS(INT_MIN));
KIND(fcntl_command, IS(F_GETFL), IS(F_DUPFD), IS(F_DUPFD_CLOEXEC), IS(F_SETFD),
     IS(F_GETFD), IS(F_GETLK), IS(F_GETOWN), IS(F_GETPIPE_SZ), IS(-1),
     IS(INT_MIN), IS(INT_MAX));
KIND(fcntl_argument, IS(0), IS(CLOSED), IS(-1), IS(INT_MAX), IS(LONG_MIN),
     {"memory", 0, room_made, 0}, {"gone", 0, gone, 0});
KIND(prctl_option, IS(PR_GET_DUMPABLE), IS(PR_GET_NAME), IS(PR_SET_NAME),
     IS(PR_GET_SECCOMP), IS(PR_SET_SECCOMP), IS(0), IS(-1), IS(INT_MAX),
     IS(INT_MIN));
KIND(prctl_argument, IS(0), IS(1), IS(2), IS(-1), {"memory", 0, room_made, 0},
     {"gone", 0, gone, 0});

KIND(sys_read, IS(SYS_read));
KIND(sys_getrandom, IS(SYS_getrandom));
KIND(sys_openat, IS(SYS_openat));
KIND(sys_dup, IS(SYS_dup));
KIND(sys_dup3, IS(SYS_dup3));
KIND(sys_fcntl, IS(SYS_fcntl));
KIND(sys_close, IS(SYS_close));
KIND(sys_close_range, {"close_range", 436, NULL, 0});
KIND(sys_unshare, IS(SYS_unshare));
KIND(sys_prctl, IS(SYS_prctl));
KIND(sys_seccomp, IS(SYS_seccomp));
KIND(sys_odd, IS(-1), IS(INT_MAX), IS(INT_MIN), IS(1023), IS(LONG_MIN),
     IS(1L << 32 | SYS_read), IS(1L << 32 | SYS_getrandom), IS(-4095));

#endif
