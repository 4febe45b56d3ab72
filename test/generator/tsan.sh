#!/bin/bash
# The same threads under ThreadSanitizer: test/generator/tsan.sh LIBRARY BUILD_DIRECTORY
#
# Its runtime has to be in front of every library, so nothing can be preloaded
# over it: the library's objects, compiled with -fsanitize=thread, are linked
# into the tests instead. The runtime is linked statically: as a library of its
# own it would be the next definition behind our names, and its model of
# descriptors, which sees only some of what ends one, would report the numbers
# that the storm passes from thread to thread.
#
# What it cannot see: fences (atomic_thread_fence is no order to it), assembly,
# and vfork, which it makes a fork.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

if [ $# -ne 2 ]; then
	echo "usage: $0 LIBRARY BUILD_DIRECTORY" >&2
	exit 2
fi
mkdir -p "$2/tsan" || exit 2
build=$(realpath "$2/tsan")
cd "$(dirname "$(realpath "$0")")/../.." || exit 2
limit=100 # seconds, for each

# Addresses that the runtime did not expect end it at once; see mmap_rnd_bits.
fixed=()
if setarch -R true 2>/dev/null; then
	fixed=(setarch -R)
fi

# run SUPPRESSIONS PROGRAM: under the runtime's eyes.
run() {
	TSAN_OPTIONS="suppressions=$1" timeout --kill-after=5 "$limit" \
		"${fixed[@]}" "$2" 2>&1
}

# link COMPILER NAME SOURCE ARCHIVE...
link() {
	local compiler=$1 name=$2 source=$3 static=()

	shift 3
	if [ "$compiler" = gcc ]; then
		static=(-static-libtsan)
	fi
	"$compiler" -std=gnu11 -D_GNU_SOURCE -Isrc -Iinclude -Itest -Itest/generator -Itest/interpose -g -O2 \
		-fsanitize=thread "${static[@]}" -rdynamic \
		-o "$build/$name" "$source" \
		-Wl,--whole-archive "$@" -Wl,--no-whole-archive \
		-lcmocka -lpthread -ldl 2>&1
}

# Does a race give a report with this compiler, and none where suppressed? The
# reason why not is left in $why.
sees() {
	why=$(command -v "$1" >/dev/null || echo "not there")
	[ -z "$why" ] || return 1
	why=$(link "$1" control test/generator/tsan/control.c | grep -m 1 -i error)
	[ -z "$why" ] || return 1
	why=$(run "" "$build/control")
	case $why in
	*"WARNING: ThreadSanitizer: data race"*) ;;
	*FATAL*)
		why=$(grep -m 1 FATAL <<<"$why")
		return 1
		;;
	*)
		why="a race was not reported: ${why:0:200}"
		return 1
		;;
	esac
	echo 'race:^word$' >"$build/control.suppressions"
	why=$(run "$build/control.suppressions" "$build/control")
	why=${why:+"a suppression does not work (no symbolizer?)"}
	[ -z "$why" ]
}

compiler=
reasons=
for candidate in gcc clang; do
	if sees "$candidate"; then
		compiler=$candidate
		break
	fi
	reasons="$reasons${reasons:+; }$candidate: $why"
done
if [ -z "$compiler" ]; then
	skip_because "no ThreadSanitizer ($reasons)"
	finish
	exit
fi

objects=$build/$compiler
# What assembly does to a lock the sanitizer does not see: so it is done in C.
flags="-g -O2 -fsanitize=thread -DFILL_DRAW_IN_C"
if [ "$compiler" = gcc ]; then
	flags="$flags -Wno-tsan" # it warns at each fence
fi
if ! said=$(env -u MAKEOVERRIDES make -s \
	B="$objects" SO="$objects/none.so" COMMAND="$objects/none" \
	CC="$compiler" CFLAGS="$flags" CPPFLAGS= LDFLAGS= \
	"$objects/rooms.a" 2>&1); then
	not_ok "it compiles with -fsanitize=thread" "$(tail -n 20 <<<"$said")"
	finish
	exit
fi

# shorter NAME EXPRESSION: NAME.c with less of everything; its name.
shorter() {
	sed -E "$2" test/*/"$1.c" >"$build/$1.c"
	echo "$build/$1.c"
}

# observe NAME SOURCE TIMES: builds it, runs it, and says how that went.
observe() {
	local name=$1 source=$2 times=$3 output=$build/$1.output status=0 i

	link "$compiler" "$name" "$source" "$objects/rooms.a" >"$output" ||
		status=$?
	for ((i = 0; i < times && status == 0; i++)); do
		run test/generator/tsan/suppressions "$build/$name" >"$output" ||
			status=$?
	done
	if [ "$status" -eq 0 ] && ! grep -q ThreadSanitizer "$output"; then
		ok "$name"
		sed -n 's/^skipped: \([^(]\)/    without: \1/p' "$output" |
			sort -u
	else
		not_ok "$name (status $status)" "$(head -n 300 "$output")"
	fi
}

# With every access watched, a tenth of the usual length is long enough.
storm=$(shorter descriptors_storm 's/(OWN_ROUNDS = |round < )([0-9]+)000\b/\12000/
	s/(QUIETS = )400/\1100/')
threads=$(shorter threads 's/(KEPT = )8000/\1800/')

# Two at a time.
{
	observe descriptors_storm "$storm" 1
	MODEL_OPS=200000 observe descriptor_model test/interpose/descriptor_model.c 1
} >"$build/one.result" &
{
	observe threads "$threads" 1
	observe meetings test/generator/tsan/meetings.c 1
	observe early test/generator/tsan/early.c 20
} >"$build/other.result"
wait
cat "$build/one.result" "$build/other.result"
passed=$(cat "$build"/*.result | grep -c '^ok: ')
failed=$(cat "$build"/*.result | grep -c '^not ok: ')
finish
