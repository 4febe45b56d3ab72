#!/bin/bash
# The fastrand command, its installation, its man pages, and the recipes.
# test/launcher.sh LIBRARY BUILD_DIRECTORY
#
# The command is the one beside the library. A promise is a function, which prints
# what it finds to be wrong; nothing is good.
#
# What is in single quotes is for other shells, and $LIB is for the loader.
# Promises are called by name.
# shellcheck disable=SC2016,SC2317
set -u
export LC_ALL=C

if [ $# -ne 2 ]; then
	echo "usage: $0 LIBRARY BUILD_DIRECTORY" >&2
	exit 2
fi
library=$(realpath "$1")
build=$(realpath "$2")
root=$(realpath "$(dirname "$0")/..")
fastrand=$(dirname "$library")/fastrand
CC=${CC:-cc}
passed=0 failed=0 skipped=0
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
chmod 755 "$here"
unset LD_PRELOAD FASTRAND_SOURCE FASTRAND_STATS FASTRAND_TRUST_FDS \
	FASTRAND_EXPLAIN ASAN_OPTIONS MAKEFLAGS MAKELEVEL MFLAGS TMPDIR
cd "$here" || exit 1

if [ ! -x "$fastrand" ]; then
	echo "not ok: $fastrand is there"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi

check() {
	local found line

	found=$("$@" 2>&1)
	if [ -z "$found" ]; then
		passed=$((passed + 1))
		echo "ok: $*"
		return
	fi
	failed=$((failed + 1))
	echo "not ok: $*"
	while IFS= read -r line; do
		echo "    $line"
	done <<<"$found"
}

skip_because() {
	skipped=$((skipped + 1))
	echo "skipped: $1"
}

# Is the tool there? If not, what needs it is skipped.
has() {
	local tool

	for tool in "$@"; do
		command -v "$tool" >/dev/null && continue
		skip_because "$tool is not installed"
		return 1
	done
}

# What came of a command, for the expectations that follow.
run() {
	"$@" >"$here/out" 2>"$here/err" </dev/null
	status=$?
}

ends_with() {
	[ "$status" -eq "$1" ] || {
		echo "exit status $status, not $1; stderr:"
		cat "$here/err"
	}
}

# The whole of stdout.
prints() {
	[ "$(cat "$here/out")" = "$1" ] || {
		echo "stdout is not '$1' but:"
		cat "$here/out" "$here/err"
	}
}

out_has() {
	grep -qE -e "$1" "$here/out" || {
		echo "no '$1' on stdout:"
		cat "$here/out"
	}
}

says() {
	grep -qE -e "$1" "$here/err" || {
		echo "no '$1' on stderr:"
		cat "$here/err"
	}
}

says_one_line() {
	[ "$(wc -l <"$here/err")" -eq 1 ] || {
		echo "not one line on stderr:"
		cat "$here/err"
	}
	says "$1"
}

is_silent() {
	[ ! -s "$here/err" ] || cat "$here/err"
}

# The command with its random bytes reported.
stats() {
	FASTRAND_STATS=1 "$@"
}

# --- programs ---------------------------------------------------------------

cat >hello.c <<'EOF'
int puts(const char *s);
int main(int argc, char *argv[])
{
	(void)argv;
	puts("ran");
	return argc + 2;
}
EOF
cat >draw.c <<'EOF'
#include <stdio.h>
#include <sys/random.h>
int main(void)
{
	unsigned char bytes[512];
	ssize_t len = getrandom(bytes, sizeof bytes, 0);
	printf("%zd %d\n", len, bytes[0]);
	return 0;
}
EOF
# faketime's manner: what it is asked for, it answers itself, always the same.
cat >same.c <<'EOF'
#include <string.h>
#include <sys/types.h>
ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	(void)flags;
	memset(buf, 7, len);
	return (ssize_t)len;
}
EOF
# What the launcher may ask of the library, and the lines of --explain as told.
cat >fake.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include FASTRAND_HEADER
const char *fastrand_version(void)
{
	return "fake";
}
ssize_t fastrand_getrandom(void *buf, size_t len, unsigned int flags)
{
	(void)flags;
	memset(buf, 1, len);
	return (ssize_t)len;
}
void fastrand_info(struct fastrand_info *info, size_t size)
{
	const char *tier = getenv("FASTRAND_SOURCE");
	struct fastrand_info all = {
		.size = sizeof all, .version = "fake", .memory = "none",
		.tier = tier ? tier : "page", .chacha20 = "none",
		.why = "a \"quoted\" \\ reason,\n\tof two lines",
		.hardware = "none",
	};
	memcpy(info, &all, size < sizeof all ? size : sizeof all);
}
__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FASTRAND_EXPLAIN");
	const char *lines = getenv("FAKE_LINES");
	FILE *file = path && *path == '/' ? fopen(path, "a") : NULL;
	if (!file)
		return;
	for (lines = lines ? lines : ""; *lines; lines++) {
		if (*lines == '@')
			fprintf(file, "%d", (int)getpid());
		else
			fputc(*lines == '|' ? '\n' : *lines, file);
	}
	fclose(file);
}
EOF
mkdir fake
if ! $CC -O -o hello hello.c || ! $CC -O -o draw draw.c ||
	! $CC -O -shared -fPIC -o same.so same.c ||
	! $CC -O -shared -fPIC -DFASTRAND_HEADER="\"$root/include/fastrand.h\"" \
		-o fake/libfastrand.so fake.c; then
	echo "not ok: $CC makes programs"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
