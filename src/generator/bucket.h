/*
 * One CPU's share of the generator: a key, and the bytes it has made so far;
 * the memory they live in; and who holds them.
 *
 * Secrets live in one page that fork zeroes in the child and that the kernel may
 * zero at any instruction, so zero is their safe state: a stamp of 0 makes nothing
 * of the rest. The lock is kept elsewhere, in memory that fork copies and nobody
 * wipes.
 *
 * Why no two draws get the same bytes
 *
 * 1. Only the holder of a bucket touches its page (but for what the last paragraph
 *    says), and only the holder gives it back. Nobody gives it back for somebody
 *    else, not even in the child of a fork, where the holder may seem to be gone.
 * 2. A holder hands out bytes only if the stamp, after the last of them was read, is
 *    nonzero and the generation of now. The stamp becomes nonzero only by the
 *    holder, before it fetches the key that the bytes come from.
 *
 * From these two rules it follows, for whatever happens in the middle of a draw:
 *
 *   another thread, a signal handler, a child of vfork or clone(CLONE_VM)
 *	finds the lock taken, since it is in memory that they share, and draws
 *	from another bucket (1). A child of vfork or CLONE_VM may have our thread
 *	pointer: so no lock is ever recognised as one's own by its value.
 *   fork, by a handler or by another thread
 *	zeroes the page in the child, and the child's lock is a copy: taken. If
 *	the draw goes on in the child, as after a handler's fork, it finds the
 *	stamp zero and starts over (2). Meanwhile nobody else there can have
 *	stamped the bucket (1). Were locks wiped, or given back by fork's
 *	handlers, a nested draw or a new thread would stamp it, the last look
 *	of the first draw would find nothing wrong, and parent and child would
 *	hand out the same bytes. If the draw's thread did not come along, the
 *	bucket is lost to the child.
 *   a thread that an earlier fork handler started in the child
 *	takes buckets as any thread does. That our own handler runs later does not
 *	matter: it gives nothing back, and stamps nothing (1).
 *   the draw is parked, and goes on in another kernel thread, here or in a child
 *	as preemptive user-level threads are. It holds its bucket all the while,
 *	and gives back what it took, by number (1). In a child: as after fork.
 *	In each process it may go on once. A context that a program keeps from the
 *	middle of a draw and continues twice would be two holders of one bucket,
 *	and neither rule holds for them.
 *   the holder is killed, cancelled, or jumps out of a handler
 *	and its bucket is lost. It costs a bucket, and no promise.
 *   the kernel drops the page, or its generator takes a new key
 *	and the stamp is zero, or an old generation: the draw starts over (2).
 *
 * What is lost is counted as held. When all are, requests go to the kernel.
 *
 * Others than the holder write to a page in two cases. fork's prepare handler
 * writes mark, which no draw reads. And its child's handler, where fork has not
 * wiped the memory, first ends the generation and the vDSO's function, then makes
 * stamps zero, and last leased pages whole (bucket_forget). So a draw that finds
 * wiped bytes finds its stamp zero after them, and fails (2); and nobody can
 * stamp a page anew. What was drawn in the child before that handler ran is what
 * the parent draws; nobody could have known.
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
	BUCKETS_SHARED = 383,	/* the CPUs'; prime, so that any step meets all */
	BUCKETS_LEASED = 128,	/* those of loops: see bucket_lease */
	BUCKETS = BUCKETS_SHARED + BUCKETS_LEASED, /* untouched: no memory */
	BUCKET_PAGE = 4096,
	BUCKET_REFILL = 1024,	/* key and batch, made in one go */
	BUCKET_BATCH = BUCKET_REFILL - CHACHA20_KEY,
};

/*
 * key and batch are one run of whole blocks: a refill overwrites the key that
 * makes it. stock holds two numbers in one word, so that counting a request
 * costs the draw nothing: how many unread bytes lie at the end of batch (low
 * half), and the requests served since the last refill (high half).
 */
struct bucket {
	uint64_t stamp;		/* generation of the key; 0: no key */
	uint64_t mark;		/* see bucket_fork_prepare; 0: none */
	uint64_t stock;
	uint64_t signals;	/* what they said when the key was fetched */
	uint64_t nonce;		/* the last one; no secret */
	uint32_t refills;	/* since the key was the kernel's */
	uint32_t expanded;	/* bytes, likewise; in tier hardware */
	uint64_t input[4];	/* in tier hardware: the processor's words */
	struct vdso_state oracle;
	struct chacha20 work;
	_Alignas(64) uint8_t key[CHACHA20_KEY];
	uint8_t batch[BUCKET_BATCH];
} __attribute__((aligned(BUCKET_PAGE)));

