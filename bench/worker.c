/* How does a worker time its contender, in each of the ways it is asked to? */
#include "worker.h"
#include "timing.h"
#include "fastrand.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	ASKS = 3,		/* descriptors that worker_start prepared */
	ANSWERS = 4,
	SLICES = 32,		/* turns of run and baseline in a round */
	SINGLES_MAX = 100000,
	CROWD_MAX = 256,
	CHUNK_NS = 10000,	/* a thread looks at stop this often */
	APART = 4096,		/* threads' buffers share no cache line */
};

static const struct contender *me;
static void (*info_fn)(struct fastrand_info *, size_t);

/* A buffer of this size, whose pages are mapped. Only the last one is kept. */
static uint8_t *buffer(size_t size)
{
	static uint8_t *p;
	static size_t have;

	if (p && have == size)
		return p;
	if (p)
		munmap(p, have);
	have = size;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		abort();
	memset(p, 1, size);
	return p;
}

static struct fastrand_info info(void)
{
	struct fastrand_info i;

	memset(&i, 0, sizeof i);
	if (info_fn)
		info_fn(&i, sizeof i);
	return i;
}

static void figure(struct answer *a, const char *name, double value)
{
	snprintf(a->figure[a->figures].name, sizeof a->figure->name, "%s",
		 name);
	a->figure[a->figures++].value = value;
}

/* Which share was served in the process, and how many % by the kernel? */
static void count_since(struct answer *a, const struct fastrand_info *before)
{
	struct fastrand_info after = info();
	double served = (double)(after.requests - before->requests) /
			(double)a->calls;

	if (!(me->flags & OURS) || !info_fn)
		return;
	figure(a, "served", served < 1 ? served : 1);
	figure(a, "kernel", 100.0 * (double)(after.kernel - before->kernel) /
	       (double)a->calls);
}

static uint64_t timed(loop *run, uint8_t *buf, size_t size, uint64_t n,
		      struct answer *a)
{
	uint64_t start = now_ns();

	a->bad += run(buf, size, n);
	a->calls += n;
	return now_ns() - start;
}

/* How many requests of this size fill ns? At least one. */
static uint64_t batch_for(uint8_t *buf, size_t size, uint64_t ns)
{
	static uint64_t n, known_size, known_ns;
	struct answer ignored = { 0 };
	uint64_t took;

	if (n && known_size == size && known_ns == ns)
		return n;
	known_size = size;
	known_ns = ns;
	/* The very first call may have set something up: it does not count. */
	me->run(buf, size, 1);
	n = 1;
	while ((took = timed(me->run, buf, size, n, &ignored)) * 4 < ns)
		n *= 2;
	n = (uint64_t)((double)n * (double)ns / (double)(took + 1));
	if (n == 0)
		n = 1;
	return n;
}

static void do_round(const struct ask *ask, struct answer *a)
{
	uint8_t *buf = buffer(ask->size);
	uint64_t n = batch_for(buf, ask->size, ask->ns);
	int slices = n < SLICES ? 2 : SLICES;
	uint64_t slice = n < SLICES ? 1 : n / SLICES, ns = 0, baseline_ns = 0;
	struct fastrand_info before;

	/*
	 * The worker has been asleep: let caches and clocks wake up. A baseline
	 * comes first in the first slice, so it has to have been called before:
	 * then each of the two follows itself as often as it follows the other.
	 */
	if (me->baseline)
		me->baseline(buf, ask->size, n / 8 + 1);
	else
		me->run(buf, ask->size, n / 8);
	before = info();
	if (me->baseline) {
		for (int i = 0; i < slices; i++) {
			if (i % 2)
				ns += timed(me->run, buf, ask->size, slice, a);
			baseline_ns += timed(me->baseline, buf, ask->size,
					     slice, a);
			if (i % 2 == 0)
				ns += timed(me->run, buf, ask->size, slice, a);
		}
		a->calls /= 2;
	} else {
		ns = timed(me->run, buf, ask->size, n, a);
	}
	figure(a, "ns", (double)ns / (double)a->calls);
	if (me->baseline) {
		figure(a, "baseline_ns",
		       (double)baseline_ns / (double)a->calls);
		figure(a, "added_ns", ((double)ns - (double)baseline_ns) /
		       (double)a->calls);
	}
	count_since(a, &before);
}

