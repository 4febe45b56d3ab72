/*
 * At whatever instruction of a draw a signal handler forks, draws, jumps out of
 * it, or the kernel wipes memory or reseeds: nobody gets bytes that somebody
 * else has, or that are no random ones. The kernel is the real one; only the
 * hardware's nonces are left out, because separation must not depend on them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "step.h"

#if defined(__x86_64__)

#include <fcntl.h>
#include <linux/random.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../include/fastrand.h"
#include "../src/bucket.h"
#include "../src/cpu.h"
#include "../src/fill.h"
#include "../src/fill_small.h"
#include "../src/generation.h"
#include "../src/hardware.h"
#include "../src/real.h"
#include "../src/start.h"
#include "../src/tier.h"
#include "../src/vdso.h"
#include "word.h"

pid_t _Fork(void) __attribute__((weak));

uint64_t hardware_nonce(uint64_t *last)
{
	return *last = 0;
}

bool hardware_words(uint64_t *words, int count, uint64_t *last)
{
	memset(words, 0, (size_t)count * sizeof *words);
	*last = 0;
	return true;
}

bool hardware_there(void)
{
	return true;
}

const char *hardware_name(void)
{
	return "none";
}

enum {
	LEN_MAX = 2048,
	MORE = 64,		/* bytes drawn afterwards */
	STEPS = 1 << 18,	/* instructions of the longest draw */
	ACTS = 4096,		/* instructions at which something happens */
	SAMPLES = 40,		/* of them, within key stream and vDSO */
	STEPS_A_TEST = 16000,	/* in all the runs of one drawing */
	FORKS = 240,		/* likewise */
};

/*
 * The draws.
 */

struct drawing {
	const char *name;
	size_t len;		/* 0: a word */
	void (*prepare)(void);
	bool leased;
};

static const struct drawing *drawn;
static uint8_t out[LEN_MAX];
static size_t out_len;
static bool served;

/*
 * Numbers that stack pointers could be: one that has a lease, and one that
 * never gets it, since its place is taken.
 */
static const uintptr_t lessee = 0x7ffc12345000, nobody = 0x7ffc00000000;

static struct bucket *bucket(void)
{
	unsigned int here = cpu_here(cpu_thread()) % BUCKETS_SHARED;

	return &bucket_common.buckets[drawn->leased ? bucket_lease(lessee) :
						      here];
}

/* Buckets that were not given back. */
static unsigned int held(void)
{
	unsigned int count = 0;

	for (int i = 0; i < BUCKETS; i++)
		count += bucket_common.lines[i].owner != 0 &&
			 (i < BUCKETS_SHARED ||
			  bucket_common.lines[i].owner == BUCKET_BUSY);
	return count;
}

static void give_all_back(void)
{
	for (int i = 0; i < BUCKETS; i++)
		bucket_common.lines[i].owner = 0;
	bucket_common.lines[bucket_lease(nobody)].owner = nobody + 16;
	bucket_common.lines[bucket_lease(lessee)].owner = lessee;
	bucket_common.leases = 1;
}

static bool draw(uint8_t *to)
{
	uintptr_t stack = drawn->leased ? lessee : nobody;
	int64_t word;

	if (drawn->len)
		return fill_quick(to, drawn->len, stack) ||
		       fill_slow(to, drawn->len, stack);
	word = draw_word_from(stack);
	memcpy(to, &word, 4);
	return word >= 0;
}

static void draw_out(void)
{
	served = draw(out);
}

/*
 * One draw may be refused at any time: others may reseed the kernel, twice in
 * one draw that is stepped through. Hardly that many.
 */
enum { TRIES = 100 };

/* How a bucket may be found. */
static void wiped(void)
{
	memset(bucket_common.buckets, 0,
	       bucket_common.used * sizeof(struct bucket));
	memset(&bucket_common.buckets[bucket_lease(lessee)], 0,
	       sizeof(struct bucket));
}

