/*
 * Sandboxes that kill: a program that may read and draw in one goes on doing
 * so, because we make no other system calls for it. What kills a program with
 * libc alone may kill it with us, too.
 */
#include "support/roles.h"
#include "support/sandbox.h"

static struct words *sandboxed; /* shared with the child */
static int device;

/*
 * By a filter, which knows getrandom.
 */

/* What OpenSSH lets its child before authentication do, but for its own. */
#define OPENSSH \
	FIELD(nr), ALLOW(read), ALLOW(write), ALLOW(close), ALLOW(getrandom), \
		ALLOW(getpid), ALLOW(gettid), ALLOW(madvise), ALLOW(mmap), \
		ALLOW(munmap), ALLOW(mremap), ALLOW(futex), \
		ALLOW(clock_gettime), ALLOW(rt_sigprocmask), ALLOW(ppoll), \
		ALLOW(exit), ALLOW(exit_group), REFUSE(fstat, EACCES), \
		REFUSE(openat, EACCES), REFUSE(newfstatat, EACCES)

static struct sock_filter openssh[] = {
	OPENSSH,
#ifdef SYS_poll
	ALLOW(poll),
	REFUSE(open, EACCES),
	REFUSE(stat, EACCES),
#endif
	END_IN(KILL_PROCESS),
};

/* The same for a child that has children. */
static struct sock_filter openssh_forks[] = {
	OPENSSH,
	ALLOW(clone),
	ALLOW(wait4),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	END_IN(KILL_PROCESS),
};

/* What SECCOMP_MODE_STRICT allows, and drawing. */
static struct sock_filter strict[] = {
	FIELD(nr),
	ALLOW(read),
	ALLOW(write),
	ALLOW(getrandom),
	ALLOW(exit),
	ALLOW(rt_sigreturn),
	END_IN(KILL_PROCESS),
};

static void draw_all_sizes(void)
{
	static uint64_t bytes[200000 / 8];

	words_draw_all_ways(sandboxed);
	for (size_t len = 0; len < 2200; len += 7)
		by_getrandom(bytes, len);
	for (size_t len = 2200; len < sizeof bytes; len += 9973) {
		by_getrandom(bytes, len);
		words_add(sandboxed, bytes, 64);
	}
	words_draw_all_ways(sandboxed);
}

static void in_openssh(void)
{
	enter(openssh, COUNT(openssh));
	draw_all_sizes();
	_exit(0);
}

static void in_openssh_with_child(void)
{
	pid_t child;
	int status = -1;

	enter(openssh_forks, COUNT(openssh_forks));
	draw_all_sizes();
	child = fork();
	if (child == 0) {
		draw_all_sizes();
		_exit(0);
	}
	draw_all_sizes();
	if (child < 0 || waitpid(child, &status, 0) != child)
		_exit(1);
	_exit(status != 0);
}

/* A state for fastrand_vgetrandom is made of memory, which cannot be got. */
static void in_strict(void)
{
	uint64_t word;

	by_vgetrandom(&word, sizeof word);
	enter(strict, COUNT(strict));
	draw_all_sizes();
	leave(0);
}

static void expect_sandboxed(void (*body)(void), bool after_draws)
{
	sandboxed = words_new(200000);
	if (after_draws)
		words_draw_all_ways(sandboxed);
	keep_apart(body);
	words_draw_all_ways(sandboxed);
	words_expect_distinct(sandboxed, 3 * COUNT(ways) * 500);
}

static void as_openssh(void)
{
	expect_sandboxed(in_openssh, false);
}

static void as_openssh_after_draws(void)
{
	expect_sandboxed(in_openssh, true);
}

static void as_openssh_with_child(void)
{
	expect_sandboxed(in_openssh_with_child, false);
}

static void as_strict(void)
{
	expect_sandboxed(in_strict, false);
}

static void as_strict_after_draws(void)
{
	expect_sandboxed(in_strict, true);
}

static void the_first_draw_is_in_opensshs_sandbox(void)
{
	again_as("openssh");
}

static void a_forked_child_draws_in_opensshs_sandbox(void)
{
	again_as("openssh_after_draws");
}

static void a_child_forked_in_a_sandbox_draws(void)
{
	again_as("openssh_with_child");
}

static void the_first_draw_is_in_a_strict_sandbox(void)
{
	only_where_off_is_the_kernel();
	again_as("strict");
}

static void a_forked_child_draws_in_a_strict_sandbox(void)
{
	again_as("strict_after_draws");
}

