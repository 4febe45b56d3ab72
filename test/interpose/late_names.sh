#!/bin/bash
# Names that this libc does not have when a program starts: of librt and libutil
# before glibc 2.34, which a plugin brings along, and of newer libcs, which a program
# looks for. With the library they do what they do without it.
# test/interpose/late_names.sh LIBRARY
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

library=$(realpath "${1:?usage: $0 LIBRARY}")
CC=${CC:-cc}
make_here
cd "$here" || exit 2

cat >plugin.c <<'EOS'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pty.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

static void tell(const char *name, int answer)
{
	printf("%s: %s, errno %d\n", name, answer >= 0 ? "done" : "refused",
	       answer >= 0 ? 0 : errno);
}

static void tell_child(const char *name, int master, pid_t child)
{
	char said[64];
	int status = -1;
	ssize_t len = read(master, said, sizeof said);

	waitpid(child, &status, 0);
	printf("%s: status %d, %.*s\n", name, status, (int)len, said);
}

static void say(void)
{
	_exit(write(1, ttyname(0) ? "at a terminal" : "not", 13) != 13);
}

void late(void)
{
	char name[64];
	int master, slave, found;
	pid_t child;

	snprintf(name, sizeof name, "/fastrand-%d", (int)getpid());
	found = shm_open(name, O_RDWR | O_CREAT, 0600);
	tell("shm_open", found);
	tell("shm_unlink", shm_unlink(name));
	found = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
	tell("mq_open", found);
	tell("mq_close", found < 0 ? found : mq_close(found));
	mq_unlink(name);
	tell("openpty", openpty(&master, &slave, NULL, NULL, NULL));
	fflush(stdout);
	child = fork();
	if (!child) {
		if (login_tty(slave))
			_exit(2);
		say();
	}
	close(slave);
	tell_child("login_tty", master, child);
	fflush(stdout);
	child = forkpty(&master, NULL, NULL, NULL);
	if (!child)
		say();
	if (child < 0)
		tell("forkpty", child);
	else
		tell_child("forkpty", master, child);
}
EOS
cat >host.c <<'EOS'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
int main(int argc, char *argv[])
{
	void *plugin = dlopen(argv[1], RTLD_NOW);
	void (*late)(void) = plugin ? (void (*)(void))(uintptr_t)
		dlsym(plugin, "late") : NULL;

	if (argc != 2 || !late) {
		puts(dlerror());
		return 2;
	}
	if (dlsym(RTLD_DEFAULT, "fastrand_info"))
		fputs("preloaded\n", stderr);
	late();
	return 0;
}
EOS
# What a program asks for by name, and has from the kernel.
cat >probe.c <<'EOS'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every machine that we know. */
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int differs;

static void compare(const char *name, long number, long a, long b, long c)
{
	int (*call)(long, long, long) =
		(int (*)(long, long, long))dlsym(RTLD_DEFAULT, name);
	long by_name, by_number;
	int error;

	if (!call)
		return;
	errno = 0;
	by_name = call(a, b, c);
	error = errno;
	errno = 0;
	by_number = syscall(number, a, b, c);
	if (error != errno || (by_name < 0) != (by_number < 0)) {
		printf("%s: %ld, errno %d; the kernel %ld, errno %d\n", name,
		       by_name, error, by_number, errno);
		differs = 1;
	}
	if (by_number >= 0 && number != SYS_close_range) {
		close((int)by_name);
		close((int)by_number);
	}
}

int main(void)
{
	long self = syscall(SYS_pidfd_open, getpid(), 0);

	if (dlsym(RTLD_DEFAULT, "fastrand_info"))
		fputs("preloaded\n", stderr);
	compare("memfd_create", SYS_memfd_create, (long)"name", 1, 0);
	compare("memfd_create", SYS_memfd_create, (long)"name", 1 << 20, 0);
	compare("pidfd_open", SYS_pidfd_open, getpid(), 0, 0);
	compare("pidfd_open", SYS_pidfd_open, -1, 0, 0);
	compare("pidfd_getfd", SYS_pidfd_getfd, self, 0, 0);
	compare("pidfd_getfd", SYS_pidfd_getfd, self, 9999, 0);
	compare("close_range", SYS_close_range, 100, 200, 0);
	compare("close_range", SYS_close_range, 200, 100, 0);
	return differs;
}
EOS
if ! $CC -w -O -o host host.c -ldl || ! $CC -w -O -o probe probe.c -ldl ||
	! $CC -w -O -shared -fPIC -o plugin.so plugin.c \
		-Wl,--no-as-needed -lrt -lutil; then
	not_ok "$CC makes the programs"
	finish
	exit
fi

# [VARIABLE=VALUE]...
a_plugin_brings_its_names_along() {
	env "$@" LD_PRELOAD="$library" ./host ./plugin.so >with 2>err
	grep -qx preloaded err || echo "not preloaded"
	diff without with
}

names_that_are_looked_for_do_what_the_kernel_does() {
	env "$@" LD_PRELOAD="$library" ./probe 2>err || echo "they differ"
	grep -qx preloaded err || echo "not preloaded"
}

if ! ./host ./plugin.so >without 2>&1 ||
	! [ "$(grep -c 'done\|at a terminal' without)" -eq 7 ]; then
	skip_because "shared memory, queues or terminals are not to be had here" 3
	cat without
else
	check a_plugin_brings_its_names_along
	check a_plugin_brings_its_names_along FASTRAND_SOURCE=off
	check a_plugin_brings_its_names_along FASTRAND_TRUST_FDS=1
fi
check names_that_are_looked_for_do_what_the_kernel_does
check names_that_are_looked_for_do_what_the_kernel_does FASTRAND_SOURCE=off
finish
