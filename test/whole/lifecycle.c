/*
 * Draws work from the first constructor to the last destructor, in plugins,
 * beside the loader, in a sandbox, and in programs with nothing open or with
 * more rights than their user; and the library takes nothing for it that the
 * program could miss.
 */
#include "support/draws.h"

#include <dirent.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

extern pid_t _Fork(void) __attribute__((weak));

/* In a child: becomes this program anew, in a role that main knows. */
static void again_as(const char *role, const char *with)
{
	execl("/proc/self/exe", "lifecycle", role, with, NULL);
	expect(!"executed");
}

static void expect_all_ways_work(void)
{
	struct words *words = words_new(60000);

	for (int i = 0; i < 5; i++)
		words_draw_all_ways(words);
	words_expect_distinct(words, 5 * COUNT(ways) * 500);
	words_free(words);
}

/*
 * Plugins. Each test is a program of its own: what it draws are the first draws
 * that the process ever makes.
 */

static void *open_plugin(const char *name, int flags)
{
	void *plugin = dlopen(beside(name), flags);

	if (!plugin)
		fprintf(stderr, "%s\n", dlerror());
	expect(plugin != NULL);
	return plugin;
}

static void expect_drawn(void *plugin, size_t count)
{
	const uint64_t *drawn = dlsym(plugin, "plugin_drawn");

	expect(drawn != NULL);
	for (size_t i = 0; i < count; i++)
		expect(drawn[i] != 0);
}

static void as_constructor(void)
{
	void *plugin = open_plugin("plugin_draws.so", RTLD_NOW);
	uint64_t before = info_now().requests;

	expect(before >= (serves(8) ? 40 : serves(4096) ? 8 : 0));
	expect_drawn(plugin, 40);
	expect(dlclose(plugin) == 0);
	expect(info_now().requests >= before + (serves(8)      ? 40
						: serves(4096) ? 8
							       : 0));
	expect_all_ways_work();
}

static void a_plugins_constructor_draws(void)
{
	again_as("constructor", NULL);
}

static void as_constructors_thread(void)
{
	expect_drawn(open_plugin("plugin_thread.so", RTLD_NOW), 5);
	expect_all_ways_work();
}

static void a_plugins_constructor_waits_for_a_thread_that_draws(void)
{
	again_as("constructors-thread", NULL);
}

static atomic_bool enough;
static atomic_int loaded;

static void *loads_and_unloads(void *path)
{
	while (!enough) {
		void *plugin = dlopen(path, RTLD_NOW);

		if (!plugin || dlclose(plugin) != 0)
			abort();
		loaded++;
	}
	return NULL;
}

/* Nobody has drawn before, so that every name is looked for in a child. */
static void as_loader_beside_fork(void)
{
	static char path[2 * PATH_MAX];
	pthread_t thread;
	struct words *words = words_new(600000);
	int rounds;

	snprintf(path, sizeof path, "%s", beside("plugin_draws.so"));
	setenv("PLUGIN_IDLE", "1", 1);
	expect(pthread_create(&thread, NULL, loads_and_unloads, path) == 0);
	for (rounds = 0; rounds < 300 || loaded < 50; rounds++) {
		pid_t child = _Fork ? _Fork() : (pid_t)RAW(SYS_clone, SIGCHLD);

		if (child == 0) {
			alarm(20);
			for (size_t w = 0; w < COUNT(ways); w++)
				words_draw(words, &ways[w], 4);
			if (syscall(SYS_getpid) != RAW(SYS_getpid))
				_exit(1);
			_exit(0);
		}
		reap(child);
	}
	enough = true;
	expect(pthread_join(thread, NULL) == 0);
	words_expect_distinct(words, 300 * 4 * COUNT(ways));
}

static void a_child_draws_that_was_forked_beside_the_loader(void)
{
	again_as("loader-beside-fork", NULL);
}

/* They call libc past us: let them. */
static void as_deepbind(void)
{
	void *plugin = open_plugin("plugin_draws.so", RTLD_NOW | RTLD_DEEPBIND);

	expect_drawn(plugin, 40);
	expect_all_ways_work();
	expect(dlclose(plugin) == 0);
	expect_all_ways_work();
}

static void a_deepbind_plugin_draws(void)
{
	again_as("deepbind", NULL);
}

