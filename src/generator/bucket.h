/*
 * A bucket is one CPU's share of the generator: a key, and a buffer of key
 * stream that this key has made and that nobody has been given yet (its batch).
 * This header is about buckets, the memory that they live in, and the locks
 * that say who holds them. A draw is the work on one request, or on one piece
 * of a long request; the draw that has taken a bucket is the bucket's holder.
 *
 * The secrets of a bucket live in one page, which fork zeroes in the child and
 * which the kernel may zero at any instruction. Therefore zero is the safe
 * state of the page: where the stamp is 0 there is no key, whatever the rest of
 * the page says. (The stamp says of which generation of the kernel's generator
 * the key is; see source/generation.h. To stamp a bucket is to make its stamp
 * nonzero.) The lock of a bucket is kept elsewhere, in memory that fork copies
 * and that nobody wipes.
 *
 * Why no two draws hand out the same bytes
 *
 * 1. Only the holder of a bucket touches its page (the last paragraph names two
 *    exceptions), and only the holder releases it. Nobody releases a bucket on
 *    behalf of its holder, not even in the child of a fork, where the holder
 *    may seem to be gone.
 * 2. A holder hands out bytes only if, after the last of them was read, the
 *    stamp is nonzero and is the current generation. Only the holder makes the
 *    stamp nonzero, and it does so before it fetches the key that the bytes
 *    come from. (In tiers that keep no batch between requests there is no
 *    generation; the stamp is then a number that the draw has written, and the
 *    last look is whether it is still there. See fill.c.)
 *
 * Each of the following may happen in the middle of a draw. What these two
 * rules imply then:
 *
 *   Another thread, a handler, or a child of vfork or clone(CLONE_VM) draws.
 *	It finds the lock taken, because the lock is in memory that it shares
 *	with the holder, and draws from another bucket (1). A child of vfork or
 *	CLONE_VM may have the same thread pointer as its parent. Therefore no
 *	draw ever concludes from the value of a lock that the lock is its own.
 *   A signal handler or another thread forks.
 *	fork zeroes the page in the child. The child's lock is a copy, so it is
 *	taken there too. If the draw goes on in the child, as it does after a
 *	fork in a handler, it finds that the stamp is zero, and starts over (2).
 *	No other draw in the child can have stamped the bucket meanwhile (1). If
 *	locks were wiped, or released by fork's handlers, then a nested draw or
 *	a new thread would stamp the bucket, the last look of the first draw
 *	would find nothing wrong, and parent and child would hand out the same
 *	bytes. If the thread of the draw does not exist in the child, the
 *	bucket is lost to the child.
 *   An earlier fork handler starts a thread in the child, and it draws.
 *	That thread takes buckets as any thread does. It does not matter that
 *	our own handler runs later, because our handler releases nothing and
 *	stamps nothing (1).
 *   The draw is suspended, and resumed on another thread, here or in a child.
 *	Preemptive user-level threads do this, since they may change from one
 *	kernel thread to another. The draw holds its bucket all the while, and
 *	releases the bucket whose number it took (1). If it is resumed in a
 *	child, the case is that of a fork. In each process it may be resumed
 *	once: a context that a program saves in the middle of a draw and resumes
 *	twice would be two holders of one bucket, and neither rule holds for
 *	them.
 *   The holder is killed, is cancelled, or jumps out of a handler.
 *	Its bucket is lost. This costs a bucket, and breaks no promise.
 *   The kernel drops the page, or its generator takes a new key.
 *	Then the stamp is zero or an old generation: the draw starts over (2).
 *
 * A lost bucket counts as held. When all buckets are held, requests go to the
 * kernel.
 *
 * There are two cases in which somebody other than the holder writes to a page.
 * The prepare handler of fork writes the field mark, which no draw reads. And
 * where fork has not wiped the memory, the fork handler of the child first ends
 * the generation and the use of the vDSO's function, then zeroes the stamps,
 * and last wipes the leased pages as a whole (bucket_forget). So a draw that
 * has read wiped bytes reads a stamp of zero after them, and fails (2); and
 * nobody can stamp a page again. Bytes that were drawn in the child before this
 * handler ran are the ones that the parent draws too; nobody could have known
 * it at that time.
 */
#ifndef BUCKET_H
#define BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chacha20/chacha20.h"
#include "system/cpu.h"
#include "source/vdso.h"

