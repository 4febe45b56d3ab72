#!/bin/bash
# fastrand --status and --explain tell what is so.
# test/launcher/status.sh LIBRARY BUILD_DIRECTORY
#
# What is in single quotes is for other shells.
# shellcheck disable=SC2016
set -u
# shellcheck source=test/support/command.bash
. "$(dirname "$0")/../support/command.bash"

# --- --status ---------------------------------------------------------------

status_tells_what_is_used() {
	local line

	run "$fastrand" --status
	[ "$status" -le 1 ] || ends_with 0
	is_silent
	for line in library kernel 'vDSO function' page tier 'bucket memory' \
		'hardware generator' /dev/vmclock0 /dev/sysgenid \
		'signals of a clone' ChaCha20 \
		descriptors '16-byte draw'; do
		out_has "^$line +[^ ]"
	done
	out_has "^kernel +$(uname -s) $(uname -r) $(uname -m)\$"
	out_has '^descriptors +proved at each read$'
	out_has '^16-byte draw +[0-9.]+ ns; the system call takes [0-9.]+ ns$'
}

status_follows_the_options() {
	run "$fastrand" --source off --trust-fds --status
	ends_with 1
	out_has '^tier +off$'
	out_has '^why not better +FASTRAND_SOURCE$'
	out_has '^descriptors +trusted'
	run "$fastrand" --source kernel --status
	ends_with 1
}

status_follows_the_environment() {
	run env FASTRAND_SOURCE=off FASTRAND_TRUST_FDS=1 "$fastrand" --status
	ends_with 1
	out_has '^tier +off$'
	out_has '^descriptors +trusted'
	run env FASTRAND_STATS=1 "$fastrand" --status
	is_silent
	# Of settings with a mistake in them none counts.
	run env FASTRAND_SOURCE=bogus FASTRAND_TRUST_FDS=1 "$fastrand" --status
	ends_with 1
	out_has '^descriptors +proved'
}

status_is_0_in_tier_page_or_call_alone() {
	local tier

	for tier in page call; do
		run "$fastrand" --library "$fake" --source $tier --status
		ends_with 0
		out_has "^tier +$tier"
	done
	for tier in kernel off; do
		run "$fastrand" --library "$fake" --source $tier --status
		ends_with 1
	done
}

status_agrees_with_the_library() {
	local tier

	run stats "$fastrand" ./draw
	tier=$(sed -nE 's/^fastrand: tier ([a-z]+).*/\1/p' err)
	run "$fastrand" --status
	out_has "^tier +$tier"
}

status_of_a_session_that_preloads_follows_the_options() {
	run env LD_PRELOAD="$library" "$fastrand" --source off --status
	ends_with 1
	out_has '^tier +off$'
	run env LD_PRELOAD="$library" "$fastrand" --status
	out_has '^16-byte draw +'
	is_silent
}

status_ends_with_125_without_a_library() {
	run "$fastrand" --library same.so --status
	ends_with 125
	says_one_line 'is no libfastrand.so'
}

status_json_is_json() {
	local arguments name

	for arguments in "" "--source=off" "--trust-fds" "--library=$fake"; do
		# shellcheck disable=SC2086
		run "$fastrand" $arguments --status --json
		is_silent
		python3 -m json.tool <out >/dev/null
	done
	python3 - <<'EOF'
import json
told = json.load(open("out"))
if told["why_not_better"] != "a \"quoted\" \\ reason,\n\tof two lines":
	print(told)
for name in "bucket_memory", "hardware_generator", "signals", "generation":
	if told[name] is not None:
		print(name, told[name])
EOF
	# A path in Latin-1, in UTF-8, and in what looks like it.
	for name in $'\xe9' $'\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb2' \
		$'\xc0\xaf\xed\xa0\x80\xf5\xe2\x82'; do
		mkdir -p "$name"
		cp "$fake" "$name"
		run "$fastrand" --library "$name/libfastrand.so" --status --json
		is_silent
		python3 -m json.tool <out >/dev/null
	done
}

