#!/bin/bash
# The fastrand command: its options, what it tells the command that it runs, and
# the exit statuses of both.
# test/launcher/launcher.sh LIBRARY BUILD_DIRECTORY
#
# What is in single quotes is for other shells.
# shellcheck disable=SC2016
set -u
# shellcheck source=test/support/command.bash
. "$(dirname "$0")/../support/command.bash"

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

# --- all of them ------------------------------------------------------------

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

finish
