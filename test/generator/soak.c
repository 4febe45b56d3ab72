/*
 * Everything at once: threads, forks of every kind and signal handlers draw,
 * while the kernel takes the library's memory away and renews its own keys; so
 * do threads that fork handlers begin in children before the library's handler
 * runs there, contexts that a timer puts aside in mid-draw, and children that
 * share all memory; and other threads open, copy and close descriptors of the
 * device and of known files and read them. No word comes twice, no read is
 * wrong, no child loses its tier, nobody hangs.
 *
 *   soak              a test of 2 s
 *   soak SECONDS      the same for so long; says every 10 s how it goes
 *   soak sample BYTES on stdout, drawn by every name, in all sizes
 *   soak judge        is what comes on stdin random, as far as two sums tell?
 */
#include "support/early.h"
#include "soak.h"
#include "soak_contexts.h"
#include "soak_judge.h"

#include <linux/random.h>
#include <sys/ioctl.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum {
	SHORT = 2,	  /* seconds of the test */
	FILES = 24,	  /* descriptors of each thread of the storm */
	MOST_KILLED = 64, /* each may lose a bucket; there are not that many */
	SHARED_STACK = 256 * 1024,
};

/*
 * The threads. Each counts its rounds, so that one that hangs is seen.
 */

struct worker {
	const char *name;
	void (*round)(uint64_t *dice);
	pthread_t thread;
	_Atomic uint64_t rounds;
};

static void draws(uint64_t *dice)
{
	static _Thread_local uint8_t bytes[MOST];

	for (int i = 0; i < 20; i++)
		draw_any(dice, bytes, sizeof bytes);
	keep_to_rate();
}

/* Now and then there is a child of the child. */
static void child_draws(bool by_fork, uint64_t *dice)
{
	(void)by_fork;
	draw_some(dice);
	if (roll(dice) % 8 == 0)
		fork_by(raw_clone, dice, child_draws);
	draw_some(dice);
}

static void forks(uint64_t *dice)
{
	fork_by(splits[roll(dice) % COUNT(splits)], dice, child_draws);
}

/*
 * Threads that are there in a child before the library's handler runs, and in
 * mid-draw: the child has one CPU. Only children of this worker have them. Of
 * what such a thread draws the ends of the last few draws are kept.
 */
static _Thread_local bool begins_early;
static pthread_t early_thread;
static atomic_bool early_drew, early_enough;

static void *draws_early(void *unused)
{
	static uint8_t bytes[LONG], ends[4][512];
	uint64_t dice = (uint64_t)getpid() * 2 + 1;
	size_t drawn = 0;

	(void)unused;
	while (!early_enough) {
		size_t len = 4096 + roll(&dice) % 8192;
		uint8_t *end = ends[drawn++ % COUNT(ends)];

		by_getrandom(bytes, len);
		memcpy(end, bytes, 256);
		memcpy(end + 256, bytes + len - 256, 256);
		early_drew = true;
	}
	for (size_t i = 0; i < COUNT(ends) && i < drawn; i++)
		keep_all(ends[i], sizeof ends[i]);
	return NULL;
}

static void begin_early(void)
{
	if (!begins_early)
		return;
	begins_early = false;
	stay_on_this_cpu();
	if (pthread_create(&early_thread, NULL, draws_early, NULL) != 0)
		abort();
	while (!early_drew)
		usleep(50);
}

static void child_draws_beside(bool by_fork, uint64_t *dice)
{
	child_draws(by_fork, dice);
	early_enough = true;
	if (pthread_join(early_thread, NULL) != 0)
		note_wrong("an early thread", errno);
}

static void early_threads(uint64_t *dice)
{
	begins_early = true;
	fork_by(fork, dice, child_draws_beside);
	begins_early = false;
}

/*
 * Children that share all memory, the thread pointer too: to the locks they are
 * the thread that made them. Some are killed in the middle of a draw.
 */
static atomic_bool shares_on;

static int shares_memory(void *own_dice)
{
	uint64_t *dice = own_dice;

	alarm(LIMIT);
	do
		draw_some(dice);
	while (shares_on);
	return 0;
}

static void sharers(uint64_t *dice)
{
	static uint64_t theirs;
	static char *stack;
	bool kills = soak->killed < MOST_KILLED && roll(dice) % 4 == 0;
	int status = -1;
	pid_t child;

	if (!stack)
		stack = map_private(SHARED_STACK);
	theirs = roll(dice) | 1;
	shares_on = kills;
	child = clone(shares_memory, stack + SHARED_STACK, CLONE_VM | SIGCHLD,
		      &theirs);
	draw_some(dice);
	if (kills) {
		usleep((useconds_t)(roll(dice) % 2000));
		RAW(SYS_kill, child, SIGKILL);
		soak->killed++;
	}
	if (child < 0 || RAW(SYS_wait4, child, &status, 0, 0) != child ||
	    status != (kills ? SIGKILL : 0))
		note_wrong("a child that shares memory", status);
	soak->children++;
	keep_to_rate();
}

