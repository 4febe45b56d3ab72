/*
 * The core says true, and the bytes come from a key that was current when the
 * draw was over; or false. After a new generation, a second signal, a wiped
 * page or a page that lies there is a new key, or the kernel.
 */
#include "fill_begin.h"

#include <sys/mman.h>

#include "step.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_new_generation_takes_a_new_seed_and_drops_the_stock),
		PROMISE(a_wiped_page_takes_a_new_seed),
		PROMISE(without_a_generation_nothing_is_served_from_stock),
		PROMISE(a_page_that_is_found_anew_is_used),
		PROMISE(a_refused_seed_leaves_no_stamp_and_passes),
		PROMISE(a_steady_disagreement_ends_the_page_for_good),
		PROMISE(a_page_that_moves_is_no_disagreement),
		PROMISE(a_wipe_is_no_disagreement),
		PROMISE(on_another_vdso_the_page_is_never_read),
		PROMISE(a_draw_from_a_wiped_bucket_is_redone_once),
		PROMISE(a_draw_over_a_reseed_is_redone_once),
		PROMISE(a_key_wiped_on_arrival_is_not_expanded),
		PROMISE(from_stock_only_what_left_it_before),
		PROMISE(a_second_signal_takes_a_new_seed),
		PROMISE(a_second_signal_ends_the_vdso_state_too),
		PROMISE(while_a_second_signal_changes_nothing_is_served),
		PROMISE(a_dead_processor_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
