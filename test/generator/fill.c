/*
 * The core says true, and the bytes are as good as the kernel's, or false.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fastrand.h"
#include "generator/bucket.h"
#include "system/cpu.h"
#include "generator/fill.h"
#include "generator/fill_small.h"
#include "source/tier.h"
#include "support/early_handlers.h"
#include "model.h"
#include "step.h"
#include "support/word.h"

enum { MOST = 200000, LENGTHS = 8 };

static const size_t lengths[LENGTHS] = {4, 8, 16, 32, 1, 100, 1000, 70000};
static uint8_t out[MOST + 64], foretold[MOST];

/* Nobody else is here, and the thread has no CPU number: always the same. */
static unsigned int here(void)
{
	return cpu_here(cpu_thread()) % BUCKETS_SHARED;
}

/* A number that a stack pointer could be, and a bucket may be leased to. */
static const uintptr_t stack = 0x7ffc12345000;
static bool leased;

static struct bucket *bucket(void)
{
	return &bucket_common.buckets[leased ? bucket_lease(stack) : here()];
}

/* As fill, or as from that stack. */
static bool draw(void *to, size_t len)
{
	if (!leased)
		return fill(to, len);
	return fill_quick(to, len, stack) || fill_slow(to, len, stack);
}

static void lease(void)
{
	leased = true;
	fake_lease(stack);
}

static bool zeros(const uint8_t *bytes, size_t len)
{
	while (len--)
		if (*bytes++)
			return false;
	return true;
}

static void wipe(void)
{
	memset(bucket(), 0, sizeof(struct bucket));
}

static void move(void)
{
	fake_generation++;
}

/* The model of a bucket that takes its key now. */
static struct model model_now(void)
{
	model_seeds = fake_seeds;
	model_nonces = fake_nonces;
	return (struct model){0};
}

static void expect_foretold(struct model *m, size_t len)
{
	model_draw(m, fake_generation, foretold, len, false);
	assert_memory_equal(out, foretold, len);
}

static void expect_refusal(enum fill_refusal why, void *to, size_t len)
{
	uint64_t before = fill_refused(why);

	assert_false(fill(to, len));
	assert_int_equal(fill_refused(why), before + 1);
}

static struct fastrand_info info(void)
{
	struct fastrand_info now;

	fastrand_info(&now, sizeof now);
	return now;
}

/* Something happens in mid-draw, so many times. */
static void (*happening)(void);
static int happenings;

static void eventful_stream(struct chacha20 *c, uint8_t *to, size_t blocks)
{
	chacha20_best(NULL)(c, to, blocks);
	if (happenings > 0) {
		happenings--;
		happening();
	}
}

static void happen(void (*what)(void), int times)
{
	bucket_stream = eventful_stream;
	happening = what;
	happenings = times;
}

/* ... or while a key is fetched. */
static void meanwhile(void)
{
	if (happenings > 0) {
		happenings--;
		happening();
	}
}

/* Each test begins with a new library on a kernel without faults. */
static int begin(void **state)
{
	(void)state;
	cpu_rseq_offset = 0;
	memset(bucket_common.buckets, 0,
	       bucket_common.used * sizeof(struct bucket));
	memset(&bucket_common.buckets[bucket_lease(stack)], 0,
	       sizeof(struct bucket));
	memset(bucket_common.lines, 0, BUCKETS * sizeof(struct bucket_line));
	leased = false;
	bucket_common.used = 0;
	bucket_common.any_leased = false;
	fake_no_leases();
	bucket_stream = chacha20_best(NULL);
	generation_page = &fake_generation;
	fake_generation = 1;
	fake_found = 0;
	fake_refuses = fake_disagrees = fake_unreachable = false;
	fake_dead = signals_present = false;
	fake_signals = 7;
	fake_meanwhile = NULL;
	happenings = 0;
	tier_set(TIER_PAGE, "");
	return 0;
}

static void a_new_generation_takes_a_new_seed_and_drops_the_stock(void **state)
{
	(void)state;
	for (int i = 0; i < LENGTHS; i++) {
		unsigned int before = fake_seeds;
		struct model m;

		assert_true(fill(out, 7));
		assert_true(fill(out, lengths[i]));
		assert_int_equal(fake_seeds, before + (i == 0));
		fake_generation++;
		m = model_now();
		assert_true(fill(out, lengths[i]));
		expect_foretold(&m, lengths[i]);
	}
}