static void as_namespace(void)
{
	void *plugin =
		dlmopen(LM_ID_NEWLM, beside("plugin_draws.so"), RTLD_NOW);

	if (!plugin)
		skip_because("no plugin can be loaded into a new namespace");
	expect_drawn(plugin, 40);
	expect_all_ways_work();
	expect(info_now().held == 0);
	expect(dlclose(plugin) == 0);
	expect_all_ways_work();
}

static void a_plugin_in_another_namespace_draws(void)
{
	again_as("namespace", NULL);
}

/*
 * The beginning and the end of a process.
 */

/* Runs body in a child, and gives what it says on stderr. */
static int status_and_words(void (*body)(void), char *said, size_t room)
{
	int ends[2], status = -1;
	size_t len = 0;
	ssize_t got;
	pid_t child;

	expect(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		alarm(PROMISE_SECONDS);
		body();
		_exit(1);
	}
	close(ends[1]);
	while ((got = read(ends[0], said + len, room - 1 - len)) > 0)
		len += (size_t)got;
	said[len] = '\0';
	close(ends[0]);
	expect(child > 0 && waitpid(child, &status, 0) == child);
	return status;
}

static void expect_order(const char *text, const char *first, const char *then)
{
	const char *one = strstr(text, first), *other = strstr(text, then);

	if (!one || !other || one > other)
		fprintf(stderr, "not in this order: \"%s\", \"%s\" in:\n%s\n",
			first, then, text);
	expect(one && other && one < other);
}

static void draw_at_exit(void)
{
	expect_all_ways_work();
	if (write(2, "handler: drew at exit\n", 22) != 22)
		_exit(1);
}

static void as_first_and_last(void)
{
	expect(atexit(draw_at_exit) == 0);
	exit(0);
}

static void preload_a_plugin_too(void)
{
	char both[4 * PATH_MAX];

	snprintf(both, sizeof both, "%s:%s", library(),
		 beside("plugin_draws.so"));
	setenv("LD_PRELOAD", both, 1);
	setenv("PLUGIN_SAYS", "1", 1);
	setenv("FASTRAND_STATS", "1", 1);
	setenv("LD_DEBUG", "files", 1);
	again_as("first-and-last", NULL);
}

/* The loader's words say who was begun first; our report, when we end. */
static void others_draw_before_we_begin_and_after_we_end(void)
{
	static char said[1 << 18];
	static const char begun[] = "plugin_draws: drew first\n",
			  report[] = "fastrand: left to the kernel";
	int status = status_and_words(preload_a_plugin_too, said, sizeof said);
	const char *we, *plugin;

	if (status != 0)
		fprintf(stderr, "%s\n", said);
	promise_outcome(status);
	expect_order(said, begun, "handler: drew at exit\n");
	expect_order(said, "handler: drew at exit\n", report);
	expect_order(said, report, "plugin_draws: drew last\n");
	we = strstr(said, "calling init: ");
	if (!we)
		skip_because("this loader does not say whom it begins when");
	while (we && strncmp(we + 14, library(), strlen(library())) != 0)
		we = strstr(we + 1, "calling init: ");
	plugin = strstr(said, begun);
	expect(we && plugin && plugin < we);
}

static void draw_for_a_key(void *words)
{
	words_draw_all_ways(words);
}

static void *leaves_a_key(void *words)
{
	static pthread_key_t key;

	if (pthread_key_create(&key, draw_for_a_key) != 0 ||
	    pthread_setspecific(key, words) != 0)
		abort();
	return NULL;
}

static void a_thread_draws_while_it_ends(void)
{
	struct words *words = words_new(50000);
	pthread_t thread;

	for (int i = 0; i < 5; i++) {
		expect(pthread_create(&thread, NULL, leaves_a_key, words) == 0);
		expect(pthread_join(thread, NULL) == 0);
	}
	words_expect_distinct(words, 5 * COUNT(ways) * 500);
}

static pthread_t first_thread;

static void *outlives_main(void *unused)
{
	(void)unused;
	if (pthread_join(first_thread, NULL) != 0)
		abort();
	expect_all_ways_work();
	_exit(0);
}

static void a_thread_draws_after_main_has_ended(void)
{
	pthread_t thread;

	first_thread = pthread_self();
	expect(pthread_create(&thread, NULL, outlives_main, NULL) == 0);
	pthread_exit(NULL);
}

