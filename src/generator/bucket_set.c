/* Which memory do buckets live in, and who holds them? */
#include "bucket.h"

#include "system/linux.h"
#include "system/real.h"

/*
 * The distance from a bucket that is held to the next one that is tried. It is
 * long, because the neighbours are the buckets of other CPUs; and it has no
 * divisor in common with the number of buckets, so that every bucket is tried
 * once.
 */
enum { STRIDE = 61 };

/*
 * So many slow draws, which stand for some ten thousand small ones, precede a
 * lease. A lease costs a page and a key from the kernel, which are wasted on a
 * program that is about to stop drawing.
 */
enum { HABIT = 256 };

static struct bucket_line common_lines[BUCKETS];
struct bucket_set bucket_common = {.lines = common_lines};
static _Atomic(struct bucket_set *) sets = &bucket_common;
static enum bucket_memory common_kind;

enum { MEMORY = BUCKETS * BUCKET_PAGE };

static void *map(size_t size, int flags)
{
	return real_map(size, PROT_READ | PROT_WRITE, flags, -1);
}

static long advise(void *at, size_t size, int advice)
{
	return REAL_CALL(SYS_madvise, at, size, advice);
}

/*
 * madvise() is believed only if the kernel refuses an advice that does not
 * exist, because some emulators accept every advice and do nothing.
 */
static struct bucket *map_secrets(enum bucket_memory *kind)
{
	const size_t size = MEMORY;
	void *at = map(size, MAP_DROPPABLE | MAP_ANONYMOUS);

	*kind = BUCKET_DROPPABLE;
	if (at)
		return at;
	*kind = BUCKET_WIPED_ON_FORK;
	at = map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	if (at && advise(at, size, -1) < 0 &&
	    !advise(at, size, MADV_WIPEONFORK) &&
	    !advise(at, size, MADV_DONTDUMP)) {
		/*
		 * This matters where PR_SET_MEMORY_MERGE merges the memory of
		 * the whole process.
		 */
		advise(at, size, MADV_UNMERGEABLE);
		return at;
	}
	if (at)
		REAL_CALL(SYS_munmap, at, size);
	*kind = BUCKET_NONE;
	return NULL;
}

enum bucket_memory bucket_start(void)
{
	__atomic_store_n(&bucket_common.buckets, map_secrets(&common_kind),
			 __ATOMIC_RELEASE);
	return common_kind;
}

enum bucket_memory bucket_memory(void)
{
	return common_kind;
}

/*
 * A set whose memory is of a worse kind than that of the common set is given
 * up, because it would need a lower tier.
 */
static struct bucket_set *set_make(void)
{
	const size_t locks = BUCKETS * sizeof(struct bucket_line);
	const size_t size = locks + sizeof(struct bucket_set);
	struct bucket_line *lines = map(size, MAP_PRIVATE | MAP_ANONYMOUS |
					      MAP_NORESERVE);
	enum bucket_memory kind;
	struct bucket_set *set;

	if (!lines)
		return NULL;
	set = (struct bucket_set *)(lines + BUCKETS);
	set->lines = lines;
	set->buckets = map_secrets(&kind);
	if (set->buckets && kind == common_kind)
		return set;
	if (set->buckets)
		REAL_CALL(SYS_munmap, set->buckets, MEMORY);
	REAL_CALL(SYS_munmap, lines, size);
	return NULL;
}

/* Returns a set that its maker could not publish, or a new one. */
static struct bucket_set *set_get(void)
{
	struct bucket_set *set;

	for (set = atomic_load(&sets); set; set = set->next)
		if (set != &bucket_common && atomic_exchange(&set->spare, false))
			return set;
	set = set_make();
	if (!set)
		return NULL;
	set->next = atomic_load(&sets);
	while (!atomic_compare_exchange_weak(&sets, &set->next, set))
		;
	return set;
}

/*
 * A set is put into the list before anybody can draw from it. A fork between
 * the two steps leaves the child a set that nobody uses. In the other order it
 * would leave a set in use that the handlers of fork do not know.
 */
struct bucket_set *bucket_set_of(void **state)
{
	void *published = __atomic_load_n(state, __ATOMIC_ACQUIRE);
	struct bucket_set *set;

	if (published || common_kind == BUCKET_NONE)
		return published;
	set = set_get();
	if (set && __atomic_compare_exchange_n(state, &published, set, false,
					       __ATOMIC_ACQ_REL,
					       __ATOMIC_ACQUIRE))
		return set;
	if (set)
		atomic_store(&set->spare, true);
	return published;
}

