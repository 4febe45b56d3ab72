/*
 * What the library counts is what happened: requests, bytes, keys and refusals
 * add up, lost buckets stay counted, and a child of fork counts from zero.
 */
#include "fill_begin.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/dice.h"
#include "support/early_handlers.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(a_lost_bucket_is_counted),
		PROMISE(a_bucket_lost_before_its_first_use_is_counted),
		PROMISE(fork_gives_nothing_back),
		PROMISE(a_child_counts_from_zero),
		PROMISE(no_count_is_negative),
		PROMISE(a_child_counts_its_part_of_a_draw),
		PROMISE(a_child_whose_earlier_handler_drew_counts_from_zero),
		PROMISE(the_counts_add_up),
	};

	dice_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
