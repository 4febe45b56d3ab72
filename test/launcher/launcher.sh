#!/bin/bash
# The fastrand command: its options, the library it finds, what it warns of.
# test/launcher/launcher.sh LIBRARY BUILD_DIRECTORY
#
# What is in single quotes is for other shells, and $LIB is for the loader.
# shellcheck disable=SC2016
set -u
# shellcheck source=test/support/command.bash
. "$(dirname "$0")/../support/command.bash"

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

# refuses PATTERN ARGUMENT...
refuses() {
	local pattern=$1

	shift
	run "$fastrand" "$@"
	ends_with 125
	says_one_line "^fastrand: $pattern"
	[ ! -s out ] || cat out
}

wrong_use_ends_with_125() {
	local options="is not one of fastrand's options: --source, --trust-fds, --stats, --explain, --library, --status, --json, --version, --help\$"

	refuses 'no COMMAND'
	refuses "'--no-such-option' $options" --no-such-option true
	refuses "'-x' $options" -x true
	refuses "'-x' $options" --explain -xy true
	refuses "'--s' $options" --s true
	refuses '--source takes a value' --source
	refuses '--library takes a value' --library
	refuses '--trust-fds takes no value' --trust-fds=1 true
	refuses "--source 'fast': not one of page, call, hardware, kernel, off" \
		--source fast true
	refuses "--source '': not one of" --source= true
	refuses "--source 'a\?b': not one of" --source $'a\nb' true
	refuses '--json goes with --status' --json true
	refuses '--status runs no COMMAND' --status true
	refuses '--status runs no COMMAND' --status --explain
	refuses '--status runs no COMMAND' --status --stats
}

what_cannot_be_printed_ends_with_125() {
	local option

	for option in --help --version --status; do
		"$fastrand" $option >/dev/full 2>err
		status=$?
		ends_with 125
		says_one_line '^fastrand: stdout: No space left on device$'
	done
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
	run "$fastrand" ''
	ends_with 127
	says_one_line "^fastrand: '': No such file or directory"
	run "$fastrand" $'no\nsuch'
	ends_with 127
	says_one_line '^fastrand: no\?such: No such file or directory'
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
	says_one_line '/no/such/libfastrand.so: No such file or directory'
	run "$fastrand" --library hello.c true
	ends_with 125
	says_one_line 'hello.c: is no libfastrand.so'
	run "$fastrand" --library hello true
	ends_with 125
	says_one_line 'hello: is no libfastrand.so'
	run "$fastrand" --library same.so true
	ends_with 125
	says_one_line 'same.so: is no libfastrand.so'
	run "$fastrand" --library "$here/\$LIB/libfastrand.so" true
	ends_with 125
	says_one_line 'no libfastrand.so, whatever \$LIB is'
	cp "$fastrand" alone
	if [ ! -e /usr/local/lib/libfastrand.so ]; then
		run ./alone true
		ends_with 125
		says_one_line "neither $here/libfastrand.so nor "
	fi
}

