#!/bin/bash
# The other builds, each with the compiler that is here for it: i386 and aarch64
# with glibc, x86-64 with musl. test/whole/builds.sh LIBRARY BUILD_DIRECTORY
#
# What is there of each: the library and the command, built with -Werror into
# BUILD_DIRECTORY/NAME; what the file promises; a program under the preloaded
# library (test/whole/builds/client.c); and those of the other tests that this libc or
# emulator can run, with test/whole/builds/cmocka.h in place of cmocka.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

library=$(realpath "${1:?usage: $0 LIBRARY BUILD_DIRECTORY}")
build=$(realpath "${2:?usage: $0 LIBRARY BUILD_DIRECTORY}")
cd "$(dirname "$(realpath "$0")")/../.." || exit 2
counts='^([0-9]+) ([0-9]+) ([0-9]+)$'

# expect WHAT COMMAND...: it ends well; else what it says is shown.
expect() {
	local what=$1 said

	shift
	if said=$("$@" 2>&1); then
		ok "$what"
	else
		not_ok "$what" "$said"
	fi
}

# --- The three --------------------------------------------------------------

names=(i386 aarch64 musl)
declare -A compiler flags run machine needed newest left_out suites

# Headers of Linux that this compiler finds only when told where they are.
# shellcheck disable=SC2086
with_headers() {
	local try

	for try in "" "-idirafter /usr/include/x86_64-linux-gnu" \
		"-idirafter /usr/include -idirafter /usr/include/$(uname -m)-linux-gnu"; do
		if printf '%s\n' '#include <asm/unistd.h>' \
			'#include <linux/stat.h>' '#include <pthread.h>' \
			'int main(void) { return 0; }' |
			$1 $try -xc -o "$build/empty" - 2>/dev/null; then
			echo "$try"
			return 0
		fi
	done
	return 1
}

for try in "gcc -m32" "gcc-12 -m32" "gcc-13 -m32" "gcc-14 -m32" "clang -m32"; do
	if flags[i386]=$(with_headers "$try"); then
		compiler[i386]=$try
		break
	fi
done
run[i386]=
machine[i386]="Intel 80386"
needed[i386]=libc.so.6
newest[i386]=2.17
# There a length that no memory has is one that some memory has, and an off_t is
# too short for the offsets asked for. The last looks into cmocka.
left_out[i386]=absurd_lengths_get_the_kernels_answer,readv_keeps_the_kernels_rules
left_out[i386]+=,cares_for_its_offset_alone,refuses_an_offset_too_large
left_out[i386]+=,every_name_is_found_as_dlsym_finds_it
suites[i386]="chacha20 chacha20_traces model fill fill_requests fill_buckets fill_counts generation
	elf_symbol : syscall_stub streams registers settings descriptors
	descriptors_births descriptors_names descriptors_open descriptors_paths
	descriptors_process descriptors_reads descriptors_rules
	descriptors_standard descriptors_unseen"

try=aarch64-linux-gnu-gcc
if flags[aarch64]=$(with_headers $try); then
	compiler[aarch64]=$try
fi
run[aarch64]="qemu-aarch64 -L /usr/aarch64-linux-gnu"
machine[aarch64]=AArch64
needed[aarch64]=libc.so.6
newest[aarch64]=2.17
# What qemu-user has not: system calls; an access mode without a name; programs
# executed in turn.
left_out[aarch64]=copies_get_six_arguments,refuses_what_is_open_for_neither
left_out[aarch64]+=,reads_files_as_before,reads_nothing_from_anywhere
left_out[aarch64]+=,every_name_is_found_as_dlsym_finds_it
suites[aarch64]="chacha20 chacha20_traces model elf_symbol : syscall_stub streams
	registers descriptors descriptors_births descriptors_names descriptors_open
	descriptors_paths descriptors_reads"

if flags[musl]=$(with_headers musl-gcc); then
	compiler[musl]=musl-gcc
fi
run[musl]=
machine[musl]=$(readelf -hW "$library" | sed -n 's/^ *Machine: *//p')
needed[musl]=libc.so
newest[musl]=none
left_out[musl]=
suites[musl]=": syscall_stub registers settings descriptors_open
	descriptors_paths descriptors_reads descriptors_sandbox descriptors_standard"

# Why this one cannot be; nothing if it can.
obstacle() {
	local name=$1

	if [ -z "${compiler[$name]:-}" ]; then
		echo "no compiler that links programs for $name"
	elif [ "$name" = aarch64 ] && ! command -v qemu-aarch64 >/dev/null; then
		echo "no qemu-aarch64"
	fi
}