/* The tests of sandboxes could not fail if they let everything pass. */
static void in_strict_maps_memory(void)
{
	enter(strict, COUNT(strict));
	RAW(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	leave(0);
}

static void a_sandbox_kills(void)
{
	int status = status_apart(in_strict_maps_memory);

	if (WIFEXITED(status) && WEXITSTATUS(status) == PROMISE_SKIPPED)
		skip_because("no system call filter can be installed");
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/*
 * An OpenSSH-like filter with little more than reading and getrandom. It is a
 * test of its own that a signal handler draws there.
 */
#define NARROW \
	FIELD(nr), ALLOW(read), ALLOW(write), ALLOW(getrandom), ALLOW(exit), \
		ALLOW(exit_group), ALLOW(rt_sigreturn), END_IN(KILL_PROCESS)

static void draw_in_handler(int unused)
{
	(void)unused;
	words_draw(sandboxed, &ways[3], 2);
}

static void expect_work_in_narrow(void)
{
	static uint64_t bytes[70000 / 8];

	for (int i = 0; i < 200; i++) {
		words_draw_all_ways(sandboxed);
		by_getrandom(bytes, sizeof bytes);
		words_add(sandboxed, bytes, 64);
		if (read(device, bytes, 4096) != 4096)
			_exit(1);
		words_add(sandboxed, bytes, 64);
	}
	_exit(0);
}

/* A state for fastrand_vgetrandom is made of memory: before. */
static void get_ready_for_narrow(void)
{
	uint64_t word;

	sandboxed = words_new(900000);
	device = open_served();
	by_vgetrandom(&word, sizeof word);
}

static void as_narrow(void)
{
	get_ready_for_narrow();
	ENTER(NARROW);
	expect_work_in_narrow();
}

static void a_narrow_sandbox_from_the_first_draw_on(void)
{
	only_where_off_is_the_kernel();
	again_as("narrow");
}

static void in_narrow(void)
{
	storm_begin(draw_in_handler, 500);
	ENTER(NARROW);
	expect_work_in_narrow();
}

/* By syscall(2), which libc does not see. */
static void in_narrow_by_syscall(void)
{
	struct sock_filter narrow[] = {NARROW};
	struct sock_fprog program = {COUNT(narrow), narrow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		skip_because("no system call filter can be installed");
	expect_work_in_narrow();
}

static void expect_narrow_to_work(void (*body)(void))
{
	get_ready_for_narrow();
	words_draw_all_ways(sandboxed);
	keep_apart(body);
	words_draw_all_ways(sandboxed);
	words_expect_distinct(sandboxed, 200 * COUNT(ways) * 400);
}

static void a_narrow_sandbox_entered_after_use(void)
{
	expect_narrow_to_work(in_narrow);
}

static void a_narrow_sandbox_entered_by_syscall(void)
{
	expect_narrow_to_work(in_narrow_by_syscall);
}

/*
 * By SECCOMP_MODE_STRICT, which forbids getrandom. Reading is allowed.
 */

static void enter_strict(void)
{
	uint8_t bytes[512];

	device = open_served();
	/* Its bucket is warm; another's key would be a system call. */
	stay_on_this_cpu();
	for (int i = 0; i < 5; i++)
		by_getrandom(bytes, i % 2 ? 16 : sizeof bytes);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		skip_because("no strict sandbox");
}

static void in_strict_reads(void)
{
	static uint8_t bytes[70000], before[32];
	const size_t lengths[] = {32, 4096, 512, sizeof bytes, 100};

	enter_strict();
	for (int i = 0; i < 500; i++) {
		size_t len = lengths[(size_t)i % COUNT(lengths)];

		if (read(device, bytes, len) != (ssize_t)len ||
		    !memcmp(bytes, before, sizeof before))
			leave(1);
		memcpy(before, bytes, sizeof before);
	}
	leave(0);
}

static void in_strict_draws(void)
{
	uint8_t bytes[32];

	enter_strict();
	for (int i = 0; i < 100; i++)
		if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
			leave(1);
	leave(0);
}

static void in_strict_draws_of_the_kernel(void)
{
	uint8_t bytes[32];

	enter_strict();
	RAW(SYS_getrandom, bytes, sizeof bytes, 0);
	leave(0);
}

static void reads_go_on_in_a_strict_sandbox(void)
{
	keep_apart(in_strict_reads);
}

/* Where there is stock. A reseed of the kernel's just then kills: try again. */
static void draws_go_on_in_a_strict_sandbox_or_end_as_the_kernels(void)
{
	int kernels = status_apart(in_strict_draws_of_the_kernel);
	int ours = -1;

	expect(WIFSIGNALED(kernels) && WTERMSIG(kernels) == SIGKILL);
	for (int tries = 0; tries < 3 && ours != 0; tries++) {
		ours = status_apart(in_strict_draws);
		expect(ours == 0 || ours == kernels);
	}
	expect(ours == 0 || !tier_is("page"));
}

int main(int count, char **arguments)
{
	static const struct promise roles[] = {
		ROLE(openssh),
		ROLE(openssh_after_draws),
		ROLE(openssh_with_child),
		ROLE(strict),
		ROLE(strict_after_draws),
		ROLE(narrow),
	};
	static const struct promise promises[] = {
		APART(a_sandbox_kills),
		APART(the_first_draw_is_in_opensshs_sandbox),
		APART(a_forked_child_draws_in_opensshs_sandbox),
		APART(a_child_forked_in_a_sandbox_draws),
		APART(the_first_draw_is_in_a_strict_sandbox),
		APART(a_forked_child_draws_in_a_strict_sandbox),
		APART(reads_go_on_in_a_strict_sandbox),
		APART(draws_go_on_in_a_strict_sandbox_or_end_as_the_kernels),
		APART(a_narrow_sandbox_from_the_first_draw_on),
		APART(a_narrow_sandbox_entered_after_use),
		APART(a_narrow_sandbox_entered_by_syscall),
	};

	if (count > 1)
		return roles_play(arguments[1], roles, COUNT(roles));
	return roles_keep("sandboxes", promises, COUNT(promises));
}
