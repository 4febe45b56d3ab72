/*
 * Which bucket serves: another one beside a bucket that is held, of a set one
 * that is the set's, and a lease's own for who draws from the same stack again.
 * None is held when a draw is over, however it ends.
 */
#include "fill_begin.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(all_buckets_held_is_a_refusal),
		PROMISE(beside_a_held_bucket_another_serves),
		PROMISE(a_bucket_is_given_back_in_every_case),
		PROMISE(of_a_set_there_is_one),
		PROMISE(a_habit_gets_a_lease),
		PROMISE(a_lease_serves_from_its_own_bucket),
		PROMISE(a_lease_that_is_busy_is_left_alone),
		PROMISE(a_lease_is_of_tier_page_only),
		PROMISE(a_refused_seed_gives_a_lease_back),
		PROMISE(a_bad_pointer_for_a_few_bytes_loses_no_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
