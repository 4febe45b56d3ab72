/*
 * Every name that stands before one of libc's, called with arguments that make
 * little sense: its answer, errno and the fate of the process are what they are
 * without the library.
 *
 * This program executes itself twice, with the library in front and without.
 * Both make the same calls, each in a child of its own. In a call at most two
 * arguments are odd; the others are the first of their kind. "odd names" prints
 * what is called, for test/interpose/exports.sh.
 */
#include "support/promise.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum {
	MOST = 7,		/* arguments */
	MOST_CALLS = 65536,
	ROOM = 65536,		/* bytes of memory; then comes a page of none */
	HANGS_AFTER = 10,	/* seconds */
};

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

/* --- the table --- */

enum gives { A_NUMBER, A_SIZE, A_POINTER, A_PID, A_WORD };
enum serves { NOTHING, READS, DRAWS };

static const struct row {
	const char *name;
	enum gives gives;
	enum serves serves;
	const struct kind *kinds[MOST];
	const char *without; /* what is called instead of a name of ours */
} rows[] = {
	/* reads */
	{"read", A_SIZE, READS, {&fd, &memory, &length}, 0},
	{"__read", A_SIZE, READS, {&fd, &memory, &length}, 0},
	{"__read_chk", A_SIZE, READS, {&fd, &memory, &length, &chk_room}, 0},
	{"pread", A_SIZE, READS, {&fd, &memory, &length, &offset}, 0},
	{"pread64", A_SIZE, READS, {&fd, &memory, &length, &offset}, 0},
	{"__pread64", A_SIZE, READS, {&fd, &memory, &length, &offset}, 0},
	{"__pread_chk", A_SIZE, READS,
	 {&fd, &memory, &length, &offset, &chk_room}, 0},
	{"__pread64_chk", A_SIZE, READS,
	 {&fd, &memory, &length, &offset, &chk_room}, 0},
	{"readv", A_SIZE, READS, {&fd, &iovec, &iovecs}, 0},
	{"preadv", A_SIZE, READS, {&fd, &iovec, &iovecs, &offset}, 0},
	{"preadv64", A_SIZE, READS, {&fd, &iovec, &iovecs, &offset}, 0},
	{"preadv2", A_SIZE, READS,
	 {&fd, &iovec, &iovecs, &offset, &read_flags}, 0},
	{"preadv64v2", A_SIZE, READS,
	 {&fd, &iovec, &iovecs, &offset, &read_flags}, 0},
	{"fread", A_SIZE, READS, {&memory, &how_many, &large, &stream}, 0},
	{"fread_unlocked", A_SIZE, READS,
	 {&memory, &how_many, &large, &stream}, 0},
	{"__fread_chk", A_SIZE, READS,
	 {&memory, &chk_room, &how_many, &large, &stream}, 0},
	{"__fread_unlocked_chk", A_SIZE, READS,
	 {&memory, &chk_room, &how_many, &large, &stream}, 0},

	/* draws */
	{"getrandom", A_SIZE, DRAWS, {&memory, &length, &random_flags}, 0},
	{"getentropy", A_NUMBER, DRAWS, {&memory, &entropy}, 0},
	{"arc4random", A_WORD, DRAWS, {0}, 0},
	{"arc4random_buf", A_WORD, DRAWS, {&memory, &length}, 0},
	{"arc4random_uniform", A_NUMBER, DRAWS, {&bound}, 0},
	{"arc4random_uniform", A_WORD, DRAWS, {&larger_bound}, 0},
	{"fastrand_getrandom", A_SIZE, DRAWS,
	 {&memory, &length, &random_flags}, "getrandom"},
	{"fastrand_buf", A_WORD, DRAWS, {&memory, &length}, "arc4random_buf"},
	{"fastrand_u32", A_WORD, DRAWS, {0}, "arc4random"},
	{"fastrand_uniform", A_NUMBER, DRAWS, {&bound}, "arc4random_uniform"},

	/* system calls by number */
	{"syscall", A_SIZE, READS, {&sys_read, &fd, &memory, &length}, 0},
	{"syscall", A_SIZE, DRAWS,
	 {&sys_getrandom, &memory, &length, &random_flags}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_openat, &at, &path, &open_flags, &mode}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_dup, &fd}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_dup3, &fd, &to, &flags}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_fcntl, &fd, &fcntl_command, &fcntl_argument}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_close, &fd}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_close_range, &from, &from, &range_flags}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_unshare, &unshared}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_prctl, &prctl_option, &prctl_argument, &prctl_argument}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_seccomp, &number, &flags, &memory}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_odd, &fd, &memory, &length}, 0},

	/* opens */
	{"open", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"open64", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"__open", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"__open64", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"__open_2", A_NUMBER, NOTHING, {&path, &open_flags}, 0},
	{"__open64_2", A_NUMBER, NOTHING, {&path, &open_flags}, 0},
	{"openat", A_NUMBER, NOTHING, {&at, &path, &open_flags, &mode}, 0},
	{"openat64", A_NUMBER, NOTHING, {&at, &path, &open_flags, &mode}, 0},
	{"__openat_2", A_NUMBER, NOTHING, {&at, &path, &open_flags}, 0},
	{"__openat64_2", A_NUMBER, NOTHING, {&at, &path, &open_flags}, 0},
	{"creat", A_NUMBER, NOTHING, {&path, &mode}, 0},
	{"creat64", A_NUMBER, NOTHING, {&path, &mode}, 0},
	{"fopen", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"fopen64", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"_IO_fopen", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"freopen", A_POINTER, NOTHING, {&path, &stdio_mode, &stream}, 0},
	{"freopen64", A_POINTER, NOTHING, {&path, &stdio_mode, &stream}, 0},
	{"setmntent", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"opendir", A_POINTER, NOTHING, {&path}, 0},
	{"fdopendir", A_POINTER, NOTHING, {&fd}, 0},
	{"popen", A_POINTER, NOTHING, {&command, &popen_mode}, 0},
	{"shm_open", A_NUMBER, NOTHING, {&path, &open_only, &mode}, 0},
	{"mq_open", A_NUMBER, NOTHING, {&path, &open_only, &mode, &memory}, 0},

	/* births of other things */
	{"mkstemp", A_NUMBER, NOTHING, {&template_}, 0},
	{"mkstemp64", A_NUMBER, NOTHING, {&template_}, 0},
	{"mkostemp", A_NUMBER, NOTHING, {&template_, &flags}, 0},
	{"mkostemp64", A_NUMBER, NOTHING, {&template_, &flags}, 0},
	{"mkstemps", A_NUMBER, NOTHING, {&template_, &suffix}, 0},
	{"mkstemps64", A_NUMBER, NOTHING, {&template_, &suffix}, 0},
	{"mkostemps", A_NUMBER, NOTHING, {&template_, &suffix, &flags}, 0},
	{"mkostemps64", A_NUMBER, NOTHING, {&template_, &suffix, &flags}, 0},
	{"tmpfile", A_POINTER, NOTHING, {0}, 0},
	{"tmpfile64", A_POINTER, NOTHING, {0}, 0},
	{"memfd_create", A_NUMBER, NOTHING, {&path, &flags}, 0},
	{"socket", A_NUMBER, NOTHING, {&domain, &type, &protocol}, 0},
	{"socketpair", A_NUMBER, NOTHING,
	 {&domain, &type, &protocol, &memory}, 0},
	{"accept", A_NUMBER, NOTHING,
	 {&listener, &memory_or_null, &memory_or_null}, 0},
	{"accept4", A_NUMBER, NOTHING,
	 {&listener, &memory_or_null, &memory_or_null, &flags}, 0},
	{"recvmsg", A_SIZE, NOTHING, {&socket_, &message_, &message_flags}, 0},
	{"recvmmsg", A_NUMBER, NOTHING,
	 {&socket_, &message_, &messages_, &message_flags, &memory_or_null}, 0},
	{"pipe", A_NUMBER, NOTHING, {&memory}, 0},
	{"pipe2", A_NUMBER, NOTHING, {&memory, &flags}, 0},
	{"epoll_create", A_NUMBER, NOTHING, {&number}, 0},
	{"epoll_create1", A_NUMBER, NOTHING, {&flags}, 0},
	{"eventfd", A_NUMBER, NOTHING, {&number, &flags}, 0},
	{"signalfd", A_NUMBER, NOTHING, {&fd, &memory, &flags}, 0},
	{"timerfd_create", A_NUMBER, NOTHING, {&clock_, &flags}, 0},
	{"inotify_init", A_NUMBER, NOTHING, {0}, 0},
	{"inotify_init1", A_NUMBER, NOTHING, {&flags}, 0},
	{"fanotify_init", A_NUMBER, NOTHING, {&flags, &open_only}, 0},
	{"pidfd_open", A_NUMBER, NOTHING, {&pid, &flags}, 0},
	{"pidfd_getfd", A_NUMBER, NOTHING, {&pidfd, &fd, &flags}, 0},
	{"getpt", A_NUMBER, NOTHING, {0}, 0},
	{"posix_openpt", A_NUMBER, NOTHING, {&open_flags}, 0},
	{"openpty", A_NUMBER, NOTHING,
	 {&memory, &memory, &memory_or_null, &memory_or_null, &memory_or_null},
	 0},
	{"forkpty", A_PID, NOTHING,
	 {&memory, &memory_or_null, &memory_or_null, &memory_or_null}, 0},

	/* copies */
	{"dup", A_NUMBER, NOTHING, {&fd}, 0},
	{"dup2", A_NUMBER, NOTHING, {&fd, &to}, 0},
	{"__dup2", A_NUMBER, NOTHING, {&fd, &to}, 0},
	{"dup3", A_NUMBER, NOTHING, {&fd, &to, &flags}, 0},
	{"fcntl", A_NUMBER, NOTHING,
	 {&fd, &fcntl_command, &fcntl_argument}, 0},
	{"fcntl64", A_NUMBER, NOTHING,
	 {&fd, &fcntl_command, &fcntl_argument}, 0},
	{"__fcntl", A_NUMBER, NOTHING,
	 {&fd, &fcntl_command, &fcntl_argument}, 0},

	/* ends */
	{"close", A_NUMBER, NOTHING, {&fd}, 0},
	{"__close", A_NUMBER, NOTHING, {&fd}, 0},
	{"mq_close", A_NUMBER, NOTHING, {&fd}, 0},
	{"close_range", A_NUMBER, NOTHING, {&from, &from, &range_flags}, 0},
	{"closefrom", A_WORD, NOTHING, {&from}, 0},
	{"fclose", A_NUMBER, NOTHING, {&stream}, 0},
	{"_IO_fclose", A_NUMBER, NOTHING, {&stream}, 0},
	{"pclose", A_NUMBER, NOTHING, {&stream}, 0},
	{"endmntent", A_NUMBER, NOTHING, {&stream}, 0},
	{"closedir", A_NUMBER, NOTHING, {&dir}, 0},
	{"daemon", A_NUMBER, NOTHING, {&number, &number}, 0},
	{"login_tty", A_NUMBER, NOTHING, {&fd}, 0},
	{"unshare", A_NUMBER, NOTHING, {&unshared}, 0},
	{"prctl", A_NUMBER, NOTHING,
	 {&prctl_option, &prctl_argument, &prctl_argument}, 0},
};