/* It draws in the middle of whatever thread it meets, and forks there. */
static void handle(int unused)
{
	static _Thread_local uint64_t dice;
	int saved = errno;
	uint8_t bytes[1024];
	pid_t child;

	(void)unused;
	if (!dice)
		dice = (uint64_t)(uintptr_t)&dice | 1;
	draw_any(&dice, bytes, sizeof bytes);
	if (atomic_fetch_add(&soak->handlers, 1) % 16 == 0) {
		soak->forks++;
		child = raw_clone();
		if (child == 0) {
			alarm(LIMIT);
			draw_any(&dice, bytes, sizeof bytes);
			draw_any(&dice, bytes, sizeof bytes);
			soak->children++;
			_exit(0);
		}
		draw_any(&dice, bytes, sizeof bytes);
		if (child > 0)
			RAW(SYS_wait4, child, 0, 0, 0);
	}
	errno = saved;
}

static struct {
	void *at;
	size_t size;
} droppable[16];
static size_t droppable_count;

static void find_droppable(void)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long from, to, first = 0, last = 0;
	char line[512];

	expect(maps != NULL);
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			first = from;
			last = to;
		} else if (!strncmp(line, "VmFlags:", 8) &&
			   strstr(line, " dp") &&
			   droppable_count < COUNT(droppable)) {
			droppable[droppable_count].at = (void *)first;
			droppable[droppable_count++].size = last - first;
		}
	}
	fclose(maps);
}

static void drops(uint64_t *dice)
{
	(void)dice;
	for (size_t i = 0; i < droppable_count; i++)
		soak->drops += RAW(SYS_madvise, droppable[i].at,
				   droppable[i].size, MADV_PAGEOUT) == 0;
	usleep(300);
}

static void reseeds(uint64_t *dice)
{
	static int device = -1;

	(void)dice;
	if (device < 0)
		device = (int)RAW(SYS_openat, AT_FDCWD, "/dev/urandom",
				  O_RDONLY | O_CLOEXEC);
	soak->reseeds += RAW(SYS_ioctl, device, RNDRESEEDCRNG) == 0;
	usleep(2000);
}

/*
 * Descriptors: some are the device, some are known files, and the thread knows
 * which; others close and open the numbers beside them all the time.
 */
static void check(int fd, unsigned int file, uint64_t *dice)
{
	uint8_t bytes[1024];
	size_t len = 32 + roll(dice) % (sizeof bytes - 32);
	off_t at = (off_t)(roll(dice) % (KNOWN_SIZE - sizeof bytes));
	bool by_read = roll(dice) % 2;
	ssize_t got;

	if (by_read && file)
		lseek(fd, at, SEEK_SET);
	got = by_read ? read(fd, bytes, len) : pread(fd, bytes, len, at);
	soak->reads++;
	if (got != (ssize_t)len ||
	    (file ? !known_is(bytes, file - 1, (uint64_t)at, len) :
		    !known_random(bytes, len)))
		note_wrong(file ? "a read of a file" : "a read of the device",
			   got);
	else if (!file)
		keep_all(bytes, len);
}

static void descriptors(uint64_t *dice)
{
	static _Thread_local int numbers[FILES];
	static _Thread_local unsigned int files[FILES];
	static _Thread_local bool open_already;
	size_t i = roll(dice) % FILES, j = roll(dice) % FILES;
	unsigned int file = (unsigned int)(roll(dice) % 3);

	if (!open_already) {
		for (size_t n = 0; n < FILES; n++)
			numbers[n] = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
		open_already = true;
	}
	check(numbers[i], files[i], dice);
	switch (roll(dice) % 3) {
	case 0:
		close(numbers[i]);
		numbers[i] = open(file ? known_path(file - 1) : "/dev/urandom",
				  O_RDONLY | O_CLOEXEC);
		files[i] = file;
		break;
	case 1:
		if (dup3(numbers[j], numbers[i], O_CLOEXEC) != numbers[i] &&
		    i != j)
			note_wrong("dup3", numbers[i]);
		files[i] = files[j];
		break;
	default:
		close(numbers[i]);
		numbers[i] = fcntl(numbers[j], F_DUPFD_CLOEXEC, 3);
		if (i == j)
			numbers[i] = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
		files[i] = i == j ? 0 : files[j];
	}
	check(numbers[i], files[i], dice);
	keep_to_rate();
}

