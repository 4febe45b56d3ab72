/*
 * A process that is restored from an image draws nothing that it, or another
 * restored from the same image, has drawn before; and it draws at all, where
 * the vDSO and the pages in front of it are no longer those it started with.
 *
 * As CRIU does it: memory that the kernel may drop comes back empty, all other
 * memory as it was. On another kernel the functions of the old vDSO are made to
 * jump to the new one's, and the old data pages are gone.
 */
#include "image.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "source/generation.h"
#include "source/seed.h"
#include "source/vdso.h"

/* What an image does not hold of memory that may be dropped. */
static void restore_empty(void)
{
	expect(RAW(SYS_madvise, bucket_common.buckets, PAGES, MADV_DONTNEED) ==
	       0);
}

/*
 * On the same kernel.
 */

static void pages_that_come_back_empty_start_over(void)
{
	uint64_t keys;

	need_tier(TIER_PAGE);
	draw_all_lengths();
	for (int i = 0; i < ROUNDS; i++) {
		restore_empty();
		keys = info().reseeds;
		draw_all_lengths();
		expect(info().reseeds > keys);
	}
	expect(tier_now() == TIER_PAGE);
	words_expect_distinct(words, 51 * ALL_LENGTHS);
}

/* Two restores of one image: a child of fork has such pages, too. */
static void two_restores_part(void)
{
	pid_t child;

	need_tier(TIER_PAGE);
	draw_all_lengths();
	child = (pid_t)RAW(SYS_clone, SIGCHLD);
	if (child == 0) {
		draw_all_lengths();
		_exit(0);
	}
	reap(child);
	restore_empty();
	draw_all_lengths();
	words_expect_distinct(words, 3 * ALL_LENGTHS);
}

/*
 * Memory that is wiped on fork is in an image, and comes back as it was.
 */

#define REFUSE_DROPPABLE \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4), \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
			 offsetof(struct seccomp_data, args[3])), \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f), \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* As the lower half of an argument is read here. */
static void forbid_droppable_memory(void)
{
	struct sock_filter filter[] = {REFUSE_DROPPABLE};
	struct sock_fprog program = {COUNT(filter), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		skip_because("no system call filter can be installed");
}

/* Between requests: no key, no key stream, nothing to go on with. */
static void expect_no_secret_is_kept(void)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		const struct bucket *b = &bucket_common.buckets[i];

		expect(b->stamp == 0 && bucket_left(b->stock) == 0);
		expect(zeros(&b->work, sizeof b->work));
		expect(zeros(b->key, sizeof b->key));
		expect(zeros(b->batch, sizeof b->batch));
		expect(zeros(&b->oracle, sizeof b->oracle));
	}
}

/* The processor's words would hide that a key came twice. */
static void expect_keys_to_part(void)
{
	struct bucket *b = bucket_common.buckets, image;
	uint8_t key[SEED_SIZE], again[SEED_SIZE];

	for (size_t i = 0; i < BUCKETS; i++) {
		image = b[i];
		if (zeros(&image, sizeof image))
			continue;
		expect(seed_read(key, &b[i].oracle));
		b[i] = image;
		expect(seed_read(again, &b[i].oracle));
		b[i] = image;
		expect(memcmp(key, again, sizeof key) != 0);
	}
}

/* Copies all pages out, draws, copies them in, draws again, and so on. */
static void expect_intact_restores_to_part(void (*look)(void))
{
	uint8_t *image = malloc(PAGES);

	expect(image != NULL);
	draw_all_lengths();
	for (int i = 0; i < ROUNDS; i++) {
		draw(lengths[(size_t)i % COUNT(lengths)]);
		if (look)
			look();
		memcpy(image, bucket_common.buckets, PAGES);
		draw_all_lengths();
		memcpy(bucket_common.buckets, image, PAGES);
		draw_all_lengths();
	}
	free(image);
	words_expect_distinct(words, 101 * ALL_LENGTHS);
}

static void kernel_on_intact_pages(void)
{
	need_tier(TIER_KERNEL);
	expect(!strcmp(info().memory, "wipe-on-fork"));
	expect(fill_pays_proof(257));
	draw_all_lengths();
	expect_keys_to_part();
	expect_intact_restores_to_part(expect_no_secret_is_kept);
}

static void pages_that_come_back_intact_hold_nothing(void)
{
	forbid_droppable_memory();
	again_with("kernel", "kernel_on_intact_pages");
}

/* Without any choice of the user's. */
static void pages_of_no_better_memory_hold_nothing(void)
{
	forbid_droppable_memory();
	again_with("page", "kernel_on_intact_pages");
}

/* A key is kept for a second there, but the processor's words are not. */
static void hardware_on_intact_pages(void)
{
	need_tier(TIER_HARDWARE);
	expect(!strcmp(info().memory, "wipe-on-fork"));
	expect_intact_restores_to_part(NULL);
}

