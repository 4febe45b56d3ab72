/*
 * What the tests of the mark share: draws from one bucket or from some, what
 * may become of their memory, and a program of its own for each promise in each
 * tier.
 */
#ifndef IMAGE_MARK_H
#define IMAGE_MARK_H

#include "image.h"


#include "support/early_handlers.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static enum tier usual;

static inline bool has_key(unsigned int i)
{
	const struct bucket *b = &bucket_common.buckets[i];

	return bucket_stamp(b) || !zeros(&b->oracle, sizeof b->oracle);
}

static inline bool any_key(void)
{
	unsigned int i = 0;

	while (i < BUCKETS && !has_key(i))
		i++;
	return i < BUCKETS;
}

/* In a bucket that anybody may take: what another thread held is lost. */
static inline bool any_key_to_be_had(void)
{
	for (unsigned int i = 0; i < BUCKETS; i++)
		if (has_key(i) &&
		    (i >= BUCKETS_SHARED || !bucket_common.lines[i].owner))
			return true;
	return false;
}

/*
 * Draws from one bucket, or from a few and a leased one.
 */
static bool from_some;

/* A number that a stack pointer could be, and a bucket may be leased to. */
static const uintptr_t stack = 0x7ffc12345000;

static inline void draw_leased(void)
{
	while (!bucket_lease_is(&bucket_common, stack))
		bucket_lease_wanted(&bucket_common, stack);
	for (int i = 0; i < 4; i++) {
		if (!fill_quick(out, 16, stack) && !fill_slow(out, 16, stack))
			expect(RAW(SYS_getrandom, out, 16, 0) == 16);
		words_add(words, out, 16);
	}
}

static inline void draw_here(void)
{
	unsigned int held[3];

	draw_all_lengths();
	if (!from_some)
		return;
	for (size_t i = 0; i < COUNT(held); i++) {
		held[i] = bucket_take(&bucket_common);
		expect(held[i] < BUCKETS);
		draw_all_lengths();
	}
	for (size_t i = 0; i < COUNT(held); i++)
		bucket_give(&bucket_common, held[i]);
	draw_leased();
}

/*
 * What may become of memory, and of the process that it is of.
 */

static inline void advise_all(int advice)
{
	expect(RAW(SYS_madvise, bucket_common.buckets, PAGES, advice) == 0);
}

static inline void nothing_happens(void)
{
}

/* It need not be heeded at once. */
static inline void memory_is_short(void)
{
	for (int i = 0; i < 50; i++)
		advise_all(MADV_PAGEOUT);
}

static inline void all_is_dropped(void)
{
	advise_all(MADV_DONTNEED);
}

static inline void drop_page(unsigned int i)
{
	expect(RAW(SYS_madvise, &bucket_common.buckets[i], BUCKET_PAGE,
		   MADV_DONTNEED) == 0);
}

static inline void each_page_is_dropped(void)
{
	for (unsigned int i = 0; i < BUCKETS; i++)
		drop_page(i);
}

static inline void every_other_page_is_dropped(void)
{
	bool drop = false;

	for (unsigned int i = 0; i < BUCKETS; i++)
		if (has_key(i) && (drop = !drop))
			drop_page(i);
}

static inline void all_but_the_last_are_dropped(void)
{
	unsigned int last = BUCKETS;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		if (!has_key(i))
			continue;
		if (last < BUCKETS)
			drop_page(last);
		last = i;
	}
}

/* The child goes on, and its parent tells how that ended. */
static inline void go_on_in_child(pid_t child)
{
	if (in_child(child))
		return;
	reap(child);
	_exit(0);
}

static inline void it_goes_on_after_underscore_fork(void)
{
	go_on_in_child(underscore_fork());
}

static inline void it_goes_on_after_a_raw_clone(void)
{
	go_on_in_child(raw_clone());
}

static inline void it_goes_on_after_fork(void)
{
	go_on_in_child(fork());
}

static inline void draw_unrecorded(void)
{
	for (size_t i = 0; i < COUNT(lengths); i++)
		draw(lengths[i]);
}

/* By their number one could not tell them apart. */
static inline void become_pid_1(void)
{
	only_for_root();
	if (unshare(CLONE_NEWPID) != 0)
		skip_because("no namespace of processes can be made");
	go_on_in_child(fork());
	expect(getpid() == 1);
	expect(unshare(CLONE_NEWPID) == 0);
}

static inline void fork_pid_1(void (*look)(void))
{
	pid_t child = fork();

	if (in_child(child)) {
		expect(getpid() == 1);
		look();
		draw_here();
		_exit(0);
	}
	draw_here();
	reap(child);
	words_expect_distinct(words, 3 * ALL_LENGTHS);
}

/*
 * A test is one of the roles in one of the tiers.
 */

struct in_tier {
	const char *source;
	const char *promise;
};

static const struct in_tier *kept;

static inline void execute_kept(void)
{
	again_with(kept->source, kept->promise);
}

static inline void keep_in_tier(void **state)
{
	kept = *state;
	keep_apart(execute_kept);
}

/* In a program that was executed for a role: are we where it is to be played?
 */
static inline void begin_role(void)
{
	const char *source = getenv("FASTRAND_SOURCE");

	tier_ready();
	usual = tier_now();
	if (!source || strcmp(source, tier_name(usual)) != 0) {
		promise_apart = true;
		skip_because("this system does not offer that tier");
	}
	stay_on_this_cpu();
}

/* All of main. */
static inline int keep_in_all_tiers(const char *group, int count,
				    char **arguments,
				    const struct promise *roles, size_t most)
{
	static const char *const tiers[] = {"page", "call", "hardware",
					    "kernel"};
	static struct promise_list list;
	struct in_tier *row;

	if (count > 1)
		begin_role();
	keep_if_executed(count, arguments, roles, most);
	row = calloc(COUNT(tiers) * most, sizeof *row);
	expect(row != NULL);
	for (size_t i = 0; i < COUNT(tiers) * most; i++) {
		char subject[16];

		row[i].source = tiers[i / most];
		row[i].promise = roles[i % most].name;
		snprintf(subject, sizeof subject, "%s: ", row[i].source);
		promise_add(&list, subject, row[i].promise, keep_in_tier,
			    &row[i]);
	}
	return _cmocka_run_group_tests(group, list.tests, list.count, NULL,
				       NULL);
}

#endif