enum {
	BUCKETS_SHARED = 383,	/* for CPUs; prime: any stride visits all */
	BUCKETS_LEASED = 128,	/* for loops: see bucket_lease */
	BUCKETS = BUCKETS_SHARED + BUCKETS_LEASED, /* no memory until used */
	BUCKET_PAGE = 4096,
	BUCKET_REFILL = 1024,	/* key and batch, made together */
	BUCKET_BATCH = BUCKET_REFILL - CHACHA20_KEY,
};

/*
 * key and batch are one contiguous run of whole blocks, because a refill
 * overwrites the key that makes it. stock holds two numbers in one word, so
 * that a draw can count its request at no cost: the low half is how many unread
 * bytes lie at the end of batch, and the high half is how many requests were
 * served since the last refill.
 */
struct bucket {
	uint64_t stamp;		/* generation of the key; 0: there is no key */
	uint64_t mark;		/* see bucket_fork_prepare; 0: not marked */
	uint64_t stock;
	uint64_t signals;	/* signals_now() when the key was fetched */
	uint64_t nonce;		/* the last one; it is not secret */
	uint32_t refills;	/* made since the kernel gave a key */
	uint32_t expanded;	/* bytes since then, in tier hardware */
	uint64_t input[4];	/* in tier hardware: words of the processor */
	struct vdso_state oracle; /* state of the vDSO's getrandom */
	struct chacha20 work;	/* the key stream that is being made */
	_Alignas(64) uint8_t key[CHACHA20_KEY];
	uint8_t batch[BUCKET_BATCH];
} __attribute__((aligned(BUCKET_PAGE)));

_Static_assert(sizeof(struct bucket) == BUCKET_PAGE, "one page, never two");
_Static_assert(BUCKETS * BUCKET_PAGE < 2 << 20, "no page of it can be huge");
_Static_assert(offsetof(struct bucket, batch) ==
	       offsetof(struct bucket, key) + CHACHA20_KEY, "one run of blocks");

/*
 * The lock of a bucket, and what its holders have counted. Each has a cache
 * line of its own, so that CPUs do not share lines. The owner of a shared
 * bucket is 0 if nobody holds it, and otherwise bucket_owner() of the holder's
 * thread. The owner of a leased bucket is 0 if it is not leased yet,
 * BUCKET_BUSY while it is held, and otherwise the stack pointer (cpu_stack())
 * of the draws that may take it.
 */
enum { BUCKET_BUSY = 1 };

struct bucket_line {
	_Atomic(uintptr_t) owner;
	uintptr_t habit;	/* stack pointer of the last slow draws */
	uint64_t habits;	/* how many slow draws it has made */
	uint64_t requests;	/* served, up to the last refill */
	uint64_t bytes;		/* served, plus what is left in batch */
	uint64_t refills;
	uint64_t reseeds;
} __attribute__((aligned(64)));

/* All zero is a set without memory, which serves nothing. */
struct bucket_set {
	struct bucket *buckets;
	struct bucket_line *lines;
	_Atomic(unsigned int) used;	/* shared: only those below were used */
	_Atomic(bool) any_leased;
	_Atomic(bool) spare;		/* it exists, but no program uses it */
	struct bucket_set *next;
};

/* The kind of memory that the kernel gave us for secrets. */
enum bucket_memory {
	BUCKET_NONE,
	BUCKET_WIPED_ON_FORK,	/* MADV_WIPEONFORK, Linux 4.14 */
	BUCKET_DROPPABLE,	/* MAP_DROPPABLE, Linux 6.11 */
};

/* The set of buckets that all interposed names draw from. */
extern __attribute__((visibility("hidden"))) struct bucket_set bucket_common;

/*
 * The variant of ChaCha20 that makes the key stream. At first this points to a
 * function that chooses the variant when it is first called.
 */
extern __attribute__((visibility("hidden"))) chacha20_blocks *bucket_stream;

/* Maps the memory of the common set, once, and returns its kind. */
enum bucket_memory bucket_start(void);

/* Returns that kind again; BUCKET_NONE before bucket_start(). */
enum bucket_memory bucket_memory(void);

/* Calls see for every bucket that was ever drawn from, or that is held. */
typedef void bucket_seer(struct bucket *b, struct bucket_line *l, bool leased,
			 void *with);
void bucket_see_all(bucket_seer *see, void *with);

