#!/bin/bash
# analyze.sh LIBRARY BUILD: clang-tidy (with clang's analyzer), cppcheck and
# gcc's analyzer find nothing.
# What each of them is told to leave out stands, with the reason, in .clang-tidy
# and beside the line. The sources are read; nothing is built.
set -u
cd "$(dirname "$0")/.." || exit 1
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT

passed=0 failed=0 skipped=0
sources=(src/*.c src/interpose/*.c src/launcher/*.c)
flags=(-std=gnu11 -D_GNU_SOURCE -Iinclude '-DLIBDIR=""' '-DPRELOAD=""')

# finds_nothing NAME TOOL COMMAND...: no output, exit status 0
finds_nothing() {
	local name=$1 tool=$2

	shift 2
	if ! command -v "$tool" >/dev/null; then
		skipped=$((skipped + 1))
		echo "skipped: $tool is not installed"
	elif "$@" >"$output" 2>&1 && ! grep -q 'warning:\|error:' "$output"; then
		passed=$((passed + 1))
		echo "ok: $name"
	else
		failed=$((failed + 1))
		echo "not ok: $name"
		grep -A4 'warning:\|error:' "$output" || cat "$output"
	fi
}

finds_nothing clang_tidy_finds_nothing clang-tidy \
	clang-tidy --quiet "${sources[@]}" -- "${flags[@]}"
finds_nothing cppcheck_finds_nothing cppcheck \
	cppcheck --std=c11 --enable=warning,performance,portability \
	--inline-suppr --quiet --error-exitcode=1 -Iinclude -D__x86_64__ \
	-D__GLIBC__=2 -D__linux__ src
# One by one: it has no place to put several objects.
analyze() {
	for source in "${sources[@]}"; do
		gcc "${flags[@]}" -O1 -fanalyzer -c -o /dev/null "$source" || return
	done
}
finds_nothing gccs_analyzer_finds_nothing gcc analyze

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
