/*
 * 64 threads draw at once, more than there are CPUs, while the kernel takes the
 * library's memory away and renews its own keys at any instruction: nobody
 * waits, nobody gets a byte that somebody else has, or zeros.
 */
#include "support/draws.h"

#include <linux/random.h>
#include <sched.h>
#include <sys/ioctl.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum {
	THREADS = 64,
	KEPT = 8000,  /* words of each thread that are compared */
	MOST = 70000, /* bytes drawn at once */
};

/*
 * Memory that the kernel may drop, as the library's is.
 */

struct range {
	void *at;
	size_t size;
};

static struct range droppable[8];
static size_t droppable_count;

static bool has_flag(const char *flags, const char *flag)
{
	const char *found = strstr(flags, flag);

	return found && found[-1] == ' ' &&
	       (found[2] == ' ' || found[2] == '\n');
}

static void find_droppable(void)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long from, to, first = 0, last = 0;

	expect(maps != NULL);
	droppable_count = 0;
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			first = from;
			last = to;
		} else if (!strncmp(line, "VmFlags:", 8) &&
			   has_flag(line, "dp") &&
			   droppable_count < COUNT(droppable)) {
			droppable[droppable_count++] =
				(struct range){(void *)first, last - first};
		}
	}
	fclose(maps);
}

static void drop(void)
{
	for (size_t i = 0; i < droppable_count; i++)
		if (RAW(SYS_madvise, droppable[i].at, droppable[i].size,
			MADV_PAGEOUT) != 0)
			abort();
}

static void need_droppable(void)
{
	find_droppable();
	if (!droppable_count)
		skip_because("the library holds no droppable memory");
}

/*
 * The kernel's keys.
 */

static int device = -1;

static void reseed(void)
{
	if (RAW(SYS_ioctl, device, RNDRESEEDCRNG) != 0)
		abort();
}

static void need_reseed(void)
{
	device = (int)RAW(SYS_openat, AT_FDCWD, "/dev/urandom",
			  O_RDONLY | O_CLOEXEC);
	if (device < 0 || RAW(SYS_ioctl, device, RNDRESEEDCRNG) != 0)
		skip_because("ioctl(RNDRESEEDCRNG) needs root");
}

/*
 * One thread alone: what it takes is told by the counts.
 */

static void a_new_generation_takes_a_new_key(void)
{
	struct fastrand_info before, after;
	uint64_t word;

	need_reseed();
	if (!tier_is("page"))
		skip_because("the generation is followed in tier page only");
	for (int i = 0; i < 20; i++) {
		by_getrandom(&word, sizeof word);
		before = info_now();
		reseed();
		for (int j = 0; j < 10; j++)
			by_getrandom(&word, sizeof word);
		after = info_now();
		expect(after.generation > before.generation);
		expect(after.reseeds > before.reseeds);
		expect(after.kernel == before.kernel);
	}
}

static void dropped_memory_takes_a_new_key(void)
{
	struct words *words = words_new(1000000);
	struct fastrand_info before, after;
	int noticed = 0;

	need_droppable();
	for (int i = 0; i < 30; i++) {
		words_draw_all_ways(words);
		before = info_now();
		drop();
		words_draw_all_ways(words);
		after = info_now();
		noticed += after.reseeds > before.reseeds;
		expect(after.held == 0);
	}
	words_expect_distinct(words, 30 * 2 * COUNT(ways) * 500);
	/* Advice may be left unheeded now and then. */
	expect(!tier_is("page") || noticed > 15);
}

/*
 * All together.
 */

static atomic_bool enough;
static struct words *words;
static atomic_ulong draws;

static void expect_no_zeros(const uint64_t *bytes, size_t len)
{
	for (size_t i = 0; i < len / 8; i++)
		expect(bytes[i] != 0);
}

/* Most draws are small, one in 64 is not. */
static size_t some_size(uint32_t dice)
{
	static const size_t sizes[] = {1, 4, 8, 8, 12, 16, 16, 24, 32, 32, 64};

	if (dice % 64 == 0)
		return dice / 64 % MOST + 1;
	if (dice % 8 == 0)
		return dice / 8 % 2000 + 1;
	return sizes[dice / 8 % COUNT(sizes)];
}

