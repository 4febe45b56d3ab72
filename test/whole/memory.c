/*
 * Memory that is not to be had, would not be wiped, or is taken away: it holds
 * no secret that a child, a dump or another program could see, and every
 * request is answered all the same.
 */
#include "support/maps.h"
#include "support/roles.h"
#include "support/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

enum {
	DROPPABLE = 8,	    /* the type of mapping, in mmap's flags */
	WITHOUT_STOCK = 40, /* exit status of a role that found tier off */
};

/* After these, the number is loaded again. */
#define REFUSE_DROPPABLE \
	FIELD(nr), IF_EQUAL(SYS_mmap, 4), ARGUMENT(3), \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f), \
		IF_EQUAL(DROPPABLE, 1), ANSWER(EINVAL), FIELD(nr)
#define REFUSE_ADVICE(advice, error) \
	FIELD(nr), IF_EQUAL(SYS_madvise, 3), ARGUMENT(2), \
		IF_EQUAL(advice, 1), ANSWER(error), FIELD(nr)

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
	again_as("without_droppable");
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
	again_as("without_memory");
}

static void a_sandbox_that_forbids_advice_changes_nothing_worse(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE(madvise, EPERM), END_IN(ALLOW));
	again_as("without_memory");
}

static void advice_that_is_never_refused_is_not_believed(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE(madvise, 0), END_IN(ALLOW));
	again_as("without_memory");
}

static void a_kernel_before_wipeonfork_keeps_nothing(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE_ADVICE(MADV_WIPEONFORK, EINVAL),
	      END_IN(ALLOW));
	again_as("without_memory");
}

static void memory_that_would_be_dumped_keeps_nothing(void)
{
	ENTER(REFUSE_DROPPABLE, REFUSE_ADVICE(MADV_DONTDUMP, EINVAL),
	      END_IN(ALLOW));
	again_as("without_memory");
}

/* Such memory needs no advice. */
static void droppable_memory_is_used_where_advice_is_refused(void)
{
	ENTER(FIELD(nr), REFUSE(madvise, EPERM), END_IN(ALLOW));
	again_as("usual");
}

/* Of each mapping that fork wipes: would the kernel merge its pages? */
static void as_merged(void)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool merged = false, wiped = false;
	struct mapping mapping;

	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) != 1)
		skip_because("merging is not handed on to a program");
	expect_tier_at_most("kernel");
	expect(maps != NULL);
	while (mapping_next(maps, &mapping)) {
		merged |= mapping_has(&mapping, "mg");
		if (!mapping_has(&mapping, "wf"))
			continue;
		wiped = true;
		expect(!mapping_has(&mapping, "mg"));
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
	again_as("little_memory");
}

static void alone_in_little_memory(void)
{
	preload_nothing();
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
	struct mapping mapping;
	uint8_t *found = NULL;

	expect(maps != NULL);
	while (mapping_next(maps, &mapping)) {
		if (mapping_has(&mapping, "dp") && mapping.size > *size) {
			found = mapping.at;
			*size = mapping.size;
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
	if (getenv("MEMORY_SAYS"))
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

int main(int count, char **arguments)
{
	static const struct promise roles[] = {
		ROLE(usual),
		ROLE(without_droppable),
		ROLE(without_memory),
		ROLE(merged),
		ROLE(little_memory),
	};
	static const struct promise promises[] = {
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

	/* There was room for this program alone. */
	if (count > 1 && preload_told("TEST_WITHOUT_PRELOAD", "1"))
		return 0;
	if (count > 1)
		return roles_play(arguments[1], roles, COUNT(roles));
	return roles_keep("memory", promises, COUNT(promises));
}
