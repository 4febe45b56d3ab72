/*
 * Case 26: threads open, copy and close the same few numbers as fast as they
 * can. What a thread has opened and not yet closed is exactly what it opened;
 * a number that others swap all the time is one of the things that they put
 * there, and the whole of it; and when all is quiet, it is what the kernel
 * says.
 */
#include "descriptor_by.h"
#include "support/promise.h"

#include <pthread.h>

enum {
	THREADS = 6,
	OWN_ROUNDS = 15000,
	SHARED = 4, /* numbers from here on, that all of them write */
	FIRST_SHARED = 200,
	QUIETS = 400, /* times that all stop and look */
	SWAPS = 60,   /* between two of these, of each thread */
};

struct storm {
	pthread_t thread;
	uint64_t dice;
	int number; /* of its own */
};

static pthread_barrier_t quiet;
static int sources[3]; /* the device, and known files 1 and 2 */

static unsigned roll(struct storm *storm, unsigned sides)
{
	storm->dice ^= storm->dice >> 12;
	storm->dice ^= storm->dice << 25;
	storm->dice ^= storm->dice >> 27;
	return (unsigned)((storm->dice * UINT64_C(0x2545f4914f6cdd1d)) >> 33) %
	       sides;
}

/* Any thread may fail the test, which is a process of its own. */
static void unleash(void *(*body)(void *))
{
	struct storm storms[THREADS];
	int i;

	pthread_barrier_init(&quiet, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		storms[i].dice = (uint64_t)(i + 1) * 7919 + (uint64_t)getpid();
		storms[i].number = 100 + i;
		expect(pthread_create(&storms[i].thread, NULL, body,
				      &storms[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		expect(pthread_join(storms[i].thread, NULL) == 0);
}

/* What 0 stands for is the device, and else that known file. */
static void expect_now(struct storm *storm, int fd, unsigned what)
{
	uint8_t bytes[SERVED_LEN] = {0};

	if (roll(storm, 2)) {
		expect(pread(fd, bytes, sizeof bytes, 1000) == sizeof bytes);
	} else {
		expect(lseek(fd, 1000, SEEK_SET) == (what ? 1000 : 0));
		expect(read(fd, bytes, sizeof bytes) == sizeof bytes);
	}
	if (what == 0)
		expect(known_random(bytes, sizeof bytes));
	else
		expect(known_is(bytes, what, 1000, sizeof bytes));
}

/* Numbers pass from thread to thread, but have one owner at a time. */
static void *storm_on_own_numbers(void *argument)
{
	struct storm *storm = argument;
	unsigned what, own = 0;
	int fd, copy, round;

	expect(dup2(sources[0], storm->number) == storm->number);
	for (round = 0; round < OWN_ROUNDS; round++) {
		what = roll(storm, 3);
		fd = open_by(roll(storm, OPEN_NAMES),
			     what ? known_path(what) : "/dev/urandom",
			     O_RDONLY);
		expect(fd >= 0);
		expect_now(storm, fd, what);
		copy = roll(storm, 2) ? dup(fd) :
					copy_by(roll(storm, COPY_NAMES), fd, 3);
		expect(copy >= 0);
		expect(close_by(roll(storm, CLOSE_NAMES), fd) == 0);
		expect_now(storm, copy, what);
		expect_now(storm, storm->number, own);
		if (roll(storm, 2)) {
			expect(place_by(roll(storm, PLACE_NAMES), copy,
					storm->number) == storm->number);
			own = what;
		}
		expect_now(storm, storm->number, own);
		expect(close_by(roll(storm, CLOSE_NAMES), copy) == 0);
	}
	return NULL;
}

static void a_number_is_what_its_owner_made_it(void)
{
	sources[0] = open_served();
	unleash(storm_on_own_numbers);
	expect_served(sources[0]);
}

/* One of the things that are put there, and one only. */
static void expect_one_of_them(int fd)
{
	uint8_t bytes[SERVED_LEN] = {0};
	ssize_t got = pread(fd, bytes, sizeof bytes, 320);

	if (got == -1) {
		expect(errno == EBADF);
		return;
	}
	expect(got == sizeof bytes);
	expect(known_is(bytes, 1, 320, sizeof bytes) ||
	       known_is(bytes, 2, 320, sizeof bytes) ||
	       known_random(bytes, sizeof bytes));
}

static void expect_what_the_kernel_says(int fd)
{
	uint8_t bytes[SERVED_LEN] = {0};
	ssize_t got = pread(fd, bytes, sizeof bytes, 320);

	switch (nature_of(fd)) {
	case NATURE_CLOSED:
		expect(got == -1 && errno == EBADF);
		break;
	case NATURE_RANDOM:
		expect(got == sizeof bytes);
		expect(known_random(bytes, sizeof bytes));
		break;
	default:
		expect(got == sizeof bytes);
		expect(known_is(bytes, 1, 320, sizeof bytes) ||
		       known_is(bytes, 2, 320, sizeof bytes));
	}
}

static void swap_or_read(struct storm *storm)
{
	int fd = FIRST_SHARED + (int)roll(storm, SHARED);
	int placed;

	switch (roll(storm, 8)) {
	case 0:
	case 1:
	case 2:
		/* EBUSY: another thread is just being given that number. */
		placed = place_by(roll(storm, PLACE_NAMES),
				  sources[roll(storm, 3)], fd);
		expect(placed == fd || (placed == -1 && errno == EBUSY));
		break;
	case 3:
		close(fd);
		break;
	case 4:
		fcntl(sources[roll(storm, 3)], F_DUPFD, fd);
		break;
	default:
		expect_one_of_them(fd);
	}
}

static void *storm_on_shared_numbers(void *argument)
{
	struct storm *storm = argument;
	int round, i;

	for (round = 0; round < QUIETS; round++) {
		for (i = 0; i < SWAPS; i++)
			swap_or_read(storm);
		pthread_barrier_wait(&quiet);
		for (i = 0; i < SHARED; i++)
			expect_what_the_kernel_says(FIRST_SHARED + i);
		pthread_barrier_wait(&quiet);
		/* F_DUPFD went beyond what is looked at. */
		if (storm->number == 100)
			close_range(FIRST_SHARED + SHARED, ~0U, 0);
		pthread_barrier_wait(&quiet);
	}
	return NULL;
}

static void a_shared_number_is_what_the_kernel_says(void)
{
	sources[0] = open_served();
	sources[1] = open_known(1);
	sources[2] = open_known(2);
	unleash(storm_on_shared_numbers);
	expect_served(sources[0]);
}

/* Two threads race for one number: device or file, but no mixture of both. */
static int raced;

static void *race_to_place(void *argument)
{
	struct storm *storm = argument;
	int round;

	for (round = 0; round < 10000; round++) {
		expect(dup2(sources[storm->number % 2], raced) == raced);
		pthread_barrier_wait(&quiet);
		expect_what_the_kernel_says(raced);
		pthread_barrier_wait(&quiet);
	}
	return NULL;
}

static void the_last_to_place_a_number_is_believed(void)
{
	sources[0] = open_served();
	sources[1] = open_known(1);
	raced = 300;
	unleash(race_to_place);
}

/* Who reads a number while it ends may not keep it alive. */
static void *close_under_readers(void *argument)
{
	struct storm *storm = argument;
	bool closes = storm->number == 100;
	uint8_t bytes[16];
	int round, i;

	for (round = 0; round < 8000; round++) {
		if (closes)
			expect(dup2(sources[0], raced) == raced);
		pthread_barrier_wait(&quiet);
		if (closes)
			expect(close_by(roll(storm, CLOSE_NAMES), raced) == 0);
		for (i = 0; !closes && i < 20; i++)
			if (read(raced, bytes, sizeof bytes) < 0)
				expect(errno == EBADF);
		pthread_barrier_wait(&quiet);
		expect_what_the_kernel_says(raced);
		pthread_barrier_wait(&quiet);
	}
	return NULL;
}

static void a_number_closed_under_readers_is_closed(void)
{
	sources[0] = open_served();
	raced = 300;
	unleash(close_under_readers);
}

int main(void)
{
	static struct promise promises[] = {
		APART(a_number_is_what_its_owner_made_it),
		APART(a_shared_number_is_what_the_kernel_says),
		APART(the_last_to_place_a_number_is_believed),
		APART(a_number_closed_under_readers_is_closed),
	};

	return promises_keep("descriptors_storm", promises, COUNT(promises));
}
