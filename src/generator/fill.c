/*
 * The life of a request. A shim asks for len bytes. We take the bucket of the
 * CPU that we are on, or another that nobody holds. If its key is not of the
 * kernel's current generation, we fetch a new key. We move bytes out and erase
 * them in the bucket. Then we make sure that the generation is still the same,
 * and that the bucket was not wiped meanwhile. Anything unexpected ends in
 * "false", and the kernel answers instead.
 *
 * In tiers that keep no stock a bucket is only a place to work in: a key for
 * this request alone is fetched into it, expanded, and wiped.
 */
#include "fill.h"

#include <stdatomic.h>
#include <string.h>

#include "bucket.h"
#include "source/clock.h"
#include "fill_checks.h"
#include "source/generation.h"
#include "source/hardware.h"
#include "system/real.h"
#include "source/seed.h"
#include "source/signals.h"
#include "source/tier.h"

enum {
	PIECE = 64 * 1024,	/* bytes between two looks at the stamp */
	SMALL = 256,		/* tier kernel: up to this a system call */
	PROOF = 128,		/* without stock: from here an fstat pays */
	PROOFS = 3,		/* tries, as the kernel may reseed meanwhile */
	REFILLS = 1024,		/* under one key from the kernel */
	AT_WORK = 1,		/* stamp in tiers without a generation */
	EXPANDED = 1024 * 1024,	/* tier hardware: bytes under one key */
};

static _Atomic(uint64_t) refusals[FILL_REFUSALS];
static __thread __attribute__((tls_model("initial-exec")))
enum fill_refusal last_refusal;

bool fill_refuse(enum fill_refusal why)
{
	atomic_fetch_add_explicit(&refusals[why], 1, memory_order_relaxed);
	last_refusal = why;
	return false;
}

enum fill_refusal fill_last_refusal(void)
{
	return last_refusal;
}

uint64_t fill_refused(enum fill_refusal why)
{
	return atomic_load_explicit(&refusals[why], memory_order_relaxed);
}

static void forked(void)
{
	/*
	 * A thread that an earlier handler has started may be drawing.
	 * Therefore first the generation and the vDSO's function are taken
	 * away, and then the buckets that it may be drawing from are made
	 * stale.
	 */
	if (!bucket_fork_wiped()) {
		vdso_end();
		generation_end();
		tier_lower(TIER_KERNEL, "fork no longer wipes our memory");
		bucket_forget();
	}
	bucket_count_from_here();
	for (int i = 0; i < FILL_REFUSALS; i++)
		if (fill_refused(i))
			atomic_store(&refusals[i], 0);
}

__attribute__((constructor)) static void construct(void)
{
	real_atfork(bucket_fork_prepare, bucket_fork_parent, forked);
}

/*
 * Wipes the state of the vDSO's function if the second signals (signals.h) have
 * changed. That state was made before the machine was cloned, as our keys were;
 * two clones would be given the same key from it.
 */
static void note_signals(struct bucket *b)
{
	uint64_t says;

	if (!signals_present)
		return;
	says = signals_now();
	if (b->signals != says)
		bucket_wipe(&b->oracle, sizeof b->oracle);
	b->signals = says;
}

/*
 * Are the signals what they were when the key was fetched, and not being
 * changed?
 */
static bool signals_unchanged(const struct bucket *b)
{
	return !signals_present || (b->signals && b->signals == signals_now());
}

/*
 * Fetches a key from the kernel and sets the stamp that vouches for it, or does
 * neither. The stamp is set before the key is fetched, because a fork between
 * the two zeroes the stamp, so that the child starts over. The other order
 * would leave the child a current stamp beside a key of zeros.
 */
static bool fetch(struct bucket *b, uint64_t stamp)
{
	bucket_set_stamp(b, stamp);
	note_signals(b);
	if (seed_read(b->key, &b->oracle))
		return true;
	bucket_set_stamp(b, 0);
	return false;
}

/*
 * Fetches a key and proves the generation in one act. The vDSO's function,
 * which is the kernel's own code, records which generation the key is of that
 * it returns; and we check that the page gave the same number before, and gives
 * it after.
 */