status_json_has_it_all() {
	local name

	run "$fastrand" --status --json
	for name in in_use library version system kernel machine \
		vdso_function page_proved generation tier why_not_better \
		bucket_memory hardware_generator vmclock sysgenid signals chacha20 \
		descriptors draw_16_ns system_call_16_ns; do
		out_has "^  \"$name\": "
	done
	run "$fastrand" --source off --status --json
	ends_with 1
	out_has '"in_use": false'
	out_has '"tier": "off"'
}

# --- --explain --------------------------------------------------------------

# The numbers of programs that draw so and so often; 150 requests of 2,000 bytes,
# and one that the kernel has to answer.
cat >known.c <<'EOF'
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static int draw(void)
{
	static char bytes[4096];
	int fd = open("/dev/urandom", O_RDONLY);
	int ok = getrandom(bytes, 16, 0x10000) < 0 && errno == EINVAL;
	for (int i = 0; i < 100; i++)
		ok &= getrandom(bytes, 2000, 0) == 2000;
	for (int i = 0; i < 30; i++)
		ok &= read(fd, bytes, 2000) == 2000;
	for (int i = 0; i < 20; i++)
		ok &= syscall(SYS_getrandom, bytes, 2000, 0) == 2000;
	return ok;
}
static void leave(int signal)
{
	(void)signal;
	_exit(4);
}
int main(int argc, char *argv[])
{
	const char *end = argc > 1 ? argv[1] : "";
	int status = 0;
	if (!strcmp(end, "fork") && fork()) {
		wait(&status);
		return status ? 1 : 0;
	}
	if (!strcmp(end, "small")) {
		char bytes[100];
		int fd = open("/dev/urandom", O_RDONLY);
		return read(fd, bytes, sizeof bytes) != sizeof bytes;
	}
	if (!draw())
		return 1;
	if (!strcmp(end, "_exit"))
		_exit(0);
	if (!strcmp(end, "killed"))
		raise(SIGKILL);
	if (!strcmp(end, "aborted"))
		abort();
	if (!strcmp(end, "exec"))
		execl(argv[0], argv[0], (char *)0);
	if (!strcmp(end, "asked")) {
		signal(SIGINT, leave);
		signal(SIGQUIT, leave);
	}
	if (!strcmp(end, "runs") || !strcmp(end, "asked")) {
		puts("drawn");
		fclose(stdout);
		sleep(2);
	}
	return 0;
}
EOF
$CC -O -o known known.c