static void a_wiped_page_takes_a_new_seed(void **state)
{
	(void)state;
	for (int i = 0; i < LENGTHS; i++) {
		struct model m;

		assert_true(fill(out, 7));
		wipe();
		m = model_now();
		assert_true(fill(out, lengths[i]));
		expect_foretold(&m, lengths[i]);
	}
}

static void without_a_generation_nothing_is_served_from_stock(void **state)
{
	(void)state;
	assert_true(fill(out, 100));
	fake_generation = 0;
	expect_refusal(FILL_SEED, out, 100);
	assert_int_equal(tier_now(), TIER_CALL);
	assert_true(fill(out, 100));
	model_now();
	model_seeds--;
	model_nonces--;
	model_expand(foretold, 100);
	assert_memory_equal(out, foretold, 100);
}

static void a_page_that_is_found_anew_is_used(void **state)
{
	struct model m;

	(void)state;
	assert_true(fill(out, 100));
	fake_generation = 0;
	fake_found = 77;
	m = model_now();
	assert_true(fill(out, 100));
	expect_foretold(&m, 100);
	assert_int_equal(tier_now(), TIER_PAGE);
}

static void a_refused_seed_leaves_no_stamp_and_passes(void **state)
{
	(void)state;
	for (enum tier t = TIER_KERNEL; t <= TIER_PAGE; t++) {
		tier_set(t, "");
		assert_true(fill(out, 300));
		move();
		fake_second++;
		fake_refuses = true;
		expect_refusal(FILL_SEED, out, 300);
		assert_int_equal(bucket_stamp(bucket()), 0);
		assert_true(zeros(bucket()->batch, BUCKET_BATCH));
		fake_refuses = false;
		assert_true(fill(out, 300));
	}
}

static void all_buckets_held_is_a_refusal(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < BUCKETS; i++)
		bucket_common.lines[i].owner = 1;
	for (int i = 0; i < LENGTHS; i++)
		expect_refusal(FILL_HELD, out, lengths[i]);
	assert_true(draw_word() < 0);
	bucket_common.lines[(here() + 1) % BUCKETS_SHARED].owner = 0;
	for (int i = 0; i < LENGTHS; i++)
		assert_true(fill(out, lengths[i]));
}

static void beside_a_held_bucket_another_serves(void **state)
{
	uint8_t before[sizeof(struct bucket)];

	(void)state;
	assert_true(fill(out, 100));
	memcpy(before, bucket(), sizeof before);
	bucket_common.lines[here()].owner = 1;
	for (int i = 0; i < LENGTHS; i++)
		assert_true(fill(out, lengths[i]));
	assert_true(draw_word() >= 0);
	assert_memory_equal(before, bucket(), sizeof before);
	assert_int_equal(bucket_common.lines[here()].owner, 1);
	assert_int_equal(info().held, 1);
}