static bool prove(struct bucket *b, int *disagreed)
{
	uint64_t now = generation_now();

	if (!fetch(b, now))
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

	bucket_set_stamp(b, 0);
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

static bool current(const struct bucket *b)
{
	return fill_current(b) && signals_unchanged(b);
}

/*
 * Draws one piece from stock. Bytes that are thrown away are not counted. If
 * the page was wiped meanwhile, the requests that it had counted are not added
 * either, because they may be those of the parent.
 */
static bool draw(struct bucket_set *set, unsigned int i, uint8_t *out,
		 size_t len)
{
	struct bucket *b = &set->buckets[i];
	struct bucket_line *l = &set->lines[i];

	for (int tries = 0; tries < 2; tries++) {
		uint64_t requests, bytes;

		if ((!current(b) || b->refills >= REFILLS) && !renew(set, i))
			return fill_refuse(FILL_SEED);
		requests = l->requests;
		bytes = l->bytes;
		bucket_draw(b, l, out, len);
		/*
		 * Was the bucket intact all the time? A handler may have forked
		 * during the draw, the kernel may have dropped the memory, or
		 * it may have reseeded. Then what we wrote is zeros, or key
		 * stream of a zero key, or of a key that a clone has too.
		 */
		atomic_thread_fence(memory_order_acquire);
		if (current(b))
			return true;
		if (bucket_stamp(b)) {
			l->bytes -= len;
		} else {
			bucket_set_stock(b, 0);
			l->requests = requests;
			l->bytes = bytes;
		}
		bucket_wipe(out, len);
	}
	return fill_refuse(FILL_STALE);
}

/*
 * Draws one piece from a key that is fetched for it alone. Stamp, key and last
 * look come in the same order as in draw(), and for the same reason.
 */
static bool expand(struct bucket_set *set, unsigned int i, uint8_t *out,
		   size_t len)
{
	struct bucket *b = &set->buckets[i];
	bool whole;

	for (int tries = 0; tries < 2; tries++) {
		if (!fetch(b, AT_WORK))
			return fill_refuse(FILL_SEED);
		set->lines[i].reseeds++;
		if (len <= SEED_SIZE) {
			bucket_move(out, b->key, len);
			bucket_wipe(b->key, SEED_SIZE);
		} else {
			bucket_expand(b, out, len);
		}
		atomic_thread_fence(memory_order_acquire);
		whole = bucket_stamp(b) == AT_WORK && signals_unchanged(b);
		bucket_set_stamp(b, 0);
		if (whole) {
			set->lines[i].bytes += len;
			return true;
		}
		bucket_wipe(out, len);
	}
	return fill_refuse(FILL_STALE);
}

/*
 * Draws one piece from the processor's random words, under a key from the
 * kernel that is used for a second, for a MiB, or up to the next fork. The
 * stamp is the number of that second. The second signals are checked as in
 * draw().
 */
static bool mix(struct bucket_set *set, unsigned int i, uint8_t *out,
		size_t len)
{
	struct bucket *b = &set->buckets[i];
	uint64_t second = clock_second(), signals = 0;

	if (!second || (signals_present && !(signals = signals_now())))
		return fill_refuse(FILL_SEED);
	for (int tries = 0; tries < 2; tries++) {
		if (bucket_stamp(b) != second || b->signals != signals ||
		    b->expanded >= EXPANDED) {
			b->expanded = 0;
			set->lines[i].reseeds++;
			if (!fetch(b, second))
				return fill_refuse(FILL_SEED);
		}
		if (!hardware_words(b->input, 4, &b->nonce)) {
			bucket_set_stamp(b, 0);
			return fill_refuse(FILL_HARDWARE);
		}
		bucket_expand_input(b, out, len);
		b->expanded += (uint32_t)len;
		atomic_thread_fence(memory_order_acquire);
		if (bucket_stamp(b) == second &&
		    (!signals_present || signals_now() == signals)) {
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
	else if (tier_now() == TIER_HARDWARE)
		ok = mix(set, i, out, len);
	else
		ok = expand(set, i, out, len);
	set->lines[i].requests += ok && last;
	bucket_give(set, i);
	return ok;
}

bool fill_held(struct bucket_set *set, unsigned int i, void *out, size_t len)
{
	if (!draw(set, i, out, len))
		return false;
	set->lines[i].requests++;
	return true;
}

/* In tier kernel a system call is the fastest answer to a small request. */
static bool may_serve(size_t len)
{
	enum tier tier = tier_now();

	return tier > TIER_KERNEL || (tier == TIER_KERNEL && len > SMALL);
}

bool fill_pays_proof(size_t len)
{
	return may_serve(len) && (tier_now() == TIER_PAGE || len >= PROOF);
}

bool fill_from(struct bucket_set *set, void *out, size_t len)
{
	uint8_t *at = out;

	if (!fill_plausible(out, len))
		return fill_refuse(FILL_POINTER);
	if (!tier_ready() || tier_now() == TIER_OFF || !set || !set->buckets)
		return fill_refuse(FILL_OFF);
	if (!may_serve(len))
		return fill_refuse(FILL_SMALL);
	for (; len > PIECE; at += PIECE, len -= PIECE)
		if (!piece(set, at, PIECE, false))
			return false;
	return piece(set, at, len, true);
}
