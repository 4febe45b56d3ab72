/*
 * Other ways into a process than LD_PRELOAD: a namespace of the loader's that
 * dlmopen makes, which has a libc of its own, and LD_AUDIT.
 */
#include "support/draws.h"

static int (*their_open)(const char *, int, ...);
static int (*their_close)(int);
static ssize_t (*their_read)(int, void *, size_t);
static FILE *(*their_fopen)(const char *, const char *);
static int *(*their_errno)(void);
static void (*their_info)(struct fastrand_info *, size_t);

static void take(void *from, const char *name, void *to)
{
	void *found = dlsym(from, name);

	expect(found != NULL);
	memcpy(to, &found, sizeof found);
}

/* Another copy of the library, in that namespace. */
static void begin_in(Lmid_t space)
{
	void *copy = dlmopen(space, library(), RTLD_NOW);

	if (!copy)
		fprintf(stderr, "%s\n", dlerror());
	expect(copy != NULL);
	take(copy, "open", &their_open);
	take(copy, "close", &their_close);
	take(copy, "read", &their_read);
	take(copy, "fopen", &their_fopen);
	take(copy, "fastrand_info", &their_info);
	take(copy, "__errno_location", &their_errno);
	expect(their_errno() != &errno);
}

static void expect_error(int answer, int error)
{
	int theirs = *their_errno(), ours = errno;

	if (answer != -1 || theirs != error)
		fprintf(stderr, "answer %d, errno %d there and %d here\n",
			answer, theirs, ours);
	expect(answer == -1 && theirs == error && ours == 0);
	*their_errno() = 0;
}

static void expect_errors_arrive(void)
{
	char byte;

	errno = *their_errno() = 0;
	expect_error(their_open("/nonexistent", O_RDONLY), ENOENT);
	expect_error(their_close(-1), EBADF);
	expect_error((int)their_read(-1, &byte, 1), EBADF);
	expect_error(their_fopen("/nonexistent", "r") ? 0 : -1, ENOENT);
}

static void expect_reads_are_served(void)
{
	struct fastrand_info before = {0}, after = {0};
	uint8_t bytes[SERVED_LEN];
	int fd = their_open("/dev/urandom", O_RDONLY);

	expect(fd >= 0);
	their_info(&before, sizeof before);
	for (int i = 0; i < 4; i++) {
		expect(their_read(fd, bytes, sizeof bytes) == sizeof bytes);
		expect_random_bytes(bytes, sizeof bytes);
	}
	their_info(&after, sizeof after);
	expect(after.requests > before.requests || !preload_counts());
	expect(their_close(fd) == 0);
}

static void errors_arrive_in_the_namespace_that_asked(void)
{
	begin_in(LM_ID_NEWLM);
	expect_errors_arrive();
	expect_reads_are_served();
}

/* In the third, which is behind another in the loader's list of them. */
static void errors_arrive_in_any_namespace(void)
{
	expect(dlmopen(LM_ID_NEWLM, beside("plugin_swap.so"), RTLD_NOW));
	begin_in(LM_ID_NEWLM);
	expect_errors_arrive();
	expect_reads_are_served();
}

/* What was first in the namespace, and at the head of its list. */
static void what_was_there_before_may_be_closed(void)
{
	Lmid_t space = LM_ID_BASE;
	void *first = dlmopen(LM_ID_NEWLM, beside("plugin_swap.so"), RTLD_NOW);

	expect(first && dlinfo(first, RTLD_DI_LMID, &space) == 0);
	begin_in(space);
	expect_reads_are_served();
	expect(dlclose(first) == 0);
	expect_errors_arrive();
	expect_reads_are_served();
}

/* What a program says that has us as its auditor; its exit status is 7. */
static void audit(const char *preload, char said[static 2048])
{
	int words[2], status = -1;
	ssize_t len, got;
	pid_t child;

	expect(pipe(words) == 0);
	child = fork();
	if (child == 0) {
		dup2(words[1], STDERR_FILENO);
		close(words[0]);
		close(words[1]);
		setenv("LD_AUDIT", library(), 1);
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		else
			unsetenv("LD_PRELOAD");
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
		_exit(2);
	}
	close(words[1]);
	for (len = 0; (got = read(words[0], said + len, 2047 - (size_t)len)) > 0;)
		len += got;
	said[len] = '\0';
	expect(child > 0 && waitpid(child, &status, 0) == child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		fprintf(stderr, "status %x: %s", status, said);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void expect_one_line(const char *said)
{
	static const char begins[] = "fastrand: LD_AUDIT ";

	if (strncmp(said, begins, strlen(begins)))
		fprintf(stderr, "said: %s\n", said);
	expect(!strncmp(said, begins, strlen(begins)));
	expect(strstr(said, "LD_PRELOAD") != NULL);
	expect(strchr(said, '\n') == said + strlen(said) - 1);
}

static void an_auditor_says_that_it_is_none(void)
{
	char said[2048];

	audit(NULL, said);
	expect_one_line(said);
}

static void an_auditor_may_be_a_preload_as_well(void)
{
	char said[2048];

	audit(library(), said);
	expect_one_line(said);
}

int main(void)
{
	static const struct promise promises[] = {
		APART(errors_arrive_in_the_namespace_that_asked),
		APART(errors_arrive_in_any_namespace),
		APART(what_was_there_before_may_be_closed),
		APART(an_auditor_says_that_it_is_none),
		APART(an_auditor_may_be_a_preload_as_well),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("namespaces", promises, COUNT(promises));
}
