/*
 * What is left to the kernel is a system call, whatever libc's own function would
 * do: since glibc 2.41 that is a generator in this process. Only another preload
 * is asked in its place; and tier off passes everything on.
 */
#include "support/draws.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define WHERE(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped)
#define END(what) BPF_STMT(BPF_RET | BPF_K, what)

static void enter(struct sock_filter *filter, unsigned short count)
{
	struct sock_fprog program = {count, filter};

	if (RAW(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    RAW(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		skip_because("no system call filter can be installed");
}

/* The flags of getrandom in a filter; they fill the lower half of a word. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FLAGS args[2]
#else
#define FLAGS args[2] + 4
#endif

/* From here on an answer of the kernel can be told by its errno. */
static void let_the_kernel_say_enodata(void)
{
	struct sock_filter filter[] = {
		WHERE(nr),
		UNLESS(SYS_getrandom, 1),
		END(SECCOMP_RET_ERRNO | ENODATA),
		UNLESS(SYS_openat, 1),
		END(SECCOMP_RET_ERRNO | ENODATA),
		END(SECCOMP_RET_ALLOW),
	};

	enter(filter, COUNT(filter));
}

/* And one that has no entropy yet. */
static void let_the_kernel_not_be_ready(void)
{
	struct sock_filter filter[] = {
		WHERE(nr),
		UNLESS(SYS_getrandom, 3),
		WHERE(FLAGS),
		UNLESS(GRND_NONBLOCK, 1),
		END(SECCOMP_RET_ERRNO | EAGAIN),
		END(SECCOMP_RET_ALLOW),
	};

	enter(filter, COUNT(filter));
}

static const struct {
	const char *name;
	ssize_t (*ask)(void *, size_t, unsigned int);
} askers[] = {
	{"getrandom", getrandom},
	{"syscall", call_syscall},
	{"fastrand_vgetrandom", call_vgetrandom},
};

static void expect_enodata(void *out, size_t len, unsigned int flags)
{
	for (size_t i = 0; i < COUNT(askers); i++) {
		errno = 0;
		expect(askers[i].ask(out, len, flags) == -1);
		expect(errno == ENODATA);
	}
	errno = 0;
	expect(api.getrandom(out, len, flags) == -1 && errno == ENODATA);
}

/* So that whoever keeps a stock has one. */
static void draw_before(void)
{
	uint8_t bytes[64];

	for (size_t w = 0; w < COUNT(ways); w++)
		ways[w].draw(bytes, sizeof bytes);
}

static void small_requests_are_system_calls(void)
{
	uint8_t bytes[256];

	if (!tier_is("kernel"))
		skip_because("tier kernel only");
	draw_before();
	let_the_kernel_say_enodata();
	for (size_t len = 1; len <= sizeof bytes; len += len < 33 ? 1 : 31) {
		expect_enodata(bytes, len, 0);
		expect_enodata(bytes, len, GRND_NONBLOCK);
		expect_enodata(bytes, len, GRND_INSECURE);
		errno = 0;
		expect(getentropy(bytes, len) == -1 && errno == ENODATA);
	}
}

/* What cannot fail must end the program, where nobody answers. */
static void a_word_is_a_system_call(void)
{
	if (!tier_is("kernel"))
		skip_because("tier kernel only");
	draw_before();
	let_the_kernel_say_enodata();
	arc4random();
}

static void bytes_that_cannot_fail_are_a_system_call(void)
{
	uint8_t bytes[16];

	if (!tier_is("kernel"))
		skip_because("tier kernel only");
	draw_before();
	let_the_kernel_say_enodata();
	arc4random_buf(bytes, sizeof bytes);
}

static void who_cannot_fail_ends(void)
{
	void (*const bodies[])(void) = {
		a_word_is_a_system_call,
		bytes_that_cannot_fail_are_a_system_call,
	};

	for (size_t i = 0; i < COUNT(bodies); i++) {
		int status = status_apart(bodies[i]);

		if (WIFEXITED(status))
			promise_outcome(status);
		expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

/* In every tier: what no stock can answer. */
static void pointers_and_flags_are_judged_by_the_kernel(void)
{
	void *volatile nowhere = NULL;
	uint8_t byte;

	only_where_off_is_the_kernel();
	draw_before();
	let_the_kernel_say_enodata();
	expect_enodata(nowhere, 16, 0);
	expect_enodata((void *)64, 16, 0);
	expect_enodata(&byte, 1, 0x80);
	expect_enodata(&byte, 0, 0);
	errno = 0;
	expect(getentropy(nowhere, 16) == -1 && errno == ENODATA);
}

static void who_does_not_wait_is_told_so(void)
{
	uint8_t bytes[16];

	if (!tier_is("kernel"))
		skip_because("tier kernel only");
	let_the_kernel_not_be_ready();
	for (size_t i = 0; i < COUNT(askers); i++) {
		errno = 0;
		expect(askers[i].ask(bytes, 16, GRND_NONBLOCK) == -1 &&
		       errno == EAGAIN);
	}
}

/* libc's function waits, for no bytes; and if it is still not ready, for all. */
static void who_waits_gets_bytes(void)
{
	uint8_t bytes[1000] = {0};

	only_where_off_is_the_kernel();
	let_the_kernel_not_be_ready();
	errno = 4242;
	for (size_t i = 0; i < COUNT(askers); i++) {
		expect(askers[i].ask(bytes, 32, 0) == 32);
		expect_random_bytes(bytes, 32);
		expect(askers[i].ask(bytes, sizeof bytes, 0) == sizeof bytes);
		expect_random_bytes(bytes, sizeof bytes);
	}
	expect(getentropy(bytes, 32) == 0);
	expect_random_bytes(bytes, 32);
	arc4random_buf(bytes, 32);
	expect_random_bytes(bytes, 32);
	expect(errno == 4242);
}

/*
 * Beside a preload that has the names.
 */

static bool is_the_plugins(const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	while (len && *byte == 'n') {
		byte++;
		len--;
	}
	return !len;
}

static void beside_another_preload(void)
{
	uint8_t bytes[512] = {0}, none;
	uint32_t word;

	expect(getrandom(bytes, 16, 0) == 16);
	expect(is_the_plugins(bytes, 16) == !serves(16));
	expect(getentropy(bytes + 16, 16) == 0);
	expect(is_the_plugins(bytes + 16, 16) == !serves(16));
	arc4random_buf(bytes + 32, 16);
	expect(is_the_plugins(bytes + 32, 16) == !serves(16));
	word = arc4random();
	expect(is_the_plugins(&word, sizeof word) == !serves(4));
	expect(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
	expect(is_the_plugins(bytes, sizeof bytes) == !serves(sizeof bytes));
	/* It knows flags that nobody else does. */
	expect(getrandom(&none, 1, 0x80) == 1 && none == 'n');
}

/* One that asks us is not asked in turn, where libc lacks the name. */
static void behind_another_preload(void)
{
	uint8_t bytes[64];

	for (int i = 0; i < 100; i++)
		for (size_t w = 0; w < COUNT(ways); w++) {
			ways[w].draw(bytes, sizeof bytes);
			expect_random_bytes(bytes, sizeof bytes);
		}
}

static void execute_with(const char *first, const char *second,
			 const char *role)
{
	char both[4 * PATH_MAX];
	pid_t child;

	snprintf(both, sizeof both, "%s:%s", first, second);
	child = fork();
	if (child == 0) {
		setenv("LD_PRELOAD", both, 1);
		execl("/proc/self/exe", "kernel", role, NULL);
		_exit(2);
	}
	reap(child);
}

static void another_preload_is_asked(void)
{
	execute_with(library(), beside("plugin_next.so"),
		     "beside_another_preload");
}

static void a_preload_in_front_is_not_asked(void)
{
	execute_with(beside("plugin_wrap.so"), library(),
		     "behind_another_preload");
}

int main(int count, char **arguments)
{
	static const struct promise promises[] = {
		APART(small_requests_are_system_calls),
		APART(who_cannot_fail_ends),
		APART(pointers_and_flags_are_judged_by_the_kernel),
		APART(who_does_not_wait_is_told_so),
		APART(who_waits_gets_bytes),
		APART(another_preload_is_asked),
		APART(a_preload_in_front_is_not_asked),
	};
	static const struct promise roles[] = {
		HERE(beside_another_preload),
		HERE(behind_another_preload),
	};

	if (!draws_begin())
		return 2;
	if (count == 2)
		return promise_executed(arguments[1], roles, COUNT(roles));
	return promises_keep("kernel", promises, COUNT(promises));
}
