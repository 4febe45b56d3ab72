/*
 * When an entry point returns, what was drawn is in the caller's buffer, and in
 * no register that the caller may not rely on, nor on the dead stack: the
 * loader, a signal, a switch of contexts write such registers to memory that
 * nobody wipes. By every name, for every short length and some long ones, from
 * a bucket in each state that can be brought about from outside.
 */
#include "registers_entries.h"
#include "residue.h"
#include "residue_search.h"

#include <sched.h>
#include <sys/ioctl.h>

#ifndef RNDRESEEDCRNG
#define RNDRESEEDCRNG _IO('R', 0x07)
#endif

#if RESIDUE_KNOWN

enum {
	ROUNDS = 8,		/* see residue_search.h */
	TRIES = 4000,		/* until a draw finds such a bucket */
	DRAINED = 64,		/* draws; then another refill is far */
	LEASED_MOST = 64,	/* longer ones do not come from there */
	BELOW = 1 << 17,	/* what a call may use of its stack */
	PLACES = 1 << 14,	/* where a stack may begin, without a lease */
	LEASES = 8,		/* and with one */
	STEP = 32,		/* divides a batch: blocks less a key */
};

/* After 1 to 64. */
static const size_t longer[] = {
	65,  100, 127, 128, 200,  255,	256,  257,  300,  511,
	512, 513, 992, 993, 1000, 1024, 2000, 4096, 5000, MOST,
};

enum { LENGTHS = 64 + COUNT(longer) };

/* A round. A child of fork takes it for us, too. */
static struct round {
	struct residue residue;
	struct fastrand_info before, after;
	uint8_t drawn[MOST];
} *taken;

static uint8_t *stacks;
static size_t stock; /* bytes from one refill to the next; 0: none is kept */

/*
 * The states of a bucket that can be brought about from outside.
 */

enum state { WARM, REFILL, FRESH, RESEED, STATES };

static const char *const state_names[] = {
	", warm",
	", at a refill",
	", first in a child",
	", after a reseed",
};

static struct scene {
	const struct entry *entry;
	enum state state;
} scenes[COUNT(entries)][STATES];

static uintptr_t ask(const struct entry *e, size_t len, struct residue *to)
{
	memset(residue_call.arguments, 0, sizeof residue_call.arguments);
	e->ask(residue_call.arguments, len);
	return residue_take(to);
}

/* Draws until a refill; says how often. */
static size_t until_refill(const struct entry *e, size_t len)
{
	uint64_t before = info_now().refills;
	size_t count = 0;

	while (info_now().refills == before) {
		ask(e, len, NULL);
		expect(count++ <= TRIES);
	}
	return count;
}

/* Of another path than those with a lease. */
static void others_until_refill(void)
{
	uint64_t before = info_now().refills;
	uint8_t bytes[LEASED_MOST + 1];

	while (info_now().refills == before)
		api.buf(bytes, sizeof bytes);
	for (size_t some = 0; some < stock / 2; some += sizeof bytes)
		api.buf(bytes, sizeof bytes);
}

/* A length of which a draw takes from the same bucket as one of len. */
static size_t alike(const struct entry *e, size_t len, bool coarse)
{
	size_t one = each(e, len);
	size_t step = one < 4 || one > 32 ? 33 : 32;

	if (e->is & ANSWERS)
		return len;
	if (!coarse)
		step = one < 4 ? 1 : one > 32 ? 33 : 4;
	return e->is & HALVES ? 2 * step : step;
}

/*
 * Leaves so little stock that one of the next draws needs a new one. Quickly: it
 * has to come between two reseeds, of which another process may ask for many.
 */
static void drain(const struct entry *e, size_t len)
{
	size_t coarse = alike(e, len, true), fine = alike(e, len, false);
	size_t left = stock, keep = takes(e, len), strides = 0;
	uint64_t before = info_now().refills;

	if (len >= stock)
		return;
	/* To look whether there was one takes longer than a draw. */
	while (info_now().refills == before)
		for (strides = 0; strides < stock / 32;
		     strides += takes(e, coarse))
			ask(e, coarse, NULL);
	keep += strides + takes(e, fine);
	for (; left > keep + takes(e, coarse); left -= takes(e, coarse))
		ask(e, coarse, NULL);
	for (; left > keep; left -= takes(e, fine))
		ask(e, fine, NULL);
}

