/*
 * Two draws that overlap: the first is left before one of its instructions, the
 * second begins and is left too, the first goes on to its end, then the second
 * does. So do contexts that a handler switches; and if they take turns on one
 * stack memory, they have the same stack pointer, and so the same lease.
 * Whatever the two instructions are: nobody gets bytes that somebody else has,
 * or that are no random ones.
 */
#include "step_context.h"

#if defined(__x86_64__)

enum {
	SMALL = 200,		/* instructions: all pairs of theirs */
	APART = 4,		/* of pairs that do not meet, one in so many */
	SOME_PAIRS = 800,	/* of other draws' instructions */
	SECONDS = 2,		/* draws without lease, beside each */
};

static const struct drawing *second;
static struct draw theirs;
static struct context first_context, second_context;
static const struct step_place *first_place, *second_place;
static unsigned long parked;

/* The second finds a bucket with stock, too, while the first's is held. */
static void prepare_both(const struct drawing *d)
{
	struct draw beside = {.as = d};

	prepare();
	hold(drawn, OURS);
	draw(&beside);
	give_all_back();
}

static void prepare_second(const struct drawing *d)
{
	prepare_both(d);
	hold(drawn, OURS);
}

static void draw_first(void)
{
	step_to(draw, &ours, first_place, context_park);
}

static void draw_second(void)
{
	step_to(draw, &theirs, second_place, context_park);
}

static void end(struct context *c)
{
	if (!c->ended)
		context_run(c);
}

static void begin_first(void)
{
	prepare_both(second);
	context_begin(&first_context, draw_first);
	context_run(&first_context);
}

/* By the same lease, as those two. */
static void draw_a_third(void)
{
	static const struct drawing as = {.len = 32, .leased = true};
	struct draw third = {.as = &as};

	draw(&third);
	expect_draw_new(&third);
}

static void end_both(void)
{
	context_begin(&second_context, draw_second);
	context_run(&second_context);
	parked += !first_context.ended && !second_context.ended;
	end(&first_context);
	if (rand() % 2)
		draw_a_third();
	end(&second_context);
	expect_draw_new(&ours);
	expect_draw_new(&theirs);
	if (held())
		wrong("%u buckets are held", held());
	draw_a_third();
	draw_a_third();
}

/* Does the first hold its bucket, where it is left? The second's way tells. */
static bool first_holds(void)
{
	bool holds;

	begin_first();
	holds = is_held(drawn, OURS);
	end(&first_context);
	return holds;
}

static void overlap(void)
{
	act_begins(first_place->at);
	begin_first();
	end_both();
}

/* But of those that do not meet in one bucket, a part; others in every run. */
static void all_pairs(const struct plan plans[2])
{
	for (unsigned long i = 0; i < plan.count; i++) {
		const struct plan *p;
		bool holds;

		first_place = &plan.places[i];
		holds = first_holds();
		p = &plans[holds];
		for (unsigned long n = 0; n < p->count; n++) {
			if (holds && rand() % APART)
				continue;
			second_place = &p->places[n];
			overlap();
		}
	}
}

static void some_pairs(const struct plan plans[2])
{
	for (int i = 0; i < SOME_PAIRS; i++) {
		first_place = any_place(&plan);
		second_place = any_place(&plans[first_holds()]);
		overlap();
	}
}

static void overlap_with(const struct drawing *d)
{
	static struct plan plans[2];

	second = d;
	theirs = (struct draw){.as = d};
	plan_make(&plans[false], d, prepare_both);
	plan_make(&plans[true], d, prepare_second);
	if (drawn->leased && d->leased && plan.count < SMALL &&
	    plans[false].count < SMALL)
		all_pairs(plans);
	else
		some_pairs(plans);
}

/*
 * Each beside each length by the same lease, which the second finds as it was
 * prepared for the first; and beside a few that have none.
 */
static void overlap_with_others(void)
{
	for (const struct drawing *d = drawings(); d->name; d++)
		if (drawn->leased && d->leased && d->prepare == warm)
			overlap_with(d);
	for (int i = 0; i < SECONDS;) {
		const struct drawing *d = any_drawing();

		if (!d->leased) {
			overlap_with(d);
			i++;
		}
	}
}

static void overlapping_draws_differ(void **state)
{
	(void)state;
	parked = 0;
	for_each_drawing(overlap_with_others);
	print_message("both were left in mid-draw %lu times\n", parked);
	assert_true(parked > 0);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlapping_draws_differ),
	};

	(void)count;
	return in_each_tier(arguments, tests, sizeof tests / sizeof *tests);
}

#endif
