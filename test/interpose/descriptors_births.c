/*
 * A number that a libc name gives birth to is what that name made, even when
 * the library missed how the number's last owner, the device, came to its end
 * (here: by a close of which no libc name knows).
 */
#include "support/promise.h"

#include <dirent.h>
#include <mntent.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

int pidfd_open(pid_t pid, unsigned flags) __attribute__((weak));
int pidfd_getfd(int pidfd, int fd, unsigned flags) __attribute__((weak));
FILE *_IO_fopen(const char *path, const char *mode) __attribute__((weak));

/*
 * A birth: makes a descriptor that gets the lowest free number, and reads as
 * anything but the device. prepare opens before the number falls free what
 * make will need. -1, with errno, where this system has no such thing.
 */
struct birth {
	const char *name;
	int (*make)(void);
	void (*prepare)(void);
};

static int prepared;

static int by_pipe(void)
{
	int ends[2];

	return pipe(ends) == 0 ? ends[0] : -1;
}

static int by_pipe2(void)
{
	int ends[2];

	return pipe2(ends, O_CLOEXEC) == 0 ? ends[0] : -1;
}

static int by_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int by_socketpair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? ends[0] : -1;
}

/* A socket with somebody in its queue, in the abstract name space. */
static void listen_and_connect(void)
{
	struct sockaddr address = {.sa_family = AF_UNIX};
	socklen_t len = sizeof address.sa_family;
	socklen_t room = sizeof address;

	prepared = socket(AF_UNIX, SOCK_STREAM, 0);
	expect(prepared >= 0 && bind(prepared, &address, len) == 0);
	expect(getsockname(prepared, &address, &room) == 0);
	expect(listen(prepared, 1) == 0);
	expect(connect(socket(AF_UNIX, SOCK_STREAM, 0), &address, room) == 0);
}

static int by_accept(void)
{
	return accept(prepared, NULL, NULL);
}

static int by_accept4(void)
{
	return accept4(prepared, NULL, NULL, SOCK_CLOEXEC);
}

static int by_eventfd(void)
{
	return eventfd(0, 0);
}

static int by_epoll_create(void)
{
	return epoll_create(1);
}

static int by_epoll_create1(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

static int by_timerfd_create(void)
{
	return timerfd_create(CLOCK_MONOTONIC, 0);
}

static int by_signalfd(void)
{
	sigset_t none;

	sigemptyset(&none);
	return signalfd(-1, &none, 0);
}

static int by_inotify_init(void)
{
	return inotify_init();
}

static int by_inotify_init1(void)
{
	return inotify_init1(IN_CLOEXEC);
}

static int by_fanotify_init(void)
{
	return fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);
}

static int by_memfd_create(void)
{
	return memfd_create("empty", 0);
}

static int by_creat(void)
{
	return creat(known_path(20), 0600);
}

static int by_creat64(void)
{
	return creat64(known_path(21), 0600);
}

/* mkstemp and its seven relatives. */
#define TEMPLATE(suffix) \
	char path[PATH_MAX]; \
	snprintf(path, sizeof path, "%s/temp-XXXXXX" suffix, known_dir)

static int by_mkstemp(void)
{
	TEMPLATE("");
	return mkstemp(path);
}

static int by_mkstemp64(void)
{
	TEMPLATE("");
	return mkstemp64(path);
}

static int by_mkstemps(void)
{
	TEMPLATE(".c");
	return mkstemps(path, 2);
}

static int by_mkstemps64(void)
{
	TEMPLATE(".c");
	return mkstemps64(path, 2);
}

static int by_mkostemp(void)
{
	TEMPLATE("");
	return mkostemp(path, O_CLOEXEC);
}

static int by_mkostemp64(void)
{
	TEMPLATE("");
	return mkostemp64(path, O_CLOEXEC);
}

static int by_mkostemps(void)
{
	TEMPLATE(".c");
	return mkostemps(path, 2, O_CLOEXEC);
}

static int by_mkostemps64(void)
{
	TEMPLATE(".c");
	return mkostemps64(path, 2, O_CLOEXEC);
}

static int by_shm_open(void)
{
	char name[64];
	int fd;

	snprintf(name, sizeof name, "/fastrand-test-%d", getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd >= 0)
		shm_unlink(name);
	return fd;
}

/* A queue reads as a line on its state, and then as empty. */
static int by_mq_open(void)
{
	char name[64], state[256];
	int fd;

	snprintf(name, sizeof name, "/fastrand-test-%d", getpid());
	fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
	if (fd < 0)
		return -1;
	mq_unlink(name);
	RAW(SYS_read, fd, state, sizeof state);
	return fd;
}

static int number_of(FILE *stream)
{
	return stream ? fileno(stream) : -1;
}

static int by_fopen(void)
{
	return number_of(fopen("/dev/null", "r"));
}

static int by_fopen64(void)
{
	return number_of(fopen64("/dev/null", "r"));
}

static int by__IO_fopen(void)
{
	if (_IO_fopen)
		return number_of(_IO_fopen("/dev/null", "r"));
	errno = ENOSYS;
	return -1;
}

static int by_setmntent(void)
{
	return number_of(setmntent("/dev/null", "r"));
}

static int by_tmpfile(void)
{
	return number_of(tmpfile());
}

static int by_tmpfile64(void)
{
	return number_of(tmpfile64());
}

static int by_popen(void)
{
	return number_of(popen("exit 0", "r"));
}

static int by_popen_for_writing(void)
{
	return number_of(popen("exit 0", "w"));
}

static int by_opendir(void)
{
	DIR *directory = opendir("/");

	return directory ? dirfd(directory) : -1;
}