# with ignore SIGNAL COMMAND...: which then finds it ignored
# with one|group SIGNAL COMMAND...: which gets it, alone or with its children,
#   once it has written something, and had it at its default at first
cat >with.c <<'EOF'
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char *argv[])
{
	int number = argc > 3 ? atoi(argv[2]) : 0, out[2], status;
	char byte;
	pid_t child;
	if (!number)
		return 2;
	if (!strcmp(argv[1], "ignore")) {
		signal(number, SIG_IGN);
		execvp(argv[3], argv + 3);
		return 2;
	}
	alarm(30);
	if (pipe(out) < 0 || (child = fork()) < 0)
		return 2;
	if (child == 0) {
		setpgid(0, 0);
		signal(number, SIG_DFL);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execvp(argv[3], argv + 3);
		_exit(2);
	}
	close(out[1]);
	if (read(out[0], &byte, 1) == 1)
		kill(strcmp(argv[1], "one") ? -child : child, number);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
EOF
$CC -O -o with with.c

# so_many TIMES: what known draws, so often. In the tiers that serve that size.
so_many() {
	row_is "getrandom $((101 * $1)) $((100 * $1)) $((200000 * $1)) $1 flags $1"
	row_is "read $((30 * $1)) $((30 * $1)) $((60000 * $1)) 0"
	row_is "syscall $((20 * $1)) $((20 * $1)) $((40000 * $1)) 0"
	row_is "all $((151 * $1)) $((150 * $1)) $((300000 * $1)) $1"
}

# programs PROGRAMS FORKS, whatever the tier
programs() {
	says "^fastrand: programs that had the library: $1 in tier [a-z]+; forks of them: $2\$"
}

explain_counts_what_a_known_program_does() {
	run "$fastrand" --explain ./known
	ends_with 0
	programs 1 0
	so_many 1
	says 'time saved: -?[0-9.]+ ms, estimated \(16 bytes take [0-9]+ ns here, [0-9]+ ns by system call\)'
	[[ $(cat err) != *' saved: 0.000 '* ]] || cat err
}

# However it ends; exec makes it two.
explain_counts_however_a_program_ends() {
	run "$fastrand" --explain ./known _exit
	ends_with 0
	so_many 1
	run "$fastrand" --explain ./known killed
	ends_with 137
	so_many 1
	run "$fastrand" --explain ./known aborted
	ends_with 134
	so_many 1
	run "$fastrand" --explain ./known exec
	ends_with 0
	programs 2 0
	so_many 2
}

explain_counts_children() {
	run "$fastrand" --explain ./known fork
	ends_with 0
	programs 1 1
	so_many 1
	run "$fastrand" --explain \
		bash -c 'for i in 1 2 3 4; do ./known & done; wait; exit 0'
	ends_with 0
	programs 5 4
	so_many 4
}

explain_counts_who_still_runs() {
	run "$fastrand" --explain bash -c 'coproc ./known runs
		while read -r -u "${COPROC[0]}"; do :; done; exit 0'
	ends_with 0
	so_many 1
}

explain_counts_what_the_kernel_serves() {
	run "$fastrand" --source off --explain ./known
	ends_with 0
	says ': 1 in tier off; forks of them: 0$'
	row_is 'getrandom 101 0 0 101 off 100, flags 1'
	row_is 'read 30 0 0 30 off 30'
	row_is 'syscall 20 0 0 20 off 20'
}

explain_counts_all_tiers() {
	local tier

	run "$fastrand" --explain bash -c \
		'FASTRAND_SOURCE=off ./known; FASTRAND_SOURCE=kernel ./known; exit 0'
	says ' [0-9]+ in tier kernel, 1 in tier off; forks'
	row_is 'getrandom 202 100 200000 102 off 100, flags 2'
	# Without stock a small read does not pay for its proof.
	for tier in call kernel; do
		run "$fastrand" --source $tier --explain ./known small
		row_is 'read 1 0 0 1 small 1'
	done
}

# setpriv itself is counted; what it becomes may not open the record.
explain_bears_other_users() {
	cp "$library" "$here/libfastrand.so"
	run "$fastrand" --library "$here/libfastrand.so" --explain \
		setpriv --reuid=65534 --regid=65534 --clear-groups ./known
	ends_with 0
	programs 1 0
	row_is 'all 0 0 0 0'
}

explain_says_that_nobody_told() {
	run "$fastrand" --library "$fake" --explain ./hello
	ends_with 3
	says_one_line '^fastrand: the library was in no program that could tell$'
}

# Who ends fastrand means the command; what it drew is told all the same.
explain_passes_on_what_ends_it() {
	local signal

	for signal in TERM HUP USR1 USR2 ALRM; do
		signal=$(kill -l $signal)
		run ./with one "$signal" "$fastrand" --explain ./known runs
		ends_with $((128 + signal))
		so_many 1
	done
}

explain_has_the_status_of_whom_nobody_waits_for() {
	run ./with ignore "$(kill -l CHLD)" "$fastrand" --explain ./hello
	ends_with 3
	run ./with ignore "$(kill -l HUP)" "$fastrand" --explain bash -c \
		'kill -HUP $$ $PPID; exit 5'
	ends_with 5
}

# Whatever else a file is, it stays that.
explain_is_for_its_own_files() {
	local file

	: >empty
	echo text >text
	mkfifo pipe
	ln -s text link
	for file in empty text pipe; do
		run env FASTRAND_EXPLAIN="$here/$file" LD_PRELOAD="$library" \
			./known
		ends_with 0
		says_one_line '^fastrand: FASTRAND_EXPLAIN is not a file that fastrand --explain made; nothing is counted$'
	done
	[ ! -s empty ] || echo "it wrote"
	[ "$(cat text)" = text ] || cat text
	for file in none link; do
		run env FASTRAND_EXPLAIN="$here/$file" LD_PRELOAD="$library" \
			./known
		ends_with 0
		is_silent
	done
	[ ! -e none ] || echo "it made a file"
	# Of another user, who might cut it short.
	if [ "$(id -u)" -eq 0 ]; then
		echo text >theirs
		chown 65534 theirs
		run env FASTRAND_EXPLAIN="$here/theirs" LD_PRELOAD="$library" \
			./known
		ends_with 0
		is_silent
	fi
	run env FASTRAND_EXPLAIN=relative LD_PRELOAD="$library" ./known
	says_one_line 'FASTRAND_EXPLAIN=relative is not an absolute path'
}

explain_ends_as_the_command_does() {
	run "$fastrand" --library "$fake" --explain sh -c 'exit 77'
	ends_with 77
	run "$fastrand" --library "$fake" --explain sh -c 'kill -TERM $$'
	ends_with 143
	run "$fastrand" --library "$fake" --explain no-such-command-anywhere
	ends_with 127
	says 'No such file or directory'
	run "$fastrand" --library "$fake" --explain "$here"
	ends_with 126
}

explain_leaves_no_file() {
	mkdir -p tmp
	run env TMPDIR="$here/tmp" "$fastrand" --library "$fake" --explain \
		sh -c 'echo "$FASTRAND_EXPLAIN"; kill -KILL $$'
	ends_with 137
	out_has "^$here/tmp/fastrand-explain-......\$"
	ls -A tmp
	run env TMPDIR=tmp "$fastrand" --library "$fake" --explain \
		printenv FASTRAND_EXPLAIN
	out_has '^/tmp/fastrand-explain-......$'
	run env TMPDIR=/no/such/folder "$fastrand" --explain ./hello
	ends_with 125
	says_one_line '/no/such/folder/'
}

# The keys of a terminal go to all; whom they end is the command's affair.
explain_outlives_the_keys() {
	local signal

	for signal in INT QUIT; do
		signal=$(kill -l $signal)
		run ./with group "$signal" "$fastrand" --explain ./known asked
		ends_with 4
		so_many 1
	done
}

# --- all of them ----------------------------------------------------------------

check status_tells_what_is_used
check status_follows_the_options
check status_follows_the_environment
check status_is_0_in_tier_page_or_call_alone
check status_agrees_with_the_library
check status_of_a_session_that_preloads_follows_the_options
check status_ends_with_125_without_a_library
check status_json_has_it_all
has python3 && check status_json_is_json

report=$(LD_PRELOAD=$library FASTRAND_STATS=1 ./hello 2>&1 >/dev/null)
case $report in
*"tier off"*)
	skip_because "--explain of what is served: this system has tier off"
	;;
*)
	check explain_counts_what_a_known_program_does
	check explain_counts_however_a_program_ends
	check explain_counts_children
	check explain_counts_who_still_runs
	check explain_counts_all_tiers
	check explain_passes_on_what_ends_it
	check explain_outlives_the_keys
	;;
esac
check explain_counts_what_the_kernel_serves
check explain_says_that_nobody_told
check explain_is_for_its_own_files
check explain_ends_as_the_command_does
check explain_leaves_no_file
check explain_has_the_status_of_whom_nobody_waits_for
if has setpriv && setpriv --reuid=65534 --clear-groups true 2>/dev/null; then
	check explain_bears_other_users
else
	skip_because "only root becomes somebody else"
fi

finish
