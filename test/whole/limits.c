/*
 * Memory that others count: how much of ours there is in the figures that limits
 * are about, and what happens near such a limit. A program that has room for the
 * library's file works and says nothing; it is served where there is room for its
 * pages as well.
 *
 * How little the program itself needs is found out without the library.
 */
#include "support/draws.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <linux/capability.h>

enum {
	FILE_ROOM = 384,	/* KiB: our file, and what the loader and libc have of it */
	PAGES_ROOM = 2044,	/* KiB: our pages */
	STEP = 16,		/* KiB: how exactly a limit is found */
	MOST = 32 * 1024,	/* KiB: more than enough for this program */
	TIER_OFF_STATUS = 40,	/* of a role that has the library, but no pages */
	NOT_LOADED_STATUS = 41,
};

struct figures {
	long size, data, locked;	/* KiB, as in /proc/self/status */
};

static struct figures figures_now(void)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t len = read(fd, text, sizeof text - 1);

	expect(len > 0);
	text[len] = '\0';
	close(fd);
	expect(strstr(text, "VmSize:") && strstr(text, "VmData:") &&
	       strstr(text, "VmLck:"));
	return (struct figures){atol(strstr(text, "VmSize:") + 7),
				atol(strstr(text, "VmData:") + 7),
				atol(strstr(text, "VmLck:") + 6)};
}

/* A program executed anew, with the library or without. */
struct role {
	const char *name;
	bool with;
	int limited;	/* RLIMIT_...; -1: nothing is */
	long limit;	/* KiB */
};

static void drop_the_right_to_lock(void)
{
	prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0);
}

static void begin_role(const struct role *role, int out)
{
	struct rlimit most = {(rlim_t)role->limit * 1024,
			      (rlim_t)role->limit * 1024};

	if (!role->with) {
		unsetenv("LD_PRELOAD");
		setenv("TEST_WITHOUT_PRELOAD", "1", 1);
	}
	drop_the_right_to_lock();
	expect(dup2(out, STDOUT_FILENO) == STDOUT_FILENO);
	if (out != STDOUT_FILENO)
		close(out);
	/* What is said beside that is said too much. */
	expect(dup2(STDOUT_FILENO, STDERR_FILENO) == STDERR_FILENO);
	if (role->limited >= 0 && setrlimit(role->limited, &most) != 0)
		_exit(PROMISE_SKIPPED);
	execl("/proc/self/exe", "limits", role->name, NULL);
	_exit(126);
}

/* Its exit status, or -1; and what it wrote, which is figures or nothing. */
static int play(struct role role, struct figures *figures)
{
	char said[4096];
	size_t len = 0;
	int status = -1, ends[2];
	ssize_t got;
	pid_t child;

	expect(pipe2(ends, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0)
		begin_role(&role, ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], said + len, sizeof said - len)) > 0)
		len += (size_t)got;
	close(ends[0]);
	expect(child > 0 && waitpid(child, &status, 0) == child);
	if (!WIFEXITED(status))
		return -1;
	if (WEXITSTATUS(status) == PROMISE_SKIPPED)
		skip_because("limits cannot be set here");
	if (figures && len == sizeof *figures)
		memcpy(figures, said, len);
	else if (len && role.with)
		fprintf(stderr, "%s: %.*s", role.name, (int)len, said);
	if (role.with && WEXITSTATUS(status) < TIER_OFF_STATUS)
		expect(len == (figures ? sizeof *figures : 0));
	return WEXITSTATUS(status);
}

/* Blocks that differ, in a parent and a child, by the kernel or by us. */
static void draw(void)
{
	static uint8_t blocks[3][64][SERVED_LEN];
	int ends[2], status = -1;
	pid_t child;

	for (int i = 0; i < 64; i++)
		expect(getrandom(blocks[0][i], SERVED_LEN, 0) == SERVED_LEN);
	expect(pipe(ends) == 0);
	child = fork();
	for (int i = 0; i < 64; i++)
		expect(getrandom(blocks[1][i], SERVED_LEN, 0) == SERVED_LEN);
	if (child == 0)
		_exit(write(ends[1], blocks[1], SERVED_LEN) != SERVED_LEN);
	expect(child > 0 && waitpid(child, &status, 0) == child && !status);
	expect(read(ends[0], blocks[2], SERVED_LEN) == SERVED_LEN);
	expect(memcmp(blocks[2][0], blocks[1][0], SERVED_LEN) != 0);
	for (int i = 0; i < 128; i++)
		for (int j = 0; j < i; j++)
			expect(memcmp(blocks[i / 64][i % 64],
				      blocks[j / 64][j % 64], 32) != 0);
	close(ends[0]);
	close(ends[1]);
}