static void warm(void)
{
	wiped();
	draw_out();
}

static void nearly_empty(void)
{
	warm();
	bucket_set_stock(bucket(), 2);
}

static void worn_out(void)
{
	nearly_empty();
	bucket()->refills = 1024;
}

static void outdated(void)
{
	warm();
	bucket_set_stamp(bucket(), 1);
}

static const struct drawing from_stock[] = {
	{"4 bytes, leased", 4, warm, true},
	{"a word, leased", 0, warm, true},
	{"32 bytes, leased", 32, warm, true},
	{"31 bytes, leased, refill", 31, nearly_empty, true},
	{"a word, leased, refill", 0, nearly_empty, true},
	{"16 bytes, leased, new page", 16, wiped, true},
	{"8 bytes, leased, reseeded", 8, outdated, true},
	{"8 bytes, leased, key worn out", 8, worn_out, true},
	{"4 bytes", 4, warm, false},
	{"a word", 0, warm, false},
	{"32 bytes", 32, warm, false},
	{"100 bytes", 100, warm, false},
	{"1000 bytes", 1000, warm, false},
	{"4 bytes, refill", 4, nearly_empty, false},
	{"a word, new page", 0, wiped, false},
	{"32 bytes, new page", 32, wiped, false},
	{"16 bytes, reseeded", 16, outdated, false},
	{"100 bytes, key worn out", 100, worn_out, false},
	{"2000 bytes", 2000, warm, false},
	{"2000 bytes, new page", 2000, wiped, false},
	{NULL, 0, NULL, false},
};

static const struct drawing without_stock[] = {
	{"a word", 0, wiped, false},
	{"32 bytes", 32, wiped, false},
	{"100 bytes", 100, wiped, false},
	{"300 bytes", 300, wiped, false},
	{"2000 bytes, again", 2000, warm, false},
	{NULL, 0, NULL, false},
};

/*
 * Every word that anybody got. Key stream of a zeroed key is in it from the
 * beginning, so that nobody gets that.
 */
enum { WORDS = 1 << 20 };
static uint64_t *words;

/* Its place, or the place where it would be. 0 is in it. */
static uint64_t *find(uint64_t word)
{
	uint64_t hash = word * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = hash >> 44;

	while (words[i] && words[i] != word)
		i = (i + 1) % WORDS;
	return &words[i];
}

static uint64_t word_at(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len < 8 ? len : 8);
	return word;
}

static void add(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i == 0 || i + 8 <= len; i += 8) {
		uint64_t word = word_at(bytes + i, len);

		*find(word) = word;
	}
}

/* Not zero, never seen, at any offset; and is seen now. */
static void expect_new(const uint8_t *bytes, size_t len, unsigned long at)
{
	for (size_t i = 0; i == 0 || i + 8 <= len; i++) {
		uint64_t word = word_at(bytes + i, len);

		if (!word || *find(word))
			fail_msg("%s: instruction %lu: byte %zu and the next "
				 "are %s", drawn->name, at, i,
				 word ? "known" : "zero");
	}
	add(bytes, len);
}

static void nobody_has_any(void)
{
	static _Alignas(64) uint8_t stream[32 + LEN_MAX + BUCKET_REFILL];
	struct chacha20 work;

	memset(words, 0, WORDS * sizeof *words);
	memset(stream, 0, sizeof stream);
	for (int i = 0; i < 3; i++) {
		chacha20_start(&work, stream, 0);
		chacha20_portable()(&work, stream, sizeof stream / 64);
		add(stream, 32);
		add(stream + 32, sizeof stream - 32);
	}
}

/*
 * Where something happens: at every instruction but those that only make key
 * stream, ours or the vDSO's, of which there are thousands: there at a few, and
 * others in every run.
 */
static uint8_t is_stream[STEPS];
static unsigned long acts[ACTS], act_count, steps;