static bool as_wanted(const struct scene *s, size_t len)
{
	const struct fastrand_info *a = &taken->before, *b = &taken->after;
	bool refilled = a->refills != b->refills;
	bool reseeded = a->reseeds != b->reseeds;

	if (a->requests == b->requests && must_serve(s->entry, len))
		return false;
	if (!stock)
		return true;
	switch (s->state) {
	case WARM:
		return !reseeded && (!refilled || len >= stock);
	case REFILL:
		return !reseeded && refilled;
	default:
		return reseeded;
	}
}

static void take(const struct entry *e, size_t len)
{
	uintptr_t answer;

	taken->before = info_now();
	answer = ask(e, len, &taken->residue);
	taken->after = info_now();
	expect(taken->residue.frame_len &&
	       taken->residue.frame_len <= RESIDUE_FRAME);
	if (e->is & ANSWERS)
		memcpy(taken->drawn, &answer, len);
	if (len >= 32)
		expect_random_bytes(taken->drawn, len);
}

static void take_in_a_child(const struct entry *e, size_t len)
{
	pid_t child = fork();

	if (!child) {
		promise_apart = true;
		take(e, len);
		_exit(0);
	}
	reap(child);
}

/* A draw from a bucket in that state, and what it leaves behind. */
static void take_round(const struct scene *s, size_t len)
{
	for (int tries = 0; tries < TRIES; tries++) {
		if (s->state == REFILL && tries % DRAINED == 0)
			drain(s->entry, len);
		if (s->state == RESEED)
			expect(ioctl(device, RNDRESEEDCRNG) == 0);
		if (s->state == FRESH)
			take_in_a_child(s->entry, len);
		else
			take(s->entry, len);
		if (as_wanted(s, len))
			return;
	}
	expect(!"a draw from such a bucket, served");
}

/* Several rounds; is anything left behind? */
static bool leaves(const struct scene *s, size_t len)
{
	const struct residue *r = &taken->residue;
	size_t answer = s->entry->is & ANSWERS ? sizeof(uint32_t) : 0;

	for (int i = 0; i < ROUNDS; i++) {
		take_round(s, len);
		search_round(r, taken->drawn, len, answer, i == 0);
	}
	return search_ended(r)[0];
}

/* What is said: lengths in a row that leave the same behind are one line. */
static struct {
	char names[SEARCH_NAMES];
	size_t first, last;
} said;

static void say(const struct scene *s, const char *how)
{
	if (said.names[0])
		fprintf(stderr,
			"%s%s%s, of %zu to %zu bytes: some left in %s\n",
			s->entry->name, state_names[s->state], how, said.first,
			said.last, said.names);
	said.names[0] = '\0';
}

static void note(const struct scene *s, const char *how, size_t len)
{
	if (strcmp(said.names, search_names) != 0) {
		say(s, how);
		memcpy(said.names, search_names, sizeof said.names);
		said.first = len;
	}
	said.last = len;
}

/* In tier off libc answers; what it leaves behind when asked itself is its. */
static bool is_libcs(const struct scene *s, size_t len)
{
	uintptr_t function = residue_call.function;
	void *libc;
	bool leak;

	if (!tier_is("off") || !s->entry->libcs)
		return false;
	libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	if (!libc)
		return false;
	residue_call.function = (uintptr_t)dlsym(libc, s->entry->libcs);
	leak = residue_call.function && leaves(s, len);
	residue_call.function = function;
	dlclose(libc);
	return leak;
}

static struct leaks {
	size_t ours, libcs;
} leaks;

static void count_up_to(const struct scene *s, const char *how, size_t most,
			uintptr_t (*where)(void))
{
	for (size_t i = 0; i < LENGTHS; i++) {
		size_t len = i < 64 ? i + 1 : longer[i - 64];

		if (len < s->entry->least || len > s->entry->most || len > most)
			continue;
		residue_call.stack = where();
		if (!leaves(s, len)) {
			say(s, how);
			continue;
		}
		note(s, how, len);
		if (is_libcs(s, len))
			leaks.libcs++;
		else
			leaks.ours++;
	}
	say(s, how);
}

/*
 * Where the calls' stack begins. A stack pointer that comes often gets a lease.
 */

static uintptr_t without_lease(void)
{
	static size_t place;

	place = (place + 1) % PLACES;
	return (uintptr_t)stacks + BELOW + 16 * place;
}

static uintptr_t leased;

static uintptr_t with_lease(void)
{
	return leased;
}

/* A lease has a stock of its own, which others do not bring nearer its end. */
static bool has_lease(const struct entry *e, size_t len)
{
	until_refill(e, len);
	others_until_refill();
	return until_refill(e, len) * takes(e, len) > stock / 4 * 3;
}

