/*
 * How is text for people made and written, without allocation or stdio? See
 * say.h.
 */
#include "say.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/real.h"

void say_bytes(struct saying *r, const char *bytes, size_t len)
{
	size_t room = sizeof r->text - r->len;

	if (len > room)
		len = room;
	memcpy(r->text + r->len, bytes, len);
	r->len += len;
}

void say_text(struct saying *r, const char *text)
{
	say_bytes(r, text, strlen(text));
}

void say_number(struct saying *r, uint64_t number)
{
	char digits[21], *first = digits + sizeof digits - 1;

	*first = '\0';
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	say_text(r, first);
}

/* The part of statx(2)'s answer that we read. Some headers lack the type. */
struct birth {
	uint32_t mask;
	uint32_t others[19];
	int64_t seconds;
	uint32_t nanoseconds;
	uint32_t rest[41];
};

_Static_assert(sizeof(struct birth) == 256, "as include/uapi/linux/stat.h has it");
_Static_assert(offsetof(struct birth, seconds) == 80, "");

enum { BIRTH = 0x800 };

/*
 * What identifies a file? The number of a descriptor does not, because it may
 * belong to another file by now. Nor does the inode of a regular file that was
 * removed, because it may be used again; but then the time of birth differs. If
 * a file system does not record that time, a link count that is not 0 tells at
 * least that the file was not removed.
 */
struct file {
	bool known;
	uint64_t device, inode, kind, second, nanosecond;
};

static struct file first;
static bool started;

static struct file stderr_now(void)
{
	struct file f = {0};
	struct stat64 is;
	struct birth born;

	if (!real_stat(STDERR_FILENO, &is))
		return f;
	f = (struct file){.known = !S_ISREG(is.st_mode) || is.st_nlink,
			  .device = is.st_dev,
			  .inode = is.st_ino,
			  .kind = is.st_rdev};
	if (!REAL_CALL(SYS_statx, STDERR_FILENO, "", AT_EMPTY_PATH, BIRTH,
		       &born) &&
	    (born.mask & BIRTH)) {
		f.known = true;
		f.second = (uint64_t)born.seconds;
		f.nanosecond = born.nanoseconds;
	}
	return f;
}

void say_start(void)
{
	started = true;
	first = stderr_now();
}

static bool is_still_stderr(void)
{
	struct file now;

	if (!started)
		return true;
	now = stderr_now();
	return first.known && now.known && now.device == first.device &&
	       now.inode == first.inode && now.kind == first.kind &&
	       now.second == first.second &&
	       now.nanosecond == first.nanosecond;
}

static uint64_t signal_bit(int number)
{
	return UINT64_C(1) << (number - 1);
}

/*
 * The kernel's set of signals is one 64-bit word on the machines that we
 * support.
 */
static void block(int how, const uint64_t *set, uint64_t *old)
{
	REAL_CALL(SYS_rt_sigprocmask, how, set, old, sizeof *set);
}

/* Discards a signal that the write has raised, unless it was pending before. */
static void take_back(uint64_t signal, uint64_t pending)
{
	static const uint64_t no_time[2];

	if (!(pending & signal))
		REAL_CALL(SYS_rt_sigtimedwait, &signal, NULL, no_time,
			  sizeof signal);
}

/*
 * SIGTTOU is blocked, too, because a background job may write to its terminal
 * while it blocks that signal.
 */
void say_write(const struct saying *r)
{
	const uint64_t ours = signal_bit(SIGPIPE) | signal_bit(SIGXFSZ) |
			      signal_bit(SIGTTOU);
	uint64_t before, pending = 0;
	long answer;

	if (!is_still_stderr())
		return;
	block(SIG_BLOCK, &ours, &before);
	REAL_CALL(SYS_rt_sigpending, &pending, sizeof pending);
	answer = REAL_CALL(SYS_write, STDERR_FILENO, r->text, r->len);
	if (answer == -EPIPE)
		take_back(signal_bit(SIGPIPE), pending);
	else if (answer == -EFBIG)
		take_back(signal_bit(SIGXFSZ), pending);
	block(SIG_SETMASK, &before, NULL);
}