static void *draws_all_sizes(void *number)
{
	uint64_t *bytes = malloc(MOST + 8);
	uint32_t dice = (uint32_t)(uintptr_t)number * 2654435761U + 1;
	size_t kept = 0, count = 0;

	expect(bytes != NULL);
	for (; !enough; count++) {
		const struct way *way = &ways[dice / 1024 % COUNT(ways)];
		size_t len;

		dice = dice * 1664525 + 1013904223;
		len = some_size(dice >> 4);
		if (way->request == 4 && len > 256)
			len = 256;
		way->draw(bytes, len);
		expect_no_zeros(bytes, len);
		if (len >= 8 && kept < KEPT) {
			size_t first = len < 64 ? len : 56;

			words_add(words, bytes, first);
			if (len >= 64)
				words_add(words, bytes + len / 8 - 1, 8);
			kept += 8;
		}
	}
	atomic_fetch_add(&draws, count);
	free(bytes);
	return NULL;
}

static struct fastrand_info draw_together(double seconds, void (*first)(void),
					  void (*second)(void))
{
	struct fastrand_info before, after;
	const struct sched_param urgent = {.sched_priority = 1};
	pthread_t threads[THREADS];
	unsigned long rounds = 0;
	uint64_t word;
	double end;

	/* Who makes it is served, and who comes meanwhile by the kernel. */
	by_vgetrandom(&word, sizeof word);
	before = info_now();
	words = words_new(THREADS * (KEPT + 16) * 2);
	for (size_t i = 0; i < THREADS; i++)
		expect(pthread_create(&threads[i], NULL, draws_all_sizes,
				      (void *)i) == 0);
	/* Where it may, it comes before the others, and disturbs them often. */
	RAW(SYS_sched_setscheduler, 0, SCHED_FIFO, &urgent);
	end = seconds_now() + seconds;
	while (seconds_now() < end) {
		first();
		second();
		rounds++;
		usleep(200);
	}
	enough = true;
	for (size_t i = 0; i < THREADS; i++)
		expect(pthread_join(threads[i], NULL) == 0);
	after = info_now();
	words_expect_distinct(words, 10000);
	expect(after.held == 0);
	after.requests -= before.requests;
	after.kernel -= before.kernel;
	after.reseeds -= before.reseeds;
	printf("%lu draws, %lu disturbances: %lu requests, %lu the kernel's, "
	       "%lu keys\n",
	       draws, rounds, (unsigned long)after.requests,
	       (unsigned long)after.kernel, (unsigned long)after.reseeds);
	fflush(stdout);
	return after;
}

static void nothing(void)
{
}

/* So rarely does the kernel answer where requests are ours: of how many one? */
static void expect_mostly_ours(struct fastrand_info since, uint64_t one_of)
{
	expect(since.requests + since.kernel >= draws);
	if (tier_is("page") || tier_is("call"))
		expect(since.kernel * one_of < since.requests);
	if (tier_is("off"))
		expect(since.requests == 0);
	else
		expect(since.requests > 0);
}

static void many_threads_draw(void)
{
	expect_mostly_ours(draw_together(0.6, nothing, nothing), 1000);
}

static void memory_is_dropped_meanwhile(void)
{
	need_droppable();
	expect_mostly_ours(draw_together(0.8, drop, nothing), 100);
}

static void the_kernel_reseeds_meanwhile(void)
{
	struct fastrand_info since;

	need_reseed();
	since = draw_together(0.8, nothing, reseed);
	expect_mostly_ours(since, 100);
	expect(!tier_is("page") || since.reseeds > 100);
}

static void both_happen_meanwhile(void)
{
	need_droppable();
	need_reseed();
	expect_mostly_ours(draw_together(0.8, drop, reseed), 100);
}

int main(void)
{
	static struct promise promises[] = {
		APART(a_new_generation_takes_a_new_key),
		APART(dropped_memory_takes_a_new_key),
		APART(many_threads_draw),
		APART(memory_is_dropped_meanwhile),
		APART(the_kernel_reseeds_meanwhile),
		APART(both_happen_meanwhile),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("threads", promises, COUNT(promises));
}
