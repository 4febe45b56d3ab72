/*
 * The life of a request. A shim asks us for len bytes. We take the bucket of the
 * CPU we are on, or another that nobody holds; see that its key is of the
 * kernel's generation of now, and else give it a new one; move bytes out,
 * erasing them behind us; and make sure that the generation is still the same
 * and that nobody wiped the bucket meanwhile. Anything unexpected ends in
 * "false", and the kernel answers instead.
 *
 * In tiers that keep no stock the bucket is a place to work in: a key for this
 * request alone is fetched into it, expanded, and forgotten.
 */
#include "fill.h"

#include <stdatomic.h>
#include <string.h>

#include "bucket.h"
#include "generation.h"
#include "real.h"
#include "seed.h"
#include "start.h"
#include "tier.h"

enum {
	PIECE = 64 * 1024,	/* bytes between two looks at the stamp */
	SMALL = 256,		/* tier kernel: up to here the call is cheaper */
	PROOFS = 3,		/* tries: the kernel may reseed in between */
	REFILLS = 1024,		/* of one key of the kernel's; then proof anew */
	AT_WORK = 1,		/* the stamp of a bucket without a generation */
};

static _Atomic(uint64_t) refusals[FILL_REFUSALS];

bool fill_refuse(enum fill_refusal why)
{
	atomic_fetch_add_explicit(&refusals[why], 1, memory_order_relaxed);
	return false;
}

uint64_t fill_refused(enum fill_refusal why)
{
	return atomic_load_explicit(&refusals[why], memory_order_relaxed);
}

static void forked(void)
{
	bucket_forked();
	for (int i = 0; i < FILL_REFUSALS; i++)
		if (fill_refused(i))
			atomic_store(&refusals[i], 0);
}

/* Only libc's fork calls it; after another, locks of other threads are lost. */
__attribute__((constructor)) static void construct(void)
{
	real_atfork(forked);
}

/*
 * Addresses that user space never has, or may have and never uses: the kernel
 * says EFAULT, or serves. Tagged pointers are among them.
 */
static inline bool plausible(const void *out, size_t len)
{
	const uintptr_t low = 65536, high = (uintptr_t)-1 >> 17;

	return len && len < high - low &&
	       (uintptr_t)out - low < high - low - len;
}

/* The stamp first: with a stamp of 0 the page must not be read. */
static inline bool current(const struct bucket *b)
{
	uint64_t stamp = bucket_stamp(b);

	return stamp && stamp == generation_now();
}

/*
 * Proof and key in one act: the vDSO's function, which is the kernel's own, says
 * of which generation the key is that it gives us, and we see whether the page
 * said the same before and says it after.
 *
 * Stamp first, key second. A fork between the two zeroes the stamp, so the child
 * starts over; the other order would leave it a current stamp on a zeroed key.
 */
static bool prove(struct bucket *b, int *disagreed)
{
	uint64_t now = generation_now();

	bucket_set_stamp(b, now);
	if (!seed_read(b->key, &b->oracle))
		return false;
	if (generation_agrees(&b->oracle, now))
		return true;
	/* A wiped bucket, or a page that has moved on, is no disagreement. */
	if (bucket_stamp(b) == now && generation_now() == now)
		++*disagreed;
	return false;
}

static bool renew(struct bucket_set *set, unsigned int i)
{
	struct bucket *b = &set->buckets[i];
	struct bucket_line *l = &set->lines[i];
	int disagreed = 0;

	bucket_drop(b, l);
	b->refills = 0;
	l->reseeds++;
	if (!generation_reachable()) {
		generation_end();
		vdso_end();
		tier_lower(TIER_KERNEL, "the vDSO is not the one we started with");
		return false;
	}
	for (int tries = 0; tries < PROOFS; tries++) {
		if (!generation_now() && !generation_lost()) {
			tier_lower(TIER_CALL, "the kernel's page was lost");
			return false;
		}
		if (prove(b, &disagreed))
			return true;
	}
	bucket_set_stamp(b, 0);
	if (disagreed == PROOFS) {
		generation_end();
		tier_lower(TIER_CALL, "the vDSO disagrees with the page");
	}
	return false;
}

/* One piece from stock. */
static bool draw(struct bucket_set *set, unsigned int i, uint8_t *out,
		 size_t len)
{
	struct bucket *b = &set->buckets[i];

	for (int tries = 0; tries < 2; tries++) {
		if ((!current(b) || b->refills >= REFILLS) && !renew(set, i))
			return fill_refuse(FILL_SEED);
		bucket_draw(b, &set->lines[i], out, len);
		/*
		 * Was the bucket whole all the time? A handler may have forked
		 * while we drew, memory may have been dropped, the kernel may
		 * have reseeded: then what we wrote is zeros, or key stream of
		 * a zero key, or of a key that a clone has too.
		 */
		atomic_thread_fence(memory_order_acquire);
		if (current(b))
			return true;
		bucket_wipe(out, len);
	}
	return fill_refuse(FILL_STALE);
}