/*
 * These three are for the handlers of fork(3), which find out whether fork
 * still wipes our memory. It no longer does after a restore by a CRIU before
 * 4.2, because such a CRIU knows neither droppable memory nor MADV_WIPEONFORK,
 * and puts ordinary memory in its place.
 *
 * The prepare handler writes a mark into every page that holds a key. It marks
 * the first page in any case, because an earlier handler may make the first key
 * after it. Nothing else writes marks. The handler in the child looks whether a
 * mark from before the fork is still there. Therefore a key that the child
 * itself has made before our handler ran raises no false alarm; nor does a mark
 * that was written in the child by a fork inside an earlier handler, or in a
 * thread that such a handler started. And a page that was dropped, or wiped by
 * a fork without handlers, is marked again by the next prepare handler.
 *
 * Two cases remain undetected. One is memory that is no longer wiped, where
 * somebody zeroed every mark, and a key was made after that, between the
 * prepare handler and the fork. The other is a thread that once left fork's
 * handlers by a jump: in its later forks unwiped memory is not noticed if all
 * marks from that time have been zeroed since.
 */
void bucket_fork_prepare(void);
void bucket_fork_parent(void);
bool bucket_fork_wiped(void);	/* runs in the child */

/*
 * For the child of a fork that has not wiped our memory. It is called when
 * neither a generation nor a function of the vDSO is in use any more. It makes
 * every draw that is under way start over, and wipes all pages except shared
 * ones that are held.
 */
void bucket_forget(void);

/*
 * Returns the set of *state. If *state is NULL, a new set is published there,
 * once. NULL: there is no memory for a set.
 */
struct bucket_set *bucket_set_of(void **state);

/*
 * What the buckets of all sets have served since this process began, or since
 * fork(3) made it; and how many buckets are held or lost now. The numbers of
 * buckets in use are read while they change, because these are only statistics.
 */
struct bucket_counts {
	uint64_t requests, bytes, refills, reseeds, held;
};

struct bucket_counts bucket_count(void);

/*
 * For the child of fork(3): makes all counts but that of held buckets start at
 * 0.
 */
void bucket_count_from_here(void);

/*
 * The stamp is read through volatile, because the kernel may zero it between
 * any two instructions, and the compiler would remove a plain second read.
 */
static inline uint64_t bucket_stamp(const struct bucket *b)
{
	return *(const volatile uint64_t *)&b->stamp;
}

static inline void bucket_set_stamp(struct bucket *b, uint64_t stamp)
{
	*(volatile uint64_t *)&b->stamp = stamp;
}

/* stock is read and written through volatile for the same reason. */
static inline uint64_t bucket_stock(const struct bucket *b)
{
	return *(const volatile uint64_t *)&b->stock;
}

static inline void bucket_set_stock(struct bucket *b, uint64_t stock)
{
	*(volatile uint64_t *)&b->stock = stock;
}

/*
 * The two halves of stock: how many bytes are left in it, and its new value
 * after a request for that many bytes.
 */
static inline uint32_t bucket_left(uint64_t stock)
{
	return (uint32_t)stock;
}

static inline uint64_t bucket_spent(uint64_t stock, uint32_t bytes)
{
	return stock + (UINT64_C(1) << 32) - bytes;
}

/*
 * Takes a free bucket: the one of this CPU, or another. It never waits: it
 * returns BUCKETS if all buckets are held or if the set has no memory. A bucket
 * is taken by one atomic compare-and-exchange, because the draw may be that of
 * a child of vfork, of a thread that has just moved to this CPU, or of a signal
 * handler on top of another draw.
 */
unsigned int bucket_take(struct bucket_set *set);

/*
 * A thread that a program has made without libc may have a thread pointer of 0.
 */
static inline uintptr_t bucket_owner(uintptr_t thread)
{
	return thread ? thread : BUCKET_BUSY;
}

/*
 * Takes the bucket of this CPU, if that has been used before and is free. It
 * returns BUCKETS otherwise.
 */
static inline unsigned int bucket_take_here(struct bucket_set *set)
{
	uintptr_t thread = cpu_thread(), nobody = 0;
	unsigned int i = cpu_here(thread) % BUCKETS_SHARED;

	if (__builtin_expect(
		i < atomic_load_explicit(&set->used, memory_order_acquire) &&
		atomic_compare_exchange_strong_explicit(
			&set->lines[i].owner, &nobody, bucket_owner(thread),
			memory_order_acquire, memory_order_relaxed), 1))
		return i;
	return BUCKETS;
}

static inline void bucket_give(struct bucket_set *set, unsigned int i)
{
	atomic_store_explicit(&set->lines[i].owner, 0, memory_order_release);
}