a_path_that_ld_preload_cannot_name_ends_with_125() {
	mkdir -p 'a b' c:d 'e$f'
	cp "$fastrand" "$fake" 'e$f'
	run 'e$f/fastrand' true
	ends_with 125
	says_one_line 'or a \$; give --library a link'
	cp "$fake" 'a b'
	cp "$fake" c:d
	run "$fastrand" --library 'a b/libfastrand.so' true
	ends_with 125
	says_one_line 'a path with a space, a colon or a \$; give --library a link'
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

# As in a chroot: what is beside the file that was executed.
it_is_found_without_proc() {
	mkdir -p jail
	cp "$fake" "$fastrand" jail
	run unshare -m sh -c 'mount -t tmpfs none /proc && exec jail/fastrand "$@"' \
		sh printenv LD_PRELOAD
	ends_with 0
	prints "$here/jail/libfastrand.so"
}

it_is_not_preloaded_twice() {
	run "$fastrand" "$fastrand" printenv LD_PRELOAD
	prints "$(dirname "$library")/libfastrand.so"
	run env LD_PRELOAD="$fake $here/same.so" "$fastrand" \
		--library "$fake" printenv LD_PRELOAD
	prints "$fake:$here/same.so"
}

another_copy_is_replaced() {
	local ours

	ours=$(dirname "$library")/libfastrand.so
	ln -sf "$fake" by-another-name.so
	run env LD_PRELOAD="$fake:$ours:by-another-name.so:./by-another-name.so" \
		"$fastrand" printenv LD_PRELOAD
	prints "$ours:by-another-name.so"
	run env LD_LIBRARY_PATH="$here/fake" LD_PRELOAD="libfastrand.so" \
		"$fastrand" printenv LD_PRELOAD
	prints "$ours"
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
	printf '#!/usr/bin/env -S -u B -C %s A=b hello-static x\n' "$here" >script-4
	chmod +x script-[1234]
	PATH=$here:$PATH
	warns ./script-1 "is run by $here/hello-static, which is static: "
	warns ./script-2 "is run by $here/hello-static, which is static: "
	warns ./script-3 "is run by $here/hello-static, which is static: "
	warns ./script-4 "is run by $here/hello-static, which is static: "
	warns script-1 "is run by $here/hello-static, which is static: "
}

# shebang LINE: makes ./script
shebang() {
	printf '#!%s\n' "$1" >script
	chmod +x script
}

scripts_without_their_environment_are_told_of() {
	local line

	for line in '-S -i' '-iS' '-S -' '-S --ignore-environment' \
		'-S -u LD_PRELOAD' '-S -uLD_PRELOAD' '-S --unset=LD_PRELOAD' \
		'-S --unset LD_PRELOAD' '-S LD_PRELOAD=' '--split-string=-i' \
		'-S env -i'; do
		shebang "/usr/bin/env $line $here/hello"
		warns ./script 'is run by an env that takes LD_PRELOAD away'
	done
	for line in '-S -u HOME' '-S -uHOME' '-S -C /' '-S A=b' '-S env C=d'; do
		shebang "/usr/bin/env $line $here/hello"
		run "$fastrand" ./script
		ends_with 4
		is_silent
	done
	# One argument, which is no option.
	for line in -Si "-i $here/hello" "$here/hello -i"; do
		shebang "/usr/bin/env $line"
		run "$fastrand" ./script
		if grep warning err; then return; fi
	done
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
	# As sudo is on some systems.
	chmod 4711 hello-dark
	run as_nobody fake/fastrand ./hello-dark
	ends_with 3
	says_one_line './hello-dark is set-user-ID: its loader ignores LD_PRELOAD'
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
	warns ./hello-musl \
		'is made for another libc \(/lib/ld-musl-[^)]*\): it is run without the library$'
	run "$fastrand" ./musl-env
	ends_with 0
	if grep LD_PRELOAD out; then return; fi
}

# --- all of them ----------------------------------------------------------------

check help_is_printed
check the_version_is_the_headers
check wrong_use_ends_with_125
check what_cannot_be_printed_ends_with_125
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
if has unshare && unshare -m true 2>/dev/null; then
	check it_is_found_without_proc
else
	skip_because "no mount namespace may be made: a system without /proc"
fi
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
# Whose programs become whom they belong to: not on a file system without that.
cp "$(command -v id)" id
other=
if chown 65533 id 2>/dev/null && chmod 4755 id; then
	other=$(./id -u)
fi
if [ "$other" != 65533 ]; then
	skip_because "programs that are set-user-ID to others are not to be had here"
fi
cp hello hello-setuid
cp hello hello-setgid
if [ "$other" = 65533 ] &&
	chown 65533 hello-setuid && chmod 4755 hello-setuid &&
	chgrp 65533 hello-setgid && chmod 2755 hello-setgid; then
	check set_user_id_programs_are_told_of
	check set_group_id_programs_are_told_of
	has setpriv && check set_user_id_without_its_effect_is_not_told_of
fi
cp hello hello-capable
if [ "$other" = 65533 ] && has setcap setpriv; then
	if setcap cap_net_raw+ep hello-capable 2>/dev/null &&
		as_nobody true 2>/dev/null; then
		# Where others may not go, the command is not found at all.
		cp "$fastrand" fake/fastrand
		fastrand=$here/fake/fastrand check file_capabilities_are_told_of
	else
		skip_because "only root gives capabilities to files"
	fi
fi
if [ "$other" = 65533 ] && as_nobody true 2>/dev/null; then
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
if [ -n "$is_64" ] && $CC -m32 -o hello-32 hello.c 2>/dev/null &&
	[ "$(./hello-32)" = ran ]; then
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
	printf '%s\n' '#include <stdio.h>' 'extern char **environ;' \
		'int main(void) { for (char **e = environ; *e; e++) puts(*e); return 0; }' >musl-env.c
	if musl-gcc -o hello-musl hello.c && musl-gcc -o musl-env musl-env.c && ./hello-musl >/dev/null; [ $? -eq 3 ]; then
		check programs_of_another_libc_are_told_of
	else
		skip_because "musl-gcc makes no programs that run here"
	fi
fi

finish
