#!/bin/bash
# analyze.sh LIBRARY BUILD: clang-tidy (with clang's analyzer), cppcheck and
# gcc's analyzer find nothing.
# What each of them is told to leave out stands, with the reason, in .clang-tidy
# and beside the line. The sources are read; nothing is built.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"
make_here
output=$here/output
cd "$(dirname "$0")/../.." || exit 1

sources=(src/*.c src/*/*.c)
# As the compiler is given it: $LIB is the loader's.
# shellcheck disable=SC2016
flags=(-std=gnu11 -D_GNU_SOURCE -Isrc -Iinclude '-DLIBDIR=""' '-DPRELOAD="/usr/local/$LIB/libfastrand.so"')

# finds_nothing NAME TOOL COMMAND...: no output, exit status 0
finds_nothing() {
	local name=$1 tool=$2

	shift 2
	has "$tool" || return
	if "$@" >"$output" 2>&1 && ! grep -q 'warning:\|error:' "$output"; then
		ok "$name"
	else
		not_ok "$name" "$(grep -A4 'warning:\|error:' "$output" ||
			cat "$output")"
	fi
}

finds_nothing clang_tidy_finds_nothing clang-tidy \
	clang-tidy --quiet "${sources[@]}" -- "${flags[@]}"
finds_nothing cppcheck_finds_nothing cppcheck \
	cppcheck --std=c11 --enable=warning,performance,portability \
	--inline-suppr --quiet --error-exitcode=1 -Isrc -Iinclude -D__x86_64__ \
	-D__GLIBC__=2 -D__linux__ src
# One by one: it has no place to put several objects.
analyze() {
	for source in "${sources[@]}"; do
		gcc "${flags[@]}" -O1 -fanalyzer -c -o /dev/null "$source" || return
	done
}
finds_nothing gccs_analyzer_finds_nothing gcc analyze

finish
