/*
 * A number changes hands where no libc name of this process is called, or in
 * another table of descriptors than the one that we see. In the default mode
 * the proof before each read finds out; what a tag alone can know is promised
 * in trusting mode too. The numbers are those of the adversarial cases.
 */
#include "support/promise.h"

#include <libgen.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

/* 13: own memory, shared descriptors. */
static void a_child_that_shares_descriptors_swaps(void)
{
	int number = open_served();
	long child;

	only_the_proof_sees_this();
	child = RAW(SYS_clone, CLONE_FILES | SIGCHLD);
	if (child == 0) {
		dup2(open(known_path(1), O_RDONLY), number);
		RAW(SYS_exit_group, 0);
	}
	reap((pid_t)child);
	expect_known(number, 1);
}

/* 14: shared memory too. Does it call libc, or the kernel itself? */
struct swap {
	int from;
	int onto;
	bool unseen;
};

static int swap_in_clone(void *argument)
{
	struct swap *swap = argument;

	if (swap->unseen)
		return (int)RAW(SYS_dup3, swap->from, swap->onto, 0) < 0;
	return dup2(swap->from, swap->onto) < 0;
}

static void swap_by_clone(bool unseen)
{
	static _Alignas(64) char stack[64 * 1024];
	struct swap swap = {open_known(1), open_served(), unseen};

	reap(clone(swap_in_clone, stack + sizeof stack,
		   CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &swap));
	expect_known(swap.onto, 1);
	expect(close(swap.onto) == 0);
	expect_known_lands_on(swap.onto, 2);
}

static void a_child_that_shares_all_swaps_by_libc(void)
{
	swap_by_clone(false);
}

static void a_child_that_shares_all_swaps_unseen(void)
{
	only_the_proof_sees_this();
	swap_by_clone(true);
}

/* 15, 16: one number, two tables: a thread leaves that of its process. */
static struct parting {
	pthread_barrier_t step;
	int number;
	int (*part)(void);
	bool theirs_is_random; /* else it is known file 2 */
} parting;

static int part_by_unshare(void)
{
	return unshare(CLONE_FILES);
}

static int part_by_syscall(void)
{
	return (int)syscall(SYS_unshare, CLONE_FILES);
}

static int part_by_close_range(void)
{
	return close_range(2000, 2001, CLOSE_RANGE_UNSHARE);
}

static int part_by_close_range_syscall(void)
{
	return (int)syscall(SYS_close_range, 2000, 2001, CLOSE_RANGE_UNSHARE);
}

static void *parted_thread(void *unused)
{
	int number = parting.number;

	expect(parting.part() == 0);
	expect(close(number) == 0);
	if (parting.theirs_is_random)
		expect(open("/dev/urandom", O_RDONLY) == number);
	else
		expect(open_known(2) == number);
	pthread_barrier_wait(&parting.step);
	if (parting.theirs_is_random)
		expect_random(number);
	else
		expect_known(number, 2);
	pthread_barrier_wait(&parting.step);
	return unused;
}

static void read_both_sides(int (*part)(void), bool theirs_is_random)
{
	pthread_t thread;

	parting.number = theirs_is_random ? open_known(1) : open_served();
	parting.part = part;
	parting.theirs_is_random = theirs_is_random;
	pthread_barrier_init(&parting.step, NULL, 2);
	expect(pthread_create(&thread, NULL, parted_thread, NULL) == 0);
	pthread_barrier_wait(&parting.step);
	if (theirs_is_random)
		expect_known(parting.number, 1);
	else
		expect_random(parting.number);
	pthread_barrier_wait(&parting.step);
	expect(pthread_join(thread, NULL) == 0);
}

static void a_thread_that_unshares_keeps_its_random_to_itself(void)
{
	read_both_sides(part_by_unshare, true);
}

static void a_thread_that_unshares_gets_no_random_from_us(void)
{
	read_both_sides(part_by_unshare, false);
}

static void a_thread_that_unshares_by_syscall_is_noticed(void)
{
	read_both_sides(part_by_syscall, true);
}

static void a_thread_that_unshares_by_syscall_gets_no_random_from_us(void)
{
	read_both_sides(part_by_syscall, false);
}

static void close_range_unshare_parts_random_and_file(void)
{
	read_both_sides(part_by_close_range, true);
}

static void close_range_unshare_parts_file_and_random(void)
{
	read_both_sides(part_by_close_range, false);
}

static void close_range_unshare_by_syscall_is_noticed(void)
{
	read_both_sides(part_by_close_range_syscall, false);
}

/* 18, 19: code whose calls no preload sees, or is it that it does? */
static void swap_in_plugin(void *plugin)
{
	int (*swap)(int from, int onto);
	int (*reopen)(int number, const char *path);
	int number;

	if (!plugin)
		fprintf(stderr, "%s\n", dlerror());
	expect(plugin != NULL);
	*(void **)&swap = dlsym(plugin, "plugin_swap");
	*(void **)&reopen = dlsym(plugin, "plugin_reopen");
	expect(swap && reopen);

	number = open_served();
	expect(swap(open_known(1), number) == number);
	expect_known(number, 1);

	number = open_served();
	expect(reopen(number, known_path(2)) == number);
	expect_known(number, 2);
}