_Static_assert(sizeof(struct bucket) == BUCKET_PAGE, "one page, never two");
_Static_assert(BUCKETS * BUCKET_PAGE < 2 << 20, "no page of it can be huge");
_Static_assert(offsetof(struct bucket, batch) ==
	       offsetof(struct bucket, key) + CHACHA20_KEY, "one run of blocks");

/*
 * Who holds a bucket, and what its holders have counted. A line of its own: CPUs
 * do not share it. owner of a shared bucket: 0, nobody; else bucket_owner() of
 * the one who holds it. Of a leased one: 0, nobody's; BUCKET_BUSY; else cpu_stack()
 * of those who may take it.
 */
enum { BUCKET_BUSY = 1 };

struct bucket_line {
	_Atomic(uintptr_t) owner;
	uintptr_t habit;	/* whose long draws were counted last */
	uint64_t habits;	/* and how many */
	uint64_t requests;	/* served, up to the last refill */
	uint64_t bytes;		/* served, but for the rest of a batch */
	uint64_t refills;
	uint64_t reseeds;
} __attribute__((aligned(64)));

/* Zero is a set without memory: it serves nothing. */
struct bucket_set {
	struct bucket *buckets;
	struct bucket_line *lines;
	_Atomic(unsigned int) used;	/* no shared one from here on ever was */
	_Atomic(bool) any_leased;
	_Atomic(bool) spare;		/* made, and nobody's */
	struct bucket_set *next;
};

/* What kind of memory the kernel gave us for secrets. */
enum bucket_memory {
	BUCKET_NONE,
	BUCKET_WIPED_ON_FORK,	/* MADV_WIPEONFORK, Linux 4.14 */
	BUCKET_DROPPABLE,	/* MAP_DROPPABLE, Linux 6.11 */
};

/* The set that all interposed names share. */
extern __attribute__((visibility("hidden"))) struct bucket_set bucket_common;

/* The variant that makes key streams; finds itself at its first use. */
extern __attribute__((visibility("hidden"))) chacha20_blocks *bucket_stream;

/* Maps the common set's memory, once, and says of what kind it is. */
enum bucket_memory bucket_start(void);

/* Of what kind it is: BUCKET_NONE before. */
enum bucket_memory bucket_memory(void);

/* Calls see for every bucket that anybody has drawn from, or holds. */
typedef void bucket_seer(struct bucket *b, struct bucket_line *l, bool leased,
			 void *with);
void bucket_see_all(bucket_seer *see, void *with);

/*
 * For fork(3)'s handlers, which tell whether fork still wipes our memory. It does
 * not after a restore by CRIU before 4.2, which knows nothing of droppable
 * memory, nor of MADV_WIPEONFORK, and puts ordinary memory in its place.
 *
 * The prepare handler marks every page that holds a key, and the first page in any
 * case, since others may make the first key after it; and nobody else marks
 * any. The child's handler looks whether a mark of before the fork is still there.
 * So a key of the child's own is no false alarm, whoever draws before its
 * handler runs; nor is a mark that a fork has left which an earlier handler, or
 * a thread that it started, made in the child. And a page that was dropped, or
 * wiped by a fork without handlers, is marked again by the next prepare handler.
 *
 * Two things it does not find out: that memory is no longer wiped where somebody
 * zeroed every mark, and then made a key, between prepare handler and fork; and
 * where a thread once left fork's handlers by a jump, forks of that thread when
 * all marks of that time have been zeroed since.
 */
void bucket_fork_prepare(void);
void bucket_fork_parent(void);
bool bucket_fork_wiped(void);	/* in the child */

/*
 * For a child of a fork that has not wiped our memory, when there is no generation
 * and no vDSO function any more: makes every draw under way start over, and
 * wipes every page but those at work.
 */
void bucket_forget(void);

/*
 * The set of *state: if that is NULL, a new one, which is published there once.
 * NULL: no memory.
 */
struct bucket_set *bucket_set_of(void **state);

/*
 * What the buckets of all sets have served, since this process began or was
 * forked by fork(3), and how many are held or lost now. Others' numbers are read
 * while they move: these are statistics.
 */
struct bucket_counts {
	uint64_t requests, bytes, refills, reseeds, held;
};

struct bucket_counts bucket_count(void);

/* For fork(3)'s child: it counts from here, but for what is held. */
void bucket_count_from_here(void);

