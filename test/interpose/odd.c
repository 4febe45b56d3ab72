/*
 * Every name that stands before one of libc's, called with arguments that make
 * little sense: its answer, errno and the fate of the process are what they are
 * without the library.
 *
 * This program executes itself twice, with the library in front and without.
 * Both make the same calls, each in a child of its own. In a call at most two
 * arguments are odd; the others are the first of their kind. "odd names" prints
 * what is called, for test/interpose/exports.sh.
 */
#include "odd_table.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>

enum {
	MOST_CALLS = 65536,
	HANGS_AFTER = 10,	/* seconds */
};

/* --- the calls, with the library or without --- */

/* What came of a call: in the child that made it, and in one that it made. */
struct outcome {
	int status;
	struct answer {
		int given, error;
		long answer;
	} in[2];
};

/* Written by the executed program, read by the one that compares. */
struct record {
	bool preloaded, finished;
	bool absent[COUNT(rows)];
	size_t first[COUNT(rows)];	/* outcome of a row */
	size_t calls;
	struct outcome outcomes[MOST_CALLS];
};

static struct record *writing;

typedef long function(long, long, long, long, long, long, long);

static function *called;

static struct record *record_in(int fd)
{
	void *at = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);

	expect(at != MAP_FAILED && close(fd) == 0);
	return at;
}

static long as_given(enum gives gives, long answer)
{
	switch (gives) {
	case A_NUMBER:
		return (int)answer;
	case A_SIZE:
		return answer;
	case A_POINTER:
		return answer != 0;
	case A_PID:
		return ((int)answer > 0) - ((int)answer < 0);
	default:
		return 0;
	}
}

static void call(const struct row *row, const size_t choice[MOST],
		 struct outcome *outcome)
{
	pid_t self = getpid();
	struct answer *to;
	long a[MOST] = {0};
	long answer;
	int error;

