/*
 * Hostile surroundings: sandboxes that kill or refuse, memory that is not to be
 * had or is taken away, clocks that stand still, namespaces that are entered in
 * mid-life, tracers and emulators. Every request ends in random bytes or in the
 * kernel's own answer; never in a byte that somebody else has, a run of zeros,
 * a hang or a death that libc alone would not have died.
 *
 * What a surrounding does to the start of a program is seen by a program: this
 * one, executed anew in a role.
 */
#include "support/draws.h"

#include <elf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/random.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/utsname.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

enum {
	DROPPABLE = 8,	   /* the type of mapping, in mmap's flags */
	NOBODY = 65534,
	WITHOUT_STOCK = 40, /* exit status of a role that found tier off */
};

/* In a child: becomes this program anew, in a role that main knows. */
static void again_as(const char *role)
{
	execl("/proc/self/exe", "hostile", role, NULL);
	expect(!"executed");
}

/*
 * The tier is what it usually is here, but no better than that; so also says
 * FASTRAND_SOURCE, since what is usual was found out under it.
 */
static void expect_tier_at_most(const char *best)
{
	static const char *const tiers[] = {"off", "kernel", "hardware",
					    "call", "page"};
	const char *usual = getenv("HOSTILE_USUAL");

	expect(usual != NULL);
	/* What it needs is less than page and call do. */
	if (!strcmp(usual, "hardware") && !strcmp(best, "kernel") &&
	    tier_is(usual))
		return;
	for (size_t i = 0; i < COUNT(tiers); i++) {
		if (!strcmp(tiers[i], best) || !strcmp(tiers[i], usual)) {
			if (!tier_is(tiers[i]))
				fprintf(stderr, "tier %s (%s), not %s\n",
					info_now().tier, info_now().why,
					tiers[i]);
			expect(tier_is(tiers[i]));
			return;
		}
	}
	expect(!"a tier of these names");
}

static void expect_usual_tier(void)
{
	expect_tier_at_most("page");
}

/* The library answers what its tier says that it does. */
static void expect_answers(void)
{
	uint8_t bytes[4096];
	uint64_t before = info_now().requests;

	for (int i = 0; i < 4; i++)
		by_getrandom(bytes, sizeof bytes);
	if (serves(sizeof bytes))
		expect(info_now().requests > before);
	else
		expect(info_now().requests == before);
}

static pid_t raw_fork(void)
{
	return (pid_t)RAW(SYS_clone, SIGCHLD);
}

/* By every name, in a parent and two children. */
static void expect_draws(void)
{
	struct words *words = words_new(150000);

	for (int round = 0; round < 4; round++) {
		pid_t child;

		words_draw_all_ways(words);
		child = round % 2 ? fork() : raw_fork();
		if (child == 0) {
			words_draw_all_ways(words);
			_exit(0);
		}
		words_draw_all_ways(words);
		reap(child);
	}
	words_expect_distinct(words, 12 * COUNT(ways) * 500);
	words_free(words);
	expect_answers();
}

/* The role of most tests: all is as usual. */
static void as_usual(void)
{
	expect_usual_tier();
	expect_draws();
}

/*
 * Filters of system calls.
 */

#define FIELD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, skip) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define END_IN(what) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##what)
#define ALLOW(call) IF_EQUAL(SYS_##call, 1), END_IN(ALLOW)
#define ANSWER(error) \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

/* The lower half of an argument, where the kernel's order is ours. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(n) FIELD(args[n])
#else
#define ARGUMENT(n) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		 offsetof(struct seccomp_data, args[n]) + 4)
#endif

/* After these, the number is loaded again. */
#define REFUSE_DROPPABLE \
	FIELD(nr), IF_EQUAL(SYS_mmap, 4), ARGUMENT(3), \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f), \
		IF_EQUAL(DROPPABLE, 1), ANSWER(EINVAL), FIELD(nr)
#define REFUSE_ADVICE(advice, error) \
	FIELD(nr), IF_EQUAL(SYS_madvise, 3), ARGUMENT(2), \
		IF_EQUAL(advice, 1), ANSWER(error), FIELD(nr)