/* Does something for every call of a row; choice: which value of each kind. */
static void for_each_call(const struct row *row,
			  void (*act)(const struct row *row,
				      const size_t choice[MOST]))
{
	size_t choice[MOST] = {0};

	act(row, choice);
	for (size_t p = 0; p < MOST && row->kinds[p]; p++) {
		for (size_t v = 1; v < row->kinds[p]->count; v++) {
			choice[p] = v;
			act(row, choice);
			for (size_t q = p + 1; q < MOST && row->kinds[q]; q++) {
				for (size_t w = 1; w < row->kinds[q]->count;
				     w++) {
					choice[q] = w;
					act(row, choice);
				}
				choice[q] = 0;
			}
		}
		choice[p] = 0;
	}
}

/* --- the calls, with the library or without --- */

/* What came of a call: in the child that made it, and in one that it made. */
struct outcome {
	int status;
	struct answer {
		int given, error;
		long answer;
	} in[2];
};

/* Written by the executed program, read by the one that compares. */
struct record {
	bool preloaded, finished;
	bool absent[COUNT(rows)];
	size_t first[COUNT(rows)];	/* outcome of a row */
	size_t calls;
	struct outcome outcomes[MOST_CALLS];
};

static struct record *writing;

typedef long function(long, long, long, long, long, long, long);