# --- Building ---------------------------------------------------------------

WARN="-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror"

# make_in DIRECTORY NAME VARIABLE=VALUE... TARGET...
make_in() {
	local in=$1 name=$2

	shift 2
	make -s -j2 CC="${compiler[$name]}" B="$in" \
		CFLAGS="-O2 -Werror ${flags[$name]}" SO="$in/libfastrand.so" \
		COMMAND="$in/fastrand" "$@"
}

# Without warnings: tests shift by 40 bits, in what is never run on 32.
# shellcheck disable=SC2086
compile() {
	local name=$1 test=$2 white=$3 in=$build/$1 extra='' rooms=''

	[ "$name" = musl ] && extra="-include test/whole/builds/musl.h"
	if $white; then
		rooms="$in/rooms.a"
		[ "$name" = aarch64 ] &&
			rooms="-Wl,--wrap=real_call $in/test/advice.o $rooms"
	fi
	${compiler[$name]} -std=gnu11 -D_GNU_SOURCE -w -O1 ${flags[$name]} \
		$extra -Isrc -Iinclude -Itest -Itest/whole/builds -o "$in/test/$test" \
		test/*/"$test.c" $rooms -lpthread -ldl
}

# shellcheck disable=SC2086
build_all() {
	local name=$1 in=$build/$1 white=true test
	local cc="${compiler[$1]} $WARN ${flags[$1]}"

	mkdir -p "$in/test" &&
		make_in "$in" "$name" all "$in/rooms.a" &&
		$cc -O1 -Iinclude -o "$in/client" test/whole/builds/client.c -lpthread &&
		$cc -fPIC -shared -Wl,--hash-style=sysv \
			-o "$in/test/plugin_sysv.so" test/system/plugin_sysv.c &&
		$cc -fPIC -shared \
			-o "$in/test/plugin_swap.so" test/interpose/plugin_swap.c ||
		return 1
	if [ "$name" = aarch64 ]; then
		$cc -O2 -fPIC -c -o "$in/test/advice.o" test/whole/builds/advice.c &&
			make_in "$in" "$name" SO="$in/believing.so" \
				LDFLAGS="-Wl,--wrap=real_call $in/test/advice.o" \
				"$in/believing.so" || return 1
	fi
	for test in ${suites[$name]}; do
		if [ "$test" = : ]; then
			white=false
		else
			compile "$name" "$test" $white || return 1
		fi
	done
}

# --- What the file promises -------------------------------------------------

is_for_its_machine() {
	readelf -hW "$in/libfastrand.so" | grep "Machine: *${machine[$name]}$" ||
		readelf -hW "$in/libfastrand.so"
}

needs_its_libc_alone() {
	local found

	found=$(readelf -dW "$in/libfastrand.so" |
		sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p')
	echo "needed: $found"
	[ "$found" = "${needed[$name]}" ]
}

has_no_executable_stack() {
	readelf -lW "$in/libfastrand.so" | grep -E 'GNU_STACK .* RW +0x'
}

asks_for_no_newer_libc() {
	local versions

	versions=$(readelf -VW "$in/libfastrand.so" |
		sed -nE 's/.*Name: GLIBC_([0-9A-Z._]+) .*/\1/p' | sort -uV)
	echo "versions:" "${versions:-none}"
	if [ "${newest[$name]}" = none ]; then
		[ -z "$versions" ]
	else
		[ "$(printf '%s\n' "$versions" "${newest[$name]}" |
			sort -V | tail -n 1)" = "${newest[$name]}" ]
	fi
}

# musl's own, and those that our table needs of a libc without them.
shadows_what_musl_has() {
	local symbols

	symbols=$(nm -D --defined-only "$in/libfastrand.so" | sed 's/.* //')
	for symbol in getrandom getentropy arc4random arc4random_buf syscall \
		read pread readv open close dup2 fcntl fastrand_info; do
		grep -qx "$symbol" <<<"$symbols" || {
			echo "$symbol is not there"
			return 1
		}
	done
	! grep -E '^_|64|^fread' <<<"$symbols"
}

# --- What it does -----------------------------------------------------------

# under LIBRARY COMMAND...: a program of this build. env is none of it.
under() {
	local preload=$1

	shift
	# shellcheck disable=SC2086
	if [ -n "${run[$name]}" ]; then
		timeout 150 ${run[$name]} -E "LD_PRELOAD=$preload" "$@"
	else
		timeout 150 env "LD_PRELOAD=$preload" "$@"
	fi </dev/null
}