/* The second stands behind the first and serves what that leaves. */
static void as_two(void)
{
	expect_all_ways_work();
	expect(syscall(SYS_getpid) == getpid());
	exit(0);
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	static char bytes[1 << 16];
	int in = open(from, O_RDONLY), out;
	ssize_t got;

	out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
	expect(in >= 0 && out >= 0);
	while ((got = read(in, bytes, sizeof bytes)) > 0)
		expect(write(out, bytes, (size_t)got) == got);
	expect(fchmod(out, mode) == 0);
	close(in);
	close(out);
}

/* In the directory of known files, which is removed in the end. */
static const char *temporary(const char *name)
{
	static char path[sizeof known_dir + 64];

	snprintf(path, sizeof path, "%s/%s", known_dir, name);
	return path;
}

static void the_library_stands_in_front_of_itself(void)
{
	char both[4 * PATH_MAX];

	copy_file(library(), temporary("second.so"), 0755);
	snprintf(both, sizeof both, "%s:%s", library(), temporary("second.so"));
	setenv("LD_PRELOAD", both, 1);
	again_as("two", NULL);
}

/*
 * Descriptors.
 */

/* Tells by its exit status alone: there is nowhere to write to. */
static void as_bare(void)
{
	uint64_t bytes[512];
	DIR *all;
	struct dirent *one;
	int count = 0;

	for (size_t w = 0; w < COUNT(ways); w++)
		ways[w].draw(bytes, sizeof bytes);
	for (int i = 0; i < 3; i++)
		if (fcntl(i, F_GETFD) != -1)
			_exit(10 + i);
	all = opendir("/proc/self/fd");
	if (!all)
		_exit(20);
	while ((one = readdir(all)))
		count += one->d_name[0] != '.';
	_exit(count == 1 && dirfd(all) == 0 ? 0 : 30 + count);
}

static void a_program_with_nothing_open_keeps_nothing_open(void)
{
	for (int fd = 0; fd < 4096; fd++)
		RAW(SYS_close, fd);
	again_as("bare", NULL);
}

/*
 * Sandboxes.
 */

#define ALLOW(call)                                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),                 \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(call)                                                           \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),                 \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)
#define NUMBER                                                                 \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/* What OpenSSH lets its child before authentication do, but for its own. */
#define OPENSSH                                                                \
	ALLOW(read), ALLOW(write), ALLOW(close), ALLOW(getrandom),             \
		ALLOW(getpid), ALLOW(gettid), ALLOW(madvise), ALLOW(mmap),     \
		ALLOW(munmap), ALLOW(mremap), ALLOW(futex),                    \
		ALLOW(clock_gettime), ALLOW(rt_sigprocmask), ALLOW(ppoll),     \
		ALLOW(exit), ALLOW(exit_group), REFUSE(fstat), REFUSE(openat), \
		REFUSE(newfstatat)

static struct sock_filter openssh[] = {
	NUMBER,	     OPENSSH,
#ifdef SYS_poll
	ALLOW(poll), REFUSE(open), REFUSE(stat),
#endif
	KILL,
};

/* The same for a child that has children. */
static struct sock_filter openssh_forks[] = {
	NUMBER,
	OPENSSH,
	ALLOW(clone),
	ALLOW(wait4),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	KILL,
};

/* What SECCOMP_MODE_STRICT allows, and drawing. */
static struct sock_filter strict[] = {
	NUMBER,	     ALLOW(read),	  ALLOW(write), ALLOW(getrandom),
	ALLOW(exit), ALLOW(rt_sigreturn), KILL,
};

static void enter(struct sock_filter *filter, size_t count)
{
	struct sock_fprog program = {(unsigned short)count, filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		skip_because("no system call filter can be installed");
}

static void leave(int status)
{
	for (;;)
		RAW(SYS_exit, status);
}

static struct words *sandboxed; /* shared with the child */

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
	again_as("openssh", NULL);
}

static void a_forked_child_draws_in_opensshs_sandbox(void)
{
	again_as("openssh-after-draws", NULL);
}

static void a_child_forked_in_a_sandbox_draws(void)
{
	again_as("openssh-with-child", NULL);
}

static void the_first_draw_is_in_a_strict_sandbox(void)
{
	only_where_off_is_the_kernel();
	again_as("strict", NULL);
}