/*
 * The stamp. Read through volatile, since the kernel may zero it between any two
 * instructions; a plain second look would be compiled away.
 */
static inline uint64_t bucket_stamp(const struct bucket *b)
{
	return *(const volatile uint64_t *)&b->stamp;
}

static inline void bucket_set_stamp(struct bucket *b, uint64_t stamp)
{
	*(volatile uint64_t *)&b->stamp = stamp;
}

/* Likewise. */
static inline uint64_t bucket_stock(const struct bucket *b)
{
	return *(const volatile uint64_t *)&b->stock;
}

static inline void bucket_set_stock(struct bucket *b, uint64_t stock)
{
	*(volatile uint64_t *)&b->stock = stock;
}

/* Both halves of stock. */
static inline uint32_t bucket_left(uint64_t stock)
{
	return (uint32_t)stock;
}

static inline uint64_t bucket_spent(uint64_t stock, uint32_t bytes)
{
	return stock + (UINT64_C(1) << 32) - bytes;
}

/*
 * Takes a free bucket: this CPU's, or another. Never waits: BUCKETS if all are
 * held, or if the set has no memory. To take is one atomic exchange; it may be
 * by a child of vfork, by a thread that just moved here, or in a signal handler
 * on top of another draw.
 */
unsigned int bucket_take(struct bucket_set *set);

/* A thread that a program made itself may have a thread pointer of 0. */
static inline uintptr_t bucket_owner(uintptr_t thread)
{
	return thread ? thread : BUCKET_BUSY;
}

/* This CPU's, if it was ever used, or none. */
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
 * Leases. A locked exchange costs more than all the rest of a small draw. A loop
 * that draws from the same depth of the same stack can do without it: two that
 * run in this memory at the same time never have the same stack pointer, or they
 * would overwrite each other's return addresses. That holds for threads, for
 * children that share memory and thread pointer, for handlers, for contexts that
 * a program switches itself. (A child of vfork has its parent's stack, but its
 * parent waits.) So the word of a leased bucket is written, from the lease on,
 * only by those who have its stack pointer, and these take turns.
 *
 * (Who goes on with a stack in another thread has been handed it, which orders
 * memory.) They may take turns at any instruction: a handler can copy a stack away, put
 * another there, and go on with that, which then has our stack pointer. So to look
 * whether the bucket is free and to mark it BUCKET_BUSY is one instruction with
 * respect to interruption (cpu_exchange_here): were it two, both contexts
 * could look first, and mark then.
 *
 * That instruction need not be indivisible for other processors, and may write
 * the word that it has read. So it must not run on the word of a bucket that is
 * leased to another stack pointer, whose owner may be writing it at the same time.
 * A plain look before it sees to that: a word that was once equal to our stack
 * pointer is never leased to another.
 *
 * A lease is for ever. One place per stack pointer; if it is taken, no lease.
 */
static inline unsigned int bucket_lease(uintptr_t stack)
{
	/* Multiplicative hashing: stacks differ in their high bits mostly. */
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
 * Notes a draw from that depth that had to go the long way, as one in a good
 * many does. Who comes often gets a lease.
 */
void bucket_lease_wanted(struct bucket_set *set, uintptr_t stack);

/* The rest is for the holder of b, whose line is l. */

/* Forgets the batch; what was served of it stays counted. */
void bucket_drop(struct bucket *b, struct bucket_line *l);

/*
 * Writes len bytes to out: from the batch, erasing it behind; and if that does
 * not suffice, whole passes of key stream straight to out, then a new key and
 * batch by the same counter where they stopped, then the rest from that batch.
 */
void bucket_draw(struct bucket *b, struct bucket_line *l, uint8_t *out,
		 size_t len);

/*
 * Expands b->key to len bytes at out, and forgets the key. For tiers that keep
 * no stock: key and batch are scratch.
 */
void bucket_expand(struct bucket *b, uint8_t *out, size_t len);

/*
 * The same with a key for this request alone, which takes in b->input under
 * b->key, as XChaCha20 takes in a nonce: one block of b->key at input[0..1] is
 * the next b->key and the key of a stream that begins at input[2..3].
 */
void bucket_expand_input(struct bucket *b, uint8_t *out, size_t len);

/* Moves len bytes, and leaves zeros where they were and none in registers. */
void bucket_move(uint8_t *to, uint8_t *from, size_t len);

/* Zeros that stay, whoever reads them or not. */
void bucket_wipe(void *memory, size_t len);

#endif