/* It makes no descriptor, but says of one that it is a directory. */
static int by_fdopendir(void)
{
	int fd = (int)RAW(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
	DIR *directory = fdopendir(fd);

	return directory ? dirfd(directory) : -1;
}

static int by_posix_openpt(void)
{
	return posix_openpt(O_RDWR | O_NOCTTY);
}

static int by_getpt(void)
{
	return getpt();
}

static int by_openpty(void)
{
	int master, slave;

	return openpty(&master, &slave, NULL, NULL, NULL) == 0 ? master : -1;
}

static int by_forkpty(void)
{
	int master;
	pid_t child = forkpty(&master, NULL, NULL, NULL);

	if (child == 0)
		pause();
	return child > 0 ? master : -1;
}

static int by_pidfd_open(void)
{
	if (pidfd_open)
		return pidfd_open(getpid(), 0);
	errno = ENOSYS;
	return -1;
}

static void open_own_pidfd(void)
{
	prepared = (int)RAW(SYS_pidfd_open, getpid(), 0);
}

static int by_pidfd_getfd(void)
{
	if (pidfd_getfd)
		return pidfd_getfd(prepared, prepared, 0);
	errno = ENOSYS;
	return -1;
}

/* The null device, on its way through a pair of sockets. */
static void send_null(void)
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
	int fd = open("/dev/null", O_RDONLY);
	int sockets[2];

	expect(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	expect(sendmsg(sockets[0], &message, 0) == 1);
	prepared = sockets[1];
}

/* Some control data of other kinds may stand before it. */
static int receive(bool many)
{
	char room[256];
	char byte;
	struct iovec data = {&byte, 1};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &data,
					      .msg_iovlen = 1,
					      .msg_control = room,
					      .msg_controllen = sizeof room}};
	struct cmsghdr *control;
	int yes = 1, fd = -1;

	setsockopt(prepared, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
	if (many)
		expect(recvmmsg(prepared, &message, 1, 0, NULL) == 1);
	else
		expect(recvmsg(prepared, &message.msg_hdr, 0) == 1);
	for (control = CMSG_FIRSTHDR(&message.msg_hdr); control;
	     control = CMSG_NXTHDR(&message.msg_hdr, control))
		if (control->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(control), sizeof fd);
	return fd;
}

static int by_recvmsg(void)
{
	return receive(false);
}

static int by_recvmmsg(void)
{
	return receive(true);
}

#define BIRTH(name, ...) {#name, by_##name, __VA_ARGS__}

static const struct birth births[] = {
	BIRTH(pipe, NULL),
	BIRTH(pipe2, NULL),
	BIRTH(socket, NULL),
	BIRTH(socketpair, NULL),
	BIRTH(accept, listen_and_connect),
	BIRTH(accept4, listen_and_connect),
	BIRTH(eventfd, NULL),
	BIRTH(epoll_create, NULL),
	BIRTH(epoll_create1, NULL),
	BIRTH(timerfd_create, NULL),
	BIRTH(signalfd, NULL),
	BIRTH(inotify_init, NULL),
	BIRTH(inotify_init1, NULL),
	BIRTH(fanotify_init, NULL),
	BIRTH(memfd_create, NULL),
	BIRTH(creat, NULL),
	BIRTH(creat64, NULL),
	BIRTH(mkstemp, NULL),
	BIRTH(mkstemp64, NULL),
	BIRTH(mkstemps, NULL),
	BIRTH(mkstemps64, NULL),
	BIRTH(mkostemp, NULL),
	BIRTH(mkostemp64, NULL),
	BIRTH(mkostemps, NULL),
	BIRTH(mkostemps64, NULL),
	BIRTH(shm_open, NULL),
	BIRTH(mq_open, NULL),
	BIRTH(fopen, NULL),
	BIRTH(fopen64, NULL),
	BIRTH(_IO_fopen, NULL),
	BIRTH(setmntent, NULL),
	BIRTH(tmpfile, NULL),
	BIRTH(tmpfile64, NULL),
	BIRTH(popen, NULL),
	BIRTH(popen_for_writing, NULL),
	BIRTH(opendir, NULL),
	BIRTH(fdopendir, NULL),
	BIRTH(posix_openpt, NULL),
	BIRTH(getpt, NULL),
	BIRTH(openpty, NULL),
	BIRTH(forkpty, NULL),
	BIRTH(pidfd_open, NULL),
	BIRTH(pidfd_getfd, open_own_pidfd),
	BIRTH(recvmsg, send_null),
	BIRTH(recvmmsg, send_null),
};

static const struct birth *birth;

static bool not_on_this_system(int error)
{
	return error == ENOSYS || error == EPERM || error == EACCES ||
	       error == ENOENT || error == ENODEV || error == EINVAL;
}

/* The number of a pair's second half may have been the device's too. */
static void make_where_the_device_was(void)
{
	int first, second, made;

	if (birth->prepare)
		birth->prepare();
	first = open_served();
	second = dup(first);
	expect_served(second);
	expect(RAW(SYS_close, first) == 0 && RAW(SYS_close, second) == 0);
	made = birth->make();
	if (made == -1 && not_on_this_system(errno))
		skip_because("this system has none");
	/* popen keeps the end that it took first for the child. */
	expect(made == first || made == second);
	expect_as_the_kernel(made);
	if (nature_of(second) != NATURE_CLOSED)
		expect_as_the_kernel(second);
	expect_unreadable(second + 1);
}

static void born_where_the_device_was(void **state)
{
	birth = *state;
	keep_apart(make_where_the_device_was);
}

int main(void)
{
	static struct promise_list list;
	size_t i;

	for (i = 0; i < COUNT(births); i++)
		promise_add(&list, births[i].name, " makes what it makes",
			    born_where_the_device_was, &births[i]);
	return promise_run("descriptors_births", list.tests, list.count);
}
