/*
 * The memory that buckets live in, and who holds them.
 */
#include "bucket.h"

#include <sys/mman.h>

#include "real.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/*
 * The way from a held bucket to the next. Far: the neighbours are other CPUs'.
 * Odd: every bucket is met once.
 */
enum { STRIDE = 61 };

/*
 * Long draws before a lease: some ten thousand small ones. A lease costs a page and
 * a key from the kernel, for nothing in a program that is about to stop.
 */
enum { HABIT = 256 };

static struct bucket_line common_lines[BUCKETS];
struct bucket_set bucket_common = {.lines = common_lines};
static _Atomic(struct bucket_set *) sets = &bucket_common;
static enum bucket_memory common_kind;
static atomic_flag making = ATOMIC_FLAG_INIT;

enum { MEMORY = BUCKETS * BUCKET_PAGE };

/* The bucket with the mark, or NULL. In memory that fork copies. */
static struct bucket *marked;

static void *map(size_t size, int flags)
{
	return real_map(size, PROT_READ | PROT_WRITE, flags, -1);
}

static long advise(void *at, size_t size, int advice)
{
	return REAL_CALL(SYS_madvise, at, size, advice);
}

/*
 * Huge pages are declined: one would dirty 2 MiB for the first bucket, and drop
 * all of them together. Advice is believed only of a kernel that refuses
 * nonsense: some emulators accept everything and do nothing.
 */
static struct bucket *map_secrets(enum bucket_memory *kind)
{
	const size_t size = MEMORY;
	void *at = map(size, MAP_DROPPABLE | MAP_ANONYMOUS);

	*kind = BUCKET_DROPPABLE;
	if (at) {
		advise(at, size, MADV_NOHUGEPAGE);
		return at;
	}
	*kind = BUCKET_WIPED_ON_FORK;
	at = map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	if (at && advise(at, size, -1) < 0 &&
	    !advise(at, size, MADV_WIPEONFORK) &&
	    !advise(at, size, MADV_DONTDUMP)) {
		advise(at, size, MADV_NOHUGEPAGE);
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

/* Memory of a worse kind than the common set's would need a lower tier. */
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

struct bucket_set *bucket_set_of(void **state)
{
	struct bucket_set *set = __atomic_load_n(state, __ATOMIC_ACQUIRE);

	if (set || common_kind == BUCKET_NONE ||
	    atomic_flag_test_and_set(&making))
		return set;
	set = __atomic_load_n(state, __ATOMIC_ACQUIRE);
	if (!set)
		set = set_make();
	if (set && set != __atomic_load_n(state, __ATOMIC_RELAXED)) {
		set->next = atomic_load(&sets);
		atomic_store(&sets, set);
		__atomic_store_n(state, set, __ATOMIC_RELEASE);
	}
	atomic_flag_clear(&making);
	return set;
}

/* Before it is taken: what is held, or lost, is always among the used. */
static void use(struct bucket_set *set, unsigned int i)
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

		use(set, i);
		if (!atomic_load_explicit(owner, memory_order_relaxed) &&
		    atomic_compare_exchange_strong_explicit(
			owner, &nobody, thread, memory_order_acquire,
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
	if (__atomic_add_fetch(&l->habits, 1, __ATOMIC_RELAXED) >= HABIT &&
	    atomic_compare_exchange_strong(&l->owner, &nobody, stack))
		atomic_fetch_add(&set->leases, 1);
}

void bucket_mark(struct bucket *b)
{
	if (__builtin_expect(__atomic_load_n(&marked, __ATOMIC_RELAXED) != NULL,
			     1))
		return;
	*(volatile uint64_t *)&b->mark = 1;
	__atomic_store_n(&marked, b, __ATOMIC_RELAXED);
}

static bool wiped_by_fork(void)
{
	volatile uint64_t *mark = marked ? &marked->mark : NULL;
	bool wiped = !mark || !*mark;

	if (!wiped)
		*mark = 0;
	marked = NULL;
	return wiped;
}

/* The counts are the parent's. */
static void line_forked(struct bucket *b, struct bucket_line *l, bool wiped)
{
	if (!wiped && (l->reseeds || atomic_load(&l->owner))) {
		bucket_set_stamp(b, 0);
		bucket_wipe(&b->oracle, sizeof b->oracle);
	}
	if (l->requests | l->refills | l->reseeds)
		l->requests = l->bytes = l->refills = l->reseeds = 0;
}

/*
 * The threads that held these did not come along; ours may be in the middle of a
 * draw that a handler interrupted, and keeps its own. A lease that was busy stays
 * so: whose draw it was is not known.
 */
bool bucket_forked(void)
{
	uintptr_t thread = cpu_thread();
	bool wiped = wiped_by_fork();

	atomic_flag_clear(&making);
	for (struct bucket_set *s = atomic_load(&sets); s; s = s->next) {
		unsigned int used = atomic_load(&s->used);

		for (unsigned int i = 0; i < used; i++) {
			struct bucket_line *l = &s->lines[i];

			line_forked(&s->buckets[i], l, wiped);
			if (atomic_load(&l->owner) != 0 &&
			    atomic_load(&l->owner) != thread)
				atomic_store(&l->owner, 0);
		}
		for (unsigned int i = BUCKETS_SHARED;
		     i < BUCKETS && atomic_load(&s->leases); i++)
			line_forked(&s->buckets[i], &s->lines[i], wiped);
	}
	return wiped;
}

void bucket_each(void (*see)(const struct bucket *, const struct bucket_line *,
			     bool held, void *), void *with)
{
	for (struct bucket_set *s = atomic_load(&sets); s; s = s->next) {
		unsigned int used = atomic_load(&s->used);

		for (unsigned int i = 0; i < used; i++)
			see(&s->buckets[i], &s->lines[i],
			    atomic_load(&s->lines[i].owner) != 0, with);
		for (unsigned int i = BUCKETS_SHARED;
		     i < BUCKETS && atomic_load(&s->leases); i++)
			if (atomic_load(&s->lines[i].owner))
				see(&s->buckets[i], &s->lines[i],
				    atomic_load(&s->lines[i].owner) ==
					    BUCKET_BUSY, with);
	}
}