static void pointers_that_cannot_be_mapped_are_the_kernels(void **state)
{
	static const uintptr_t bad[] = {
		0, 1, 4096, 65535, (uintptr_t)-1, (uintptr_t)-4096,
#if defined(__LP64__)
		UINT64_C(0x8000000000000000), UINT64_C(0xffff800000000000),
		UINT64_C(0xffffffffff600000),
#endif
#if defined(__x86_64__)
		UINT64_C(0x0000800000000000),
#endif
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (int j = 0; j < LENGTHS; j++)
			expect_refusal(FILL_POINTER, (void *)bad[i],
				       lengths[j]);
#if defined(__LP64__)
	expect_refusal(FILL_POINTER, (void *)((uintptr_t)out | 0x5aULL << 56),
		       32);
#endif
	expect_refusal(FILL_POINTER, out, 0);
	expect_refusal(FILL_POINTER, NULL, 0);
	assert_false(fill_from(&(struct bucket_set){0}, out, 32));
	assert_false(fill_from(NULL, out, 32));
	assert_int_equal(bucket_stamp(bucket()), 0);
}

static void nothing_is_written_beyond_the_end(void **state)
{
	(void)state;
	for (size_t len = 1; len < 3000; len++) {
		memset(out + len, 0xa5, 64);
		assert_true(fill(out, len));
		for (int i = 0; i < 64; i++)
			assert_int_equal(out[len + i], 0xa5);
	}
}

static void a_steady_disagreement_ends_the_page_for_good(void **state)
{
	(void)state;
	fake_disagrees = true;
	expect_refusal(FILL_SEED, out, 100);
	assert_int_equal(tier_now(), TIER_CALL);
	assert_int_equal(generation_now(), 0);
	fake_disagrees = false;
	for (int i = 0; i < LENGTHS; i++) {
		model_now();
		assert_true(fill(out, lengths[i]));
		model_expand(foretold, lengths[i]);
		assert_memory_equal(out, foretold, lengths[i]);
	}
	assert_int_equal(tier_now(), TIER_CALL);
}

static void a_page_that_moves_is_no_disagreement(void **state)
{
	(void)state;
	fake_meanwhile = meanwhile;
	happening = move;
	happenings = 2;
	assert_true(fill(out, 100));
	wipe();
	happenings = 1000;
	expect_refusal(FILL_SEED, out, 100);
	assert_int_equal(bucket_stamp(bucket()), 0);
	assert_int_equal(tier_now(), TIER_PAGE);
	happenings = 0;
	assert_true(fill(out, 100));
}

static void a_wipe_is_no_disagreement(void **state)
{
	(void)state;
	fake_disagrees = true;
	fake_meanwhile = wipe;
	expect_refusal(FILL_SEED, out, 100);
	assert_int_equal(tier_now(), TIER_PAGE);
	fake_disagrees = false;
	expect_refusal(FILL_STALE, out, 100);
	assert_int_equal(tier_now(), TIER_PAGE);
	fake_meanwhile = NULL;
	assert_true(fill(out, 100));
}

/* As after a restore from an image: all zero, the page's address unmapped. */
static void on_another_vdso_the_page_is_never_read(void **state)
{
	(void)state;
	assert_true(fill(out, 100));
	wipe();
	generation_page = mmap(NULL, 4096, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fake_unreachable = true;
	expect_refusal(FILL_SEED, out, 32);
	assert_int_equal(tier_now(), TIER_KERNEL);
	assert_int_equal(info().generation, 0);
	expect_refusal(FILL_SMALL, out, 32);
	assert_true(fill(out, 300));
}

static void a_bucket_is_given_back_in_every_case(void **state)
{
	(void)state;
	for (enum tier t = TIER_KERNEL; t <= TIER_PAGE; t++)
		for (int refuses = 0; refuses < 2; refuses++)
			for (int times = 0; times < 3; times++) {
				begin(NULL);
				tier_set(t, "");
				fake_refuses = refuses;
				happen(wipe, times);
				fill(out, 300);
				assert_int_equal(bucket_common.lines[here()]
							 .owner, 0);
			}
}

static void expect_redone(enum tier t, void (*what)(void))
{
	struct model m;

	for (int warm = 0; warm < 2; warm++) {
		begin(NULL);
		signals_present = true;
		tier_set(t, "");
		if (warm)
			assert_true(fill(out, 600));
		happen(what, 1);
		m = model_now();
		model_seeds += t != TIER_PAGE || !warm;
		model_nonces++;
		assert_true(fill(out, 600));
		assert_int_equal(happenings, 0);
		if (t == TIER_PAGE)
			model_draw(&m, fake_generation, foretold, 600, false);
		else
			model_expand(foretold, 600);
		assert_memory_equal(out, foretold, 600);
		assert_int_equal(model_seeds, fake_seeds);

		wipe();
		happen(what, 1000);
		memset(out, 0xa5, sizeof out);
		expect_refusal(FILL_STALE, out, 600);
		assert_int_equal(happenings, 998 - (t != TIER_PAGE) * 2);
		assert_true(zeros(out, 600));
		assert_int_equal(out[600], 0xa5);
		happenings = 0;
		assert_true(fill(out, 600));
		assert_false(zeros(out, 8));
	}
}

static void a_draw_from_a_wiped_bucket_is_redone_once(void **state)
{
	(void)state;
	expect_redone(TIER_PAGE, wipe);
	expect_redone(TIER_CALL, wipe);
	expect_redone(TIER_KERNEL, wipe);
}

static void a_draw_over_a_reseed_is_redone_once(void **state)
{
	(void)state;
	expect_redone(TIER_PAGE, move);
}

static void a_key_wiped_on_arrival_is_not_expanded(void **state)
{
	(void)state;
	for (enum tier t = TIER_KERNEL; t <= TIER_PAGE; t++) {
		begin(NULL);
		tier_set(t, "");
		fake_meanwhile = wipe;
		expect_refusal(FILL_STALE, out, 300);
		assert_true(zeros(out, 300));
	}
}

#if defined(__x86_64__)

/*
 * A small draw from stock, and at each of its instructions something happens.
 * The bytes of stock may be given out only if they had left it by then.
 */
static size_t step_len;
static unsigned long step_when;
static void (*step_what)(void);
static bool step_reached, step_erased, step_true;
static uint8_t *step_from;

static bool happens_at(unsigned long at, uintptr_t instruction, uintptr_t stack)
{
	(void)instruction;
	(void)stack;
	if (at < step_when)
		return true;
	step_reached = true;
	step_erased = zeros(step_from, step_len);
	step_what();
	return false;
}

static void small_draw(void *with)
{
	(void)with;
	step_true = draw(out, step_len);
}

static void expect_old_or_new(void (*what)(void), size_t len)
{
	static uint8_t old[100];
	unsigned int olds = 0, news = 0;
	struct model m;

	step_len = len;
	step_what = what;
	step_reached = true;
	for (step_when = 0; step_reached; step_when++) {
		wipe();
		assert_true(draw(out, 4));
		step_from = bucket()->batch + 4;
		memcpy(old, step_from, len);
		step_reached = false;
		step(small_draw, NULL, happens_at);
		assert_true(step_true);
		if (memcmp(out, old, len) == 0) {
			assert_true(!step_reached || step_erased);
			olds++;
		} else {
			model_seeds = fake_seeds - 1;
			model_nonces = fake_nonces - 1;
			m = (struct model){0};
			expect_foretold(&m, len);
			news++;
		}
		assert_int_equal(info().held, 0);
	}
	assert_true(olds > 0 && news > 10);
}

static void from_stock_only_what_left_it_before(void **state)
{
	(void)state;
	for (size_t len = 4; len <= 64; len *= 2) {
		begin(NULL);
		expect_old_or_new(move, len);
		expect_old_or_new(wipe, len);
		if (len == 64)
			break;
		lease();
		expect_old_or_new(move, len);
		expect_old_or_new(wipe, len);
	}
}

#else

static void from_stock_only_what_left_it_before(void **state)
{
	(void)state;
	skip();
}

#endif

static void a_key_of_the_kernels_serves_small_requests_itself(void **state)
{
	uint8_t key[32];

	(void)state;
	tier_set(TIER_CALL, "");
	for (size_t len = 1; len <= 32; len++) {
		fake_seed(key, fake_seeds);
		assert_true(fill(out, len));
		assert_memory_equal(out, key, len);
	}
}

static void tier_kernel_expands_what_is_larger_than_256(void **state)
{
	unsigned int before = fake_seeds;

	(void)state;
	tier_set(TIER_KERNEL, "");
	for (size_t len = 1; len <= 256; len++)
		expect_refusal(FILL_SMALL, out, len);
	assert_true(draw_word() < 0);
	assert_int_equal(fake_seeds, before);
	model_now();
	assert_true(fill(out, 257));
	model_expand(foretold, 257);
	assert_memory_equal(out, foretold, 257);
}

static void tier_off_serves_nothing(void **state)
{
	(void)state;
	tier_set(TIER_OFF, "");
	for (int i = 0; i < LENGTHS; i++)
		expect_refusal(FILL_OFF, out, lengths[i]);
	assert_true(draw_word() < 0);
}

static void no_word_is_a_negative_number(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_in_range(draw_word(), 0, UINT32_MAX);
	wipe();
	fake_refuses = true;
	assert_true(draw_word() < 0);
}

/* A set of its own: one for all who ask, however many at once. */
static pthread_barrier_t barrier;
static void *their_state;

static void *ask_for_a_set(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&barrier);
	return bucket_set_of(&their_state);
}

static void of_a_set_there_is_one(void **state)
{
	enum { THREADS = 8, ROUNDS = 50 };
	pthread_t threads[THREADS];
	void *sets[THREADS];

	(void)state;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
	for (int round = 0; round < ROUNDS; round++) {
		their_state = NULL;
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL,
							ask_for_a_set, NULL),
					 0);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(threads[i], &sets[i]), 0);
		assert_non_null(their_state);
		for (int i = 0; i < THREADS; i++)
			assert_true(!sets[i] || sets[i] == their_state);
		assert_ptr_equal(bucket_set_of(&their_state), their_state);
		assert_ptr_not_equal(their_state, &bucket_common);
		assert_true(fill_from(their_state, out, 100));
	}
}