fake=$here/fake/libfastrand.so

# --- options ----------------------------------------------------------------

help_is_printed() {
	run "$fastrand" --help
	ends_with 0
	out_has '^usage: fastrand '
	for option in source trust-fds stats status json explain library \
		version help; do
		out_has "--$option"
	done
	is_silent
}

the_version_is_the_headers() {
	run "$fastrand" --version
	ends_with 0
	prints "fastrand $(sed -n 's/.*FASTRAND_VERSION "\(.*\)"/\1/p' \
		"$root/include/fastrand.h")"
}

wrong_use_ends_with_125() {
	run "$fastrand"
	ends_with 125
	says_one_line 'no COMMAND'
	run "$fastrand" --no-such-option true
	ends_with 125
	says 'no-such-option'
	run "$fastrand" --source
	ends_with 125
	run "$fastrand" --source fast true
	ends_with 125
	says_one_line '--source fast: not one of page, call, hardware, kernel, off'
	run "$fastrand" --json true
	ends_with 125
	says_one_line '--json goes with --status'
	run "$fastrand" --status true
	ends_with 125
	says_one_line '--status runs no command'
	run "$fastrand" --status --explain
	ends_with 125
}

source_is_told_to_the_command() {
	local tier

	for tier in page call hardware kernel off; do
		run "$fastrand" --source $tier printenv FASTRAND_SOURCE
		ends_with 0
		prints $tier
	done
	run "$fastrand" --source=off printenv FASTRAND_SOURCE
	prints off
}

trust_fds_is_told_to_the_command() {
	run "$fastrand" --trust-fds printenv FASTRAND_TRUST_FDS
	ends_with 0
	prints 1
}

stats_are_reported() {
	run "$fastrand" --stats ./draw
	ends_with 0
	says '^fastrand: tier '
}

nothing_else_is_told_to_the_command() {
	env >before
	run "$fastrand" env
	ends_with 0
	grep -v '^_=' before | sort >a
	grep -v '^_=' out | sort | grep -vE '^(LD_PRELOAD|ASAN_OPTIONS)=' >b
	diff a b
	run printenv LD_PRELOAD
	ends_with 1
}

options_end_at_the_command() {
	run "$fastrand" echo --stats --help
	prints '--stats --help'
	is_silent
	run "$fastrand" --stats -- echo -- --help
	prints '-- --help'
	run "$fastrand" -- --status
	ends_with 127
}

the_command_takes_our_place() {
	run bash -c 'echo $$; exec "$0" bash -c "echo \$\$"' "$fastrand"
	[ "$(sort -u out | wc -l)" -eq 1 ] || cat out
}

its_exit_status_is_ours() {
	run "$fastrand" ./hello a b
	ends_with 5
	prints ran
	run "$fastrand" sh -c 'kill -TERM $$'
	ends_with 143
}

what_cannot_be_run_ends_with_126() {
	echo text >text
	run "$fastrand" ./text
	ends_with 126
	says_one_line '^fastrand: ./text: Permission denied'
	run "$fastrand" "$here"
	ends_with 126
	says_one_line 'Permission denied'
}

what_is_not_found_ends_with_127() {
	run "$fastrand" no-such-command-anywhere
	ends_with 127
	says_one_line \
		'^fastrand: no-such-command-anywhere: No such file or directory'
	run "$fastrand" ./no-such-file
	ends_with 127
	run env PATH= "$fastrand" hello
	ends_with 3
	run env PATH=/nonexistent "$fastrand" hello
	ends_with 127
}

a_missing_interpreter_ends_with_127() {
	printf '#!/no/such/interpreter\n' >orphan
	chmod +x orphan
	run "$fastrand" ./orphan
	ends_with 127
	says_one_line './orphan: is there, but not the program'
}

# --- the library and LD_PRELOAD ----------------------------------------------

the_library_beside_the_command_is_found() {
	run "$fastrand" printenv LD_PRELOAD
	ends_with 0
	prints "$(dirname "$library")/libfastrand.so"
	ln -sf "$fastrand" link-to-fastrand
	run ./link-to-fastrand printenv LD_PRELOAD
	prints "$(dirname "$library")/libfastrand.so"
}

another_library_may_be_named() {
	run "$fastrand" --library fake/libfastrand.so printenv LD_PRELOAD
	ends_with 0
	prints "$fake"
	run "$fastrand" --library="$fake" printenv LD_PRELOAD
	prints "$fake"
}

