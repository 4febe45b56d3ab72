/*
 * Draws work from the first constructor to the last destructor, in plugins,
 * beside the loader, and in programs with nothing open or with more rights than
 * their user; and the library takes nothing for it that the program could miss.
 */
#include "support/roles.h"

#include <dirent.h>
#include <sys/auxv.h>

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
	again_as("constructor");
}

static void as_constructors_thread(void)
{
	expect_drawn(open_plugin("plugin_thread.so", RTLD_NOW), 5);
	expect_all_ways_work();
}

static void a_plugins_constructor_waits_for_a_thread_that_draws(void)
{
	again_as("constructors_thread");
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
		pid_t child = underscore_fork();

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
	again_as("loader_beside_fork");
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
	again_as("deepbind");
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
	again_as("namespace");
}

/*
 * The beginning and the end of a process.
 */

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
	preload_both(library(), beside("plugin_draws.so"));
	setenv("PLUGIN_SAYS", "1", 1);
	setenv("FASTRAND_STATS", "1", 1);
	setenv("LD_DEBUG", "files", 1);
	again_as("first_and_last");
}

/* The loader's words say who was begun first; our report, when we end. */
static void others_draw_before_we_begin_and_after_we_end(void)
{
	static char said[1 << 18];
	static const char begun[] = "plugin_draws: drew first\n",
			  report[] = "fastrand: left to the kernel";
	int status = status_and_words(preload_a_plugin_too, STDERR_FILENO,
				      said, sizeof said);
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
static bool is_mapped(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 128];
	bool found = false;

	expect(maps != NULL);
	while (fgets(line, sizeof line, maps))
		found |= strstr(line, name) != NULL;
	fclose(maps);
	return found;
}

static void as_two(void)
{
	expect(is_mapped("/libfastrand.so") && is_mapped("/second.so"));
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
	copy_file(library(), temporary("second.so"), 0755);
	preload_both(library(), temporary("second.so"));
	again_as("two");
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
	again_as("bare");
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
	status = status_and_words(run_privileged_copy, STDERR_FILENO, said,
				  sizeof said);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == LISTENED);
	expect(strstr(said, "fastrand: ") != NULL);

	expect(chown(temporary("privileged"), NOBODY, NOBODY) == 0);
	expect(chmod(temporary("privileged"), 04755) == 0);
	status = status_and_words(run_privileged_copy, STDERR_FILENO, said,
				  sizeof said);
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

int main(int count, char **arguments)
{
	static const struct promise roles[] = {
		ROLE(constructor),
		ROLE(constructors_thread),
		ROLE(loader_beside_fork),
		ROLE(deepbind),
		ROLE(namespace),
		ROLE(first_and_last),
		ROLE(two),
		ROLE(bare),
	};
	static const struct promise promises[] = {
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
		APART(a_privileged_program_does_not_listen_to_its_user),
	};

	if (count == 3 && !strcmp(arguments[1], "privileged")) {
		promise_apart = true;
		return as_privileged(arguments[2]);
	}
	if (count > 1)
		return roles_play(arguments[1], roles, COUNT(roles));
	return roles_keep("lifecycle", promises, COUNT(promises));
}