static void a_lost_bucket_is_counted(void **state)
{
	(void)state;
	assert_true(fill(out, 100));
	assert_int_equal(info().held, 0);
	assert_int_equal(bucket_take(&bucket_common), here());
	assert_int_equal(info().held, 1);
}

/* Lost between taking it and its first stamp. */
static void a_bucket_lost_before_its_first_use_is_counted(void **state)
{
	(void)state;
	assert_int_equal(bucket_take(&bucket_common), here());
	assert_int_equal(info().held, 1);
}

/*
 * Second signals.
 */

static void signal_moves(void)
{
	fake_signals++;
}

static void a_second_signal_takes_a_new_seed(void **state)
{
	(void)state;
	signals_present = true;
	for (int i = 0; i < LENGTHS; i++) {
		struct model m;

		assert_true(fill(out, 7));
		fake_signals++;
		m = model_now();
		assert_true(fill(out, lengths[i]));
		expect_foretold(&m, lengths[i]);
	}
	expect_redone(TIER_PAGE, signal_moves);
}

/* It is the machine's before it was cloned, and would give both one key. */
static void a_second_signal_ends_the_vdso_state_too(void **state)
{
	enum tier tiers[] = {TIER_PAGE, TIER_CALL};

	(void)state;
	for (int t = 0; t < 2; t++) {
		begin(NULL);
		tier_set(tiers[t], "");
		signals_present = true;
		assert_true(fill(out, 100));
		bucket()->oracle.position = 32;
		assert_true(fill(out, 100));
		assert_int_equal(bucket()->oracle.position, 32);
		fake_signals++;
		assert_true(fill(out, 100));
		assert_int_equal(bucket()->oracle.position, 0);
	}
}

