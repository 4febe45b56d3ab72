/*
 * Everything at once: threads, forks of every kind and signal handlers draw,
 * while the kernel takes the library's memory away and renews its own keys, and
 * other threads open, copy and close descriptors of the device and of known
 * files and read them. No word comes twice, no read is wrong, nobody hangs.
 *
 *   soak              a test of 2 s
 *   soak SECONDS      the same for so long; says every 10 s how it goes
 *   soak sample BYTES on stdout, drawn by every name, in all sizes
 *   soak judge        is what comes on stdin random, as far as two sums tell?
 *
 * Words of 64 bits are kept in a table in shared memory. Of n of them two are
 * equal by chance with less than n^2 / 2^65: for the 10^8 of the largest table
 * 3 in 10,000, for the 3 million of 2 s one in 10^7. Where more are drawn than
 * it holds, only words that begin with some zero bits are kept: whether a word
 * that comes twice is noticed depends on its value alone. Stock that is served
 * twice is 124 words at once: of one word in 16 kept, a batch passes unnoticed
 * once in 3,000 times; of all words kept, never.
 */
#include "draws.h"

#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

extern pid_t _Fork(void) __attribute__((weak));

enum {
	SHORT = 2,		 /* seconds of the test */
	RATE = 1500000,		 /* words a second, at most, for the table */
	MOST = 70000,
	LIMIT = 60,		 /* seconds more than planned: it hangs */
	FILES = 24,		 /* descriptors of each thread of the storm */
};

/*
 * What all processes share: the table, and what was seen.
 */

struct shared {
	_Atomic uint64_t drawn, kept, repeated, zeros, wrong;
	_Atomic uint64_t forks, children, handlers, drops, reseeds, reads;
	_Atomic uint64_t full;
	size_t room;		/* words; a power of two */
	unsigned int bits;	/* that a kept word begins with, all 0 */
	_Atomic uint64_t word[];
};

static struct shared *soak;
static atomic_bool enough;