static void hardware_bytes_part_pages_that_come_back_intact(void)
{
	forbid_droppable_memory();
	again_with("hardware", "hardware_on_intact_pages");
}

/*
 * On another kernel.
 */

static atomic_int forwarded;

/* The new kernel's functions; it knows of no generation that we knew. */
static ssize_t new_getrandom(void *buffer, size_t len, unsigned int flags,
			     void *state, size_t size)
{
	(void)state;
	(void)size;
	forwarded++;
	return RAW(SYS_getrandom, buffer, len, flags);
}

static int new_clock_gettime(clockid_t clock, struct timespec *now)
{
	return (int)RAW(SYS_clock_gettime, clock, now);
}

static int new_gettimeofday(void *now, void *zone)
{
	return (int)RAW(SYS_gettimeofday, now, zone);
}

static int new_clock_getres(clockid_t clock, struct timespec *resolution)
{
	return (int)RAW(SYS_clock_getres, clock, resolution);
}

static long new_getcpu(unsigned int *cpu, unsigned int *node, void *unused)
{
	return RAW(SYS_getcpu, cpu, node, unused);
}

static time_t new_time(time_t *now)
{
	struct timespec is;

	RAW(SYS_clock_gettime, CLOCK_REALTIME, &is);
	if (now)
		*now = is.tv_sec;
	return is.tv_sec;
}

/* The first instructions become a jump, whose target follows them. */
#if defined(__x86_64__)
static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0};
#elif defined(__aarch64__)
static const uint8_t jump[] = {0x50, 0, 0, 0x58, 0, 2, 0x1f, 0xd6};
#else
static const uint8_t jump[] = {0};
#endif

static void redirect(const char *name, uintptr_t to)
{
	uint8_t *code = vdso_function(name);

	if (!code)
		return;
	memcpy(code, jump, sizeof jump);
	memcpy(code + sizeof jump, &to, sizeof to);
	__builtin___clear_cache((char *)code,
				(char *)code + sizeof jump + sizeof to);
}

struct area {
	uintptr_t from, to;
};

static struct area find_area(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	struct area found = {0, 0};
	unsigned long from, to;
	char line[512];

	expect(maps != NULL);
	while (fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2 &&
		    strstr(line, name))
			found = (struct area){from, to};
	fclose(maps);
	expect(found.from != 0);
	return found;
}