static void while_a_second_signal_changes_nothing_is_served(void **state)
{
	enum tier tiers[] = {TIER_PAGE, TIER_CALL, TIER_HARDWARE};

	(void)state;
	for (int t = 0; t < 3; t++)
		for (int i = 0; i < LENGTHS; i++) {
			begin(NULL);
			tier_set(tiers[t], "");
			signals_present = true;
			for (int warm = 0; warm < 2; warm++) {
				fake_signals = 0;
				assert_false(fill(out, lengths[i]));
				fake_signals = 8;
				assert_true(fill(out, lengths[i]));
			}
			assert_int_equal(tier_now(), tiers[t]);
		}
}

static void a_proof_pays_where_the_answer_is_cheap(void **state)
{
	static const struct {
		enum tier tier;
		size_t from;
	} rows[] = {{TIER_PAGE, 1}, {TIER_CALL, 128}, {TIER_HARDWARE, 128},
		    {TIER_KERNEL, 257}, {TIER_OFF, SIZE_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t len = 1; len < 1000; len++) {
			tier_set(rows[i].tier, "");
			assert_int_equal(fill_pays_proof(len),
					 len >= rows[i].from);
		}
}

static void a_dead_processor_is_a_refusal(void **state)
{
	(void)state;
	tier_set(TIER_HARDWARE, "");
	assert_true(fill(out, 100));
	fake_dead = true;
	expect_refusal(FILL_HARDWARE, out, 100);
	assert_int_equal(bucket_stamp(bucket()), 0);
	fake_dead = false;
	assert_true(fill(out, 100));
}

/*
 * Leases: buckets that are taken without an exchange, from one stack only.
 */

static bool has_a_lease(uintptr_t of)
{
	for (int i = 0; i < 1000 && !bucket_lease_is(&bucket_common, of); i++) {
		wipe();
		assert_true(fill_slow(out, 8, of));
	}
	return bucket_lease_is(&bucket_common, of);
}

static void a_habit_gets_a_lease(void **state)
{
	uintptr_t same_place = stack + 16;

	(void)state;
	while (bucket_lease(same_place) != bucket_lease(stack))
		same_place += 16;
	bucket_common.lines[bucket_lease(stack)].owner = 0;
	assert_true(has_a_lease(stack));
	assert_false(has_a_lease(same_place));
	assert_true(bucket_lease_is(&bucket_common, stack));
}

static void a_lease_serves_from_its_own_bucket(void **state)
{
	struct model m = model_now();
	uint8_t before[sizeof(struct bucket)];

	(void)state;
	memcpy(before, bucket(), sizeof before);
	lease();
	for (size_t len = 4; len <= 32; len++) {
		assert_true(draw(out, len));
		model_draw(&m, fake_generation, foretold, len, true);
		assert_memory_equal(out, foretold, len);
		assert_true(bucket_lease_is(&bucket_common, stack));
	}
	leased = false;
	assert_memory_equal(before, bucket(), sizeof before);
}

static void a_lease_that_is_busy_is_left_alone(void **state)
{
	uint8_t before[sizeof(struct bucket)];
	unsigned int i = bucket_lease(stack);
	uint64_t held = info().held;

	(void)state;
	lease();
	assert_true(draw(out, 32));
	assert_int_equal(info().held, held);
	assert_true(bucket_lease_take(&bucket_common, i, stack));
	assert_int_equal(info().held, held + 1);
	memcpy(before, bucket(), sizeof before);
	for (size_t len = 4; len <= 32; len++)
		assert_true(draw(out, len));
	assert_memory_equal(before, bucket(), sizeof before);
	assert_int_equal(bucket_common.lines[i].owner, BUCKET_BUSY);
}

static void a_lease_is_of_tier_page_only(void **state)
{
	(void)state;
	lease();
	assert_true(draw(out, 32));
	generation_end();
	tier_set(TIER_CALL, "");
	model_now();
	for (size_t len = 4; len <= 32; len++) {
		assert_true(draw(out, len));
		model_expand(foretold, len);
		assert_memory_equal(out, foretold, len);
	}
	assert_true(bucket_lease_is(&bucket_common, stack));
}

static void a_refused_seed_gives_a_lease_back(void **state)
{
	(void)state;
	lease();
	fake_refuses = true;
	assert_false(draw(out, 32));
	assert_int_equal(bucket_stamp(bucket()), 0);
	assert_true(bucket_lease_is(&bucket_common, stack));
	fake_refuses = false;
	assert_true(draw(out, 32));
}

/* Runs in a child, whose answer is the test's. */
static void apart(void (*promise)(void))
{
	pid_t child = fork();
	int status = -1;

	if (!child) {
		promise();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define expect(condition) ((condition) ? (void)0 : _exit(1 + __LINE__ % 255))

/* As they were when the parent forked. */
static struct bucket_line lines[BUCKETS];

static void child_leaves_the_lines_alone(void)
{
	struct bucket pages[2];
	unsigned int mine = here(), others = (mine + 1) % BUCKETS_SHARED;
	unsigned int busy = bucket_lease(stack);

	expect(memcmp(lines, bucket_common.lines, sizeof lines) == 0);
	expect(info().held == 3);
	pages[0] = bucket_common.buckets[mine];
	pages[1] = bucket_common.buckets[others];
	for (int i = 0; i < LENGTHS; i++)
		expect(fill(out, lengths[i]));
	expect(!memcmp(&pages[0], &bucket_common.buckets[mine],
		       sizeof *pages));
	expect(!memcmp(&pages[1], &bucket_common.buckets[others],
		       sizeof *pages));
	expect(bucket_common.lines[mine].owner == cpu_thread());
	expect(bucket_common.lines[others].owner == cpu_thread() + 64);
	expect(bucket_common.lines[busy].owner == BUCKET_BUSY);
	expect(info().held == 3);
}

/*
 * Of another thread's, of our own, and a lease: who holds them may be there in
 * the child as well. One of them has never had a key.
 */
static void fork_gives_nothing_back(void **state)
{
	unsigned int mine, others;

	(void)state;
	assert_true(fill(out, 100));
	mine = bucket_take(&bucket_common);
	others = (mine + 1) % BUCKETS_SHARED;
	assert_int_equal(mine, here());
	bucket_common.used = BUCKETS_SHARED;
	bucket_common.lines[others].owner = cpu_thread() + 64;
	lease();
	assert_true(draw(out, 32));
	assert_true(bucket_lease_take(&bucket_common, bucket_lease(stack),
				      stack));
	memcpy(lines, bucket_common.lines, sizeof lines);
	apart(child_leaves_the_lines_alone);
	assert_memory_equal(lines, bucket_common.lines, sizeof lines);
}

static void expect_counts(uint64_t requests, uint64_t bytes, uint64_t keys,
			  uint64_t kernel)
{
	struct fastrand_info now = info();

	expect(now.requests == requests && now.bytes == bytes);
	expect(now.refills == keys && now.reseeds == keys);
	expect(now.kernel == kernel);
}

static void child_counts_from_zero(void)
{
	expect_counts(0, 0, 0, 0);
	expect(fill(out, 100) && fill(out, 8) && !fill(NULL, 1));
	expect_counts(2, 108, 1, 1);
}

static void a_child_counts_from_zero(void **state)
{
	(void)state;
	assert_true(fill(out, 100) && fill(out, 4) && !fill(NULL, 1));
	apart(child_counts_from_zero);
	bucket_take(&bucket_common);
	apart(child_counts_from_zero);
}

/* A draw that goes on in the child writes back what its parent had in stock. */
static void child_is_behind(void)
{
	bucket_set_stock(bucket(), UINT64_C(7) << 32 | 900);
	expect(info().bytes == 0);
	expect(fill(out, 100));
	expect(info().bytes <= BUCKET_BATCH && info().refills <= 1);
}

/* Unless it is over, and was in vain. */
static void child_puts_nothing_back(void)
{
	expect(bucket_take(&bucket_common) == here());
	fill_undraw(here(), UINT64_C(7) << 32 | 900, 16, FILL_TO_ALL);
	expect_counts(0, 0, 0, 0);
	expect(fill(out, 100));
	expect_counts(1, 100, 1, 0);
}

static void no_count_is_negative(void **state)
{
	(void)state;
	assert_true(fill(out, 100));
	apart(child_is_behind);
	apart(child_puts_nothing_back);
}

/* Nor what its parent drew, if it was forked in mid-draw and goes on with that. */
static pid_t forked;

static void fork_here(void)
{
	forked = fork();
}

static void a_child_counts_its_part_of_a_draw(void **state)
{
	static const size_t sizes[] = {100, 1000, 5000};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		int status = -1;

		while (bucket_left(bucket_stock(bucket())) >= sizes[i])
			assert_true(fill(out, 50));
		happen(fork_here, 1);
		forked = -1;
		assert_true(fill(out, sizes[i]));
		if (!forked) {
			expect(info().requests == 1);
			expect(info().bytes == sizes[i]);
			_exit(0);
		}
		assert_int_equal(waitpid(forked, &status, 0), forked);
		assert_int_equal(status, 0);
	}
}

static void draw_early(void)
{
	expect(fill(out, 100) && fill(out, 4) && !fill(NULL, 1));
}

/* What of it lies in a bucket's page is gone when that is wiped. */
static void child_counts_on(void)
{
	struct fastrand_info now = info();

	expect(now.requests <= 2 && now.bytes <= 104 && now.kernel <= 1);
	wipe();
	now = info();
	expect(now.requests <= 2 && now.bytes <= BUCKET_BATCH);
	expect(fill(out, 100));
	now = info();
	expect(now.requests <= 3 && now.bytes <= BUCKET_BATCH + 100);
}

/* Of what it drew, not of what its parent did. */
static void a_child_whose_earlier_handler_drew_counts_from_zero(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(fill(out, 100));
	early_handler_child = draw_early;
	apart(child_counts_on);
	early_handler_child = NULL;
}

static void the_counts_add_up(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct fastrand_info before = info(), after;
		size_t len = (size_t)rand() % (1U + (MOST >> rand() % 17));
		bool word = rand() % 8 == 0, ok;

		if (rand() % 64 == 0)
			fake_generation++;
		tier_set(i % 1000 < 900 ? TIER_PAGE : TIER_CALL, "");
		fake_refuses = rand() % 32 == 0;
		ok = word ? draw_word() >= 0 : fill(out, len);
		len = word ? 4 : len;
		after = info();
		assert_int_equal(after.requests - before.requests, ok);
		assert_int_equal(after.kernel - before.kernel, !ok);
		if (ok || len <= MODEL_PIECE)
			assert_int_equal(after.bytes - before.bytes,
					 ok ? len : 0);
		assert_int_equal(after.held, 0);
	}
}

static void errno_is_the_callers(void **state)
{
	void *set = NULL;

	(void)state;
	errno = 4242;
	for (enum tier t = TIER_OFF; t < TIERS; t++) {
		tier_set(t, "");
		for (int i = 0; i < LENGTHS; i++)
			fill(out, lengths[i]);
		fill(NULL, 8);
		draw_word();
		fake_refuses ^= true;
		fill(out, 300);
	}
	fill_from(bucket_set_of(&set), out, 100);
	assert_int_equal(errno, 4242);
}

static sigjmp_buf after_the_fault;

static void faulted(int number)
{
	(void)number;
	siglongjmp(after_the_fault, 1);
}

static void a_bad_pointer_for_a_few_bytes_loses_no_bucket(void **state)
{
	struct sigaction ours = {.sa_handler = faulted}, theirs;
	volatile int i = 0;
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	(void)state;
	assert_true(fill(out, 100));
	sigaction(SIGSEGV, &ours, &theirs);
	for (i = 0; lengths[i] >= 4 && lengths[i] <= 32; i++)
		if (!sigsetjmp(after_the_fault, 1)) {
			fill(bad, lengths[i]);
			fail();
		}
	sigaction(SIGSEGV, &theirs, NULL);
	assert_int_equal(i, 4);
	assert_int_equal(info().held, 0);
}

#define PROMISE(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_new_generation_takes_a_new_seed_and_drops_the_stock),
		PROMISE(a_wiped_page_takes_a_new_seed),
		PROMISE(without_a_generation_nothing_is_served_from_stock),
		PROMISE(a_page_that_is_found_anew_is_used),
		PROMISE(a_refused_seed_leaves_no_stamp_and_passes),
		PROMISE(all_buckets_held_is_a_refusal),
		PROMISE(beside_a_held_bucket_another_serves),
		PROMISE(pointers_that_cannot_be_mapped_are_the_kernels),
		PROMISE(nothing_is_written_beyond_the_end),
		PROMISE(a_steady_disagreement_ends_the_page_for_good),
		PROMISE(a_page_that_moves_is_no_disagreement),
		PROMISE(a_wipe_is_no_disagreement),
		PROMISE(on_another_vdso_the_page_is_never_read),
		PROMISE(a_bucket_is_given_back_in_every_case),
		PROMISE(a_draw_from_a_wiped_bucket_is_redone_once),
		PROMISE(a_draw_over_a_reseed_is_redone_once),
		PROMISE(a_key_wiped_on_arrival_is_not_expanded),
		PROMISE(from_stock_only_what_left_it_before),
		PROMISE(a_key_of_the_kernels_serves_small_requests_itself),
		PROMISE(tier_kernel_expands_what_is_larger_than_256),
		PROMISE(tier_off_serves_nothing),
		PROMISE(no_word_is_a_negative_number),
		PROMISE(of_a_set_there_is_one),
		PROMISE(a_lost_bucket_is_counted),
		PROMISE(a_bucket_lost_before_its_first_use_is_counted),
		PROMISE(a_second_signal_takes_a_new_seed),
		PROMISE(a_second_signal_ends_the_vdso_state_too),
		PROMISE(while_a_second_signal_changes_nothing_is_served),
		PROMISE(a_proof_pays_where_the_answer_is_cheap),
		PROMISE(a_dead_processor_is_a_refusal),
		PROMISE(a_habit_gets_a_lease),
		PROMISE(a_lease_serves_from_its_own_bucket),
		PROMISE(a_lease_that_is_busy_is_left_alone),
		PROMISE(a_lease_is_of_tier_page_only),
		PROMISE(a_refused_seed_gives_a_lease_back),
		PROMISE(fork_gives_nothing_back),
		PROMISE(a_child_counts_from_zero),
		PROMISE(no_count_is_negative),
		PROMISE(a_child_counts_its_part_of_a_draw),
		PROMISE(a_child_whose_earlier_handler_drew_counts_from_zero),
		PROMISE(the_counts_add_up),
		PROMISE(errno_is_the_callers),
		PROMISE(a_bad_pointer_for_a_few_bytes_loses_no_bucket),
	};
	const char *again = getenv("TEST_SEED");
	unsigned int seed = again ? (unsigned int)strtoul(again, NULL, 0) :
				    (unsigned int)time(NULL);

	print_message("TEST_SEED=%u\n", seed);
	srand(seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