no_library_ends_with_125() {
	run "$fastrand" --library /no/such/libfastrand.so true
	ends_with 125
	says_one_line '/no/such/libfastrand.so: no such library'
	run "$fastrand" --library hello.c true
	ends_with 125
	says_one_line 'not a shared library'
	run "$fastrand" --library hello true
	ends_with 125
	cp "$fastrand" alone
	if [ ! -e /usr/local/lib/libfastrand.so ]; then
		run ./alone true
		ends_with 125
		says_one_line "neither $here/libfastrand.so nor "
	fi
}

a_path_that_ld_preload_cannot_name_ends_with_125() {
	mkdir -p 'a b' c:d
	cp "$fake" 'a b'
	cp "$fake" c:d
	run "$fastrand" --library 'a b/libfastrand.so' true
	ends_with 125
	says_one_line 'a path with a space or a colon; give --library a link'
	run "$fastrand" --library c:d/libfastrand.so true
	ends_with 125
	cp "$fastrand" 'a b'
	run 'a b/fastrand' true
	ends_with 125
	ln -sf 'a b/libfastrand.so' linked.so
	run "$fastrand" --library linked.so ./hello
	ends_with 3
	is_silent
}

what_was_preloaded_stays_before() {
	run env LD_PRELOAD="$here/same.so" "$fastrand" --library "$fake" \
		printenv LD_PRELOAD
	prints "$here/same.so:$fake"
	run env LD_PRELOAD="  $here/same.so : " "$fastrand" \
		--library "$fake" printenv LD_PRELOAD
	prints "$here/same.so:$fake"
	run env LD_PRELOAD="$here/same.so" "$fastrand" ./draw
	prints '512 7'
}

it_is_not_preloaded_twice() {
	run "$fastrand" "$fastrand" printenv LD_PRELOAD
	prints "$(dirname "$library")/libfastrand.so"
	run env LD_PRELOAD="$fake $here/same.so" "$fastrand" \
		--library "$fake" printenv LD_PRELOAD
	prints "$fake $here/same.so"
}

another_copy_is_replaced() {
	run env LD_PRELOAD="$fake:$here/same.so" "$fastrand" \
		printenv LD_PRELOAD
	prints "$here/same.so:$(dirname "$library")/libfastrand.so"
}

asan_programs_start() {
	run stats "$fastrand" ./draw-asan
	ends_with 0
	out_has '^512 '
	says '^fastrand: tier '
	run env LD_PRELOAD="$(realpath "$asan")" "$fastrand" printenv LD_PRELOAD
	prints "$(realpath "$asan"):$(dirname "$library")/libfastrand.so"
	run env LD_PRELOAD="$(realpath "$asan")" "$fastrand" ./draw-asan
	ends_with 0
}

asan_options_are_kept() {
	run env ASAN_OPTIONS=detect_leaks=0 "$fastrand" printenv ASAN_OPTIONS
	prints 'detect_leaks=0:verify_asan_link_order=0'
	run env ASAN_OPTIONS=verify_asan_link_order=1 "$fastrand" \
		printenv ASAN_OPTIONS
	prints 'verify_asan_link_order=1'
}

# --- warnings ---------------------------------------------------------------

dynamic_programs_get_no_warning() {
	run "$fastrand" ./hello
	ends_with 3
	prints ran
	is_silent
	printf '#!%s/hello\n' "$here" >script
	printf '#!/usr/bin/env true\n' >env-script
	printf 'exit 9\n' >bare-script
	chmod +x script env-script bare-script
	run "$fastrand" ./script
	is_silent
	run "$fastrand" ./env-script
	ends_with 0
	is_silent
	run "$fastrand" ./bare-script
	ends_with 9
	is_silent
}

# warns COMMAND PATTERN: in one line, and the command is run all the same.
warns() {
	run "$fastrand" "$1"
	says_one_line "^fastrand: warning: $1 $2"
	out_has '^ran$'
}

static_programs_are_told_of() {
	warns ./hello-static 'is static: nothing is preloaded into it$'
}

static_pie_programs_are_told_of() {
	warns ./hello-static-pie 'is static: '
}

scripts_of_static_programs_are_told_of() {
	printf '#!%s/hello-static\n' "$here" >script-1
	printf '#! %s/script-1 with an argument\n' "$here" >script-2
	printf '#!/usr/bin/env hello-static\n' >script-3
	printf '#!/usr/bin/env -S A=b hello-static x\n' >script-4
	chmod +x script-[1234]
	PATH=$here:$PATH
	warns ./script-1 "is run by $here/hello-static, which is static: "
	warns ./script-2 "is run by $here/hello-static, which is static: "
	warns ./script-3 "is run by $here/hello-static, which is static: "
	warns ./script-4 "is run by $here/hello-static, which is static: "
	warns script-1 "is run by $here/hello-static, which is static: "
}

scripts_without_their_environment_are_told_of() {
	printf '#!/usr/bin/env -S -i %s/hello\n' "$here" >script-5
	chmod +x script-5
	warns ./script-5 'is run by env -i'
}