static function *called;

static struct record *record_in(int fd)
{
	void *at = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);

	expect(at != MAP_FAILED && close(fd) == 0);
	return at;
}

static long as_given(enum gives gives, long answer)
{
	switch (gives) {
	case A_NUMBER:
		return (int)answer;
	case A_SIZE:
		return answer;
	case A_POINTER:
		return answer != 0;
	case A_PID:
		return ((int)answer > 0) - ((int)answer < 0);
	default:
		return 0;
	}
}

static void call(const struct row *row, const size_t choice[MOST],
		 struct outcome *outcome)
{
	pid_t self = getpid();
	struct answer *to;
	long a[MOST] = {0};
	long answer;
	int error;

	alarm(HANGS_AFTER);
	expect(lseek(A_FILE, 0, SEEK_SET) == 0);
	for (size_t p = 0; p < MOST && row->kinds[p]; p++) {
		const struct value *v = &row->kinds[p]->values[choice[p]];

		a[p] = v->make ? v->make() : v->value;
	}
	errno = 4242;
	answer = called(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	error = errno;
	to = &outcome->in[getpid() != self];
	to->answer = as_given(row->gives, answer);
	to->error = error;
	to->given = true;
	/* A terminal that goes away would end the process on it. */
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
	_exit(0);
}

static void call_apart(const struct row *row, const size_t choice[MOST])
{
	struct outcome *outcome = &writing->outcomes[writing->calls++];
	pid_t child = fork(), ended;
	int status;

	if (child == 0)
		call(row, choice, outcome);
	expect(child > 0 && writing->calls < MOST_CALLS);
	while ((ended = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
		if (ended == child)
			outcome->status = status;
	/* The same fault is either, by the register that held the address. */
	if (WIFSIGNALED(outcome->status) &&
	    WTERMSIG(outcome->status) == SIGBUS)
		outcome->status = SIGSEGV;
	/* The terminal of its child went with it, in the midst of something. */
	if (WIFSIGNALED(outcome->status))
		outcome->in[1] = (struct answer){0};
}

static void put(int fd, int number)
{
	expect(fd >= 0 && dup2(fd, number) == number);
	expect(fd == number || close(fd) == 0);
}

static void put_unseen(int fd, int number)
{
	expect(fd >= 0 && RAW(SYS_dup3, fd, number, 0) == number);
	expect(close(fd) == 0);
}

static void prepare_descriptors(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int pair[2], file = open("file", O_CREAT | O_RDWR, 0600);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memset(room, 'x', ROOM);
	expect(file >= 0 && write(file, room, ROOM) == ROOM);
	expect(lseek(file, 0, SEEK_SET) == 0);
	put_unseen(dup(file), UNSEEN_FILE);
	put(file, A_FILE);
	put(open("/dev/urandom", O_RDONLY), DEVICE);
	put_unseen(open("/dev/urandom", O_RDONLY), UNSEEN_DEVICE);
	put(open("/dev/urandom", O_WRONLY), DEVICE_FOR_WRITING);
	put(open("/dev/urandom", O_PATH), DEVICE_AS_PATH);
	put(open(".", O_RDONLY), DIRECTORY);
	expect(pipe2(pair, O_NONBLOCK) == 0);
	put(pair[0], EMPTY_PIPE);
	expect(bind(listener, (struct sockaddr *)&name,
		    sizeof(sa_family_t)) == 0 && listen(listener, 1) == 0);
	put(listener, LISTENER);
	for (int standard = 0; standard <= 2; standard++)
		put(open("/dev/null", O_RDWR), standard);
}

static void prepare(char *folder)
{
	const struct rlimit none = {0, 0};

	expect(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	expect(setrlimit(RLIMIT_CORE, &none) == 0);
	signal(SIGHUP, SIG_IGN);
	expect(mkdtemp(folder) && chdir(folder) == 0);
	/* The kernel asks whether a huge read ends beyond the last address. */
	room = mmap((void *)((uintptr_t)1 << 36), ROOM + 4096,
		    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(room != MAP_FAILED && !mprotect(room + ROOM, 4096, PROT_NONE));
	prepare_descriptors();
}

static void remove_all_in(const char *folder)
{
	DIR *open = opendir(folder);
	struct dirent *entry;

	expect(open != NULL);
	while ((entry = readdir(open)))
		unlink(entry->d_name);
	expect(closedir(open) == 0 && rmdir(folder) == 0);
}

static int calls_make(int fd)
{
	char folder[] = "/tmp/fastrand-odd-XXXXXX";
	const char *name;
	void *found;

	promise_apart = true;
	writing = record_in(fd);
	expect(preload_begin());
	writing->preloaded = preload_info != NULL;
	prepare(folder);
	expect_served(DEVICE);
	for (size_t r = 0; r < COUNT(rows); r++) {
		name = !writing->preloaded && rows[r].without ?
			       rows[r].without : rows[r].name;
		writing->first[r] = writing->calls;
		found = dlsym(RTLD_DEFAULT, name);
		memcpy(&called, &found, sizeof called);
		if (called)
			for_each_call(&rows[r], call_apart);
		else
			writing->absent[r] = true;
	}
	remove_all_in(folder);
	writing->finished = true;
	return 0;
}

/* --- the comparison --- */

static const struct record *with, *without;
static const struct outcome *ours, *libcs; /* of the next call */
static size_t differences;

static void say_outcome(const char *where, const struct outcome *is)
{
	fprintf(stderr, "  %s: status %#x", where, (unsigned int)is->status);
	for (size_t i = 0; i < COUNT(is->in); i++)
		if (is->in[i].given)
			fprintf(stderr, ", %s%ld, errno %d",
				i ? "and in a child " : "", is->in[i].answer,
				is->in[i].error);
	fprintf(stderr, "\n");
}

static void say_call(const struct row *row, const size_t choice[MOST])
{
	fprintf(stderr, "%s(", row->name);
	for (size_t p = 0; p < MOST && row->kinds[p]; p++)
		fprintf(stderr, "%s%s", p ? ", " : "",
			row->kinds[p]->values[choice[p]].label);
	fprintf(stderr, "):\n");
}

static bool faulted(const struct outcome *is)
{
	return WIFSIGNALED(is->status) && WTERMSIG(is->status) == SIGSEGV;
}

static bool refused(const struct outcome *is)
{
	return is->in[0].answer == -1 &&
	       (is->in[0].error == EFAULT || is->in[0].error == EINVAL);
}

/*
 * Where nothing is mapped the kernel says EFAULT, or gives what there was room
 * for; who writes in this process faults. So do we, and so does a generator of
 * libc's own; that one does not look for senseless flags, or at the pointer of
 * nothing, and we say what the kernel says.
 */
static bool may_differ(const struct row *row, const size_t choice[MOST])
{
	int odd = 0;

	for (size_t p = 0; p < MOST && row->kinds[p]; p++)
		odd |= row->kinds[p]->values[choice[p]].odd;
	if (row->serves == NOTHING || (odd & NOT_THE_DEVICE))
		return false;
	if ((odd & GONE) && faulted(ours))
		return true;
	return odd && row->serves == DRAWS && libc_has_a_generator() &&
	       (faulted(libcs) || refused(ours));
}

static bool same(void)
{
	return memcmp(ours, libcs, sizeof *ours) == 0 &&
	       !(WIFSIGNALED(ours->status) &&
		 WTERMSIG(ours->status) == SIGALRM);
}

static void compare_call(const struct row *row, const size_t choice[MOST])
{
	if (!same() && !may_differ(row, choice)) {
		differences++;
		say_call(row, choice);
		say_outcome("with the library", ours);
		say_outcome("without", libcs);
	}
	ours++;
	libcs++;
}

static void only_where_an_argument_is_a_register(void)
{
	if (!with)
		skip_because("an offset is two arguments here");
}

static void is_as_without(void **state)
{
	const struct row *row = *state;
	size_t r = (size_t)(row - rows);

	only_where_an_argument_is_a_register();
	if (without->absent[r])
		skip_because("this libc lacks some of the names");
	expect(!with->absent[r]);
	ours = with->outcomes + with->first[r];
	libcs = without->outcomes + without->first[r];
	differences = 0;
	for_each_call(row, compare_call);
	expect(differences == 0);
}

static void both_ran_to_their_ends(void **state)
{
	(void)state;
	only_where_an_argument_is_a_register();
	expect(with->finished && with->preloaded == (preload_info != NULL));
	expect(without->finished && !without->preloaded);
	expect(with->calls > 1000);
}

static const struct record *executed(bool preload)
{
	int fd = (int)RAW(SYS_memfd_create, "odd", 0);
	char number[16];
	pid_t child;

	expect(fd >= 0 && ftruncate(fd, sizeof(struct record)) == 0);
	snprintf(number, sizeof number, "%d", fd);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (!preload) {
			unsetenv("LD_PRELOAD");
			setenv("TEST_WITHOUT_PRELOAD", "1", 1);
		}
		execl("/proc/self/exe", "odd", "calls", number, NULL);
		_exit(127);
	}
	reap(child);
	return record_in(fd);
}

static int execute_both(void **state)
{
	if (sizeof(long) == 8) {
		with = executed(true);
		without = executed(false);
	}
	return promise_setup(state);
}

static int print_names(void)
{
	for (size_t r = 0; r < COUNT(rows); r++)
		if (r == 0 || strcmp(rows[r].name, rows[r - 1].name) != 0)
			puts(rows[r].name);
	return 0;
}

int main(int argc, char *argv[])
{
	static struct promise_list list;

	if (argc == 2 && strcmp(argv[1], "names") == 0)
		return print_names();
	if (argc == 3 && strcmp(argv[1], "calls") == 0)
		return calls_make(atoi(argv[2]));
	if (!preload_begin())
		return 2;
	promise_add(&list, "both", " ran to their ends", both_ran_to_their_ends,
		    NULL);
	for (size_t r = 0; r < COUNT(rows); r++)
		promise_add(&list, rows[r].name, " is as without",
			    is_as_without, &rows[r]);
	return _cmocka_run_group_tests("odd", list.tests, list.count,
				       execute_both, promise_teardown);
}