static void replace_vdso(void)
{
	struct area vdso = find_area("[vdso]");

	if (sizeof jump == 1)
		skip_because("no jump is known on this machine");
	if (mprotect((void *)vdso.from, vdso.to - vdso.from,
		     PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		skip_because("the vDSO may not be written to");
	for (int arm = 0; arm < 2; arm++) {
		const char *prefix = arm ? "__kernel_" : "__vdso_";
		char name[64];

#define REDIRECT(function) \
	(snprintf(name, sizeof name, "%s%s", prefix, #function), \
	 redirect(name, (uintptr_t)new_##function))
		REDIRECT(getrandom);
		REDIRECT(clock_gettime);
		REDIRECT(gettimeofday);
		REDIRECT(clock_getres);
		REDIRECT(getcpu);
		REDIRECT(time);
	}
}

/* Where the old generation was, which is part of one special mapping. */
static struct area pages_before_vdso(void)
{
	struct area vvar = find_area("[vvar]");

	expect((uintptr_t)generation_page >= vvar.from &&
	       (uintptr_t)generation_page < vvar.to);
	return vvar;
}

static void map_pages(struct area where, int protection)
{
	expect(mmap((void *)where.from, where.to - where.from, protection,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == (void *)where.from);
}

static void unmap_pages(struct area where, uint64_t generation)
{
	(void)generation;
	expect(munmap((void *)where.from, where.to - where.from) == 0);
}

static void forbid_pages(struct area where, uint64_t generation)
{
	(void)generation;
	map_pages(where, PROT_NONE);
}

static void empty_pages(struct area where, uint64_t generation)
{
	(void)generation;
	map_pages(where, PROT_READ);
}

/* The worst: something that looks just as the page did. */
static void freeze_pages(struct area where, uint64_t generation)
{
	volatile uint64_t *page = (volatile uint64_t *)generation_page;

	map_pages(where, PROT_READ | PROT_WRITE);
	page[0] = generation;
	page[1] = 1;
}

static void draw_for_rounds(void)
{
	for (int i = 0; i < ROUNDS; i++)
		draw_all_lengths();
}

/* A generation is known by now, all stamps are zero, and nothing faults. */
static void expect_tier_kernel(void (*take)(struct area, uint64_t))
{
	struct area pages;
	uint64_t generation;
	bool served;

	need_tier(TIER_PAGE);
	draw_all_lengths();
	generation = generation_now();
	expect(generation != 0);
	pages = pages_before_vdso();
	replace_vdso();
	take(pages, generation);
	restore_empty();

	expect(info().generation == 0);
	expect(!draw(lengths[0]));
	expect(tier_now() == TIER_KERNEL);
	draw_for_rounds();
	served = draw(4096);
	expect(served && tier_now() == TIER_KERNEL);
	expect(forwarded == 0);
	expect(info().generation == 0 && info().held == 0);
	words_expect_distinct(words, 51 * ALL_LENGTHS);
}

static void a_page_that_is_gone_is_not_read(void)
{
	expect_tier_kernel(unmap_pages);
}

static void a_page_that_may_not_be_read_is_not_read(void)
{
	expect_tier_kernel(forbid_pages);
}

static void a_page_that_is_empty_now_ends_the_stock(void)
{
	expect_tier_kernel(empty_pages);
}

static void a_page_that_only_looks_like_it_is_not_believed(void)
{
	expect_tier_kernel(freeze_pages);
}

/* As for a process that is restored there: the old data pages are gone. */
static void come_to_another_kernel(struct area old_pages)
{
	replace_vdso();
	unmap_pages(old_pages, 0);
	restore_empty();
}

/* Of every length the first draw may be. */
static void every_first_draw_is_safe(void)
{
	need_tier(TIER_PAGE);
	draw_all_lengths();
	come_to_another_kernel(pages_before_vdso());
	for (size_t i = 0; i < COUNT(lengths); i++) {
		pid_t child = (pid_t)RAW(SYS_clone, SIGCHLD);

		if (child == 0) {
			draw(lengths[i]);
			expect(known_random(out, lengths[i]) ||
			       lengths[i] < 32);
			expect(tier_now() == TIER_KERNEL);
			_exit(0);
		}
		reap(child);
	}
}

/* A word by itself, which has a way of its own. */
static void a_first_word_is_safe(void)
{
	need_tier(TIER_PAGE);
	expect(draw_word() >= 0);
	come_to_another_kernel(pages_before_vdso());
	expect(draw_word() < 0);
	expect(tier_now() == TIER_KERNEL);
}

/* Tier call asks the function, and so gets to the new one. */
static void call_on_another_kernel(void)
{
	need_tier(TIER_CALL);
	draw_all_lengths();
	come_to_another_kernel(find_area("[vvar]"));
	draw_for_rounds();
	expect(forwarded > 0 || tier_now() == TIER_KERNEL);
	words_expect_distinct(words, 51 * ALL_LENGTHS);
}

static void tier_call_goes_on_by_the_new_function(void)
{
	again_with("call", "call_on_another_kernel");
}

static void hardware_on_another_kernel(void)
{
	need_tier(TIER_HARDWARE);
	draw_all_lengths();
	come_to_another_kernel(find_area("[vvar]"));
	draw_for_rounds();
	words_expect_distinct(words, 51 * ALL_LENGTHS);
}

static void tier_hardware_goes_on_by_the_new_clock(void)
{
	again_with("hardware", "hardware_on_another_kernel");
}

static void kernel_on_another_kernel(void)
{
	need_tier(TIER_KERNEL);
	come_to_another_kernel(find_area("[vvar]"));
	draw_for_rounds();
	words_expect_distinct(words, 50 * ALL_LENGTHS);
}

static void tier_kernel_goes_on(void)
{
	again_with("kernel", "kernel_on_another_kernel");
}

int main(int count, char **arguments)
{
	static const struct promise promises[] = {
		APART(pages_that_come_back_empty_start_over),
		APART(two_restores_part),
		APART(pages_that_come_back_intact_hold_nothing),
		APART(pages_of_no_better_memory_hold_nothing),
		APART(hardware_bytes_part_pages_that_come_back_intact),
		APART(a_page_that_is_gone_is_not_read),
		APART(a_page_that_may_not_be_read_is_not_read),
		APART(a_page_that_is_empty_now_ends_the_stock),
		APART(a_page_that_only_looks_like_it_is_not_believed),
		APART(every_first_draw_is_safe),
		APART(a_first_word_is_safe),
		APART(tier_call_goes_on_by_the_new_function),
		APART(tier_hardware_goes_on_by_the_new_clock),
		APART(tier_kernel_goes_on),
	};
	static const struct promise roles[] = {
		HERE(kernel_on_intact_pages),
		HERE(hardware_on_intact_pages),
		HERE(call_on_another_kernel),
		HERE(hardware_on_another_kernel),
		HERE(kernel_on_another_kernel),
	};
	static struct promise_list list;

	keep_if_executed(count, arguments, roles, COUNT(roles));
	promises_add(&list, promises, COUNT(promises));
	return _cmocka_run_group_tests("image", list.tests, list.count, NULL,
				       NULL);
}
