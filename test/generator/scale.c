/*
 * Machines with many CPUs, and many threads on one: played by telling threads
 * which CPU they are on.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastrand.h"
#include "generator/bucket.h"
#include "system/cpu.h"
#include "generator/fill.h"
#include "source/tier.h"

enum { THREADS = 64, DRAWS = 20000, CPUS = 383 };

static __thread uint32_t this_cpu;

static struct fastrand_info info(void)
{
	struct fastrand_info now;

	fastrand_info(&now, sizeof now);
	return now;
}

static int begin(void **state)
{
	(void)state;
	tier_ready();
	cpu_rseq_offset = (intptr_t)((uintptr_t)&this_cpu - cpu_thread());
	return 0;
}

/* Resident KiB of the memory that buckets lie in. */
static unsigned long resident(void)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	unsigned long begin = 0, kib = 0;
	bool ours = false;
	char line[256];

	assert_non_null(maps);
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-", &begin) == 1 && strchr(line, '-') &&
		    strstr(line, " rw-p "))
			ours = begin == (unsigned long)bucket_common.buckets;
		else if (ours && sscanf(line, "Rss: %lu", &kib) == 1)
			break;
	}
	fclose(maps);
	return kib;
}

/* Locks, and counters beside them, do not share a line of the cache. */
static void no_two_locks_share_a_line(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct bucket_line) % 64, 0);
	assert_int_equal((uintptr_t)bucket_common.lines % 64, 0);
	assert_int_equal(sizeof(struct bucket), 4096);
}

/* And so no page of it can be a huge one: that would be dropped as a whole. */
static void all_buckets_lie_within_2_mib(void **state)
{
	(void)state;
	assert_int_equal(BUCKETS_SHARED, CPUS);
	assert_in_range(BUCKETS * sizeof(struct bucket), 1, (2 << 20) - 1);
}

/* With half of the buckets lost every CPU is still served, by the others. */
static void lost_buckets_are_stepped_over(void **state)
{
	uint8_t bytes[100];
	uint64_t kernel = info().kernel;

	(void)state;
	if (!bucket_common.buckets || tier_now() < TIER_CALL)
		skip();
	for (unsigned int i = 0; i < CPUS; i += 2)
		bucket_common.lines[i].owner = 1;
	for (this_cpu = 0; this_cpu < CPUS; this_cpu++)
		assert_true(fill(bytes, sizeof bytes));
	assert_int_equal(info().held, (CPUS + 1) / 2);
	assert_int_equal(info().kernel, kernel);
	for (unsigned int i = 0; i < CPUS; i += 2)
		bucket_common.lines[i].owner = 0;
}

/* In a thread that a program made, whose thread pointer points to 0. */
#if defined(__x86_64__)

enum { BLOCK = 65536 };

static int take_each_way(void *unused)
{
	unsigned int first, second, third;

	(void)unused;
	first = bucket_take(&bucket_common);
	second = bucket_take_here(&bucket_common);
	third = bucket_take(&bucket_common);
	if (first == BUCKETS || third == BUCKETS || second != BUCKETS ||
	    first == third)
		_exit(1);
	bucket_give(&bucket_common, first);
	bucket_give(&bucket_common, third);
	_exit(0);
}

static void what_is_taken_without_a_pointer_is_taken(void **state)
{
	static _Alignas(64) char stack[BLOCK], block[BLOCK];
	int status = -1;
	pid_t child;

	(void)state;
	if (!bucket_common.buckets)
		skip();
	child = clone(take_each_way, stack + BLOCK,
		      CLONE_VM | CLONE_SETTLS | SIGCHLD, NULL, NULL,
		      block + BLOCK / 2);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(info().held, 0);
}

#else

static void what_is_taken_without_a_pointer_is_taken(void **state)
{
	(void)state;
	print_message("skipped: such threads are made on x86-64 only\n");
	skip();
}

#endif

static void each_of_383_cpus_has_a_page_of_its_own(void **state)
{
	uint8_t bytes[100];
	uint64_t kernel = info().kernel;

	(void)state;
	if (!bucket_common.buckets || tier_now() < TIER_CALL)
		skip();
	for (this_cpu = 0; this_cpu < CPUS; this_cpu++)
		assert_true(fill(bytes, sizeof bytes));
	for (unsigned int i = 0; i < CPUS; i++)
		assert_true(bucket_common.lines[i].requests >= 1);
	assert_int_equal(bucket_common.used, CPUS);
	assert_in_range(resident(), 1, CPUS * 4);
	assert_int_equal(info().kernel, kernel);
}

static void cpus_beyond_share(void **state)
{
	uint8_t bytes[100];

	(void)state;
	if (!bucket_common.buckets || tier_now() < TIER_CALL)
		skip();
	for (this_cpu = CPUS; this_cpu < 16 * CPUS; this_cpu += 7)
		assert_true(fill(bytes, sizeof bytes));
	this_cpu = UINT32_MAX;
	assert_true(fill(bytes, sizeof bytes));
	assert_int_equal(info().held, 0);
}

static void *draw_on_cpu_3(void *failed)
{
	uint8_t bytes[200];

	this_cpu = 3;
	for (int i = 0; i < DRAWS; i++)
		if (!fill(bytes, i % 2 ? 8 : sizeof bytes))
			__atomic_add_fetch((int *)failed, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* They find it held at times, and another one free. */
static void many_threads_on_one_cpu_are_all_served(void **state)
{
	pthread_t threads[THREADS];
	uint64_t kernel = info().kernel;
	int failed = 0;

	(void)state;
	if (!bucket_common.buckets || tier_now() < TIER_CALL)
		skip();
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						draw_on_cpu_3, &failed), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failed, 0);
	assert_int_equal(info().kernel, kernel);
	assert_int_equal(info().held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_locks_share_a_line),
		cmocka_unit_test(each_of_383_cpus_has_a_page_of_its_own),
		cmocka_unit_test(all_buckets_lie_within_2_mib),
		cmocka_unit_test(cpus_beyond_share),
		cmocka_unit_test(lost_buckets_are_stepped_over),
		cmocka_unit_test(what_is_taken_without_a_pointer_is_taken),
		cmocka_unit_test(many_threads_on_one_cpu_are_all_served),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