	alarm(HANGS_AFTER);
	expect(lseek(A_FILE, 0, SEEK_SET) == 0);
	for (size_t p = 0; p < MOST && row->kinds[p]; p++) {
		const struct value *v = &row->kinds[p]->values[choice[p]];

		a[p] = v->make ? v->make() : v->value;
	}
	errno = 4242;
	answer = called(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	error = errno;
	to = &outcome->in[getpid() != self];
	to->answer = as_given(row->gives, answer);
	to->error = error;
	to->given = true;
	/* A terminal that goes away would end the process on it. */
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
	_exit(0);
}

static void call_apart(const struct row *row, const size_t choice[MOST])
{
	struct outcome *outcome = &writing->outcomes[writing->calls++];
	pid_t child = fork(), ended;
	int status;

	if (child == 0)
		call(row, choice, outcome);
	expect(child > 0 && writing->calls < MOST_CALLS);
	while ((ended = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
		if (ended == child)
			outcome->status = status;
	/* The same fault is either, by the register that held the address. */
	if (WIFSIGNALED(outcome->status) &&
	    WTERMSIG(outcome->status) == SIGBUS)
		outcome->status = SIGSEGV;
	/* The terminal of its child went with it, in the midst of something. */
	if (WIFSIGNALED(outcome->status))
		outcome->in[1] = (struct answer){0};
}

static void put(int fd, int number)
{
	expect(fd >= 0 && dup2(fd, number) == number);
	expect(fd == number || close(fd) == 0);
}

static void put_unseen(int fd, int number)
{
	expect(fd >= 0 && RAW(SYS_dup3, fd, number, 0) == number);
	expect(close(fd) == 0);
}

static void prepare_descriptors(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int pair[2], file = open("file", O_CREAT | O_RDWR, 0600);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memset(room, 'x', ROOM);
	expect(file >= 0 && write(file, room, ROOM) == ROOM);
	expect(lseek(file, 0, SEEK_SET) == 0);
	put_unseen(dup(file), UNSEEN_FILE);
	put(file, A_FILE);
	put(open("/dev/urandom", O_RDONLY), DEVICE);
	put_unseen(open("/dev/urandom", O_RDONLY), UNSEEN_DEVICE);
	put(open("/dev/urandom", O_WRONLY), DEVICE_FOR_WRITING);
	put(open("/dev/urandom", O_PATH), DEVICE_AS_PATH);
	put(open(".", O_RDONLY), DIRECTORY);
	expect(pipe2(pair, O_NONBLOCK) == 0);
	put(pair[0], EMPTY_PIPE);
	expect(bind(listener, (struct sockaddr *)&name,
		    sizeof(sa_family_t)) == 0 && listen(listener, 1) == 0);
	put(listener, LISTENER);
	for (int standard = 0; standard <= 2; standard++)
		put(open("/dev/null", O_RDWR), standard);
}

static void prepare(char *folder)
{
	const struct rlimit none = {0, 0};

	expect(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	expect(setrlimit(RLIMIT_CORE, &none) == 0);
	signal(SIGHUP, SIG_IGN);
	expect(mkdtemp(folder) && chdir(folder) == 0);
	/* The kernel asks whether a huge read ends beyond the last address. */
	room = mmap((void *)((uintptr_t)1 << 36), ROOM + 4096,
		    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(room != MAP_FAILED && !mprotect(room + ROOM, 4096, PROT_NONE));
	prepare_descriptors();
}

static void remove_all_in(const char *folder)
{
	DIR *open = opendir(folder);
	struct dirent *entry;

	expect(open != NULL);
	while ((entry = readdir(open)))
		unlink(entry->d_name);
	expect(closedir(open) == 0 && rmdir(folder) == 0);
}

static int calls_make(int fd)
{
	char folder[] = "/tmp/fastrand-odd-XXXXXX";
	const char *name;
	void *found;

	promise_apart = true;
	writing = record_in(fd);
	expect(preload_begin());
	writing->preloaded = preload_info != NULL;
	prepare(folder);
	expect_served(DEVICE);
	for (size_t r = 0; r < COUNT(rows); r++) {
		name = !writing->preloaded && rows[r].without ?
			       rows[r].without : rows[r].name;
		writing->first[r] = writing->calls;
		found = dlsym(RTLD_DEFAULT, name);
		memcpy(&called, &found, sizeof called);
		if (called)
			for_each_call(&rows[r], call_apart);
		else
			writing->absent[r] = true;
	}
	remove_all_in(folder);
	writing->finished = true;
	return 0;
}

/* --- the comparison --- */

static const struct record *with, *without;
static const struct outcome *ours, *libcs; /* of the next call */
static size_t differences;

static void say_outcome(const char *where, const struct outcome *is)
{
	fprintf(stderr, "  %s: status %#x", where, (unsigned int)is->status);
	for (size_t i = 0; i < COUNT(is->in); i++)
		if (is->in[i].given)
			fprintf(stderr, ", %s%ld, errno %d",
				i ? "and in a child " : "", is->in[i].answer,
				is->in[i].error);
	fprintf(stderr, "\n");
}

static void say_call(const struct row *row, const size_t choice[MOST])
{
	fprintf(stderr, "%s(", row->name);
	for (size_t p = 0; p < MOST && row->kinds[p]; p++)
		fprintf(stderr, "%s%s", p ? ", " : "",
			row->kinds[p]->values[choice[p]].label);
	fprintf(stderr, "):\n");
}

static bool faulted(const struct outcome *is)
{
	return WIFSIGNALED(is->status) && WTERMSIG(is->status) == SIGSEGV;
}

static bool refused(const struct outcome *is)
{
	return is->in[0].answer == -1 &&
	       (is->in[0].error == EFAULT || is->in[0].error == EINVAL);
}

/*
 * Where nothing is mapped the kernel says EFAULT, or gives what there was room
 * for; who writes in this process faults. So do we, and so does a generator of
 * libc's own; that one does not look for senseless flags, or at the pointer of
 * nothing, and we say what the kernel says.
 */
static bool may_differ(const struct row *row, const size_t choice[MOST])
{
	int odd = 0;

	for (size_t p = 0; p < MOST && row->kinds[p]; p++)
		odd |= row->kinds[p]->values[choice[p]].odd;
	if (row->serves == NOTHING || (odd & NOT_THE_DEVICE))
		return false;
	if ((odd & GONE) && faulted(ours))
		return true;
	return odd && row->serves == DRAWS && libc_has_a_generator() &&
	       (faulted(libcs) || refused(ours));
}

static bool same(void)
{
	return memcmp(ours, libcs, sizeof *ours) == 0 &&
	       !(WIFSIGNALED(ours->status) &&
		 WTERMSIG(ours->status) == SIGALRM);
}

static void compare_call(const struct row *row, const size_t choice[MOST])
{
	if (!same() && !may_differ(row, choice)) {
		differences++;
		say_call(row, choice);
		say_outcome("with the library", ours);
		say_outcome("without", libcs);
	}
	ours++;
	libcs++;
}

static void only_where_an_argument_is_a_register(void)
{
	if (!with)
		skip_because("an offset is two arguments here");
}

static void is_as_without(void **state)
{
	const struct row *row = *state;
	size_t r = (size_t)(row - rows);

	only_where_an_argument_is_a_register();
	if (without->absent[r])
		skip_because("this libc lacks some of the names");
	expect(!with->absent[r]);
	ours = with->outcomes + with->first[r];
	libcs = without->outcomes + without->first[r];
	differences = 0;
	for_each_call(row, compare_call);
	expect(differences == 0);
}

static void both_ran_to_their_ends(void **state)
{
	(void)state;
	only_where_an_argument_is_a_register();
	expect(with->finished && with->preloaded == (preload_info != NULL));
	expect(without->finished && !without->preloaded);
	expect(with->calls > 1000);
}

static const struct record *executed(bool preload)
{
	int fd = (int)RAW(SYS_memfd_create, "odd", 0);
	char number[16];
	pid_t child;

	expect(fd >= 0 && ftruncate(fd, sizeof(struct record)) == 0);
	snprintf(number, sizeof number, "%d", fd);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (!preload) {
			unsetenv("LD_PRELOAD");
			setenv("TEST_WITHOUT_PRELOAD", "1", 1);
		}
		execl("/proc/self/exe", "odd", "calls", number, NULL);
		_exit(127);
	}
	reap(child);
	return record_in(fd);
}

static int execute_both(void **state)
{
	if (sizeof(long) == 8) {
		with = executed(true);
		without = executed(false);
	}
	return promise_setup(state);
}

static int print_names(void)
{
	for (size_t r = 0; r < COUNT(rows); r++)
		if (r == 0 || strcmp(rows[r].name, rows[r - 1].name) != 0)
			puts(rows[r].name);
	return 0;
}

int main(int argc, char *argv[])
{
	static struct promise_list list;

	if (argc == 2 && strcmp(argv[1], "names") == 0)
		return print_names();
	if (argc == 3 && strcmp(argv[1], "calls") == 0)
		return calls_make(atoi(argv[2]));
	if (!preload_begin())
		return 2;
	promise_add(&list, "both", " ran to their ends", both_ran_to_their_ends,
		    NULL);
	for (size_t r = 0; r < COUNT(rows); r++)
		promise_add(&list, rows[r].name, " is as without",
			    is_as_without, &rows[r]);
	return _cmocka_run_group_tests("odd", list.tests, list.count,
				       execute_both, promise_teardown);
}