/* One piece from a key for it alone. Stamp, key, look again: as in draw. */
static bool expand(struct bucket_set *set, unsigned int i, uint8_t *out,
		   size_t len)
{
	struct bucket *b = &set->buckets[i];
	bool whole;

	for (int tries = 0; tries < 2; tries++) {
		bucket_set_stamp(b, AT_WORK);
		if (!seed_read(b->key, &b->oracle)) {
			bucket_set_stamp(b, 0);
			return fill_refuse(FILL_SEED);
		}
		set->lines[i].reseeds++;
		if (len <= SEED_SIZE) {
			memcpy(out, b->key, len);
			bucket_wipe(b->key, SEED_SIZE);
		} else {
			bucket_expand(b, out, len);
		}
		atomic_thread_fence(memory_order_acquire);
		whole = bucket_stamp(b) == AT_WORK;
		bucket_set_stamp(b, 0);
		if (whole) {
			set->lines[i].bytes += len;
			return true;
		}
		bucket_wipe(out, len);
	}
	return fill_refuse(FILL_STALE);
}

static bool piece(struct bucket_set *set, uint8_t *out, size_t len, bool last)
{
	unsigned int i = bucket_take(set);
	bool ok;

	if (i == BUCKETS)
		return fill_refuse(FILL_HELD);
	if (tier_now() == TIER_PAGE)
		ok = draw(set, i, out, len);
	else
		ok = expand(set, i, out, len);
	set->lines[i].requests += ok && last;
	bucket_give(set, i);
	return ok;
}

bool fill_likely(size_t len)
{
	enum tier tier = tier_now();

	return tier > TIER_KERNEL || (tier == TIER_KERNEL && len > SMALL);
}

bool fill_from(struct bucket_set *set, void *out, size_t len)
{
	uint8_t *at = out;

	if (!plausible(out, len))
		return fill_refuse(FILL_POINTER);
	if (!start() || tier_now() == TIER_OFF || !set || !set->buckets)
		return fill_refuse(FILL_OFF);
	if (!fill_likely(len))
		return fill_refuse(FILL_SMALL);
	for (; len > PIECE; at += PIECE, len -= PIECE)
		if (!piece(set, at, PIECE, false))
			return false;
	return piece(set, at, len, true);
}

/*
 * The way of nearly every request: a few bytes out of the common stock, of a
 * length that the compiler knows. They stay in registers until the bucket is
 * given back, so that a bad pointer of the caller faults with nothing held. One
 * look at the stamp, the last one, is enough: bytes of an old key, or of none,
 * are thrown away. false: nothing was drawn, the long way decides.
 */
static inline __attribute__((always_inline)) bool draw_small(void *bytes,
							     const size_t len,
							     unsigned int i)
{
	struct bucket_set *set = &bucket_common;
	struct bucket *b = &set->buckets[i];
	uint64_t stock = bucket_stock(b);
	bool ok = false;

	if (__builtin_expect(bucket_left(stock) >= len, 1)) {
		uint8_t *from = b->batch + BUCKET_BATCH - bucket_left(stock);

		memcpy(bytes, from, len);
		memset(from, 0, len);
		bucket_set_stock(b, bucket_spent(stock, len));
		/* As in draw: was it whole all the time? */
		atomic_thread_fence(memory_order_acquire);
		ok = current(b);
		if (__builtin_expect(!ok, 0)) {
			bucket_set_stock(b, stock - len);
			set->lines[i].bytes -= len;
		}
	}
	bucket_give(set, i);
	atomic_signal_fence(memory_order_seq_cst);
	return ok;
}

/*
 * Functions for each length, so that each gets by without a stack frame. A
 * thread that was preempted in a draw keeps this CPU's bucket until it runs
 * again; until then all others here draw from another, in much the same way.
 */
#define FILL_SMALL(name, type, take, when_held) \
	static bool name(void *out) \
	{ \
		unsigned int i; \
		type bytes; \
\
		if (__builtin_expect(plausible(out, sizeof bytes), 1)) { \
			i = take(&bucket_common); \
			if (__builtin_expect(i == BUCKETS, 0)) \
				return when_held(out); \
			if (__builtin_expect( \
				draw_small(&bytes, sizeof bytes, i), 1)) { \
				memcpy(out, &bytes, sizeof bytes); \
				return true; \
			} \
		} \
		return fill_from(&bucket_common, out, sizeof bytes); \
	}
#define FILL_SMALL_PAIR(name, type) \
	static bool name##_held(void *out) \
	{ \
		return fill_from(&bucket_common, out, sizeof(type)); \
	} \
	__attribute__((noinline)) \
	FILL_SMALL(name##_elsewhere, type, bucket_take, name##_held) \
	FILL_SMALL(name, type, bucket_take_here, name##_elsewhere)

struct two_words {
	uint64_t word[2];
};

struct four_words {
	uint64_t word[4];
};

FILL_SMALL_PAIR(fill_4, uint32_t)
FILL_SMALL_PAIR(fill_8, uint64_t)
FILL_SMALL_PAIR(fill_16, struct two_words)
FILL_SMALL_PAIR(fill_32, struct four_words)

bool fill(void *out, size_t len)
{
	if (len == 16)
		return fill_16(out);
	if (len == 8)
		return fill_8(out);
	if (len == 4)
		return fill_4(out);
	if (len == 32)
		return fill_32(out);
	return fill_from(&bucket_common, out, len);
}

/* Apart, so that a word out of stock never touches the stack. */
static __attribute__((noinline)) int64_t fill_word_long(void)
{
	uint32_t word;
	int64_t answer = -1;

	if (fill_4_elsewhere(&word))
		answer = word;
	bucket_wipe(&word, sizeof word);
	return answer;
}

int64_t fill_word(void)
{
	unsigned int i = bucket_take_here(&bucket_common);
	uint32_t word;

	if (__builtin_expect(i < BUCKETS && draw_small(&word, sizeof word, i),
			     1))
		return word;
	return fill_word_long();
}
