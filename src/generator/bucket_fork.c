/*
 * Has fork wiped our memory, and what if not?
 */
#include "bucket.h"

/*
 * Marks are numbers that go up: one that is not above the number of this
 * thread's fork was made before that fork. They are counted in memory that
 * fork copies, and this thread's number comes to the child in its own memory. A
 * fork within a handler of a fork has no number of its own: its parent still
 * has to look for marks of before the outer one.
 */
static _Atomic(uint64_t) marks;
static __thread __attribute__((tls_model("initial-exec"))) struct {
	uint64_t mark;
	unsigned int depth;
} forking;

static const volatile uint64_t *mark_of(const struct bucket *b)
{
	return &b->mark;
}

/* Its own key, or one that the vDSO's function keeps. */
static bool has_key(const struct bucket *b)
{
	return bucket_stamp(b) ||
	       *(const volatile uint64_t *)&b->oracle.generation;
}

/* Of forks that are prepared at once, the mark of the first. */
static void mark(struct bucket *b, uint64_t next)
{
	uint64_t is = *mark_of(b);

	while ((!is || is > next) &&
	       !__atomic_compare_exchange_n(&b->mark, &is, next, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

static void mark_key(struct bucket *b, struct bucket_line *l, bool leased,
		     void *with)
{
	(void)l;
	(void)leased;
	if (has_key(b))
		mark(b, *(const uint64_t *)with);
}

void bucket_fork_prepare(void)
{
	uint64_t next = atomic_fetch_add(&marks, 1) + 1;

	if (forking.depth++ == 0)
		forking.mark = next;
	if (bucket_common.buckets)
		mark(bucket_common.buckets, next);
	bucket_see_all(mark_key, &next);
}

/*
 * In the child as in the parent: who was forked by a handler goes on in the handlers
 * of the outer fork, as its parent does.
 */
static void leave(void)
{
	if (forking.depth)
		forking.depth--;
}

void bucket_fork_parent(void)
{
	leave();
}

/* From before the fork? */
static bool is_marked(const struct bucket *b)
{
	uint64_t is = *mark_of(b);

	return is && is <= forking.mark;
}

static void look(struct bucket *b, struct bucket_line *l, bool leased,
		 void *with)
{
	bool *wiped = with;

	(void)l;
	(void)leased;
	*wiped &= !is_marked(b);
}

bool bucket_fork_wiped(void)
{
	bool wiped;

	leave();
	wiped = !bucket_common.buckets || !is_marked(bucket_common.buckets);
	bucket_see_all(look, &wiped);
	return wiped;
}

/*
 * A thread that an earlier handler started may be drawing. What it draws from a
 * leased bucket fails its last look, since there is no generation any more; so
 * that page may be wiped under it. A shared bucket that it holds may be at work
 * in another tier, with a key that must not become zero in the middle.
 */
static void forget(struct bucket *b, struct bucket_line *l, bool leased,
		   void *with)
{
	uintptr_t nobody = 0;

	(void)with;
	bucket_set_stamp(b, 0);
	if (leased) {
		bucket_wipe(b, sizeof *b);
	} else if (atomic_compare_exchange_strong(&l->owner, &nobody,
						  BUCKET_BUSY)) {
		bucket_wipe(b, sizeof *b);
		atomic_store(&l->owner, 0);
	}
}

void bucket_forget(void)
{
	/*
	 * The function and the generation are gone before a stamp becomes zero,
	 * which is zero before the bytes are.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	bucket_see_all(forget, NULL);
}
