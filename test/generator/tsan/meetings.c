/*
 * Threads that meet in the library where nothing but the library orders them:
 * at the first use of everything, at a lease that a thread leaves to the next
 * on the same stack, at numbers that one reads while others draw. They start
 * by a relaxed flag, which ThreadSanitizer takes for no order at all.
 */
#include "support/draws.h"

enum {
	THREADS = 4,
	MEETINGS = 40, /* processes in which all is used for the first time */
	HEIRS = 30,    /* threads, one after the other */
	READS = 6,
	USES = COUNT(ways) + READS,
};

static atomic_bool go, enough;
static int device, file;

static void wait_for_go(void)
{
	while (!atomic_load_explicit(&go, memory_order_relaxed))
		;
}

static void say_go(void)
{
	atomic_store_explicit(&go, true, memory_order_relaxed);
}

static pthread_t begin(void *(*body)(void *), size_t number)
{
	pthread_t thread;

	expect(pthread_create(&thread, NULL, body, (void *)number) == 0);
	return thread;
}

static void end(pthread_t thread)
{
	expect(pthread_join(thread, NULL) == 0);
}

static ssize_t read_somehow(size_t how, int fd, void *out, size_t len)
{
	struct iovec whole = {out, len};

	switch (how % READS) {
	case 0:
		return read(fd, out, len);
	case 1:
		return pread(fd, out, len, 16);
	case 2:
		return readv(fd, &whole, 1);
	case 3:
		return preadv(fd, &whole, 1, 16);
	case 4:
		return syscall(SYS_read, fd, out, len);
	default:
		return pread64(fd, out, len, 16);
	}
}

static void use(size_t which, size_t len)
{
	uint8_t bytes[4096];

	if (which < COUNT(ways)) {
		ways[which].draw(bytes, len);
		return;
	}
	expect(read_somehow(which, device, bytes, len) == (ssize_t)len);
	expect(read_somehow(which, file, bytes, 32) >= 0);
}

/*
 * First uses. Each thread begins with another one.
 */

static void *uses_everything(void *number)
{
	static const size_t lens[] = {8, 512, 32, 4096};

	wait_for_go();
	for (size_t i = 0; i < USES; i++)
		use((i + (size_t)number) % USES, lens[i % COUNT(lens)]);
	return NULL;
}

static size_t meeting;

static void meet(void)
{
	pthread_t threads[THREADS];

	device = open("/dev/urandom", O_RDONLY);
	file = open_known(1);
	expect(device >= 0);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = begin(uses_everything,
				   meeting + i * USES / THREADS);
	say_go();
	for (size_t i = 0; i < THREADS; i++)
		end(threads[i]);
}

static void first_uses_meet(void)
{
	for (meeting = 0; meeting < MEETINGS; meeting++)
		keep_apart(meet);
}

/*
 * Leases. Small draws from one depth until it has one, and then with it.
 */

static void *draws_small(void *unused)
{
	uint8_t bytes[32];

	for (int i = 0; i < 20000; i++) {
		getrandom(bytes, 32, 0);
		getrandom(bytes, 4, 0);
		arc4random();
	}
	return unused;
}

/* All of them with the same stack. */
static void a_lease_is_left_to_the_next_thread(void)
{
	for (size_t i = 0; i < HEIRS; i++)
		end(begin(draws_small, i));
}

static void leases_do_not_meet(void)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		threads[i] = begin(draws_small, i);
	draws_small(NULL);
	for (size_t i = 0; i < THREADS; i++)
		end(threads[i]);
}

/*
 * Numbers, and sets of buckets, that others use.
 */

static void *draws_until_enough(void *number)
{
	size_t i;

	wait_for_go();
	for (i = (size_t)number;
	     !atomic_load_explicit(&enough, memory_order_relaxed); i++)
		use(i % USES, i % 64 ? 16 : 4096);
	return NULL;
}

/*
 * What was served is read while it moves, word by word, as src/report.c says:
 * ThreadSanitizer is told not to look.
 */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);

static uint64_t served_so_far(void)
{
	uint64_t served;

	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	served = preload_served();
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
	return served;
}

static void numbers_are_read_meanwhile(void)
{
	pthread_t threads[THREADS];
	uint64_t before = served_so_far();

	device = open_served();
	file = open_known(1);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = begin(draws_until_enough, i);
	say_go();
	for (int i = 0; i < 300; i++) {
		served_so_far();
		usleep(1000);
	}
	atomic_store_explicit(&enough, true, memory_order_relaxed);
	for (size_t i = 0; i < THREADS; i++)
		end(threads[i]);
	expect(served_so_far() > before + 1000);
}

int main(void)
{
	static struct promise promises[] = {
		HERE(first_uses_meet),
		APART(a_lease_is_left_to_the_next_thread),
		APART(leases_do_not_meet),
		APART(numbers_are_read_meanwhile),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("meetings", promises, COUNT(promises));
}
