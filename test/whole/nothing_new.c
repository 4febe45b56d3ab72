/*
 * Nothing new at the start, and nothing new after it: a program makes no kind of
 * system call that it does not make without the library, but for a short list, and
 * may forbid itself what it does not use.
 *
 * This program executes itself, with and without the library, as a stranger that
 * draws, and looks on. What the library may add is said by may_call() alone.
 */
#include "support/draws.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

/* The parts of the stranger's run. */
enum part { START, DRAWS, READS, END, PARTS };

enum {
	CALLS = 600,	/* numbers from here on are not looked at */
	MARK = -4711,	/* descriptors that are none end a part */
};

struct calls {
	bool made[PARTS][CALLS];
};

static const char *const part_names[PARTS] = {"start", "draws", "reads", "end"};

/* --- the stranger --------------------------------------------------------- */

static int draw_by_all(void)
{
	uint8_t bytes[5000];

	for (int i = 0; i < 100; i++)
		if (getrandom(bytes, 16, 0) != 16 ||
		    getrandom(bytes, 600, GRND_NONBLOCK) != 600 ||
		    getrandom(bytes, sizeof bytes, 0) != sizeof bytes ||
		    syscall(SYS_getrandom, bytes, 500, 0) != 500)
			return 1;
	return 0;
}

/* Standard input is a random device, too, and nobody has seen it opened. */
static int read_by_all(void)
{
	uint8_t bytes[5000];
	int device = open("/dev/urandom", O_RDONLY);

	for (int i = 0; i < 100; i++)
		if (read(device, bytes, 16) != 16 ||
		    read(device, bytes, sizeof bytes) != sizeof bytes ||
		    read(0, bytes, sizeof bytes) != sizeof bytes)
			return 1;
	return close(device);
}

static void mark(enum part next)
{
	RAW(SYS_close, MARK - (int)next);
}

static int stranger(void)
{
	int failed;

	mark(DRAWS);
	failed = draw_by_all();
	mark(READS);
	failed |= read_by_all();
	mark(END);
	return failed;
}

static int stranger_without_tsc(void)
{
#ifdef PR_SET_TSC
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0)
		return stranger();
#endif
	return PROMISE_SKIPPED;
}

/* arch_prctl(2); asm/prctl.h does not have it everywhere. */
static int stranger_without_cpuid(void)
{
#ifdef SYS_arch_prctl
	enum { CPUID = 0x1012 };

	if (RAW(SYS_arch_prctl, CPUID, 0) == 0)
		return stranger();
#endif
	return PROMISE_SKIPPED;
}

static const struct {
	const char *name;
	int (*run)(void);
} strangers[] = {
	{"stranger", stranger},
	{"without_tsc", stranger_without_tsc},
	{"without_cpuid", stranger_without_cpuid},
};

/* --- what it is seen to do ------------------------------------------------- */

static void execute(const char *name, bool with_library)
{
	int device = (int)RAW(SYS_openat, AT_FDCWD, "/dev/urandom", O_RDONLY);

	if (!with_library)
		unsetenv("LD_PRELOAD");
	if (device < 0 || RAW(SYS_dup3, device, 0, 0) < 0)
		_exit(126);
	RAW(SYS_close, device);
	execl("/proc/self/exe", "stranger", name, (char *)NULL);
	_exit(127);
}

/* At its entry; false: this kernel does not tell. */
static bool note(pid_t pid, struct calls *calls, enum part *part)
{
	struct __ptrace_syscall_info info;
	int next;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) <= 0)
		return false;
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr >= CALLS)
		return true;
	next = MARK - (int)info.entry.args[0];
	if (info.entry.nr == SYS_close && next > START && next < PARTS)
		*part = (enum part)next;
	else
		calls->made[*part][info.entry.nr] = true;
	return true;
}

