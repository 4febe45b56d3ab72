/*
 * Under observation: a tracer that stops every system call, an emulator that
 * does not do all that it says, and a kernel without a vDSO.
 */
#include "support/roles.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/utsname.h>

/*
 * Tracers.
 */

/* In a child: begins the role under its parent's eyes. */
static void be_traced_as(const char *role)
{
	if (RAW(SYS_ptrace, PTRACE_TRACEME) != 0)
		_exit(PROMISE_SKIPPED);
	again_as(role);
}

static pid_t begin_traced(const char *role)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		be_traced_as(role);
	expect(child > 0 && waitpid(child, &status, 0) == child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROMISE_SKIPPED)
		skip_because("nobody may trace here");
	expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	return child;
}

static void every_system_call_is_traced(void)
{
	pid_t child = begin_traced("usual");
	int status = 0, stops = 0;
	long signal_number = 0;

	expect(ptrace(PTRACE_SETOPTIONS, child, NULL,
		      PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
	for (;;) {
		expect(ptrace(PTRACE_SYSCALL, child, NULL, signal_number) == 0);
		expect(waitpid(child, &status, 0) == child);
		if (!WIFSTOPPED(status))
			break;
		signal_number = WSTOPSIG(status) & 0x7f;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			signal_number = 0;
			stops++;
		}
	}
	expect(stops > 100);
	promise_outcome(status);
}

static void as_without_vdso(void)
{
	expect(getauxval(AT_SYSINFO_EHDR) == 0);
	expect_tier_at_most("kernel");
	expect_draws();
}

#if defined(__x86_64__) || defined(__aarch64__)

static unsigned long stack_of(pid_t child)
{
	struct user_regs_struct registers;
	struct iovec all = {&registers, sizeof registers};

	expect(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &all) == 0);
#if defined(__x86_64__)
	return registers.rsp;
#else
	return registers.sp;
#endif
}

static unsigned long peek(pid_t child, unsigned long at)
{
	unsigned long word;

	errno = 0;
	word = (unsigned long)ptrace(PTRACE_PEEKDATA, child, at, NULL);
	expect(errno == 0);
	return word;
}

/* What the kernel wrote for the program's start: arguments, environment, and
 * pairs, of which the one that says where the vDSO is is made void. */
static void the_vdso_is_absent(void)
{
	pid_t child = begin_traced("without_vdso");
	unsigned long at = stack_of(child);
	int status = -1;

	at += 8 * (peek(child, at) + 2);
	while (peek(child, at) != 0)
		at += 8;
	for (at += 8; peek(child, at) != AT_NULL; at += 16)
		if (peek(child, at) == AT_SYSINFO_EHDR)
			expect(ptrace(PTRACE_POKEDATA, child, at, AT_IGNORE) ==
			       0);
	expect(ptrace(PTRACE_DETACH, child, NULL, NULL) == 0);
	expect(waitpid(child, &status, 0) == child);
	promise_outcome(status);
}

#else

static void the_vdso_is_absent(void)
{
	skip_because("no registers known on this machine");
}

#endif

/*
 * Emulators.
 */

static bool there_is(const char *program)
{
	char directories[8192], path[PATH_MAX];
	const char *all = getenv("PATH");
	char *rest, *one;

	snprintf(directories, sizeof directories, "%s", all ? all : "");
	for (one = strtok_r(directories, ":", &rest); one;
	     one = strtok_r(NULL, ":", &rest)) {
		snprintf(path, sizeof path, "%s/%s", one, program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Whatever it offers, and no more than it keeps. */
static void as_emulated(void)
{
	const size_t size = 4096;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(at != MAP_FAILED);
	if (RAW(SYS_madvise, at, size, -1) == 0) {
		expect(strcmp(info_now().memory, "wipe-on-fork") != 0);
		if (strcmp(info_now().memory, "none") == 0)
			expect_tier_at_most("off");
		else
			expect_tier_at_most("page");
	}
	if (getauxval(AT_SYSINFO_EHDR) == 0)
		expect(tier_is("kernel") || tier_is("off"));
	expect_draws();
}

static void run_in_valgrind(const char *tool)
{
	if (!there_is("valgrind"))
		skip_because("valgrind is not installed");
	execlp("valgrind", "valgrind", "-q", tool, "--error-exitcode=9",
	       beside("observed"), "emulated", NULL);
	expect(!"executed");
}

static void valgrind_watches(void)
{
	run_in_valgrind("--tool=none");
}

static void valgrind_checks_memory(void)
{
	run_in_valgrind("--tool=memcheck");
}

/* It is a program of this machine itself, and needs no preload. */
static void qemu_emulates(void)
{
	char program[80], preload[PATH_MAX + 16];
	struct utsname system;

	expect(uname(&system) == 0);
	snprintf(program, sizeof program, "qemu-%s", system.machine);
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s", library());
	if (!there_is(program))
		skip_because("qemu-user is not installed");
	unsetenv("LD_PRELOAD");
	execlp(program, program, "-E", preload, beside("observed"), "emulated", NULL);
	expect(!"executed");
}

int main(int count, char **arguments)
{
	static const struct promise roles[] = {
		ROLE(usual),
		ROLE(without_vdso),
		ROLE(emulated),
	};
	static const struct promise promises[] = {
		APART(every_system_call_is_traced),
		APART(the_vdso_is_absent),
		APART(valgrind_watches),
		APART(valgrind_checks_memory),
		APART(qemu_emulates),
	};

	if (count > 1)
		return roles_play(arguments[1], roles, COUNT(roles));
	return roles_keep("observed", promises, COUNT(promises));
}