/*
 * Leases. A locked exchange costs more than all the rest of a small draw. A
 * loop that draws from the same depth of the same stack can do without it,
 * because two draws that run in this memory at the same time never have the
 * same stack pointer: they would overwrite each other's return addresses. This
 * holds for threads, for children that share our memory and thread pointer, for
 * signal handlers, and for contexts that a program switches itself. (A child of
 * vfork has its parent's stack, but its parent waits.) So a bucket can be
 * leased to a stack pointer. From then on only draws with this stack pointer
 * write the lock word, and these draws take turns.
 *
 * (A thread that continues on another thread's stack has been handed this
 * stack, and whatever handed it over also orders memory.) The turns may change
 * at any instruction: a handler can copy a stack away, put another in its place
 * and continue with that, which then has our stack pointer. Therefore the test
 * whether the bucket is free and the store of BUCKET_BUSY are one instruction
 * with respect to interrupts (cpu_exchange_here). If they were two, both
 * contexts could do the test before either does the store.
 *
 * That instruction need not be atomic with respect to other processors, and it
 * may write back the value that it has read. So it must not be executed on the
 * lock word of a bucket that is leased to another stack pointer, because that
 * bucket's owner may be writing the word at the same time. A plain read before
 * it makes sure of that: a word that was once equal to our stack pointer is
 * never leased to another.
 *
 * A lease is never withdrawn. For each stack pointer there is one place in the
 * table; if another stack pointer has the place, there is no lease.
 */
static inline unsigned int bucket_lease(uintptr_t stack)
{
	/*
	 * Multiplicative hashing, because stacks differ mostly in their high
	 * bits.
	 */
	return BUCKETS_SHARED + (unsigned int)
		((stack * UINT64_C(0x9e3779b97f4a7c15)) >> 57);
}

_Static_assert(BUCKETS_LEASED == 1 << (64 - 57), "as bucket_lease counts");

static inline bool bucket_lease_is(const struct bucket_set *set,
				   uintptr_t stack)
{
	return atomic_load_explicit(&set->lines[bucket_lease(stack)].owner,
				    memory_order_relaxed) == stack;
}

static inline bool bucket_lease_take(struct bucket_set *set, unsigned int i,
				     uintptr_t stack)
{
	_Atomic(uintptr_t) *owner = &set->lines[i].owner;

	return __builtin_expect(atomic_load_explicit(owner,
						     memory_order_relaxed) ==
					stack, 1) &&
	       __builtin_expect(cpu_exchange_here(owner, stack, BUCKET_BUSY), 1);
}

static inline void bucket_lease_give(struct bucket_set *set, unsigned int i,
				     uintptr_t stack)
{
	atomic_store_explicit(&set->lines[i].owner, stack,
			      memory_order_release);
}

/*
 * Counts a draw with this stack pointer that had to go through fill_from(), as
 * only one small draw in many does, because the batch was used up. After enough
 * of them in succession the stack pointer is given a lease.
 */
void bucket_lease_wanted(struct bucket_set *set, uintptr_t stack);

/*
 * The functions below are for the holder of bucket b. l is the line of the same
 * bucket.
 */

/* Wipes the batch. Requests that were served from it stay counted. */
void bucket_drop(struct bucket *b, struct bucket_line *l);

/*
 * Writes len bytes to out. They are taken from the batch, and erased there. If
 * the batch does not suffice, whole passes of key stream are written straight
 * to out, then the same counter continues into a new key and batch, and the
 * rest is taken from that batch.
 */
void bucket_draw(struct bucket *b, struct bucket_line *l, uint8_t *out,
		 size_t len);

/*
 * Expands b->key to len bytes at out, and wipes the key. This is for tiers that
 * keep no stock, in which batch is scratch space.
 */
void bucket_expand(struct bucket *b, uint8_t *out, size_t len);

/*
 * Does the same with a key that is made for this request alone. It is derived
 * from b->key and b->input in the way in which XChaCha20 takes in a long nonce:
 * one block of key stream under b->key, at counter and nonce input[0..1], gives
 * the next b->key and the key of a stream that begins at counter and nonce
 * input[2..3].
 */
void bucket_expand_input(struct bucket *b, uint8_t *out, size_t len);

/*
 * Moves len bytes. Zeros are left where they were, and no copy is left in
 * registers.
 */
void bucket_move(uint8_t *to, uint8_t *from, size_t len);

/*
 * Zeroes memory. The compiler cannot remove this, even if nobody reads the
 * zeros.
 */
void bucket_wipe(void *memory, size_t len);

#endif
