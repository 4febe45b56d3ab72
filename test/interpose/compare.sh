#!/bin/bash
# Are stdio and descriptors the same with the library in front? Seeded sequences
# of calls (compare.c) are run without it and with it, and their logs compared.
# test/interpose/compare.sh LIBRARY BUILD
#
#   FIRST=1 LAST=60    seeds; and one that nobody knows, which is printed
#   STEPS=400          of each
#
# By hand for long: FIRST=1000 LAST=9000 nice test/interpose/compare.sh LIBRARY BUILD.
# What differs is said with its seed and step; the same seed gives it again.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

library=$(realpath "${1:?usage: $0 LIBRARY BUILD}")
program=$(realpath "${2:?usage: $0 LIBRARY BUILD}")/test/compare
make_here
cd "$here" || exit 2

first=${FIRST:-1} last=${LAST:-60} steps=${STEPS:-400}
fresh=$((SRANDOM))
names=(usual trust kernel)
settings=(FASTRAND_STATS= FASTRAND_TRUST_FDS=1 FASTRAND_SOURCE=kernel)
declare -A differences reads streams runs ended

# run NAME SEED VARIABLE=VALUE...: its log and its summary are left as files.
run() {
	local name=$1 seed=$2

	shift 2
	rm -rf folder && mkdir folder
	(cd folder && env "$@" "$program" "$seed" "$steps" \
		"../$name.log" "../$name.sum") >"$name.out" 2>&1 </dev/null
}

# The first step that differs, and how.
difference() {
	diff plain.log "$1.log" | sed -nE 's/^([<>] )/\1/p' | head -2 |
		cut -c1-600
}

one_seed() {
	local seed=$1 i name is r s

	run plain "$seed" TEST_WITHOUT_PRELOAD=1
	if ! [ -s plain.sum ]; then
		not_ok "seed $seed without the library" "$(cat plain.out)"
		return
	fi
	grep -q ' died of signal ' plain.log && ended[plain]+=" $seed"
	for i in "${!names[@]}"; do
		name=${names[i]}
		rm -f "$name.log" "$name.sum"
		run "$name" "$seed" "LD_PRELOAD=$library" "${settings[i]}"
		read -r is _ r _ s 2>/dev/null <"$name.sum" || is=gone r=0 s=0
		if [ "$is" != loaded ]; then
			differences[$name]+="seed $seed: $is"$'\n'$(
				cat "$name.out")$'\n'
			continue
		fi
		runs[$name]=$((${runs[$name]:-0} + 1))
		reads[$name]=$((${reads[$name]:-0} + r))
		streams[$name]=$((${streams[$name]:-0} + s))
		cmp -s plain.log "$name.log" ||
			differences[$name]+="seed $seed:"$'\n'$(
				difference "$name")$'\n'
	done
}

for seed in $(seq "$first" "$last") "$fresh"; do
	one_seed "$seed"
done
echo "seeds $first to $last and $fresh, $steps steps each"
echo "ended by a fault without the library, too:${ended[plain]:- none}"

nothing_differs() {
	printf '%s' "${differences[$1]:-}"
}

# Two requests a run at the least, or the comparison would be one of nothing.
was_served() {
	local count=${runs[$1]:-0}

	[ "$count" -gt 0 ] && [ "${reads[$1]}" -gt "$count" ] &&
		[ "${streams[$1]}" -gt "$count" ] ||
		echo "$count runs, ${reads[$1]:-0} reads and" \
			"${streams[$1]:-0} requests of streams served"
}

# A fault of libc's ends a run; they are few.
most_went_on() {
	local count

	count=$(wc -w <<<"${ended[plain]:-}")
	[ $((count * 4)) -le $((last - first + 2)) ] ||
		echo "$count runs ended early:${ended[plain]}"
}

check most_went_on
for name in "${names[@]}"; do
	check nothing_differs "$name"
	check was_served "$name"
	echo "$name: ${reads[$name]:-0} reads and ${streams[$name]:-0} requests" \
		"of streams were served"
done
finish