/*
 * This is done before the bucket is taken, so that a bucket that is held or
 * lost is always among the used ones.
 */
static void mark_used(struct bucket_set *set, unsigned int i)
{
	unsigned int used = atomic_load_explicit(&set->used,
						 memory_order_relaxed);

	while (used <= i &&
	       !atomic_compare_exchange_weak(&set->used, &used, i + 1))
		;
}

unsigned int bucket_take(struct bucket_set *set)
{
	uintptr_t thread = cpu_thread();
	unsigned int first = cpu_here(thread) % BUCKETS_SHARED, i = first;

	if (!__atomic_load_n(&set->buckets, __ATOMIC_ACQUIRE))
		return BUCKETS;
	do {
		_Atomic(uintptr_t) *owner = &set->lines[i].owner;
		uintptr_t nobody = 0;

		mark_used(set, i);
		if (!atomic_load_explicit(owner, memory_order_relaxed) &&
		    atomic_compare_exchange_strong_explicit(
			owner, &nobody, bucket_owner(thread), memory_order_acquire,
			memory_order_relaxed))
			return i;
		i = (i + STRIDE) % BUCKETS_SHARED;
	} while (i != first);
	return BUCKETS;
}

void bucket_lease_wanted(struct bucket_set *set, uintptr_t stack)
{
	struct bucket_line *l = &set->lines[bucket_lease(stack)];
	uintptr_t nobody = 0;

	if (__atomic_exchange_n(&l->habit, stack, __ATOMIC_RELAXED) != stack)
		__atomic_store_n(&l->habits, 0, __ATOMIC_RELAXED);
	if (__atomic_add_fetch(&l->habits, 1, __ATOMIC_RELAXED) < HABIT)
		return;
	/*
	 * This is set before the lease exists, so that bucket_see_all() misses
	 * no bucket that was drawn from.
	 */
	atomic_store(&set->any_leased, true);
	atomic_compare_exchange_strong(&l->owner, &nobody, stack);
}

static void see_range(struct bucket_set *set, unsigned int first,
		      unsigned int end, bucket_seer *see, void *with)
{
	for (unsigned int i = first; i < end; i++) {
		struct bucket_line *l = &set->lines[i];

		if (atomic_load(&l->owner) || l->reseeds)
			see(&set->buckets[i], l, i >= BUCKETS_SHARED, with);
	}
}

void bucket_see_all(bucket_seer *see, void *with)
{
	for (struct bucket_set *s = atomic_load(&sets); s; s = s->next) {
		see_range(s, 0, atomic_load(&s->used), see, with);
		if (atomic_load(&s->any_leased))
			see_range(s, BUCKETS_SHARED, BUCKETS, see, with);
	}
}

static struct bucket_counts before;	/* counts when fork made this process */

/*
 * A draw counts nothing but its request, in a word that it writes anyway. How
 * many bytes were served is the number that was made, less the number that is
 * left.
 */
static void count_line(struct bucket *b, struct bucket_line *l, bool leased,
		       void *with)
{
	struct bucket_counts *c = with;

	(void)leased;
	c->requests += l->requests;
	c->bytes += l->bytes - bucket_left(bucket_stock(b));
	c->refills += l->refills;
	c->reseeds += l->reseeds;
}

static void count(struct bucket *b, struct bucket_line *l, bool leased,
		  void *with)
{
	uintptr_t owner = atomic_load(&l->owner);
	struct bucket_counts *c = with;

	count_line(b, l, leased, with);
	c->requests += bucket_stock(b) >> 32;
	c->held += leased ? owner == BUCKET_BUSY : owner != 0;
}

/*
 * A draw that goes on in the child may write back the parent's stock, as it
 * knew it; then the count may be less than it was when the child began.
 */
static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

struct bucket_counts bucket_count(void)
{
	struct bucket_counts c = {0};

	bucket_see_all(count, &c);
	c.requests = since(c.requests, before.requests);
	c.bytes = since(c.bytes, before.bytes);
	c.refills = since(c.refills, before.refills);
	c.reseeds = since(c.reseeds, before.reseeds);
	return c;
}

/*
 * The requests that are still counted in the pages are left out here, because
 * they are the child's own: draws in handlers that ran before ours.
 */
void bucket_count_from_here(void)
{
	before = (struct bucket_counts){0};
	bucket_see_all(count_line, &before);
}
