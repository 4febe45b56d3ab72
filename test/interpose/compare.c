/*
 * Is a program the same with the library in front of it? From a seed come
 * steps: calls of stdio and of descriptors, over files, pipes, terminals and
 * devices, here, in a thread, in a forked child. What each answers, and what it
 * leaves, is a line of the log; two runs of one seed should write the same.
 *
 *	compare SEED STEPS LOG SUMMARY	in a folder of its own
 *
 * compare.sh runs it with and without the library and compares.
 */
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "compare_streams.h"

enum { SECONDS = 20 /* until a step that hangs is ended */ };

static void any_fork(void);
static void any_thread(void);

static const struct step {
	void (*take)(void);
	int weight;
} steps[] = {
	{any_open, 10}, {any_close, 6}, {any_copy, 12}, {any_flags, 6},
	{any_pair, 3}, {any_read, 16}, {any_write, 5}, {any_fopen, 14},
	{any_fdopen, 8}, {any_freopen, 8}, {any_popen, 1}, {any_memory, 3},
	{any_fclose, 9}, {any_fread, 50}, {any_getc, 14}, {any_ungetc, 5},
	{any_fwrite, 10}, {any_place, 14}, {any_buffer, 8}, {any_wide, 6},
	{any_fork, 2}, {any_thread, 4},
};

enum { STEPS_KINDS = sizeof steps / sizeof *steps };

static bool is_child;
static long step_now;

static void take_step(bool nested)
{
	const struct step *step = steps;
	int all = 0, at;

	for (int i = 0; i < STEPS_KINDS; i++)
		all += steps[i].weight;
	for (at = roll(all); at >= step->weight; step++)
		at -= step->weight;
	note_streams();
	if (nested && (step->take == any_fork || step->take == any_thread))
		return;
	alarm(SECONDS);
	say("%ld%s ", step_now, is_child ? " in the child" : "");
	step->take();
	say_terminals();
	if (line_len)
		say_end();
}

/* What it does to a file's place, its parent sees. */
static void any_fork(void)
{
	int count = 1 + roll(4), status = -1;
	pid_t child;

	say("fork");
	say_end();
	child = fork();
	if (child == 0) {
		is_child = true;
		dice ^= 0x5555;
		while (count--)
			take_step(true);
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("%ld child ended: %x", step_now, (unsigned)status);
}

static void *take_there(void *unused)
{
	(void)unused;
	take_step(true);
	return NULL;
}

static void any_thread(void)
{
	pthread_t thread;

	say("thread");
	say_end();
	if (!pthread_create(&thread, NULL, take_there, NULL))
		pthread_join(thread, NULL);
}

/* Numbers 0 to 2 are something, and 3 on are free. */
static void begin(const char *log, const char *summary)
{
	static FILE **const standard[] = {&stdin, &stdout, &stderr};
	static const char *const ins[] = {"/dev/urandom", "file0", "/dev/null"};
	static const char *const outs[] = {"/dev/null", "file2"};
	const char *names[] = {log, summary};

	for (int i = 0; i < 2; i++) {
		int fd = (int)RAW(SYS_openat, AT_FDCWD, names[i],
				  O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

		RAW(SYS_dup3, fd, LOG_NUMBER + i, O_CLOEXEC);
		RAW(SYS_close, fd);
	}
	make_files();
	for (int i = 0; i < 800; i++)
		RAW(SYS_close, i);
	RAW(SYS_openat, AT_FDCWD, ROLL_OF(ins), O_RDONLY);
	RAW(SYS_openat, AT_FDCWD, ROLL_OF(outs), O_RDWR);
	RAW(SYS_openat, AT_FDCWD, ROLL_OF(outs), O_RDWR);
	for (int i = 0; i < 3; i++) {
		streams[i].stream = *standard[i];
		streams[i].kind = ON_FILE;
	}
}

static void end(void)
{
	static struct stat64 is;

	for (int file = 0; file < FILES; file++)
		say("%s %ld ", file_names[file],
		    stat64(file_names[file], &is) ? -1 : (long)is.st_size);
	say_end();
	say("%s reads %" PRIu64 " streams %" PRIu64 "\n",
	    preload_info ? "loaded" : "alone", served_reads, served_streams);
	RAW(SYS_write, LOG_NUMBER + 1, line, line_len);
}

/* libc has its faults, too: these should be the same. */
static void died(int number)
{
	say(" died of signal %d", number);
	say_end();
	if (!is_child)
		end();
	_exit(1);
}

int main(int argc, char *argv[])
{
	static const int ends[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM};
	long count;

	if (argc != 5 || !preload_begin()) {
		fprintf(stderr, "usage: %s SEED STEPS LOG SUMMARY\n", argv[0]);
		return 2;
	}
	dice = strtoull(argv[1], NULL, 0);
	count = strtol(argv[2], NULL, 0);
	setlocale(LC_ALL, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		signal(ends[i], died);
	begin(argv[3], argv[4]);
	for (step_now = 1; step_now <= count; step_now++)
		take_step(false);
	fflush(NULL);
	end();
	_exit(0);
}