/* A table for what is drawn in that time, of at most 1 GiB. */
static void begin_table(unsigned int seconds)
{
	uint64_t words = (uint64_t)RATE * seconds, room = 1 << 20;
	unsigned int bits = 0;

	while (room < words + words / 2 && room < 1 << 27)
		room *= 2;
	while ((words >> bits) > room / 4 * 3)
		bits++;
	soak = mmap(NULL, sizeof *soak + room * 8, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	expect(soak != MAP_FAILED);
	soak->room = room;
	soak->bits = bits;
}

/* The first few are told. */
static void note_wrong(const char *what, long number)
{
	if (atomic_fetch_add(&soak->wrong, 1) < 10)
		fprintf(stderr, "wrong: %s (%ld, errno %d)\n", what, number,
			errno);
}

/* A handler or another process may come at any time: one exchange a word. */
static void keep(uint64_t word)
{
	size_t at = (size_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	soak->drawn++;
	if (!word)
		soak->zeros++;
	if (!word || (soak->bits && word >> (64 - soak->bits)))
		return;
	for (size_t i = 0; i < 4096; i++) {
		_Atomic uint64_t *place = &soak->word[(at + i) &
						      (soak->room - 1)];
		uint64_t nothing = 0;

		if (atomic_compare_exchange_strong(place, &nothing, word)) {
			soak->kept++;
			return;
		}
		if (nothing == word) {
			soak->repeated++;
			return;
		}
	}
	soak->full++;
}

static void keep_all(const void *bytes, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;

		memcpy(&word, (const uint8_t *)bytes + i, sizeof word);
		keep(word);
	}
}

/* Dice that are no draws. */
static uint64_t roll(uint64_t *dice)
{
	*dice ^= *dice << 13;
	*dice ^= *dice >> 7;
	*dice ^= *dice << 17;
	return *dice >> 11;
}

/* Of any length, by any name. Of long ones the ends are kept. */
static void draw_any(uint64_t *dice, uint8_t *bytes, size_t most)
{
	static const size_t usual[] = {8, 16, 24, 32, 64, 256, 992, 1024, 4096};
	const struct way *way = &ways[roll(dice) % COUNT(ways)];
	size_t len = usual[roll(dice) % COUNT(usual)];

	if (roll(dice) % 64 == 0)
		len = 8 + roll(dice) % (MOST - 8);
	if (way->request == 4 || roll(dice) % 4)
		len = len % 264 / 8 * 8 + 8;
	if (len > most)
		len = most;
	way->draw(bytes, len);
	if (len <= 1024) {
		keep_all(bytes, len);
	} else {
		keep_all(bytes, 512);
		keep_all(bytes + len - 512, 512);
	}
}

/*
 * The threads. Each counts its rounds, so that one that hangs is seen.
 */

struct worker {
	const char *name;
	void (*round)(uint64_t *dice);
	pthread_t thread;
	_Atomic uint64_t rounds;
};

/* Not more words than the table is made for. */
static void keep_to_rate(void)
{
	static double begin;
	static _Atomic uint64_t seen;

	if (atomic_fetch_add(&seen, 1) == 0)
		begin = seconds_now();
	if ((double)soak->drawn > (seconds_now() - begin + 0.1) * RATE)
		usleep(1000);
}

static void draws(uint64_t *dice)
{
	static _Thread_local uint8_t bytes[MOST];

	for (int i = 0; i < 20; i++)
		draw_any(dice, bytes, sizeof bytes);
	keep_to_rate();
}

static pid_t raw_fork(void)
{
	return (pid_t)RAW(SYS_clone, SIGCHLD);
}

static pid_t underscore_fork(void)
{
	return _Fork ? _Fork() : raw_fork();
}

/*
 * The child, and now and then a child of the child, go on where we are. After a
 * raw fork libc's own locks may be held for ever by threads that did not come
 * along: its fork is not for such children.
 */
static void fork_by(pid_t (*split)(void), uint64_t *dice)
{
	uint8_t bytes[2048];
	pid_t child;
	int status = -1;
	long waited;

	draw_any(dice, bytes, sizeof bytes);
	soak->forks++;
	child = split();
	if (child == 0) {
		alarm(LIMIT);
		for (int i = 0; i < 30; i++)
			draw_any(dice, bytes, sizeof bytes);
		if (roll(dice) % 8 == 0)
			fork_by(raw_fork, dice);
		soak->children++;
		_exit(0);
	}
	for (int i = 0; i < 10; i++)
		draw_any(dice, bytes, sizeof bytes);
	waited = RAW(SYS_wait4, child, &status, 0, 0);
	if (child < 0 || waited != child || status != 0)
		note_wrong("a child", waited == child ? status : waited);
}

static void forks(uint64_t *dice)
{
	static pid_t (*const splits[])(void) = {fork, underscore_fork,
						raw_fork};

	fork_by(splits[roll(dice) % COUNT(splits)], dice);
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
		child = raw_fork();
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
	       "handlers, %llu drops, %llu reseeds, %llu reads of descriptors; "
	       "served %llu, left to the kernel %llu, held %llu; repeated "
	       "%llu, zero %llu, wrong %llu\n",
	       since, info.tier, (double)soak->drawn / 1e6,
	       (double)soak->kept / 1e6, (unsigned long long)soak->forks,
	       (unsigned long long)soak->handlers,
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
	by_vgetrandom(&word, sizeof word);
	find_droppable();
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
	/* A child whose parent's other threads drew loses no lock of ours. */
	expect(info_now().held == 0);
}

/*
 * Statistics.
 */

static int sample(unsigned long long bytes)
{
	static uint8_t buffer[MOST];
	uint64_t dice = 1;

	while (bytes) {
		const struct way *way = &ways[roll(&dice) % COUNT(ways)];
		size_t len = 1 + roll(&dice) % 2000;

		if (roll(&dice) % 16 == 0)
			len = 1 + roll(&dice) % MOST;
		if (way->request == 4)
			len = len / 4 % 16 * 4 + 4;
		if (len > bytes)
			len = (size_t)bytes;
		way->draw(buffer, len);
		if (fwrite(buffer, 1, len, stdout) != len)
			return 1;
		bytes -= len;
	}
	return fflush(stdout) != 0;
}

/* Newton's; libm is no library of ours. */
static double root(double square)
{
	double x = square;

	for (int i = 0; i < 100; i++)
		x = (x + square / x) / 2;
	return x;
}

static double chi_square(const uint64_t *counts, size_t kinds)
{
	double total = 0, expected, sum = 0;

	for (size_t i = 0; i < kinds; i++)
		total += (double)counts[i];
	expected = total / (double)kinds;
	for (size_t i = 0; i < kinds; i++) {
		double off = (double)counts[i] - expected;

		sum += off * off / expected;
	}
	return sum;
}

/*
 * How far the sums lie from what is expected, in standard deviations: of the
 * ones among the bits, and of the chi-square of bytes and of pairs of bytes. 6
 * are one in 10^9 for the first, and in practice never for the others.
 */
static int judge(void)
{
	static uint64_t bytes[256], pairs[65536];
	static uint8_t buffer[65536];
	double total = 0, ones = 0, deviation[3];
	int bad = 0, good = 0;
	size_t got;

	while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
		total += (double)got;
		for (size_t i = 0; i < got; i++) {
			bytes[buffer[i]]++;
			ones += __builtin_popcount(buffer[i]);
		}
		for (size_t i = 0; i + 1 < got; i += 2)
			pairs[buffer[i] | buffer[i + 1] << 8]++;
	}
	if (total < 1e6)
		return 2;
	deviation[0] = (ones - total * 4) / root(total * 2);
	deviation[1] = (chi_square(bytes, 256) - 255) / root(2 * 255);
	deviation[2] = (chi_square(pairs, 65536) - 65535) / root(2 * 65535);
	printf("%.0f bytes: ones %+.2f, bytes %+.2f, pairs of bytes %+.2f "
	       "standard deviations from what is expected\n",
	       total, deviation[0], deviation[1], deviation[2]);
	for (size_t i = 0; i < COUNT(deviation); i++) {
		if (deviation[i] > -6 && deviation[i] < 6)
			good++;
		else
			bad++;
	}
	printf("%d passed, %d failed\n", good, bad);
	return bad != 0;
}

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		APART(nothing_repeats_is_wrong_or_hangs),
	};

	if (count == 2 && !strcmp(arguments[1], "judge"))
		return judge();
	if (!draws_begin())
		return 2;
	if (count == 3 && !strcmp(arguments[1], "sample"))
		return sample(strtoull(arguments[2], NULL, 10));
	if (count > 1)
		planned = (unsigned int)atoi(arguments[1]);
	return promises_keep("soak", promises, COUNT(promises));
}