/* From the return of execve on. */
static void watch(bool with_library, struct calls *calls)
{
	enum part part = START;
	bool executed = false;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (RAW(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(PROMISE_SKIPPED);
		raise(SIGSTOP);
		execute("stranger", with_library);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		int signal = WSTOPSIG(status);

		if (signal == SIGSTOP)
			expect(ptrace(PTRACE_SETOPTIONS, child, NULL,
				      (void *)(PTRACE_O_TRACESYSGOOD |
					       PTRACE_O_EXITKILL |
					       PTRACE_O_TRACEEXEC)) == 0);
		else if (signal == SIGTRAP)
			executed = true;
		else if (signal != (SIGTRAP | 0x80))
			promise_broken(__FILE__, __LINE__, "a signal");
		else if (executed && !note(child, calls, &part))
			skip_because("this kernel does not tell what is called");
		expect(ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROMISE_SKIPPED)
		skip_because("no tracing here");
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0 && part == END);
	expect(calls->made[START][SYS_close]);
}

/* --- the list --------------------------------------------------------------- */

/* The whole list of what the library adds, for README and libfastrand(7). */
static bool may_call(enum part part, long call)
{
#ifdef SYS_fstat64
	const long fstat_call = SYS_fstat64;
#else
	const long fstat_call = SYS_fstat;
#endif
	bool droppable = !strcmp(info_now().memory, "droppable");

	switch (part) {
	case START:
		if (getenv("FASTRAND_VMCLOCK") && call == fstat_call)
			return true;
		return !droppable && !tier_is("off") &&
		       (call == SYS_uname || call == SYS_madvise);
	case DRAWS:
		return call == SYS_getrandom;
	case READS:
		return call == SYS_getrandom ||
		       (!droppable && call == fstat_call);
	default:
		return false;
	}
}

/*
 * What the loader calls anyway is nothing new, but in a draw: a program that has
 * started may have forbidden it.
 */
static bool is_called_without(const struct calls *without, enum part part,
			      long call)
{
	return without->made[part][call] ||
	       (part == READS && without->made[START][call]);
}

static void expect_nothing_new(enum part part)
{
	static struct calls without, with;
	bool good = true;

	watch(false, &without);
	watch(true, &with);
	for (long call = 0; call < CALLS; call++)
		if (with.made[part][call] && !may_call(part, call) &&
		    !is_called_without(&without, part, call)) {
			fprintf(stderr, "%s: system call %ld is new\n",
				part_names[part], call);
			good = false;
		}
	expect(good);
}

static void the_start_makes_no_new_call(void)
{
	expect_nothing_new(START);
}

/* Of an administrator that has such a device. Of what stands for it: whose is it? */
static void looking_for_second_signals_is_no_new_call(void)
{
	setenv("FASTRAND_VMCLOCK", "/proc/self/exe", 1);
	setenv("FASTRAND_SYSGENID", "/proc/self/exe", 1);
	expect_nothing_new(START);
}

static void draws_make_no_new_call(void)
{
	expect_nothing_new(DRAWS);
}

static void reads_make_no_new_call(void)
{
	expect_nothing_new(READS);
}

static void the_end_makes_no_new_call(void)
{
	expect_nothing_new(END);
}

/* --- a filter ---------------------------------------------------------------- */

static bool is_allowed(long call, const struct calls *without)
{
	for (enum part part = START; part < PARTS; part++)
		if (without->made[part][call] || may_call(part, call))
			return true;
	return call == SYS_execve;
}

/* As a service manager does it: of the program's own list, and death else. */
static void install(const struct calls *without)
{
	static struct sock_filter f[2 * CALLS + 2];
	struct sock_fprog program = {0, f};
	unsigned short n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, nr));
	for (long call = 0; call < CALLS; call++) {
		if (!is_allowed(call, without))
			continue;
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			(uint32_t)call, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
			SECCOMP_RET_ALLOW);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
		SECCOMP_RET_KILL_PROCESS);
	program.len = n;
	expect(RAW(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1) == 0);
	if (RAW(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		skip_because("no seccomp filters here");
}

static void a_filter_of_the_programs_own_calls_kills_nobody(void)
{
	static struct calls without;
	pid_t child;

	watch(false, &without);
	child = fork();
	if (child == 0) {
		/* What it takes to execute a program is not in the list. */
		int device = (int)RAW(SYS_openat, AT_FDCWD, "/dev/urandom",
				      O_RDONLY);

		RAW(SYS_dup3, device, 0, 0);
		RAW(SYS_close, device);
		install(&without);
		RAW(SYS_execve, "/proc/self/exe",
		    ((const char *const[]){"stranger", "stranger", NULL}),
		    environ);
		_exit(127);
	}
	reap(child);
}

/* --- what is forbidden ------------------------------------------------------- */

static int status_of(const char *name, bool with_library)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		execute(name, with_library);
	expect(waitpid(child, &status, 0) == child);
	return status;
}

/* Where a libc's own draws do as they are told. */
static void expect_to_run_where(const char *name, const char *missing)
{
	int status = status_of(name, false);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		skip_because(missing);
	promise_outcome(status_of(name, true));
}

static void a_program_may_forbid_itself_the_time(void)
{
	expect_to_run_where("without_tsc", "time stamps cannot be forbidden here");
}

static void a_program_may_forbid_itself_cpuid(void)
{
	expect_to_run_where("without_cpuid", "cpuid cannot be forbidden here");
}

int main(int argc, char **argv)
{
	static const struct promise promises[] = {
		APART(the_start_makes_no_new_call),
		APART(looking_for_second_signals_is_no_new_call),
		APART(draws_make_no_new_call),
		APART(reads_make_no_new_call),
		APART(the_end_makes_no_new_call),
		APART(a_filter_of_the_programs_own_calls_kills_nobody),
		APART(a_program_may_forbid_itself_the_time),
		APART(a_program_may_forbid_itself_cpuid),
	};

	for (size_t i = 0; i < COUNT(strangers); i++)
		if (argc > 1 && !strcmp(argv[1], strangers[i].name))
			return strangers[i].run();
	if (!draws_begin())
		return 2;
	return promises_keep("nothing_new", promises, COUNT(promises));
}