/* What became of the library: an exit status. */
static int served(void)
{
	if (preload_told("TEST_WITHOUT_PRELOAD", "1"))
		return 0;
	if (!preload_info)
		return NOT_LOADED_STATUS;
	if (tier_is("off"))
		return TIER_OFF_STATUS;
	return info_now().requests > 0 || !serves(SERVED_LEN) ? 0 : 1;
}

static int as_drawing(void)
{
	draw();
	return served();
}

static int as_measured(void)
{
	struct figures figures;

	draw();
	mlockall(MCL_CURRENT);
	figures = figures_now();
	return write(STDOUT_FILENO, &figures, sizeof figures) ==
			       sizeof figures ?
		       served() :
		       1;
}

/* And goes on to map memory that is locked as well. */
static int as_locked(void)
{
	draw();
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return 2;
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return 3;
	draw();
	return served();
}

static bool usually_off(void)
{
	return tier_is("off");
}

static void what_is_counted_of_us_is_known(void)
{
	struct figures alone = {0}, with = {0};
	long pages = usually_off() ? 0 : PAGES_ROOM;
	bool unlocked = !strcmp(info_now().memory, "droppable");

	if (sysconf(_SC_PAGESIZE) != 4096)
		skip_because("pages are larger here");
	expect(play((struct role){"measured", false, -1, 0}, &alone) == 0);
	play((struct role){"measured", true, -1, 0}, &with);
	if (getenv("LIMITS_SAYS"))
		fprintf(stderr, "KiB more: size %ld, data %ld, locked %ld\n",
			with.size - alone.size, with.data - alone.data,
			with.locked - alone.locked);
	expect(with.size > alone.size);
	expect(with.size - alone.size <= pages + FILE_ROOM);
	expect(with.data - alone.data <= pages + FILE_ROOM);
	/* Droppable memory cannot be locked. */
	expect(with.locked - alone.locked <=
	       (unlocked ? 0 : pages) + FILE_ROOM);
}

/* The least under which the program works without us. */
static long need(const char *name, int limited)
{
	long too_little = 0, enough = MOST;
	struct rlimit allowed;

	expect(getrlimit(limited, &allowed) == 0);
	if (allowed.rlim_max / 1024 < MOST)
		enough = (long)(allowed.rlim_max / 1024);
	if (play((struct role){name, false, limited, enough}, NULL) != 0)
		skip_because("a limit that cannot be raised is too low");
	while (enough - too_little > STEP) {
		long half = (enough + too_little) / 2;

		if (play((struct role){name, false, limited, half}, NULL) == 0)
			enough = half;
		else
			too_little = half;
	}
	return enough;
}

static void expect_works_near(int limited)
{
	long alone = need("drawing", limited);
	int status;

	for (long more = FILE_ROOM; more < FILE_ROOM + 3 * PAGES_ROOM;
	     more += 256) {
		status = play((struct role){"drawing", true, limited,
					    alone + more},
			      NULL);
		if (status && status != TIER_OFF_STATUS)
			fprintf(stderr, "status %d at %ld + %ld KiB\n", status,
				alone, more);
		expect(status == 0 || status == TIER_OFF_STATUS);
		expect(status == 0 || usually_off() ||
		       more <= FILE_ROOM + 2 * PAGES_ROOM);
	}
	status = play((struct role){"drawing", true, limited,
				    alone + FILE_ROOM},
		      NULL);
	expect(status == TIER_OFF_STATUS);
}

static void address_space_may_be_limited(void)
{
	expect_works_near(RLIMIT_AS);
}

static void data_may_be_limited(void)
{
	expect_works_near(RLIMIT_DATA);
}

static void everything_may_be_locked_near_a_limit(void)
{
	long alone = need("locked", RLIMIT_MEMLOCK);
	int status;

	if (getenv("LIMITS_SAYS"))
		fprintf(stderr, "KiB that must be allowed: %ld\n", alone);
	status = play((struct role){"locked", true, RLIMIT_MEMLOCK,
					alone + FILE_ROOM + PAGES_ROOM},
			  NULL);

	expect(status == 0 || (usually_off() && status == TIER_OFF_STATUS));
}

int main(int count, char **arguments)
{
	static const struct promise promises[] = {
		APART(what_is_counted_of_us_is_known),
		APART(address_space_may_be_limited),
		APART(data_may_be_limited),
		APART(everything_may_be_locked_near_a_limit),
	};
	static const struct {
		const char *name;
		int (*play)(void);
	} roles[] = {
		{"drawing", as_drawing},
		{"measured", as_measured},
		{"locked", as_locked},
	};

	if (count == 1)
		return draws_begin() ?
			       promises_keep("limits", promises,
					     COUNT(promises)) :
			       2;
	promise_apart = true;
	if (!preload_told("TEST_WITHOUT_PRELOAD", "1") && !draws_begin())
		return NOT_LOADED_STATUS;
	for (size_t i = 0; i < COUNT(roles); i++)
		if (!strcmp(roles[i].name, arguments[1]))
			return roles[i].play();
	return 2;
}
