# shellcheck shell=bash
# What every script of tests has in common: what it counts, and how it ends.

export LC_ALL=C
umask 022
passed=0 failed=0 skipped=0

# What the user of this shell has set is not what is tested.
unset LD_PRELOAD FASTRAND_SOURCE FASTRAND_STATS FASTRAND_TRUST_FDS \
	FASTRAND_EXPLAIN ASAN_OPTIONS MAKEFLAGS MAKELEVEL MFLAGS CFLAGS \
	LDFLAGS TMPDIR

# ok WHAT [NUMBER OF TESTS]
ok() {
	passed=$((passed + ${2:-1}))
	echo "ok: $1"
}

# not_ok WHAT LINES...
not_ok() {
	failed=$((failed + 1))
	echo "not ok: $1"
	shift
	printf '%s\n' "$@" | sed 's/^/    /'
}

# skip_because REASON [NUMBER OF TESTS]
skip_because() {
	skipped=$((skipped + ${2:-1}))
	echo "skipped: $1"
}

# A promise is a function, which prints what it finds to be wrong; nothing is
# good. check PROMISE [ARGUMENT...]
check() {
	local found

	found=$("$@" 2>&1)
	if [ -z "$found" ]; then
		ok "$*"
	else
		not_ok "$*" "$found"
	fi
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

# A folder for this script, in which others may look, gone at its end.
make_here() {
	here=$(mktemp -d) || exit 2
	trap 'rm -rf "$here"' EXIT
	chmod 755 "$here"
}

# The last line of every script, and its exit status.
finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}