static const char *plugin_path(void)
{
	static char path[PATH_MAX + 32];
	char program[PATH_MAX] = "";

	expect(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
	snprintf(path, sizeof path, "%s/plugin_swap.so", dirname(program));
	return path;
}

static void a_plugin_swaps(void)
{
	swap_in_plugin(dlopen(plugin_path(), RTLD_NOW));
}

static void a_deepbind_plugin_swaps(void)
{
	only_the_proof_sees_this();
	swap_in_plugin(dlopen(plugin_path(), RTLD_NOW | RTLD_DEEPBIND));
}

static void a_plugin_in_another_namespace_swaps(void)
{
	only_the_proof_sees_this();
	swap_in_plugin(dlmopen(LM_ID_NEWLM, plugin_path(), RTLD_NOW));
}

/* 24: the kernel closes and opens by itself; no call says so. */
struct ring {
	struct io_uring_params about;
	int fd;
	char *submissions;
	char *completions;
	struct io_uring_sqe *entries;
};

static bool ring_begin(struct ring *ring)
{
	const struct io_sqring_offsets *sq = &ring->about.sq_off;
	const struct io_cqring_offsets *cq = &ring->about.cq_off;

	memset(&ring->about, 0, sizeof ring->about);
	ring->fd = (int)RAW(SYS_io_uring_setup, 4, &ring->about);
	if (ring->fd < 0)
		return false;
	ring->submissions =
		mmap(NULL, sq->array + ring->about.sq_entries * 4,
		     PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
		     IORING_OFF_SQ_RING);
	ring->completions =
		mmap(NULL,
		     cq->cqes + ring->about.cq_entries *
					sizeof(struct io_uring_cqe),
		     PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
		     IORING_OFF_CQ_RING);
	ring->entries = mmap(NULL,
			     ring->about.sq_entries *
				     sizeof(struct io_uring_sqe),
			     PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			     IORING_OFF_SQES);
	return ring->submissions != MAP_FAILED &&
	       ring->completions != MAP_FAILED && ring->entries != MAP_FAILED;
}

/* Submits the one entry, waits, and gives its result. */
static int ring_do(struct ring *ring, const struct io_uring_sqe *entry)
{
	const struct io_sqring_offsets *sq = &ring->about.sq_off;
	const struct io_cqring_offsets *cq = &ring->about.cq_off;
	unsigned *sq_tail = (unsigned *)(ring->submissions + sq->tail);
	unsigned *cq_head = (unsigned *)(ring->completions + cq->head);
	unsigned *cq_tail = (unsigned *)(ring->completions + cq->tail);
	struct io_uring_cqe *results =
		(struct io_uring_cqe *)(ring->completions + cq->cqes);
	unsigned slot = *sq_tail & (ring->about.sq_entries - 1);
	int result;

	ring->entries[slot] = *entry;
	((unsigned *)(ring->submissions + sq->array))[slot] = slot;
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	expect(RAW(SYS_io_uring_enter, ring->fd, 1, 1,
		   IORING_ENTER_GETEVENTS) == 1);
	expect(__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) != *cq_head);
	result = results[*cq_head & (ring->about.cq_entries - 1)].res;
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	return result;
}

static void io_uring_closes_and_opens(void)
{
	struct io_uring_sqe closing = {.opcode = IORING_OP_CLOSE};
	struct io_uring_sqe opening = {.opcode = IORING_OP_OPENAT,
				       .fd = AT_FDCWD,
				       .open_flags = O_RDONLY};
	struct ring ring;
	int number;

	only_the_proof_sees_this();
	if (!ring_begin(&ring))
		skip_because("no io_uring here");
	number = open_served();
	closing.fd = number;
	opening.addr = (uintptr_t)known_path(1);
	expect(ring_do(&ring, &closing) == 0);
	expect_unreadable(number);
	expect(ring_do(&ring, &opening) == number);
	expect_known(number, 1);
}

/* Between 14 and 24: the program itself, by instructions of its own. */
static void an_unseen_close_and_an_unseen_open(void)
{
	int number = open_served();

	only_the_proof_sees_this();
	expect(RAW(SYS_close, number) == 0);
	expect_unreadable(number);
	expect(RAW(SYS_openat, AT_FDCWD, known_path(1), O_RDONLY) == number);
	expect_known(number, 1);
}

static void an_unseen_dup_gives_the_number_away(void)
{
	int number = open_served();

	only_the_proof_sees_this();
	expect(RAW(SYS_dup3, open_known(1), number, 0) == number);
	expect_known(number, 1);
}

static void an_unseen_dup_of_the_device_is_random_too(void)
{
	int number = open_known(1);

	expect_known(number, 1);
	expect(RAW(SYS_dup3, open_served(), number, 0) == number);
	expect_random(number);
}

int main(void)
{
	static struct promise promises[] = {
		APART(a_child_that_shares_descriptors_swaps),
		APART(a_child_that_shares_all_swaps_by_libc),
		APART(a_child_that_shares_all_swaps_unseen),
		APART(a_thread_that_unshares_keeps_its_random_to_itself),
		APART(a_thread_that_unshares_gets_no_random_from_us),
		APART(a_thread_that_unshares_by_syscall_is_noticed),
		APART(a_thread_that_unshares_by_syscall_gets_no_random_from_us),
		APART(close_range_unshare_parts_random_and_file),
		APART(close_range_unshare_parts_file_and_random),
		APART(close_range_unshare_by_syscall_is_noticed),
		APART(a_plugin_swaps),
		APART(a_deepbind_plugin_swaps),
		APART(a_plugin_in_another_namespace_swaps),
		APART(io_uring_closes_and_opens),
		APART(an_unseen_close_and_an_unseen_open),
		APART(an_unseen_dup_gives_the_number_away),
		APART(an_unseen_dup_of_the_device_is_random_too),
	};

	return promises_keep("descriptors_unseen", promises, COUNT(promises));
}