static uint64_t nothing_run(uint8_t *buf, size_t len, uint64_t n)
{
	(void)buf;
	(void)len;
	(void)n;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Leaves the ticks of n calls sorted, and returns n. */
static size_t time_singles(loop *run, uint8_t *buf, size_t size, uint64_t ns,
			   double *ticks, struct answer *a)
{
	uint64_t end = now_ns() + ns;
	size_t n = 0;

	while (n < SINGLES_MAX) {
		uint64_t start = tick();

		a->bad += run(buf, size, 1);
		ticks[n++] = (double)(tick() - start);
		if (n % 64 == 0 && now_ns() > end)
			break;
	}
	qsort(ticks, n, sizeof *ticks, by_value);
	return n;
}

/* Of sorted ticks: some clocks advance by many at once. */
static double smallest_step(const double *ticks, size_t n)
{
	double step = 0;

	for (size_t i = 1; i < n; i++) {
		double d = ticks[i] - ticks[i - 1];

		if (d > 0 && (step == 0 || d < step))
			step = d;
	}
	return step;
}

/* The tick that this share of the sorted ticks, 0..1, does not exceed. */
static double quantile(const double *ticks, size_t n, double share)
{
	return ticks[(size_t)(share * (double)(n - 1) + 0.5)];
}

static void do_singles(const struct ask *ask, struct answer *a)
{
	static const struct {
		const char *name;
		double share;
	} wanted[] = { { "p50", 0.5 }, { "p99", 0.99 }, { "p999", 0.999 } };
	static double ticks[SINGLES_MAX];
	static loop *volatile nothing = nothing_run;
	uint8_t *buf = buffer(ask->size);
	double ns = tick_ns(), clock, value;
	size_t n = time_singles(nothing, buf, ask->size, 2000000, ticks, a);

	clock = quantile(ticks, n, 0.5);
	figure(a, "clock_ns", clock * ns);
	figure(a, "step_ns", smallest_step(ticks, n) * ns);
	time_singles(me->run, buf, ask->size, ask->ns / 4, ticks, a);
	n = time_singles(me->run, buf, ask->size, ask->ns, ticks, a);
	a->calls = n;
	for (int i = 0; i < 3; i++) {
		value = quantile(ticks, n, wanted[i].share) - clock;
		figure(a, wanted[i].name, value > 0 ? value * ns : 0);
	}
}

struct crowd {
	pthread_barrier_t start;
	_Atomic int stop;
	uint64_t size, chunk;
};

struct member {
	struct crowd *crowd;
	pthread_t thread;
	uint64_t from, to, cpu_ns, calls, bad;
} __attribute__((aligned(128)));

static void *member_main(void *arg)
{
	struct member *m = arg;
	struct crowd *c = m->crowd;
	uint8_t *buf = aligned_alloc(APART, (c->size + APART) / APART * APART);

	if (!buf)
		abort();
	m->bad += me->run(buf, c->size, 1);	/* the thread's own set-up */
	pthread_barrier_wait(&c->start);
	m->from = now_ns();
	m->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	while (!c->stop) {
		m->bad += me->run(buf, c->size, c->chunk);
		m->calls += c->chunk;
	}
	m->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - m->cpu_ns;
	m->to = now_ns();
	free(buf);
	return NULL;
}

static void do_crowd(const struct ask *ask, struct answer *a)
{
	static struct member members[CROWD_MAX];
	struct crowd crowd = { .size = ask->size };
	struct timespec nap = { 0, (long)ask->ns };
	struct fastrand_info before;
	uint64_t from = UINT64_MAX, to = 0, cpu = 0;

	crowd.chunk = batch_for(buffer(ask->size), ask->size, CHUNK_NS);
	pthread_barrier_init(&crowd.start, NULL, (unsigned)ask->threads + 1);
	memset(members, 0, sizeof members);
	for (int i = 0; i < ask->threads; i++) {
		members[i].crowd = &crowd;
		if (pthread_create(&members[i].thread, NULL, member_main,
				   &members[i]))
			abort();
	}
	before = info();
	pthread_barrier_wait(&crowd.start);
	nanosleep(&nap, NULL);
	crowd.stop = 1;
	for (int i = 0; i < ask->threads; i++) {
		struct member *m = &members[i];

		pthread_join(m->thread, NULL);
		from = m->from < from ? m->from : from;
		to = m->to > to ? m->to : to;
		cpu += m->cpu_ns;
		a->calls += m->calls;
		a->bad += m->bad;
	}
	pthread_barrier_destroy(&crowd.start);
	figure(a, "ns", (double)(to - from) / (double)a->calls);
	figure(a, "cpu_ns", (double)cpu / (double)a->calls);
	count_since(a, &before);
}

static void do_memory(struct answer *a)
{
	double pages, kib;

	a->bad = !startup_memory(&pages, &kib);
	a->calls = 1;
	figure(a, "dirty_pages", pages);
	figure(a, "resident_kib", kib);
}

static void tell(char *to, size_t room, const char *text)
{
	snprintf(to, room, "%s", text ? text : "");
}

static void say_hello(struct answer *a, const char *why)
{
	struct fastrand_info i = info();

	tell(a->why, sizeof a->why, why);
	tell(a->tier, sizeof a->tier, i.tier);
	tell(a->tier_why, sizeof a->tier_why, i.why);
	tell(a->memory, sizeof a->memory, i.memory);
	tell(a->chacha20, sizeof a->chacha20, i.chacha20);
	tell(a->hardware, sizeof a->hardware, i.hardware);
}

int worker_main(const struct contender *self)
{
	struct answer a;
	struct ask ask;
	const char *why;

	me = self;
	why = contender_open(self);
	if (self->flags & OURS)
		info_fn = contender_symbol("fastrand_info");
	while (read(ASKS, &ask, sizeof ask) == sizeof ask) {
		memset(&a, 0, sizeof a);
		if (ask.what == HELLO)
			say_hello(&a, why);
		else if (ask.what == ROUND)
			do_round(&ask, &a);
		else if (ask.what == SINGLES)
			do_singles(&ask, &a);
		else if (ask.what == CROWD)
			do_crowd(&ask, &a);
		else
			do_memory(&a);
		if (write(ANSWERS, &a, sizeof a) != sizeof a)
			return 1;
	}
	return 0;
}