# client WHAT LIBRARY TIER: a line a promise.
client() {
	local said status

	said=$(under "$2" "$in/client" "$3" 2>&1)
	status=$?
	sed "s/^ok: /ok: $1: /; s/^not ok: /not ok: $1: /" <<<"$said"
	passed=$((passed + $(grep -c '^ok: ' <<<"$said")))
	failed=$((failed + $(grep -c '^not ok: ' <<<"$said")))
	if [ $status -ne 0 ] && ! grep -q '^not ok: ' <<<"$said"; then
		not_ok "$1: the client ends" "exit status $status"
	fi
}

# The number of tests that ended so.
ended() {
	sed -nE "s/^\[  $1 \] ([0-9]+) test.*/\1/p" <<<"$said"
}

suite() {
	local test=$1 white=$2 said status good bad out
	local preload=$in/libfastrand.so

	[ "$name" = aarch64 ] && preload=$in/believing.so
	$white && preload=
	export LEFT_OUT=${left_out[$name]}
	said=$(under "$preload" "$in/test/$test" 2>&1)
	status=$?
	good=$(ended 'PASSED ') bad=$(ended 'FAILED ') out=$(ended SKIPPED)
	if [ $status -eq 0 ] && [ "${good:-0}" -gt 0 ]; then
		ok "$name: $test.c, $good tests" "$good"
	else
		not_ok "$name: $test.c: ${bad:-?} failed, exit status $status" \
			"$said"
	fi
	# What ChaCha20's tests leave out is variants for other processors.
	[ -z "$out" ] || [[ $test = chacha20* ]] || skip_because \
		"$name: $out tests of $test.c ask for what is not there" "$out"
}

# --- All of it --------------------------------------------------------------

# client_of TIER_OF_THE_USUAL_BUILD: and which tier is expected of this one.
client_of() {
	local here=$1

	case $name in
	i386)
		[ "$here" = off ] || here=kernel
		client i386 "$in/libfastrand.so" "$here"
		;;
	aarch64)
		client aarch64 "$in/libfastrand.so" any
		client "aarch64, believing" "$in/believing.so" kernel
		;;
	musl)
		client musl "$in/libfastrand.so" "$here"
		;;
	esac
}

# Says all about one of them, and in the last line the numbers.
one() {
	local name=$1 in=$build/$1 why white=true promise test

	why=$(obstacle "$name")
	if [ -n "$why" ]; then
		skip_because "$name: $why"
	elif ! why=$(build_all "$name" 2>&1); then
		not_ok "$name is built without a warning" "$why"
	else
		ok "$name is built without a warning, by ${compiler[$name]}"
		for promise in is_for_its_machine needs_its_libc_alone \
			has_no_executable_stack asks_for_no_newer_libc; do
			expect "$name: $promise" $promise
		done
		if [ "$name" = musl ]; then
			expect "musl: shadows_what_musl_has" shadows_what_musl_has
		else
			expect "$name: test/interpose/exports.sh" \
				bash test/interpose/exports.sh "$in/libfastrand.so"
		fi
		client_of "$2"
		expect "$name: the command runs" \
			under "" "$in/fastrand" --version
		for test in ${suites[$name]}; do
			if [ "$test" = : ]; then
				white=false
			else
				suite "$test" $white
			fi
		done
	fi
	echo "$passed $failed $skipped"
}

# What is to be expected is what the usual build finds on this kernel.
cc -std=gnu11 -D_GNU_SOURCE -Iinclude -o "$build/client" test/whole/builds/client.c -lpthread
here=$(LD_PRELOAD=$library "$build/client" any |
	sed -nE 's/^# tier ([a-z]+).*/\1/p')
echo "# the usual build is in tier ${here:=any}"

for name in "${names[@]}"; do
	one "$name" "$here" >"$build/builds-$name.log" 2>&1 &
done
wait
# --- Flags that people build with ---------------------------------------------

builds_with() {
	make -s B="$build/flags" SO="$build/flags/libfastrand.so" \
		COMMAND="$build/flags/fastrand" "$@"
}

for set in -D_FILE_OFFSET_BITS=64 "-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64" \
	-Os -O3 -flto=auto; do
	check builds_with CFLAGS="-O2 -Werror $set"
done

for name in "${names[@]}"; do
	head -n -1 "$build/builds-$name.log"
	if [[ $(tail -n 1 "$build/builds-$name.log") =~ $counts ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + BASH_REMATCH[3]))
	else
		not_ok "$name: came to its end" "$(cat "$build/builds-$name.log")"
	fi
done
finish