#define REFUSE(call, error) FIELD(nr), IF_EQUAL(SYS_##call, 1), ANSWER(error)

static void enter(struct sock_filter *filter, size_t count)
{
	struct sock_fprog program = {(unsigned short)count, filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		skip_because("no system call filter can be installed");
}

#define ENTER(...) \
	do { \
		struct sock_filter filter_[] = {__VA_ARGS__}; \
\
		enter(filter_, COUNT(filter_)); \
	} while (0)

/*
 * Memory that fork would not wipe holds no secret.
 */

static void as_without_droppable(void)
{
	expect_tier_at_most("kernel");
	expect(tier_is("off") || !strcmp(info_now().memory, "wipe-on-fork"));
	expect_draws();
}

static void without_droppable_memory_no_stock_is_kept(void)
{
	ENTER(REFUSE_DROPPABLE, END_IN(ALLOW));
	again_as("without-droppable");
}

static void as_without_memory(void)
{
	expect_tier_at_most("off");
	expect(strcmp(info_now().memory, "none") == 0 ||
	       preload_told("FASTRAND_SOURCE", "off"));
	expect_draws();
	expect(info_now().requests == 0);
}

static void without_droppable_memory_nor_advice_nothing_is_kept(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE(madvise, EINVAL), END_IN(ALLOW));
	again_as("without-memory");
}

static void a_sandbox_that_forbids_advice_changes_nothing_worse(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE(madvise, EPERM), END_IN(ALLOW));
	again_as("without-memory");
}

static void advice_that_is_never_refused_is_not_believed(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE(madvise, 0), END_IN(ALLOW));
	again_as("without-memory");
}

static void a_kernel_before_wipeonfork_keeps_nothing(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE_ADVICE(MADV_WIPEONFORK, EINVAL),
	      END_IN(ALLOW));
	again_as("without-memory");
}

static void memory_that_would_be_dumped_keeps_nothing(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE_ADVICE(MADV_DONTDUMP, EINVAL),
	      END_IN(ALLOW));
	again_as("without-memory");
}

/* Such memory needs no advice. */
static void droppable_memory_is_used_where_advice_is_refused(void)
{
	ENTER(REFUSE(madvise, EPERM), END_IN(ALLOW));
	again_as("usual");
}

/* Of each mapping that fork wipes: would the kernel merge its pages? */
static void as_merged(void)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool merged = false, wiped = false;
	char line[1024];

	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) != 1)
		skip_because("merging is not handed on to a program");
	expect_tier_at_most("kernel");
	expect(maps != NULL);
	while (fgets(line, sizeof line, maps)) {
		if (strncmp(line, "VmFlags:", 8))
			continue;
		merged |= strstr(line, " mg") != NULL;
		if (!strstr(line, " wf"))
			continue;
		wiped = true;
		expect(!strstr(line, " mg"));
	}
	fclose(maps);
	expect(merged);
	expect(wiped || tier_is("off"));
}

/* The kernel looks for pages that are the same, in all of a program's memory. */
static void pages_with_secrets_are_not_merged(void)
{
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0)
		skip_because("this kernel merges no program's pages");
	ENTER(REFUSE_DROPPABLE, END_IN(ALLOW));
	again_as("merged");
}

/*
 * Little memory.
 */

enum { FEW = 6000 };

/* Where every mapping may be refused, the record is our own. */
static void as_little_memory(void)
{
	static uint64_t room[2 + FEW];
	struct words *words = (struct words *)room;
	uint64_t word;

	words->room = FEW;
	for (size_t w = 0; w < COUNT(ways); w++) {
		words_draw(words, &ways[w], 300);
		for (size_t len = 4; len < 3000; len += 177) {
			static uint64_t bytes[3000 / 8];

			ways[w].draw(bytes, len);
			words_add(words, bytes, len < 64 ? len : 64);
		}
	}
	words_expect_distinct(words, FEW / 2);
	by_getrandom(&word, sizeof word);
	expect(strcmp(info_now().memory, "none") != 0 || tier_is("off"));
	_exit(tier_is("off") ? WITHOUT_STOCK : 0);
}

static rlim_t most;

