/*
 * At whatever instruction of a draw a signal handler forks, draws, jumps out of
 * it, or the kernel wipes memory or reseeds: nobody gets bytes that somebody
 * else has, or that are no random ones.
 */
#include "step_children.h"

#if defined(__x86_64__)

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>

#include "fastrand.h"
#include "system/real.h"

pid_t _Fork(void) __attribute__((weak));

/* Forks, at all places of one draw. */
static pid_t (*fork_by)(void);
static int fork_every;		/* so manieth of them, about */

static pid_t raw_fork(void)
{
	return (pid_t)REAL_CALL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* A child finishes the draw that was under way, or draws first. */
static bool fork_here(unsigned long at, uintptr_t instruction, uintptr_t stack)
{
	struct draw within = {.as = drawn};

	(void)instruction;
	(void)stack;
	if (!is_next(at) || rand() % fork_every ||
	    !child_is_born(at, fork_by))
		return true;
	if (rand() % 2) {
		draw(&within);
		lay_down_draw(&within);
	}
	return false;
}

static void fork_at_each_place(void)
{
	children_begin();
	prepare();
	step(draw, &ours, fork_here);
	if (me) {
		draw_some(lay_down);
		child_ends();
	}
	expect_children_new();
}

static void forking(pid_t (*by)(void), int every)
{
	fork_by = by;
	fork_every = every;
	for_each_drawing(fork_at_each_place);
}

static void raw_forks_give_different_bytes(void **state)
{
	(void)state;
	forking(raw_fork, 1);
}

static void underscore_forks_give_different_bytes(void **state)
{
	(void)state;
	if (!_Fork) {
		print_message("skipped: this libc has no _Fork\n");
		skip();
	}
	/* The same, but for what libc does. */
	forking(_Fork, 4);
}

static void forks_give_different_bytes(void **state)
{
	(void)state;
	forking(fork, 1);
}

/* Something happens once in a draw, and is looked at then; at each place. */
static void (*event)(void);
static bool happened;
static struct bucket page_then;

static void happen(void)
{
	page_then = *bucket_of(drawn);
	happened = true;
	event();
}

static void at_each_place(void (*what)(void), void (*look)(void))
{
	event = what;
	for (unsigned long i = 0; i < plan.count; i++) {
		act_begins(plan.places[i].at);
		prepare();
		happened = false;
		step_to(draw, &ours, &plan.places[i], happen);
		expect_draw_new(&ours);
		look();
		draw_some(expect_new);
	}
}

/* Memory pressure. Where the kernel does not drop when asked, we wipe. */
static unsigned long drops, helped;

static void drop(void)
{
	REAL_CALL(SYS_madvise, bucket_common.buckets,
		  BUCKETS * sizeof(struct bucket), MADV_PAGEOUT);
	drops++;
	if (!bucket_stamp(bucket_of(drawn)))
		return;
	wiped(drawn);
	helped++;
}

static void look_at_nothing(void)
{
}

static void drop_at_each_place(void)
{
	at_each_place(drop, look_at_nothing);
}

static void dropped_memory_gives_no_bytes(void **state)
{
	(void)state;
	drops = helped = 0;
	for_each_drawing(drop_at_each_place);
	print_message("dropped %lu times, %lu of them by hand\n", drops,
		      helped);
	if (bucket_memory() == BUCKET_DROPPABLE)
		assert_true(helped < drops);
}

/* A handler that draws: at one place of a draw, and at all of another. */
static void draw_within(void)
{
	struct draw within = {.as = drawn};

	draw(&within);
	expect_draw_new(&within);
}

static bool draw_here(unsigned long at, uintptr_t instruction, uintptr_t stack)
{
	(void)instruction;
	(void)stack;
	if (is_next(at)) {
		act_begins(at);
		draw_within();
	}
	return true;
}

static void draw_at_each_place(void)
{
	at_each_place(draw_within, look_at_nothing);
	prepare();
	step(draw, &ours, draw_here);
	expect_draw_new(&ours);
}

static void handlers_draw(void **state)
{
	(void)state;
	for_each_drawing(draw_at_each_place);
}

/* A handler that never returns. */
static sigjmp_buf away;

static void jump(void)
{
	siglongjmp(away, 1);
}

static void jump_out_of_a_draw(const struct step_place *place)
{
	event = jump;
	happened = false;
	if (sigsetjmp(away, 1))
		step_become(NULL);
	else
		step_to(draw, &ours, place, happen);
}

static void expect_held(unsigned int count)
{
	struct fastrand_info info;

	fastrand_info(&info, sizeof info);
	if (info.held != count)
		wrong("%lu buckets are said to be held", (long)info.held);
	if (count > happened)
		wrong("%u buckets are held", count);
}

static void jump_at_each_place(void)
{
	for (unsigned long i = 0; i < plan.count; i++) {
		act_begins(plan.places[i].at);
		prepare();
		jump_out_of_a_draw(&plan.places[i]);
		expect_held(held());
		ours.served = false;
		for (int again = 0; again < TRIES && !ours.served; again++)
			draw(&ours);
		if (!ours.served)
			wrong("no draw is served any more");
		expect_draw_new(&ours);
		/* Give it back: there are not that many. */
		wiped(drawn);
		give_all_back();
	}
}

static void handlers_jump_out(void **state)
{
	(void)state;
	for_each_drawing(jump_at_each_place);
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
	if (happened && ours.served && tier_now() == TIER_PAGE &&
	    !is_same_page(&page_then, bucket_of(drawn)) &&
	    bucket_stamp(bucket_of(drawn)) < reseeded)
		wrong("the stamp is of before");
}

static void reseed_at_each_place(void)
{
	at_each_place(reseed, look_at_the_stamp);
}

static void a_reseed_is_heeded(void **state)
{
	(void)state;
	device = (int)REAL_CALL(SYS_openat, AT_FDCWD, "/dev/urandom", O_RDONLY);
	if (device < 0 || ioctl(device, RNDRESEEDCRNG) < 0) {
		print_message("skipped: only root may reseed\n");
		skip();
	}
	for_each_drawing(reseed_at_each_place);
	REAL_CALL(SYS_close, device);
}

int main(int count, char **arguments)
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

	(void)count;
	return in_each_tier(arguments, tests, sizeof tests / sizeof *tests);
}

#endif