scripts_in_a_circle_come_to_an_end() {
	printf '#!%s/circle\n' "$here" >circle
	chmod +x circle
	run timeout 10 "$fastrand" ./circle
	ends_with 126
}

# They cannot be executed: what ends otherwise is the command itself.
broken_files_do_no_harm() {
	local size at

	for size in 1 2 3 4 17 20 52 64 100 300 1000; do
		head -c $size hello >broken
		run "$fastrand" ./broken
		ends_with 126
	done
	# Numbers that are beyond everything, wherever they are.
	for at in {4..120..4} {700..900..4}; do
		cat hello >broken
		printf '\377\377\377\377' |
			dd of=broken bs=1 seek="$at" conv=notrunc 2>/dev/null
		run "$fastrand" ./broken
		ends_with 126
	done
}

the_loader_itself_preloads() {
	run stats "$fastrand" "$loader" ./draw
	ends_with 0
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

set_user_id_programs_are_told_of() {
	warns ./hello-setuid 'is set-user-ID: its loader ignores LD_PRELOAD$'
	run stats "$fastrand" ./hello-setuid
	if grep '^fastrand: tier' err; then return; fi
}

set_group_id_programs_are_told_of() {
	warns ./hello-setgid 'is set-group-ID: '
}

set_user_id_to_oneself_is_not_told_of() {
	cp hello hello-mine
	chmod 4755 hello-mine
	run stats "$fastrand" ./hello-mine
	ends_with 3
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

set_user_id_without_its_effect_is_not_told_of() {
	run stats setpriv --no-new-privs "$fastrand" ./hello-setuid
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

file_capabilities_are_told_of() {
	run as_nobody "$fastrand" --library "$fake" ./hello-capable
	ends_with 3
	says_one_line 'is given capabilities by its file: its loader ignores'
	# Root has them already.
	run stats "$fastrand" --library "$library" ./hello-capable
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

unreadable_programs_are_run() {
	cp hello hello-dark
	chmod 711 hello-dark
	cp "$fastrand" fake/
	run as_nobody fake/fastrand ./hello-dark
	ends_with 3
	is_silent
}

programs_of_another_class_are_told_of() {
	# The loader has its own word on it, too.
	run "$fastrand" ./hello-32
	ends_with 3
	says '^fastrand: warning: ./hello-32 is a program for 32-bit x86, for which there is no library here'
	[ "$(grep -c '^fastrand' err)" -eq 1 ] || cat err
}

programs_of_another_machine_are_told_of() {
	cp hello hello-alien
	# e_machine: 22 is EM_S390.
	printf '\026' | dd of=hello-alien bs=1 seek=18 conv=notrunc 2>/dev/null
	run "$fastrand" ./hello-alien
	says 'is a program for s390x, for which there is no library here'
	# And in the other order of bytes.
	printf '\002' | dd of=hello-alien bs=1 seek=5 conv=notrunc 2>/dev/null
	printf '\000\026' |
		dd of=hello-alien bs=1 seek=18 conv=notrunc 2>/dev/null
	run "$fastrand" ./hello-alien
	says 'is a program for s390x, for which there is no library here'
}

programs_of_another_libc_are_told_of() {
	warns ./hello-musl 'is made for another libc \(musl\)'
}

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
	says_one_line 'is not libfastrand'
}

status_takes_no_time() {
	local begin=${EPOCHREALTIME/./}

	run "$fastrand" --status
	[ $((${EPOCHREALTIME/./} - begin)) -lt 2000000 ] ||
		echo "more than 2 s"
}

status_json_is_json() {
	local arguments

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
EOF
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

# The row of a source, blanks squeezed.
row() {
	sed -nE "s/^  $1 +/$1 /p" "$here/err" | tr -s ' ' | sed 's/ $//'
}

row_is() {
	[ "$(row "${1%% *}")" = "$1" ] || {
		echo "no row '$1':"
		cat "$here/err"
	}
}

entry='fastrand pid=@ comm=x tier=page source='

explain_sums_all_processes() {
	run env FAKE_LINES="${entry}getrandom served=100 bytes=1600 kernel=2 why=small:2|${entry}read served=3 bytes=3000 kernel=2 why=unproved:1,held:1|" \
		"$fastrand" --library "$fake" --explain \
		bash -c '"$0" a; "$0" & wait; exit 6' ./hello
	ends_with 6
	prints $'ran\nran'
	says '^fastrand: 3 processes told what they drew; tier page \(3\)$'
	row_is 'getrandom 306 300 4800 6 small 6'
	row_is 'read 15 9 9000 6 unproved 3, held 3'
	row_is 'all 321 309 13800 12'
	says 'time saved: [0-9.]+ ms, estimated \(16 bytes take [0-9]+ ns here, [0-9]+ ns by system call\)'
}

explain_tells_tiers_apart() {
	run env FAKE_LINES="${entry}none served=0 bytes=0 kernel=0 why=|" \
		"$fastrand" --library "$fake" --explain ./hello
	says '^fastrand: 1 process told what they drew; tier page \(1\)$'
	row_is 'all 0 0 0 0'
	run env FAKE_LINES='fastrand pid=1 comm=a tier=page source=none served=0 bytes=0 kernel=0 why=|fastrand pid=2 comm=b tier=off source=syscall served=0 bytes=0 kernel=5 why=off:5|' \
		"$fastrand" --library "$fake" --explain ./hello
	says 'tier page \(1\), off \(1\)$'
	row_is 'syscall 5 0 0 5 off 5'
}

explain_bears_strange_names() {
	run env FAKE_LINES='fastrand pid=@ comm=a source=b tier=c  served=9 tier=page source=arc4random served=18446744073709551615 bytes=4 kernel=0 why=|' \
		"$fastrand" --library "$fake" --explain ./hello
	row_is 'arc4random 18446744073709551615 18446744073709551615 4 0'
}

explain_tells_of_lines_that_it_does_not_understand() {
	run env FAKE_LINES="nonsense||fastrand pid=@|${entry}read served=x bytes=1 kernel=1 why=|${entry}a-source-with-a-very-very-long-name served=1 bytes=2 kernel=0 why=|${entry}read served=1 bytes=4 kernel=1 why=a-reason-with-a-very-very-long-name:1,,:,x,y:|" \
		"$fastrand" --library "$fake" --explain ./hello
	ends_with 3
	says '^fastrand: 4 lines were not understood$'
	row_is 'read 2 1 4 1 a-reason-with-a-very-ve 1'
	row_is 'a-source-with-a-very-ve 1 1 2 0'
}

explain_bears_more_sources_than_there_are() {
	local lines='' i

	for i in {1..40}; do
		lines+="fastrand pid=$i comm=x tier=t$i source=s$i served=1 bytes=1 kernel=1 why=r$i:1|"
	done
	run env FAKE_LINES="$lines" "$fastrand" --library "$fake" --explain \
		./hello
	ends_with 3
	row_is 'all 80 40 40 40'
	says ', other \(33\)$'
}

explain_says_that_nobody_told() {
	run "$fastrand" --library "$fake" --explain ./hello
	ends_with 3
	says 'no process told what it drew'
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

# The interrupt of a terminal goes to all; whom it ends is the command's affair.
explain_outlives_an_interrupt() {
	run setsid -w bash -c '
		trap "" INT
		"$0" --library "$1" --explain bash -c "
			trap \"echo interrupted; exit 4\" INT
			kill -INT 0
			sleep 0.2"' "$fastrand" "$fake"
	says 'told what'
}

# The numbers of the real library, for programs that draw so and so often.
cat >known.c <<'EOF'
#include <fcntl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	static char bytes[4096];
	int fd = open("/dev/urandom", O_RDONLY);
	int ok = 1;
	for (int i = 0; i < 100; i++)
		ok &= getrandom(bytes, 1000, 0) == 1000;
	for (int i = 0; i < 50; i++)
		ok &= read(fd, bytes, 2000) == 2000;
	for (int i = 0; i < 20; i++)
		ok &= syscall(SYS_getrandom, bytes, 500, 0) == 500;
	for (int i = 0; i < 10; i++)
		ok &= getentropy(bytes, 256) == 0;
	return !ok;
}
EOF

explain_counts_what_a_known_program_does() {
	$CC -O -o known known.c
	run "$fastrand" --explain ./known
	ends_with 0
	says '^fastrand: 1 process told'
	[[ "$(row getrandom)" == 'getrandom 100 '* ]] || row getrandom
	[[ "$(row read)" == 'read 50 '* ]] || row read
	[[ "$(row syscall)" == 'syscall 20 '* ]] || row syscall
	[[ "$(row getentropy)" == 'getentropy 10 '* ]] || row getentropy
	# In a tier that keeps stock nothing is too small.
	if "$fastrand" --status >/dev/null; then
		row_is 'getrandom 100 100 100000 0'
		row_is 'read 50 50 100000 0'
		row_is 'syscall 20 20 10000 0'
		row_is 'getentropy 10 10 2560 0'
	fi
}

explain_counts_children() {
	$CC -O -o known known.c
	run "$fastrand" --explain \
		bash -c 'for i in 1 2 3 4; do ./known & done; wait; exit 0'
	ends_with 0
	says '^fastrand: 5 processes told'
	[[ "$(row getrandom)" == 'getrandom 400 '* ]] || cat err
	[[ "$(row read)" == 'read 200 '* ]] || cat err
}

explain_counts_what_the_kernel_serves() {
	$CC -O -o known known.c
	run "$fastrand" --source off --explain ./known
	ends_with 0
	row_is 'getrandom 100 0 0 100 off 100'
}

# --- installation -------------------------------------------------------------

# make_in BUILD_DIRECTORY ARGUMENT...: with what is built there already.
make_in() {
	local to=$1

	shift
	make -s -C "$root" B="$to" SO="$to/libfastrand.so" \
		COMMAND="$to/fastrand" "$@" >make-out 2>&1 || cat make-out
}

installed_files='bin/fastrand
include/fastrand.h
lib/libfastrand.so
lib/pkgconfig/libfastrand.pc
share/man/man1/fastrand.1
share/man/man3/libfastrand.3
share/man/man7/libfastrand.7'

install_puts_every_file_in_its_place() {
	make_in "$here/built" install PREFIX=/usr DESTDIR="$here/dest"
	diff <(cd dest/usr && find . -type f | sed 's|^\./||' | sort) \
		<(echo "$installed_files")
	find dest -type f -perm /022
	grep -n @ dest/usr/lib/pkgconfig/libfastrand.pc
	grep -r "$here" dest/usr/lib/pkgconfig
}

uninstall_leaves_nothing() {
	make_in "$here/built" uninstall PREFIX=/usr DESTDIR="$here/dest"
	find dest -not -type d
}

the_installed_command_works() {
	make_in "$here/built" install PREFIX="$here/prefix"
	run prefix/bin/fastrand printenv LD_PRELOAD
	ends_with 0
	prints "$here/prefix/lib/libfastrand.so"
	run prefix/bin/fastrand --stats ./draw
	says '^fastrand: tier '
}

# While it is in use: programs that run keep the file that they have.
installing_anew_does_not_write_into_the_old_file() {
	ln -f prefix/lib/libfastrand.so held.so
	cp held.so copy.so
	make_in "$here/built" install PREFIX="$here/prefix"
	cmp held.so copy.so
	[ ! held.so -ef prefix/lib/libfastrand.so ] || echo "the same file"
}

pkg_config_is_right() {
	export PKG_CONFIG_PATH=$here/prefix/lib/pkgconfig

	cat >linked.c <<'EOF'
#include <fastrand.h>
#include <stdio.h>
int main(void)
{
	printf("%s\n", fastrand_version());
	return fastrand_uniform(1);
}
EOF
	# shellcheck disable=SC2046
	$CC -o linked linked.c $(pkg-config --cflags --libs libfastrand)
	run env LD_LIBRARY_PATH="$here/prefix/lib" ./linked
	ends_with 0
	prints "$(pkg-config --modversion libfastrand)"
}

a_multiarch_line_has_a_literal_lib() {
	make_in "$here/built" install PREFIX="$here/multi" MULTIARCH=1
	run multi/bin/fastrand printenv LD_PRELOAD
	ends_with 0
	prints "$here/multi/\$LIB/libfastrand.so"
	is_silent
	run multi/bin/fastrand --stats ./draw
	says '^fastrand: tier '
	run multi/bin/fastrand --status
	out_has '^tier '
	run "$fastrand" --library "$here/multi/\${LIB}/libfastrand.so" \
		--stats ./draw
	says '^fastrand: tier '
	run "$fastrand" --library "$here/nowhere/\$LIB/libfastrand.so" true
	ends_with 125
}

one_line_serves_32_bit_programs() {
	run multi/bin/fastrand ./hello-32
	says 'is a program for 32-bit x86, for which there is no library here'
	make_in "$here/built-32" install-library PREFIX="$here/multi" MULTIARCH=1 \
		CC="$CC -m32" CPPFLAGS="-I/usr/include/$($CC -print-multiarch)"
	run multi/bin/fastrand --stats ./hello-32
	ends_with 3
	says '^fastrand: tier '
	if grep -E 'warning|ERROR' err; then return; fi
	# Shells like dash end by _exit, which nobody can see.
	run multi/bin/fastrand --stats bash -c './hello-32; exit 0'
	[ "$(grep -c '^fastrand: tier ' err)" -eq 2 ] || cat err
}

# --- man pages ----------------------------------------------------------------

man_pages_have_no_mistakes() {
	local page

	for page in "$root"/src/man/*; do
		groff -ww -t -man -Tutf8 "$page" >formatted
	done
}

man_pages_tell_of_every_option() {
	local option

	"$fastrand" --help | grep -oE '^  --[a-z-]+' | tr -d ' ' |
		while read -r option; do
			grep -q -e "^\.B.*${option//-/\\\\-}" \
				"$root/src/man/fastrand.1" || echo "$option"
		done
}

# --- recipes --------------------------------------------------------------------

recipe_of_one_program() {
	run env FASTRAND_STATS=1 sh -c \
		'LD_PRELOAD="${LD_PRELOAD:+$LD_PRELOAD:}$0" ./draw' "$library"
	ends_with 0
	says '^fastrand: tier '
}

generator=/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator

session() {
	mkdir -p xdg/environment.d
	echo "$1" >xdg/environment.d/50-fastrand.conf
	run env -i XDG_CONFIG_HOME="$here/xdg" HOME="$here" $generator
}

recipe_of_a_session() {
	session 'LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}/usr/local/lib/libfastrand.so'
	out_has '^LD_PRELOAD=/usr/local/lib/libfastrand.so$'
	session 'LD_PRELOAD=/usr/$$LIB/libfastrand.so'
	out_has '^LD_PRELOAD="?/usr/\\?\$LIB/libfastrand.so"?$'
}

recipe_of_a_unit() {
	printf '[Service]\nExecStart=/bin/true\n' >fastrand-test.service
	mkdir -p fastrand-test.service.d
	printf '[Service]\nEnvironment=LD_PRELOAD=%s\n' \
		"$library" >fastrand-test.service.d/fastrand.conf
	SYSTEMD_UNIT_PATH=$here: systemd-analyze verify \
		"$here/fastrand-test.service"
}

# What there is of a container without its manager: another root, with our file
# and nothing else of ours in it.
recipe_of_a_container() {
	local file

	for file in "$here/draw" "$(command -v env)" \
		$(ldd "$here/draw" "$(command -v env)" |
			grep -oE '/[^ ):]+' | grep -v "$here"); do
		mkdir -p "image/$(dirname "$file")"
		cp -L "$file" "image/$file"
	done
	mkdir -p image/usr/local/lib
	touch image/usr/local/lib/libfastrand.so
	run unshare -m sh -c '
		mount --bind "$0" image/usr/local/lib/libfastrand.so &&
		LD_PRELOAD= FASTRAND_STATS=1 chroot image "$2" \
			LD_PRELOAD=/usr/local/lib/libfastrand.so "$1"' \
		"$library" "$here/draw" "$(command -v env)"
	ends_with 0
	says '^fastrand: tier '
}

# In a mount namespace of its own, on a copy of /etc: nobody else sees it.
in_private_etc() {
	mkdir -p etc
	run unshare -m --propagation private sh -c '
		mount -t tmpfs none etc && cp -a /etc/. etc/ &&
		mount --bind etc /etc || exit 99
		eval "$0"' "$@"
}

recipe_of_the_whole_system() {
	in_private_etc '
		echo "$1" >>/etc/ld.so.preload
		FASTRAND_STATS=1 ./draw
		sed -i "\|/libfastrand\.so\$|d" /etc/ld.so.preload
		FASTRAND_STATS=1 ./draw
		cat /etc/ld.so.preload' "$library"
	ends_with 0
	[ "$(wc -l <out)" -eq 2 ] || cat out
	[ "$(grep -c '^fastrand: tier ' err)" -eq 1 ] || cat err
	[ ! -s /etc/ld.so.preload ] || [ -n "$had_preload" ] ||
		echo "the system's own file was changed"
}

set_user_id_programs_are_in_the_whole_system() {
	in_private_etc '
		cp hello etc/hello; chown 65534 etc/hello; chmod 4755 etc/hello
		echo "$1" >/etc/ld.so.preload
		FASTRAND_STATS=1 etc/hello' "$library"
	ends_with 3
	# They have it, and follow no settings.
	is_silent
}

a_broken_line_is_got_rid_of() {
	in_private_etc '
		echo /no/such/libfastrand.so >/etc/ld.so.preload
		ls -d /
		: >/etc/ld.so.preload
		ls -d / 2>&1
		echo /no/such/libfastrand.so >/etc/ld.so.preload
		"$1" rm /etc/ld.so.preload
		ls -d / 2>&1' "${busybox:-$(command -v env)}"
	[ "$(grep -c . out)" -eq 3 ] || [ -z "$busybox" ] || cat out
	[ "$(grep -c '/no/such/libfastrand.so.*cannot be preloaded' err)" -ge 1 ] ||
		cat err
}

status_of_a_whole_system_follows_the_options() {
	in_private_etc '
		echo "$1" >/etc/ld.so.preload
		"$2" --source off --status' "$library" "$fastrand"
	ends_with 1
	out_has '^tier +off$'
}

# --- all of them ----------------------------------------------------------------

check help_is_printed
check the_version_is_the_headers
check wrong_use_ends_with_125
check source_is_told_to_the_command
check trust_fds_is_told_to_the_command
check stats_are_reported
check nothing_else_is_told_to_the_command
check options_end_at_the_command
check the_command_takes_our_place
check its_exit_status_is_ours
check what_cannot_be_run_ends_with_126
check what_is_not_found_ends_with_127
check a_missing_interpreter_ends_with_127

check the_library_beside_the_command_is_found
check another_library_may_be_named
check no_library_ends_with_125
check a_path_that_ld_preload_cannot_name_ends_with_125
check what_was_preloaded_stays_before
check it_is_not_preloaded_twice
check another_copy_is_replaced
check asan_options_are_kept
asan=$($CC -print-file-name=libasan.so)
if [ "$asan" != libasan.so ] &&
	$CC -fsanitize=address -o draw-asan draw.c 2>/dev/null &&
	./draw-asan >/dev/null 2>&1; then
	check asan_programs_start
else
	skip_because "$CC makes no programs with a shared libasan"
fi

check dynamic_programs_get_no_warning
if $CC -static -o hello-static hello.c 2>/dev/null; then
	check static_programs_are_told_of
	check scripts_of_static_programs_are_told_of
else
	skip_because "$CC makes no static programs"
fi
if $CC -static-pie -fPIE -o hello-static-pie hello.c 2>/dev/null; then
	check static_pie_programs_are_told_of
else
	skip_because "$CC makes no static-pie programs"
fi
check scripts_without_their_environment_are_told_of
check scripts_in_a_circle_come_to_an_end
check broken_files_do_no_harm
loader=$(ldd hello | sed -nE 's/^\s*(\/[^ ]*ld-[^ ]*) .*/\1/p')
if [ -n "$loader" ]; then
	check the_loader_itself_preloads
else
	skip_because "ldd names no loader"
fi
check set_user_id_to_oneself_is_not_told_of
cp hello hello-setuid
cp hello hello-setgid
if chown 65533 hello-setuid 2>/dev/null && chmod 4755 hello-setuid &&
	chgrp 65533 hello-setgid && chmod 2755 hello-setgid; then
	check set_user_id_programs_are_told_of
	check set_group_id_programs_are_told_of
	has setpriv && check set_user_id_without_its_effect_is_not_told_of
else
	skip_because "only root makes programs that are set-user-ID to others"
fi
cp hello hello-capable
if has setcap setpriv; then
	if setcap cap_net_raw+ep hello-capable 2>/dev/null &&
		as_nobody true 2>/dev/null; then
		# Where others may not go, the command is not found at all.
		cp "$fastrand" fake/fastrand
		fastrand=$here/fake/fastrand check file_capabilities_are_told_of
	else
		skip_because "only root gives capabilities to files"
	fi
fi
if as_nobody true 2>/dev/null; then
	check unreadable_programs_are_run
else
	skip_because "only root becomes somebody else"
fi
is_64=
case $(readelf -h "$library") in
*X86-64*)
	is_64=y
	;;
esac
has_32=
if [ -n "$is_64" ] && $CC -m32 -o hello-32 hello.c 2>/dev/null &&
	[ "$(./hello-32)" = ran ]; then
	has_32=y
	check programs_of_another_class_are_told_of
else
	skip_because "$CC -m32 makes no programs that run here"
fi
if [ -n "$is_64" ]; then
	check programs_of_another_machine_are_told_of
else
	skip_because "only on x86-64: a program for another machine"
fi
if has musl-gcc; then
	if musl-gcc -o hello-musl hello.c && ./hello-musl >/dev/null; [ $? -eq 3 ]; then
		check programs_of_another_libc_are_told_of
	else
		skip_because "musl-gcc makes no programs that run here"
	fi
fi

check status_tells_what_is_used
check status_follows_the_options
check status_follows_the_environment
check status_is_0_in_tier_page_or_call_alone
check status_agrees_with_the_library
check status_of_a_session_that_preloads_follows_the_options
check status_ends_with_125_without_a_library
check status_takes_no_time
check status_json_has_it_all
has python3 && check status_json_is_json

check explain_sums_all_processes
check explain_tells_tiers_apart
check explain_bears_strange_names
check explain_tells_of_lines_that_it_does_not_understand
check explain_bears_more_sources_than_there_are
check explain_says_that_nobody_told
check explain_ends_as_the_command_does
check explain_leaves_no_file
has setsid && check explain_outlives_an_interrupt
if grep -q FASTRAND_EXPLAIN "$library"; then
	check explain_counts_what_a_known_program_does
	check explain_counts_children
	check explain_counts_what_the_kernel_serves
else
	skip_because "this library does not know FASTRAND_EXPLAIN"
fi

if has make; then
	cp -a "$build" built
	check install_puts_every_file_in_its_place
	check uninstall_leaves_nothing
	check the_installed_command_works
	check installing_anew_does_not_write_into_the_old_file
	has pkg-config && check pkg_config_is_right
	check a_multiarch_line_has_a_literal_lib
	if [ -n "$has_32" ]; then
		check one_line_serves_32_bit_programs
	else
		skip_because "no 32-bit programs"
	fi
fi

has groff && check man_pages_have_no_mistakes
check man_pages_tell_of_every_option

check recipe_of_one_program
if [ -x $generator ]; then
	check recipe_of_a_session
else
	skip_because "systemd's generator of the session's environment is not installed"
fi
has systemd-analyze && check recipe_of_a_unit
had_preload=$(cat /etc/ld.so.preload 2>/dev/null)
busybox=$(command -v busybox)
if has unshare; then
	if unshare -m true 2>/dev/null; then
		check recipe_of_a_container
		check recipe_of_the_whole_system
		check set_user_id_programs_are_in_the_whole_system
		check a_broken_line_is_got_rid_of
		check status_of_a_whole_system_follows_the_options
	else
		skip_because "no mount namespace may be made: containers, /etc/ld.so.preload"
	fi
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