static void in_little_memory(void)
{
	struct rlimit limit = {most, most};

	expect(setrlimit(RLIMIT_AS, &limit) == 0);
	again_as("little-memory");
}

static void alone_in_little_memory(void)
{
	unsetenv("LD_PRELOAD");
	setenv("TEST_WITHOUT_PRELOAD", "1", 1);
	in_little_memory();
}

/*
 * From too little for any program up to enough. The loader says by status 127
 * that it found no room, or leaves a library out (2); what starts, works.
 */
static void address_space_may_be_short(void)
{
	int usual = 0, off = 0, status;
	const rlim_t step = 256 * 1024;

	for (most = 2 * 1024 * 1024; most < 24 * 1024 * 1024; most += step) {
		status = status_apart(alone_in_little_memory);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			continue;
		status = status_apart(in_little_memory);
		expect(WIFEXITED(status));
		usual += WEXITSTATUS(status) == 0;
		off += WEXITSTATUS(status) == WITHOUT_STOCK;
		expect(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2 ||
		       WEXITSTATUS(status) == 127 ||
		       WEXITSTATUS(status) == WITHOUT_STOCK);
	}
	expect(off >= 4);
	expect(usual > 0 || tier_is("off"));
}

/* Root has the right to lock what it likes, unless it is taken away. */
static void nothing_may_be_locked(void)
{
	struct rlimit none = {0, 0};

	prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0);
	expect(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
	again_as("usual");
}

static void everything_may_be_locked_in_mid_life(void)
{
	expect_draws();
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		skip_because("mlockall is not allowed");
	expect_draws();
	as_usual();
}

/* A control group, of version 2 or 1, with that much memory. */
static char group[PATH_MAX];

static bool group_write(const char *file, const char *value)
{
	char path[PATH_MAX + 64];
	int fd;
	bool ok;

	snprintf(path, sizeof path, "%s/%s", group, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, value, strlen(value)) > 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool group_make(const char *limit)
{
	static const char *const roots[] = {"/sys/fs/cgroup",
					    "/sys/fs/cgroup/memory"};

	for (size_t i = 0; i < COUNT(roots); i++) {
		snprintf(group, sizeof group, "%s", roots[i]);
		group_write("cgroup.subtree_control", "+memory");
		snprintf(group, sizeof group, "%s/fastrand-test-%d", roots[i],
			 (int)getpid());
		if (mkdir(group, 0755) != 0)
			continue;
		if (group_write("memory.max", limit) ||
		    group_write("memory.limit_in_bytes", limit))
			return true;
		rmdir(group);
	}
	return false;
}

/* The hoarders are killed, not the drawer, which has to tell what it saw. */
static bool be_killed(const char *rank)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, rank, strlen(rank)) > 0;

	close(fd);
	return ok;
}

/* Wants more and more, until the kernel has nothing left to take back. */
static void hoard(void)
{
	const size_t some = 64 * 1024;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!be_killed("1000") || !group_write("cgroup.procs", "0"))
		_exit(1);
	for (;;) {
		char *more = mmap(NULL, some, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (more != MAP_FAILED)
			memset(more, 1, some);
		usleep(500);
	}
}

/* The library's memory that the kernel may drop, if it has such. */
static uint8_t *find_droppable(size_t *size)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long from, to, first = 0, last = 0;
	uint8_t *found = NULL;
	char line[512];

	expect(maps != NULL);
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			first = from;
			last = to;
		} else if (!strncmp(line, "VmFlags:", 8) &&
			   strstr(line, " dp") && last - first > *size) {
			found = (uint8_t *)first;
			*size = last - first;
		}
	}
	fclose(maps);
	return found;
}

/* Told without touching them. */
static size_t pages_there(uint8_t *at, size_t size)
{
	static unsigned char there[4096];
	size_t count = 0;

	expect(size / 4096 <= sizeof there);
	expect(mincore(at, size, there) == 0);
	for (size_t i = 0; i < size / 4096; i++)
		count += there[i] & 1;
	return count;
}