static struct worker workers[] = {
	{.name = "draws", .round = draws},
	{.name = "draws", .round = draws},
	{.name = "draws", .round = draws},
	{.name = "forks", .round = forks},
	{.name = "forks", .round = forks},
	{.name = "descriptors", .round = descriptors},
	{.name = "descriptors", .round = descriptors},
	{.name = "early threads", .round = early_threads},
	{.name = "contexts", .round = contexts_are_put_aside},
	{.name = "contexts", .round = contexts_are_put_aside},
	{.name = "sharers", .round = sharers},
	{.name = "drops", .round = drops},
	{.name = "reseeds", .round = reseeds},
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	uint64_t dice = (uint64_t)(uintptr_t)worker * 2654435761 +
			(uint64_t)getpid() * 2 + 1;

	while (!enough) {
		worker->round(&dice);
		worker->rounds++;
	}
	return NULL;
}

/*
 * The run.
 */

static void say_figures(double since)
{
	struct fastrand_info info = info_now();

	printf("%5.0f s  %s: %.1f M words, %.1f M kept; %llu forks, %llu "
	       "handlers, %llu slices of contexts, %llu killed, %llu drops, "
	       "%llu reseeds, %llu reads of descriptors; "
	       "served %llu, left to the kernel %llu, held %llu; repeated "
	       "%llu, zero %llu, wrong %llu\n",
	       since, info.tier, (double)soak->drawn / 1e6,
	       (double)soak->kept / 1e6, (unsigned long long)soak->forks,
	       (unsigned long long)soak->handlers,
	       (unsigned long long)soak->slices,
	       (unsigned long long)soak->killed,
	       (unsigned long long)soak->drops,
	       (unsigned long long)soak->reseeds,
	       (unsigned long long)soak->reads,
	       (unsigned long long)info.requests,
	       (unsigned long long)info.kernel, (unsigned long long)info.held,
	       (unsigned long long)soak->repeated,
	       (unsigned long long)soak->zeros,
	       (unsigned long long)soak->wrong);
	fflush(stdout);
}

/* Every thread is to get ahead; not in each second, on a busy machine. */
static void expect_all_at_work(uint64_t *rounds)
{
	for (size_t i = 0; i < COUNT(workers); i++) {
		if (workers[i].rounds == rounds[i])
			fprintf(stderr, "%s stand still\n", workers[i].name);
		expect(workers[i].rounds > rounds[i]);
		rounds[i] = workers[i].rounds;
	}
}

static unsigned int planned = SHORT;

static void nothing_repeats_is_wrong_or_hangs(void)
{
	uint64_t rounds[COUNT(workers)] = {0}, word;
	double begin, shown;

	alarm(planned + LIMIT);
	begin_table(planned);
	usual_tier = info_now().tier;
	by_vgetrandom(&word, sizeof word);
	find_droppable();
	contexts_begin();
	*early_child = begin_early;
	for (size_t i = 0; i < COUNT(workers); i++)
		expect(pthread_create(&workers[i].thread, NULL, work,
				      &workers[i]) == 0);
	storm_begin(handle, 1000);
	begin = shown = seconds_now();
	while (seconds_now() < begin + planned) {
		usleep(100000);
		if (seconds_now() < shown + 10)
			continue;
		shown = seconds_now();
		say_figures(shown - begin);
		expect_all_at_work(rounds);
	}
	storm_end();
	enough = true;
	for (size_t i = 0; i < COUNT(workers); i++)
		expect(pthread_join(workers[i].thread, NULL) == 0);
	contexts_end();
	if (planned > SHORT)
		say_figures(seconds_now() - begin);
	expect_all_at_work(rounds);
	expect(soak->repeated == 0);
	expect(soak->zeros == 0);
	expect(soak->wrong == 0);
	expect(soak->full == 0);
	expect(soak->children > 0 && soak->handlers > 0);
	expect(soak->kept > 1000);
	expect(soak->drops > 0 || droppable_count == 0);
	expect(soak->reseeds > 0 || geteuid() != 0);
	expect(soak->slices > 0 && soak->killed > 0);
	/* What a child loses, its parent does not. */
	expect(info_now().held <= soak->killed);
}

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		APART(nothing_repeats_is_wrong_or_hangs),
	};

	if (count == 2 && !strcmp(arguments[1], "judge"))
		return judge();
	if (!early_begin(arguments))
		return 2;
	if (count == 3 && !strcmp(arguments[1], "sample"))
		return sample(strtoull(arguments[2], NULL, 10));
	if (count > 1)
		planned = (unsigned int)atoi(arguments[1]);
	return promises_keep("soak", promises, COUNT(promises));
}