static bool look_around(unsigned long at, uintptr_t instruction,
			uintptr_t stack)
{
	static uintptr_t leave;

	assert_true(at < STEPS);
	if (at == 0)
		leave = 0;
	if (instruction == (uintptr_t)bucket_stream)
		leave = *(uintptr_t *)stack;
	else if (instruction == leave)
		leave = 0;
	is_stream[at] = leave || instruction - vdso_base() < 0x4000;
	return true;
}

static void choose(void)
{
	unsigned long streams = 0, stride, next;

	drawn->prepare();
	draw_out();	/* libc's functions are bound */
	served = false;
	for (int i = 0; i < TRIES && !served; i++) {
		drawn->prepare();
		steps = step(draw_out, look_around);
	}
	assert_true(served);
	for (unsigned long at = 0; at < steps; at++)
		streams += is_stream[at];
	stride = streams / SAMPLES + 1;
	next = (unsigned long)rand() % stride;
	act_count = 0;
	for (unsigned long at = 0; at < steps; at++)
		if (!is_stream[at] || next-- == 0) {
			assert_true(act_count < ACTS);
			acts[act_count++] = at;
			next = is_stream[at] ? stride - 1 : next;
		}
}

/* Every so manieth of them is enough. */
static void thin_out(unsigned long stride)
{
	unsigned long count = 0;

	for (unsigned long i = (unsigned long)rand() % stride; i < act_count;
	     i += stride)
		acts[count++] = acts[i];
	act_count = count;
}

static void for_each_drawing(void (*promise)(void))
{
	const struct drawing *d = tier_now() == TIER_PAGE ? from_stock :
							    without_stock;

	for (; d->name; d++) {
		drawn = d;
		out_len = d->len ? d->len : 4;
		/* What tier kernel leaves to the kernel. */
		if (tier_now() == TIER_KERNEL && out_len <= 256)
			continue;
		nobody_has_any();
		choose();
		promise();
		assert_int_equal(held(), 0);
		assert_string_equal(tier_name(tier_now()),
				    getenv("FASTRAND_SOURCE"));
	}
}

/* Something happens once in a draw, and is looked at after it; for each act. */
static void (*event)(void);
static unsigned long event_at;
static bool happened;
static struct bucket page_then;

static bool happen_once(unsigned long at, uintptr_t instruction,
			uintptr_t stack)
{
	(void)instruction;
	(void)stack;
	if (at < event_at)
		return true;
	page_then = *bucket();
	happened = true;
	event();
	return false;
}

static void at_each_act(void (*what)(void), void (*look)(void))
{
	event = what;
	thin_out(act_count * steps / 2 / STEPS_A_TEST + 1);
	for (unsigned long i = 0; i < act_count; i++) {
		uint8_t more[MORE];

		drawn->prepare();
		event_at = acts[i];
		happened = false;
		step(draw_out, happen_once);
		if (served)
			expect_new(out, out_len, event_at);
		look();
		if (fill(more, sizeof more))
			expect_new(more, sizeof more, event_at);
	}
}

/*
 * Was the draw, as far as the bucket knows, over at that moment? Whoever forks
 * then has given away bytes that were drawn already, as after any draw.
 */
static bool same_page(const struct bucket *a, const struct bucket *b)
{
	return memcmp(&a->stock, &b->stock,
		      sizeof *a - offsetof(struct bucket, stock)) == 0;
}

/*
 * Forks. A child finishes the draw that was interrupted, or draws within the
 * handler first; draws again; and lays down what it got where its parent sees
 * it.
 */
struct child {
	bool ended, served, served_more, served_within;
	uint8_t bytes[LEN_MAX], within[LEN_MAX], more[MORE];
	struct bucket page;	/* of the parent, when it forked */
};

static struct child *children, *me;
static unsigned long child_count;
static pid_t (*fork_by)(void);

