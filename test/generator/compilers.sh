#!/bin/bash
# compilers.sh LIBRARY BUILD: a compiler copies a variable to as many registers as it
# likes, and calls libc for what was written as a loop. So what each of them makes of
# the library, at each level that people build with, keeps the promise of
# test/generator/registers.c, and touches the memory of buckets itself.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"
build=$(realpath "${2:?usage: $0 LIBRARY BUILD}")
cd "$(dirname "$(realpath "$0")")/../.." || exit 2

# leaves_nothing_in_registers COMPILER LEVEL
leaves_nothing_in_registers() {
	local in=$build/compilers/$1$2 said

	make -s CC="$1" CFLAGS="$2 -g -Werror" B="$in" SO="$in/libfastrand.so" \
		COMMAND="$in/fastrand" 2>&1 || return
	said=$(LD_PRELOAD=$in/libfastrand.so "$build/test/registers" 2>&1) ||
		grep -E 'left in|FAILED' <<<"$said"
	grep -q 'PASSED' <<<"$said" || echo "$said"
}

# asks_libc_to_move_nothing COMPILER LEVEL: a sanitizer of the program's would take
# libc's function for an access of its own, without a lock.
asks_libc_to_move_nothing() {
	local object

	for object in "$build/compilers/$1$2"/{generator/*,source/seed*}.o; do
		nm -u "$object" | grep -w 'mem[a-z]*' && echo "in $object"
	done
}

for compiler in gcc clang; do
	has "$compiler" || continue
	for level in -O2 -O3 -Os; do
		check leaves_nothing_in_registers "$compiler" "$level"
		check asks_libc_to_move_nothing "$compiler" "$level"
	done
done
finish
