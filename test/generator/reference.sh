#!/bin/bash
# reference.sh LIBRARY BUILD: where small draws are in assembly, the C that it took
# the place of gives the same bytes: the tests that know every byte are built with
# that, too.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"
build=$(realpath "${2:?usage: $0 LIBRARY BUILD}")/reference
cd "$(dirname "$(realpath "$0")")/../.." || exit 2
tests=(model fill fill_requests fill_buckets fill_counts)

built() {
	make -s B="$build" SO="$build/libfastrand.so" COMMAND="$build/fastrand" \
		CFLAGS="-O2 -g -Werror -DFILL_DRAW_IN_C" \
		"${tests[@]/#/$build/test/}" 2>&1
}

# It ends well, and did something.
passes() {
	local said

	said=$("$build/test/$1" 2>&1) && grep -q 'PASSED' <<<"$said" || echo "$said"
}

check built
for test in "${tests[@]}"; do
	check passes "$test"
done
finish
