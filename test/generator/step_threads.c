/*
 * At whatever instruction of a draw a signal handler forks, and a handler of
 * fork's that runs in the child before the library's own has started a thread
 * there, which is in the middle of a draw by then: nobody gets bytes that
 * somebody else has, or that are no random ones.
 */
#include "step_children.h"
#include "step_context.h"

#if defined(__x86_64__)

#include "fastrand.h"

/* Registered before the library's: constructors run in order of numbers. */
static void (*first_handler)(void);

static void handle(void)
{
	if (first_handler)
		first_handler();
}

__attribute__((constructor(101))) static void construct(void)
{
	pthread_atfork(NULL, NULL, handle);
}

static uint64_t requests(void)
{
	struct fastrand_info info;

	fastrand_info(&info, sizeof info);
	return info.requests;
}

static uint64_t requests_then;

static void see_the_counts(void)
{
	requests_then = requests();
}

/* The library's makes the counts the child's own. */
static void the_other_handler_is_the_first(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	give_all_back();
	ours = (struct draw){.as = &without_stock[3]};
	for (int i = 0; i < TRIES && requests() < 2; i++)
		draw(&ours);
	first_handler = see_the_counts;
	pid = fork();
	if (pid == 0)
		_exit(requests_then < 2 || requests() > 0);
	first_handler = NULL;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/*
 * The other thread's draw, the first of its life or the second. Its way depends
 * on whether the one that was under way holds the bucket.
 */
static struct draw theirs_before, theirs;
static struct plan plans_held[DRAWINGS];

static bool may_be_theirs(const struct drawing *d)
{
	return d->prepare == wiped || d->prepare == warm;
}

static void prepare_held(const struct drawing *d)
{
	struct draw before = {.as = d};

	d->prepare(d);
	hold(d, OURS);
	if (d->prepare == warm)
		draw(&before);
}

static void plans_begin(void)
{
	for (const struct drawing *d = drawings(); d->name; d++)
		if (may_be_theirs(d))
			plan_make(&plans_held[d - drawings()], d, prepare_held);
}

static void draw_theirs(void)
{
	const struct step_place *place;

	do {
		place = any_place_of(&theirs);
	} while (!may_be_theirs(theirs.as));
	theirs.who = A_THREADS;
	theirs_before = theirs;
	if (theirs.as->prepare == warm)
		draw(&theirs_before);
	if (is_held(theirs.as, A_THREADS))
		place = any_place(&plans_held[theirs.as - drawings()]);
	step_to(draw, &theirs, place, context_park);
}

/* In the first handler: it may draw itself, too. */
static unsigned int *left;	/* draws in their middle, in all children */
static struct worker thread;

static void handler_draws(void)
{
	if (rand() % 4 == 0)
		draw_some(lay_down);
}

static void start_the_thread(void)
{
	srand(~me->dice);
	handler_draws();
	if (!worker_begin(&thread))
		_exit(3);
	goes_on = &thread;
	context_begin(&context, draw_theirs);
	context_run_by(&thread, &context);
	*left += !context.ended;
	if (rand() % 8 == 0)
		go_on();
	handler_draws();
}

/* In ours: it may draw, or that thread goes on, while ours waits. */
static bool fork_here(unsigned long at, uintptr_t instruction, uintptr_t stack)
{
	struct draw within = {.as = drawn};

	(void)instruction;
	(void)stack;
	if (!is_next(at) || !child_is_born(at, fork))
		return true;
	if (rand() % 2) {
		draw(&within);
		lay_down_draw(&within);
	}
	if (rand() % 4 == 0)
		go_on();
	return false;
}

static void fork_at_each_place(void)
{
	children_begin();
	plan_next = 0;
	prepare();
	step(draw, &ours, fork_here);
	if (me) {
		go_on_among_others(lay_down);
		lay_down_draw(&theirs_before);
		lay_down_draw(&theirs);
		child_ends();
	}
	expect_children_new();
}

/* Twice: what the thread draws, and where it is left, is chosen at random. */
static void fork_twice_at_each_place(void)
{
	fork_at_each_place();
	nobody_has_any();
	fork_at_each_place();
}

static void handlers_of_fork_start_threads(void **state)
{
	(void)state;
	left = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(left, MAP_FAILED);
	plans_begin();
	first_handler = start_the_thread;
	for_each_drawing(fork_twice_at_each_place);
	first_handler = NULL;
	print_message("%u threads were left in mid-draw\n", *left);
	assert_true(*left > 0);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_other_handler_is_the_first),
		cmocka_unit_test(handlers_of_fork_start_threads),
	};

	(void)count;
	return in_each_tier(arguments, tests, sizeof tests / sizeof *tests);
}

#endif