static void a_forked_child_draws_in_a_strict_sandbox(void)
{
	again_as("strict-after-draws", NULL);
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
 * A program with more rights than its user does not listen to its user. Such a
 * program gets no preload: a copy of this one, set-uid nobody, loads the
 * library itself.
 */

enum { NOBODY = 65534, LISTENED = 3 };

static int as_privileged(const char *path)
{
	void *fastrand = dlopen(path, RTLD_NOW);

	if (!fastrand)
		fprintf(stderr, "%s\n", dlerror());
	expect(fastrand != NULL);
	*(void **)&preload_info = dlsym(fastrand, "fastrand_info");
	expect(preload_info != NULL);
	if (!strcmp(info_now().why, "FASTRAND_SOURCE") && tier_is("off"))
		return getauxval(AT_SECURE) ? 1 : LISTENED;
	return getauxval(AT_SECURE) ? 0 : 1;
}

static void run_privileged_copy(void)
{
	char path[sizeof known_dir + 64];

	snprintf(path, sizeof path, "%s", temporary("library.so"));
	unsetenv("LD_PRELOAD");
	setenv("FASTRAND_SOURCE", "off", 1);
	setenv("FASTRAND_STATS", "1", 1);
	execl(temporary("privileged"), "lifecycle", "privileged", path, NULL);
	_exit(PROMISE_SKIPPED);
}

static void a_privileged_program_does_not_listen_to_its_user(void)
{
	static char said[4096];
	int status;

	only_for_root();
	copy_file(library(), temporary("library.so"), 0755);
	copy_file("/proc/self/exe", temporary("privileged"), 0755);
	status = status_and_words(run_privileged_copy, said, sizeof said);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == LISTENED);
	expect(strstr(said, "fastrand: ") != NULL);

	expect(chown(temporary("privileged"), NOBODY, NOBODY) == 0);
	expect(chmod(temporary("privileged"), 04755) == 0);
	status = status_and_words(run_privileged_copy, said, sizeof said);
	if (WIFEXITED(status) && WEXITSTATUS(status) == LISTENED)
		skip_because(
			"set-uid has no effect in the temporary directory");
	if (status != 0)
		fprintf(stderr, "%s\n", said);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	expect(strstr(said, "fastrand: ") == NULL);
	unlink(temporary("privileged"));
	unlink(temporary("library.so"));
}

static const struct {
	const char *name;
	void (*body)(void);
} roles[] = {
	{"constructor", as_constructor},
	{"constructors-thread", as_constructors_thread},
	{"loader-beside-fork", as_loader_beside_fork},
	{"deepbind", as_deepbind},
	{"namespace", as_namespace},
	{"first-and-last", as_first_and_last},
	{"two", as_two},
	{"bare", as_bare},
	{"openssh", as_openssh},
	{"openssh-after-draws", as_openssh_after_draws},
	{"openssh-with-child", as_openssh_with_child},
	{"strict", as_strict},
	{"strict-after-draws", as_strict_after_draws},
};

static int play(const char *role)
{
	promise_apart = true;
	for (size_t i = 0; i < COUNT(roles); i++) {
		if (!strcmp(roles[i].name, role)) {
			roles[i].body();
			return 0;
		}
	}
	return 2;
}

int main(int count, char **arguments)
{
	static struct promise promises[] = {
		APART(a_plugins_constructor_draws),
		APART(a_plugins_constructor_waits_for_a_thread_that_draws),
		APART(a_child_draws_that_was_forked_beside_the_loader),
		APART(a_deepbind_plugin_draws),
		APART(a_plugin_in_another_namespace_draws),
		APART(others_draw_before_we_begin_and_after_we_end),
		APART(a_thread_draws_while_it_ends),
		APART(a_thread_draws_after_main_has_ended),
		APART(the_library_stands_in_front_of_itself),
		APART(a_program_with_nothing_open_keeps_nothing_open),
		APART(a_sandbox_kills),
		APART(the_first_draw_is_in_opensshs_sandbox),
		APART(a_forked_child_draws_in_opensshs_sandbox),
		APART(a_child_forked_in_a_sandbox_draws),
		APART(the_first_draw_is_in_a_strict_sandbox),
		APART(a_forked_child_draws_in_a_strict_sandbox),
		APART(a_privileged_program_does_not_listen_to_its_user),
	};

	if (count == 3 && !strcmp(arguments[1], "privileged")) {
		promise_apart = true;
		return as_privileged(arguments[2]);
	}
	if (!draws_begin())
		return 2;
	if (count > 1)
		return play(arguments[1]);
	return promises_keep("lifecycle", promises, COUNT(promises));
}