/* Draws, and sleeps a little: what is never left alone is never dropped. */
static void draw_under_pressure(struct words *words)
{
	double begin = seconds_now();
	uint64_t bytes[64];
	size_t size = 0, there = 0, before, drops = 0;
	uint8_t *memory = find_droppable(&size);
	unsigned int i;

	for (i = 0; drops < 10 || seconds_now() < begin + 1; i++) {
		before = there;
		if (memory) {
			there = pages_there(memory, size);
			drops += there < before;
		}
		if (seconds_now() > begin + (memory ? 12 : 2))
			break;
		ways[i % COUNT(ways)].draw(bytes, i % 2 ? 64 : sizeof bytes);
		words_add(words, bytes, 64);
		if (memory)
			there = pages_there(memory, size);
		usleep(2000);
	}
	if (getenv("HOSTILE_SAYS"))
		fprintf(stderr, "%zu drops, %u draws\n", drops, i);
	if (memory && drops == 0)
		skip_because("this kernel dropped nothing under pressure");
	_exit(0);
}

/* How the drawer ended, while hoarders came and were killed, one by one. */
static int status_under_pressure(struct words *words)
{
	pid_t drawer = fork(), hoarder = -1, ended = 0;
	int status = -1;

	expect(drawer >= 0);
	if (drawer == 0) {
		be_killed("-999"); /* which not every root may say */
		expect(group_write("cgroup.procs", "0"));
		draw_under_pressure(words);
	}
	while (ended != drawer) {
		hoarder = fork();
		if (hoarder == 0)
			hoard();
		ended = waitpid(-1, &status, 0);
	}
	if (hoarder > 0) {
		kill(hoarder, SIGKILL);
		waitpid(hoarder, NULL, 0);
	}
	return status;
}

/* Where no hoarder is left whom it could kill, the kernel kills the drawer. */
static void memory_is_taken_away_while_drawing(void)
{
	struct words *words = words_new(100000);
	int status = SIGKILL;

	only_for_root();
	if (!group_make("16777216"))
		skip_because("no control group with little memory can be made");
	for (int i = 0; i < 8 && status == SIGKILL; i++) {
		status = status_under_pressure(words);
		/* Killed where the record's next page was due, it left a gap. */
		if (status == SIGKILL && words->count >= 8)
			words->count -= 8;
	}
	for (int i = 0; i < 100 && rmdir(group) != 0; i++)
		usleep(10000);
	if (status == SIGKILL)
		skip_because("the kernel killed rather than take back memory");
	promise_outcome(status);
	words_expect_distinct(words, 100);
}

static const struct {
	const char *name;
	void (*body)(void);
} roles[] = {
	{"usual", as_usual},
	{"without-droppable", as_without_droppable},
	{"without-memory", as_without_memory},
	{"merged", as_merged},
	{"little-memory", as_little_memory},
};

static int play(const char *role)
{
	promise_apart = true;
	for (size_t i = 0; i < COUNT(roles); i++) {
		if (!strcmp(roles[i].name, role)) {
			roles[i].body();
			return 0;
		}
	}
	return 2;
}

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		APART(without_droppable_memory_no_stock_is_kept),
		APART(without_droppable_memory_nor_advice_nothing_is_kept),
		APART(a_sandbox_that_forbids_advice_changes_nothing_worse),
		APART(advice_that_is_never_refused_is_not_believed),
		APART(a_kernel_before_wipeonfork_keeps_nothing),
		APART(memory_that_would_be_dumped_keeps_nothing),
		APART(droppable_memory_is_used_where_advice_is_refused),
		APART(pages_with_secrets_are_not_merged),
		APART(address_space_may_be_short),
		APART(nothing_may_be_locked),
		APART(everything_may_be_locked_in_mid_life),
		APART(memory_is_taken_away_while_drawing),
	};

	/* A role that is played without the library, to compare. */
	if (count > 1 && preload_told("TEST_WITHOUT_PRELOAD", "1"))
		return strcmp(arguments[1], "refused") ? 0 : play("refused");
	if (!draws_begin())
		return 2;
	if (count > 1)
		return play(arguments[1]);
	setenv("HOSTILE_USUAL", info_now().tier, 1);
	setenv("HOSTILE_HARDWARE", info_now().hardware, 1);
	return promises_keep("hostile", promises, COUNT(promises));
}
