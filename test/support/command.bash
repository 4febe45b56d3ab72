# shellcheck shell=bash
# What the tests of the fastrand command have in common: a way to run it and to
# say what is expected, some programs, and a library that tells what it is told.
#
# The command is the one beside the library.

# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

if [ $# -ne 2 ]; then
	echo "usage: $0 LIBRARY BUILD_DIRECTORY" >&2
	exit 2
fi
library=$(realpath "$1")
build=$(realpath "$2")
root=$(realpath "$(dirname "$0")/../..")
fastrand=$(dirname "$library")/fastrand
CC=${CC:-cc}
make_here
cd "$here" || exit 2
if [ ! -x "$fastrand" ]; then
	not_ok "$fastrand is there"
	finish
	exit
fi

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

# The row of a source in the table of --explain, blanks squeezed.
row() {
	sed -nE "s/^  $1 +/$1 /p" "$here/err" | tr -s ' ' | sed 's/ $//'
}

row_is() {
	[ "$(row "${1%% *}")" = "$1" ] || {
		echo "no row '$1':"
		cat "$here/err"
	}
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
# What the launcher may ask of the library.
cat >fake.c <<'EOF'
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
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
