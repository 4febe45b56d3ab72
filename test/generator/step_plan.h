/*
 * At which instructions of a draw something happens: at every one but those
 * that only make key stream, ours or the vDSO's, of which there are thousands:
 * there at a few, and others in every run. For each drawing, in each tier; on
 * one CPU, so that all meet in the same bucket.
 */
#ifndef STEP_PLAN_H
#define STEP_PLAN_H

#include "step_words.h"
#include "support/dice.h"

#if defined(__x86_64__)

/*
 * Others may reseed the kernel at any time: a draw that is stepped through is
 * then refused, or begun anew, and goes a longer way than others will. Tests in
 * other processes do it for seconds: we wait for their end.
 */
enum { TRIES = 200, PLAIN_TRIES = 100, PAUSE = 50000 };

struct plan {
	struct step_place *places;
	unsigned long count;
};

/* A draw that was looked at: its instructions, and which make key stream. */
static uintptr_t trace[STEPS];
static bool is_stream[STEPS];

static inline bool makes_key_stream(uintptr_t instruction)
{
	return instruction == (uintptr_t)bucket_stream ||
	       instruction == (uintptr_t)chacha20_portable();
}

static inline bool look_around(unsigned long at, uintptr_t instruction,
			       uintptr_t stack)
{
	static uintptr_t leave;

	assert_true(at < STEPS);
	if (at == 0)
		leave = 0;
	if (!leave && makes_key_stream(instruction))
		leave = *(uintptr_t *)stack;
	else if (instruction == leave)
		leave = 0;
	trace[at] = instruction;
	is_stream[at] = leave || instruction - vdso_base() < 0x4000;
	return true;
}

static inline unsigned long streams_in(unsigned long steps)
{
	unsigned long count = 0;

	for (unsigned long at = 0; at < steps; at++)
		count += is_stream[at];
	return count;
}

/*
 * The quickest way to the next instruction of a trace: on from the one before
 * it, which is here; or by its own address, a step each time that was passed.
 */
static inline void come_to(struct step_place *here, unsigned int *passed)
{
	uintptr_t instruction = trace[here->at];
	unsigned long times;

	if (!step_is_own(instruction))
		return;
	times = passed[instruction - (uintptr_t)__executable_start]++;
	if (times && here->passed + here->at - here->from < times)
		return;
	here->from = here->at;
	here->way = instruction;
	here->passed = times;
}

static inline void plan_of_trace(struct plan *p, unsigned long steps)
{
	unsigned long stride = streams_in(steps) / SAMPLES + 1;
	unsigned long next = (unsigned long)rand() % stride;
	unsigned int *passed = calloc((size_t)(etext - __executable_start),
				      sizeof *passed);
	struct step_place here = {0, 0, 0, 0};

	assert_non_null(passed);
	p->places = realloc(p->places, PLACES * sizeof *p->places);
	p->count = 0;
	for (here.at = 0; here.at < steps; here.at++) {
		come_to(&here, passed);
		if (is_stream[here.at] && next--)
			continue;
		if (is_stream[here.at])
			next = stride - 1;
		assert_true(p->count < PLACES);
		p->places[p->count++] = here;
	}
	free(passed);
	p->places = realloc(p->places, p->count * sizeof *p->places);
}

/* Of a draw that finds things as ready leaves them. */
static inline void plan_make(struct plan *p, const struct drawing *d,
			     void (*ready)(const struct drawing *))
{
	static struct draw probe;
	unsigned long steps = 0;
	bool quiet = false, good = false;

	probe = (struct draw){.as = d};
	give_all_back();
	ready(d);
	draw(&probe);	/* libc's functions are bound */
	for (int i = 0; i < TRIES && !good; i++) {
		uint64_t before;

		usleep(i ? PAUSE : 0);
		give_all_back();
		ready(d);
		before = generation_now();
		steps = step(draw, &probe, look_around);
		quiet = generation_now() == before;
		good = probe.served && (quiet || i >= PLAIN_TRIES);
	}
	if (!good && !quiet) {
		print_message("skipped: others reseed the kernel too often\n");
		skip();
	}
	assert_true(good);
	give_all_back();
	plan_of_trace(p, steps);
}

static inline const struct step_place *any_place(const struct plan *p)
{
	return &p->places[(unsigned long)rand() % p->count];
}

/*
 * One drawing after the other, as drawn; its draw is ours, and the places of
 * that are in plan. In a pass of all places the next one is number plan_next.
 */
static struct plan plan;
static unsigned long plan_next;
static struct draw ours;

static inline void prepare(void)
{
	drawn->prepare(drawn);
}

/* Of each drawing, made once in a process. */
static inline const struct plan *plan_of(const struct drawing *d)
{
	static struct plan plans[DRAWINGS];
	struct plan *p = &plans[d - drawings()];

	if (!p->count)
		plan_make(p, d, d->prepare);
	return p;
}

static inline const struct drawing *any_drawing(void)
{
	const struct drawing *all = drawings();
	size_t count = 0;

	while (all[count].name)
		count++;
	return &all[(size_t)rand() % count];
}

/* Of another draw, for something else to happen at. */
static inline const struct step_place *any_place_of(struct draw *other)
{
	*other = (struct draw){.as = any_drawing(), .who = ANOTHERS};
	return any_place(plan_of(other->as));
}

static inline bool is_next(unsigned long at)
{
	if (plan_next == plan.count || at != plan.places[plan_next].at)
		return false;
	plan_next++;
	return true;
}

static inline void for_each_drawing(void (*promise)(void))
{
	acts_of_test = wrong_of_test = 0;
	for (const struct drawing *d = drawings(); d->name; d++)
		plan_of(d);
	for (const struct drawing *d = drawings(); d->name; d++) {
		acts_begin(d);
		step_become(NULL);
		give_all_back();
		plan = *plan_of(d);
		ours = (struct draw){.as = d};
		plan_next = 0;
		promise();
		if (held())
			wrong("%u buckets are held", held());
		if (tier_now() != tier_told)
			wrong("the tier is lower: %s", tier_why());
		tier_set(tier_told, "");
		acts_end();
	}
	print_message("%lu acts, %lu of them wrong\n", acts_of_test,
		      wrong_of_test);
	assert_int_equal(wrong_of_test, 0);
}

static inline void no_breakpoints(void **state)
{
	(void)state;
	print_message("skipped: this system lets nobody change code\n");
	skip();
}

/* A tier is chosen once in a process. */
static inline int in_this_tier(const char *name, const struct CMUnitTest *tests,
			       size_t count)
{
	const struct CMUnitTest none[] = {cmocka_unit_test(no_breakpoints)};
	cpu_set_t one;

	if (!tier_ready() || strcmp(tier_name(tier_now()), name) != 0) {
		print_message("skipped: no tier %s here: %s\n", name,
			      tier_why());
		return 0;
	}
	if (!step_prepare())
		return cmocka_run_group_tests_name(name, none, NULL, NULL);
	tier_told = tier_now();
	dice_begin();
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

/* Runs the program once for each tier; gives main's answer. */
static inline int in_each_tier(char **arguments, const struct CMUnitTest *tests,
			       size_t count)
{
	const char *tiers[] = {"page", "call", "hardware", "kernel"};
	const char *told = getenv("FASTRAND_SOURCE");
	int failed = 0;

	if (told)
		return in_this_tier(told, tests, count);
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

#endif

#endif
