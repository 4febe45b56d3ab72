/*
 * At whatever instruction of a draw its context is left, and gone on with in
 * another thread, of the same process or of a child that was forked meanwhile;
 * whatever is drawn before that: nobody gets bytes that somebody else has, or
 * that are no random ones.
 */
#include "step_children.h"
#include "step_context.h"

#if defined(__x86_64__)

pid_t _Fork(void) __attribute__((weak));

/* The threads; NULL is the one that the tests run in. */
static struct worker workers[2];
static struct worker *const threads[] = {NULL, &workers[0], &workers[1]};

enum { THREADS = sizeof threads / sizeof *threads };

static int workers_begin(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		if (!workers[i].thread && !worker_begin(&workers[i]))
			return -1;
	return 0;
}

/* Who begins the context that draws ours. */
static struct worker *begins;

/* In the same process. */
static const struct step_place *place;

static void draw_up_to_place(void)
{
	step_to(draw, &ours, place, context_park);
}

static void go_on_after_each_place(void)
{
	for (unsigned long i = 0; i < plan.count; i++) {
		unsigned int first = (unsigned int)rand() % THREADS;

		place = &plan.places[i];
		begins = threads[first];
		goes_on = threads[(first + 1 + (unsigned int)rand() % 2) %
				  THREADS];
		act_begins(place->at);
		prepare();
		context_begin(&context, draw_up_to_place);
		context_run_by(begins, &context);
		go_on_among_others(expect_new);
		expect_draw_new(&ours);
		if (held())
			wrong("%u buckets are held", held());
	}
}

static void other_threads_go_on(void **state)
{
	(void)state;
	for_each_drawing(go_on_after_each_place);
}

/* In children, forked at all places of one draw. */
static pid_t (*fork_by)(void);

static bool park_here(unsigned long at, uintptr_t instruction, uintptr_t stack)
{
	(void)instruction;
	(void)stack;
	if (is_next(at))
		context_park();
	return !me;
}

static void draw_up_to_each_place(void)
{
	step(draw, &ours, park_here);
}

/* The threads that were workers did not come along. */
static void be_a_child(void)
{
	static struct worker born;

	if (!worker_begin(&born))
		_exit(3);
	goes_on = begins && rand() % 2 ? NULL : &born;
	go_on_among_others(lay_down);
	child_ends();
}

static void fork_at_each_place(void)
{
	children_begin();
	prepare();
	context_begin(&context, draw_up_to_each_place);
	context_run_by(begins, &context);
	while (!context.ended) {
		if (child_is_born(plan.places[plan_next - 1].at, fork_by))
			be_a_child();
		context_run_by(begins, &context);
	}
	expect_children_new();
}

/* Begun by a thread that the child lacks. */
static void children_go_on_with_others_draws(void **state)
{
	(void)state;
	fork_by = fork;
	begins = &workers[0];
	for_each_drawing(fork_at_each_place);
}

static void children_go_on_in_new_threads(void **state)
{
	(void)state;
	fork_by = fork;
	begins = NULL;
	for_each_drawing(fork_at_each_place);
}

/* Without handlers: nobody tells the library. */
static void children_of_underscore_fork_go_on(void **state)
{
	(void)state;
	if (!_Fork) {
		print_message("skipped: this libc has no _Fork\n");
		skip();
	}
	fork_by = _Fork;
	begins = &workers[0];
	for_each_drawing(fork_at_each_place);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(other_threads_go_on, workers_begin),
		cmocka_unit_test_setup(children_go_on_with_others_draws,
				       workers_begin),
		cmocka_unit_test_setup(children_go_on_in_new_threads,
				       workers_begin),
		cmocka_unit_test_setup(children_of_underscore_fork_go_on,
				       workers_begin),
	};

	(void)count;
	return in_each_tier(arguments, tests, sizeof tests / sizeof *tests);
}

#endif
