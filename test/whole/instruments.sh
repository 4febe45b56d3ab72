#!/bin/bash
# instruments.sh LIBRARY BUILD: what other people's tools say of a program is what they
# say of it without the library.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"
library=$(realpath "${1:?usage: $0 LIBRARY BUILD}")
cd "$(dirname "$(realpath "$0")")/../.." || exit 2
make_here
tiers="page call kernel"
limit=120 # seconds, for each

# serves_beside WORDS... COMMAND: nothing is said that has one of the words, and the
# library was there and served.
serves_beside() {
	local words=$1 said tier=$2

	shift 2
	said=$(FASTRAND_SOURCE=$tier timeout $limit "$@" 2>&1) ||
		echo "exit status $?"
	grep -E -m 5 -A 12 "$words" <<<"$said"
	grep -Eq '^[1-9][0-9]*$' <<<"$said" || echo "it served nothing: $said"
}

# --- A program that is built with -fsanitize=thread --------------------------

# Addresses that its runtime did not expect end it at once; see mmap_rnd_bits.
fixed=()
if setarch -R true 2>/dev/null; then
	fixed=(setarch -R)
fi

without_a_race() {
	serves_beside 'WARNING|FATAL' "$2" "${fixed[@]}" env \
		LD_PRELOAD="$library" "$here/$1"
}

for compiler in gcc clang; do
	has "$compiler" || continue
	if ! "$compiler" -std=gnu11 -D_GNU_SOURCE -Iinclude -g -O1 \
		-fsanitize=thread -o "$here/$compiler" \
		test/whole/instruments/threads.c -lpthread -ldl 2>/dev/null ||
		! "${fixed[@]}" "$here/$compiler" >/dev/null 2>&1; then
		skip_because "$compiler: -fsanitize=thread does not work here" 3
		continue
	fi
	for tier in $tiers; do
		check without_a_race "$compiler" "$tier"
	done
done

# --- valgrind ---------------------------------------------------------------

without_an_error() {
	serves_beside 'ERROR SUMMARY: [1-9]' "$2" env LD_PRELOAD="$library" \
		valgrind --tool="$1" --suppressions=src/libfastrand.supp \
		"$here/plain"
}

cc=${CC:-cc}
# shellcheck disable=SC2086
$cc -std=gnu11 -D_GNU_SOURCE -Iinclude -g -O1 -o "$here/plain" \
	test/whole/instruments/threads.c -lpthread -ldl || exit 2
if has valgrind; then
	for tool in memcheck helgrind drd; do
		for tier in page kernel; do
			check without_an_error $tool $tier
		done
	done
fi

# --- Profilers that follow frame pointers -----------------------------------

# Of the samples in the library nearly all know who called it.
keeps_the_stack() {
	FASTRAND_SOURCE=$1 LD_PRELOAD=$library perf record -q -e cpu-clock \
		-F 999 --call-graph fp -o "$here/samples" "$here/loop" "$2" 500 \
		>/dev/null 2>&1 || echo "perf ends with $?"
	perf script -i "$here/samples" -F ip,sym,dso 2>/dev/null |
		awk -v library="$library" 'BEGIN { RS = ""; FS = "\n" }
			index($1, library) { all++; kept += /draws_in_a_loop/ }
			END { if (all < 20 || kept < 0.9 * all)
				print kept + 0 " of " all + 0 " samples" }'
}

# shellcheck disable=SC2086
$cc -std=gnu11 -D_GNU_SOURCE -g -O2 -fno-omit-frame-pointer -o "$here/loop" \
	test/whole/instruments/loop.c || exit 2
if has perf; then
	if perf record -q -e cpu-clock --call-graph fp -o "$here/samples" true \
		>/dev/null 2>&1; then
		for tier in page call; do
			for len in 100 4096; do
				check keeps_the_stack $tier $len
			done
		done
	else
		skip_because "perf may not take samples here" 4
	fi
fi
finish
