/* May this descriptor be /dev/urandom, and is it really? See urandom_fd.h. */
#include "urandom_fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "generator/bucket.h"
#include "source/kernel.h"
#include "system/real.h"
#include "report/report.h"

enum { MEMORY_DEVICES = 1, RANDOM = 8, URANDOM = 9 };

_Atomic(uint8_t) urandom_tags[URANDOM_FDS];
atomic_bool urandom_fd_trusting;
static atomic_bool latched;

static void note(int fd, enum urandom_tag tag)
{
	if ((unsigned int)fd < URANDOM_FDS &&
	    atomic_load_explicit(&urandom_tags[fd], memory_order_relaxed) !=
		    tag)
		atomic_store_explicit(&urandom_tags[fd], tag,
				      memory_order_release);
}

/*
 * The call that proves a descriptor at each read has to be one that the loader
 * makes in every program, because then a seccomp filter that was installed
 * before us allows it. With glibc 2.33 to 2.38 this call is newfstatat, not
 * fstat. Before Linux 6.6 newfstatat took twice as long.
 */
static atomic_bool by_newfstatat;

static bool loader_calls_newfstatat(void)
{
	const char *(*version)(void) = REAL_NAMED("gnu_get_libc_version");
	const char *is = version ? version() : "";

	return !strncmp(is, "2.3", 3) && is[3] >= '3' && is[3] <= '8';
}

static bool stat_now(int fd, struct stat64 *is)
{
#if defined(SYS_newfstatat)
	if (atomic_load_explicit(&by_newfstatat, memory_order_relaxed))
		return !REAL_CALL(SYS_newfstatat, fd, "", is, AT_EMPTY_PATH);
#endif
	return real_stat(fd, is);
}

static bool device(int fd)
{
	struct stat64 s;

	if (!stat_now(fd, &s) || !S_ISCHR(s.st_mode) ||
	    major(s.st_rdev) != MEMORY_DEVICES)
		return false;
	return minor(s.st_rdev) == URANDOM ||
	       (minor(s.st_rdev) == RANDOM && kernel_one_generator());
}

/* Besides the three access modes there is a fourth, which allows ioctl only. */
static bool readable(long flags)
{
	long mode = flags & O_ACCMODE;

	return (mode == O_RDONLY || mode == O_RDWR) && !(flags & O_PATH);
}

/*
 * Tries a read of 0 bytes. This is a call that the program is making anyway,
 * while a filter may forbid fcntl.
 */
static bool opened_for_reading(int fd)
{
	return REAL_CALL(SYS_read, fd, NULL, 0) == 0;
}

/*
 * Whose descriptors does the table describe? This matters only if a tag is
 * trusted without proof. Otherwise getpid is not called, because not every
 * filter allows it.
 *
 * owner is the process that the table describes. The constructor sets it, and
 * so does the child of every fork(3). A child that shares our memory (vfork,
 * CLONE_VM) has another process id. The child of a raw fork has another one,
 * too. Only a page that fork wipes could tell it from a child that shares
 * memory, so its tags become "unknown", which is safe. A child that is pid 1 of
 * a namespace has the same id as a parent that is pid 1 of another namespace,
 * so pid 1 never owns the table.
 */
static _Atomic(pid_t) owner;

static void set_owner(void)
{
	if (!atomic_load(&latched))
		owner = (pid_t)REAL_CALL(SYS_getpid);
}

void urandom_fd_start(bool trusts)
{
	by_newfstatat = loader_calls_newfstatat() &&
			bucket_memory() == BUCKET_DROPPABLE;
	if (!trusts)
		return;
	set_owner();
	real_atfork(NULL, NULL, set_owner);
	urandom_fd_trusting = true;
	/*
	 * Tags that were set before now may come from a child that shares our
	 * memory.
	 */
	urandom_fd_range_ends(0, URANDOM_FDS - 1);
}

static bool own_table(void)
{
	pid_t self = (pid_t)REAL_CALL(SYS_getpid);

	return self == owner && self != 1;
}

/*
 * Sets a tag that will be trusted. The order is proof, tag, proof. Whoever
 * gives the number to something else meanwhile notes that in the table, either
 * before our tag or after it. If before, the second proof finds the change; if
 * after, its note replaces our tag.
 */
static void tag_random(int fd)
{
	if (!device(fd)) {
		note(fd, URANDOM_OTHER);
	} else if (!own_table()) {
		note(fd, URANDOM_UNKNOWN);
	} else {
		note(fd, URANDOM_RANDOM);
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load(&latched) || !device(fd))
			note(fd, URANDOM_OTHER);
	}
}

bool urandom_fd_proved(int fd)
{
	enum urandom_tag tag = urandom_fd_tag(fd);

	if (atomic_load_explicit(&latched, memory_order_relaxed)) {
		note(fd, URANDOM_OTHER);
		return false;
	}
	if (tag == URANDOM_RANDOM && (urandom_fd_trusting || device(fd)))
		return true;
	if (tag == URANDOM_UNKNOWN && device(fd) && opened_for_reading(fd)) {
		if (urandom_fd_trusting)
			tag_random(fd);
		else
			note(fd, URANDOM_RANDOM);
		return true;
	}
	note(fd, URANDOM_OTHER);
	return false;
}

void urandom_fd_ends(int fd)
{
	note(fd, URANDOM_UNKNOWN);
}

void urandom_fd_range_ends(unsigned int first, unsigned int last)
{
	for (unsigned int fd = first; fd < URANDOM_FDS && fd <= last; fd++)
		note((int)fd, URANDOM_UNKNOWN);
}

void urandom_fd_is_other(int fd)
{
	note(fd, URANDOM_OTHER);
}

static bool worth_a_look(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	return !strcmp(last, "urandom") || !strcmp(last, "random") ||
	       !strcmp(last, "stdin") ||
	       (*last && !last[strspn(last, "0123456789")]);
}

int urandom_fd_opened(int fd, const char *path, int flags)
{
	if (fd < 0)
		return fd;
	urandom_fd_is_other(fd);
	if (!readable(flags) || !worth_a_look(path) ||
	    atomic_load_explicit(&latched, memory_order_relaxed))
		return fd;
	if (urandom_fd_trusting)
		tag_random(fd);
	else
		note(fd, URANDOM_UNKNOWN);
	return fd;
}

enum urandom_tag urandom_fd_tag(int fd)
{
	if ((unsigned int)fd >= URANDOM_FDS)
		return URANDOM_OTHER;
	return atomic_load_explicit(&urandom_tags[fd], memory_order_relaxed);
}

int urandom_fd_copied(enum urandom_tag from, int to)
{
	if (to < 0)
		return to;
	if (from == URANDOM_RANDOM && !urandom_fd_trusting)
		from = URANDOM_UNKNOWN;
	note(to, from == URANDOM_UNKNOWN ? URANDOM_UNKNOWN : URANDOM_OTHER);
	if (from == URANDOM_RANDOM && !atomic_load(&latched))
		tag_random(to);
	return to;
}

void urandom_fd_latch(void)
{
	atomic_store(&latched, true);
	report_never();
	for (int fd = 0; fd < URANDOM_FDS; fd++)
		note(fd, URANDOM_OTHER);
}