/* Not every place gets one: two may want the same. */
static bool get_lease(const struct entry *e)
{
	size_t len = e->is & ANSWERS ? e->most : e->is & HALVES ? 32 : 16;

	for (uintptr_t i = 0; i < LEASES; i++) {
		leased = residue_call.stack =
			(uintptr_t)stacks + BELOW + 16 * (PLACES + i);
		for (int draws = 0; draws < 100000; draws++) {
			ask(e, len, NULL);
			if (draws % 20000 == 19999 && has_lease(e, len))
				return true;
		}
	}
	return false;
}

/* NULL: the library does not define it here. */
static void *ours(const char *name)
{
	void *found = dlsym(RTLD_DEFAULT, name), *known;
	Dl_info is, library;

	memcpy(&known, &preload_info, sizeof known);
	if (!found || !dladdr(found, &is) || !dladdr(known, &library) ||
	    is.dli_fbase != library.dli_fbase)
		return NULL;
	return found;
}

static void nothing_is_left_behind(void **state)
{
	const struct scene *s = *state;
	const struct entry *e = s->entry;
	char name[64];

	snprintf(name, sizeof name, "%.*s", (int)strcspn(e->name, "("),
		 e->name);
	residue_call.function = (uintptr_t)ours(name);
	if (!residue_call.function) {
		fprintf(stderr, "no %s\n", name);
		skip_because("this libc has not all names");
	}
	if (s->state == RESEED)
		only_for_root();
	leaks = (struct leaks){0};
	count_up_to(s, "", MOST, without_lease);
	if (stock && !(e->is & ALONE) && e->least <= LEASED_MOST) {
		expect(get_lease(e));
		count_up_to(s, ", leased", LEASED_MOST, with_lease);
	}
	expect(leaks.ours == 0);
	if (leaks.libcs)
		skip_because("tier off: libc's own leaves it behind as well");
}

/* Draws until a refill; says how many bytes, or 0 if there is none. */
static size_t bytes_until_refill(void)
{
	enum { MUCH = 1 << 17 };
	uint64_t before = info_now().refills;
	uint8_t bytes[STEP];

	for (size_t drawn = STEP; drawn < MUCH; drawn += STEP) {
		api.buf(bytes, sizeof bytes);
		if (info_now().refills != before)
			return drawn;
	}
	return 0;
}

/* From one refill to the next; false: a reseed came between every time. */
static bool measure_stock(void)
{
	if (tier_is("off") || !bytes_until_refill())
		return true;
	for (int tries = 0; tries < TRIES; tries++) {
		uint64_t before = info_now().reseeds;

		stock = bytes_until_refill();
		if (info_now().reseeds == before)
			return true;
	}
	return false;
}

static bool begin(void)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	taken = mmap(NULL, sizeof *taken, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	stacks = mmap(NULL, BELOW + 16 * (PLACES + LEASES),
		      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	drawn = taken->drawn;
	device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	stream = fopen("/dev/urandom", "re");
	/* What comes without a lease then always comes from one bucket. */
	CPU_ZERO(&here);
	CPU_SET(cpu < 0 ? 0 : cpu, &here);
	sched_setaffinity(0, sizeof here, &here);
	return taken != MAP_FAILED && stacks != MAP_FAILED && device >= 0 &&
	       stream && residue_start() && measure_stock();
}

/* Where nothing is kept, no refill and no reseed makes a difference. */
static bool is_possible(const struct entry *e, enum state state)
{
	/* With a trusted tag reads alone are another matter. */
	if (preload_trusts() && !(e->is & READS))
		return false;
	/* There what is in a stream's buffer comes again in every child. */
	if (tier_is("off") && state == FRESH && e->is & STREAMS)
		return false;
	return stock || state == WARM || state == FRESH;
}

int main(void)
{
	static struct promise_list list;

	if (!draws_begin() || !begin())
		return 2;
	for (size_t i = 0; i < COUNT(entries); i++) {
		for (enum state state = 0; state < STATES; state++) {
			struct scene *s = &scenes[i][state];

			*s = (struct scene){&entries[i], state};
			if (is_possible(s->entry, state))
				promise_add(&list, s->entry->name,
					    state_names[state],
					    nothing_is_left_behind, s);
		}
	}
	return _cmocka_run_group_tests("registers", list.tests, list.count,
				       NULL, NULL);
}

#else

static void nothing_is_left_behind(void)
{
	skip_because("no way to look at this processor's registers");
}

int main(void)
{
	static const struct promise promises[] = {HERE(nothing_is_left_behind)};

	return promises_keep("registers", promises, COUNT(promises));
}

#endif