static pid_t raw_fork(void)
{
	return (pid_t)REAL_CALL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static bool fork_here(unsigned long at, uintptr_t instruction, uintptr_t stack)
{
	struct child *c = &children[child_count];
	int status = -1;
	pid_t pid;

	(void)instruction;
	(void)stack;
	if (child_count == act_count || at != acts[child_count])
		return true;
	child_count++;
	c->ended = false;
	c->page = *bucket();
	pid = fork_by();
	if (pid == 0) {
		me = c;
		c->served_within = rand() % 2 && draw(c->within);
		return false;
	}
	waitpid(pid, &status, 0);
	c->ended = pid > 0 && status == 0 && c->ended;
	return true;
}

static void report_to_parent(void)
{
	me->served = served;
	memcpy(me->bytes, out, out_len);
	me->served_more = fill(me->more, MORE);
	me->ended = true;
	_exit(0);
}

static void all_children_differ(void)
{
	static struct bucket page;
	unsigned long over = 0;
	uint8_t more[MORE];

	thin_out(act_count / (fork_by == raw_fork ? FORKS : FORKS / 4) + 1);
	child_count = 0;
	drawn->prepare();
	step(draw_out, fork_here);
	if (me)
		report_to_parent();
	page = *bucket();
	assert_true(child_count > 0);
	if (served)
		expect_new(out, out_len, 0);
	if (fill(more, sizeof more))
		expect_new(more, sizeof more, 0);
	for (unsigned long i = 0; i < child_count; i++)
		if (!same_page(&children[i].page, &page))
			over = i + 1;
	for (unsigned long i = 0; i < child_count; i++) {
		struct child *c = &children[i];

		assert_true(c->ended);
		if (c->served &&
		    !(i >= over && memcmp(c->bytes, out, out_len) == 0))
			expect_new(c->bytes, out_len, acts[i]);
		if (c->served_within)
			expect_new(c->within, out_len, acts[i]);
		if (c->served_more)
			expect_new(c->more, MORE, acts[i]);
	}
}

static void forking(pid_t (*by)(void))
{
	fork_by = by;
	if (!by)
		skip();
	for_each_drawing(all_children_differ);
}

static void raw_forks_give_different_bytes(void **state)
{
	(void)state;
	forking(raw_fork);
}

static void underscore_forks_give_different_bytes(void **state)
{
	(void)state;
	forking(_Fork);
}

static void forks_give_different_bytes(void **state)
{
	(void)state;
	forking(fork);
}

/* Memory pressure. Where the kernel does not drop when asked, we wipe. */
static unsigned long drops, helped;

static void drop(void)
{
	REAL_CALL(SYS_madvise, bucket_common.buckets,
		  BUCKETS * sizeof(struct bucket), MADV_PAGEOUT);
	drops++;
	if (!bucket_stamp(bucket()))
		return;
	wiped();
	helped++;
}

static void look_at_nothing(void)
{
}

static void drop_at_each_act(void)
{
	at_each_act(drop, look_at_nothing);
}

static void dropped_memory_gives_no_bytes(void **state)
{
	(void)state;
	drops = helped = 0;
	for_each_drawing(drop_at_each_act);
	print_message("dropped %lu times, %lu of them by hand\n", drops,
		      helped);
	if (strcmp(start_memory(), "droppable") == 0)
		assert_true(helped < drops);
}

/* A handler that draws. */
static void draw_within(void)
{
	uint8_t within[LEN_MAX];

	if (draw(within))
		expect_new(within, out_len, event_at);
}

static bool draw_within_here(unsigned long at, uintptr_t instruction,
			     uintptr_t stack)
{
	(void)instruction;
	(void)stack;
	if (event_at < act_count && at == acts[event_at]) {
		event_at++;
		draw_within();
	}
	return true;
}

static void draw_at_all_acts(void)
{
	event_at = 0;
	drawn->prepare();
	step(draw_out, draw_within_here);
	if (served)
		expect_new(out, out_len, 0);
}

static void handlers_draw(void **state)
{
	(void)state;
	for_each_drawing(draw_at_all_acts);
}

/* A handler that never returns. */
static sigjmp_buf away;

static void jump(void)
{
	siglongjmp(away, 1);
}

static void jump_out_of_a_draw(void)
{
	happened = false;
	if (!sigsetjmp(away, 1))
		step(draw_out, happen_once);
}

static void jump_at_each_act(void)
{
	event = jump;
	thin_out(act_count * steps / 2 / STEPS_A_TEST + 1);
	for (unsigned long i = 0; i < act_count; i++) {
		struct fastrand_info info;

		drawn->prepare();
		event_at = acts[i];
		jump_out_of_a_draw();
		fastrand_info(&info, sizeof info);
		assert_int_equal(info.held, held());
		assert_in_range(held(), 0, happened);
		served = false;
		for (int again = 0; again < TRIES && !served; again++)
			draw_out();
		assert_true(served);
		expect_new(out, out_len, event_at);
		/* Give it back: there are not that many. */
		wiped();
		give_all_back();
	}
}

static void handlers_jump_out(void **state)
{
	(void)state;
	for_each_drawing(jump_at_each_act);
}

/* The kernel reseeds, and no bytes are of the time before. */
static int device;
static uint64_t reseeded;

static void reseed(void)
{
	ioctl(device, RNDRESEEDCRNG);
	reseeded = generation_now();
}

static void look_at_the_stamp(void)
{
	if (happened && served && tier_now() == TIER_PAGE &&
	    !same_page(&page_then, bucket()))
		assert_true(bucket_stamp(bucket()) >= reseeded);
}

static void reseed_at_some_acts(void)
{
	at_each_act(reseed, look_at_the_stamp);
}

static void a_reseed_is_heeded(void **state)
{
	(void)state;
	device = (int)REAL_CALL(SYS_openat, AT_FDCWD, "/dev/urandom", O_RDONLY);
	if (device < 0 || ioctl(device, RNDRESEEDCRNG) < 0) {
		print_message("not root: no reseeds\n");
		skip();
	}
	for_each_drawing(reseed_at_some_acts);
	REAL_CALL(SYS_close, device);
}

static int in_this_tier(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_forks_give_different_bytes),
		cmocka_unit_test(underscore_forks_give_different_bytes),
		cmocka_unit_test(forks_give_different_bytes),
		cmocka_unit_test(dropped_memory_gives_no_bytes),
		cmocka_unit_test(handlers_draw),
		cmocka_unit_test(handlers_jump_out),
		cmocka_unit_test(a_reseed_is_heeded),
	};
	const char *again = getenv("TEST_SEED");
	unsigned int seed = again ? (unsigned int)strtoul(again, NULL, 0) :
				    (unsigned int)time(NULL);
	cpu_set_t one;

	if (!start() || strcmp(tier_name(tier_now()), name) != 0) {
		print_message("skipped: no tier %s here: %s\n", name,
			      tier_why());
		return 0;
	}
	print_message("TEST_SEED=%u\n", seed);
	srand(seed);
	/* Always the same bucket. */
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	give_all_back();
	/* Forks are quicker without it. */
	words = mmap(NULL, WORDS * sizeof *words, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(words, WORDS * sizeof *words, MADV_DONTFORK);
	children = mmap(NULL, ACTS * sizeof *children, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

/* A tier is chosen once in a process. */
int main(int count, char **arguments)
{
	const char *tiers[] = {"page", "call", "hardware", "kernel"};
	const char *told = getenv("FASTRAND_SOURCE");
	int failed = 0;

	(void)count;
	if (told)
		return in_this_tier(told);
	for (int i = 0; i < 4; i++) {
		int status = -1;
		pid_t child = fork();

		if (child == 0) {
			setenv("FASTRAND_SOURCE", tiers[i], 1);
			execv("/proc/self/exe", arguments);
			_exit(127);
		}
		waitpid(child, &status, 0);
		failed += status != 0;
	}
	return failed;
}

#else

static void steps_need_x86_64(void **state)
{
	(void)state;
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_need_x86_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
