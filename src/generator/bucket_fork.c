/* Has fork wiped our memory in the child, and what is done if it has not? */
#include "bucket.h"

/*
 * Marks are increasing numbers: a mark that is not greater than the number of
 * this thread's fork was made before that fork. The counter is in memory that
 * fork copies, and the number of this thread's fork comes to the child in the
 * thread's own memory. A fork inside a handler of another fork does not replace
 * that number, because its parent still has to look for the marks that were
 * made before the outer fork.
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

/*
 * True if the page has a key of ours, or one in the state of the vDSO's
 * function.
 */
static bool has_key(const struct bucket *b)
{
	return bucket_stamp(b) ||
	       *(const volatile uint64_t *)&b->oracle.generation;
}

/*
 * Where several threads prepare a fork at once, the first (lowest) mark
 * remains.
 */
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
 * Both parent and child call this: a child that was forked inside a handler
 * goes on with the handlers of the outer fork, as its parent does.
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

/* Is there a mark that was made before the fork? */
static bool is_marked(const struct bucket *b)
{
	uint64_t is = *mark_of(b);

	return is && is <= forking.mark;
}

static void find_mark(struct bucket *b, struct bucket_line *l, bool leased,
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
	bucket_see_all(find_mark, &wiped);
	return wiped;
}

/*
 * A thread that an earlier fork handler started may be drawing now. If it draws
 * from a leased bucket, its last look at the stamp fails, because there is no
 * generation any more; so that page may be wiped during the draw. If it holds a
 * shared bucket, that bucket may be in use by another tier, with a key that
 * must not become zero in the middle of the draw; so pages of held shared
 * buckets are not wiped.
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
	 * The order matters: first the vDSO's function and the generation are
	 * gone, then each stamp becomes zero, and then the bytes of its page.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	bucket_see_all(forget, NULL);
}
