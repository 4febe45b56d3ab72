#!/bin/bash
# What the file promises every program that it is preloaded into: the names it
# puts in front of theirs, and nothing that could keep one from starting.
# test/interpose/exports.sh LIBRARY [BUILD_DIRECTORY]
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

library=${1:?usage: $0 LIBRARY [BUILD_DIRECTORY]}
odd=${2:+$2/test/odd}
map=$(dirname "$0")/../../src/exports.map

machine=$(readelf -hW "$library" | sed -n 's/^ *Machine: *//p')
dynamic=$(readelf -dW "$library")
segments=$(readelf -lW "$library")
symbols=$(nm -D "$library")
if [ -z "$machine" ] || [ -z "$dynamic" ] || [ -z "$symbols" ]; then
	not_ok "$library can be read by readelf and nm"
	finish
	exit
fi

exported() {
	nm -D --defined-only "$library" | sed 's/.* //' | sort
}

listed() {
	sed -e 's|/\*.*\*/||' -e '/local:/,$d' "$map" |
		sed -nE 's/^[[:space:]]*([A-Za-z0-9_]+);.*/\1/p' | sort
}

nothing_is_exported_but_the_list() {
	comm -13 <(listed) <(exported)
}

# The list is for x86-64; elsewhere a name may not exist.
the_whole_list_is_exported() {
	local missing

	missing=$(comm -23 <(listed) <(exported))
	case $machine in
	*X86-64*)
		echo "$missing"
		;;
	*)
		grep -xE '(get|arc4)random.*|getentropy|syscall|fastrand.*' \
			<<<"$missing"
		;;
	esac
}

the_list_has_the_random_names() {
	local name

	for name in getrandom getentropy arc4random arc4random_buf \
		arc4random_uniform syscall fastrand_info; do
		listed | grep -qx "$name" || echo "$name is not listed"
	done
}

# Our own names are called as we like.
odd_arguments_are_tried_with_every_name() {
	comm -23 <(listed | grep -v -e '^fastrand_' -e '^la_version$') <("$odd" names | sort)
}

# Not data, and not what a resolver chooses before relocation is done.
all_exports_are_functions() {
	nm -D --defined-only "$library" | grep -vE ' [TW] '
	readelf -rW "$library" | grep IRELATIV
}

# A named node silently disables interposition.
there_are_no_symbol_versions_of_ours() {
	grep VERDEF <<<"$dynamic"
	nm -D --defined-only "$library" | grep -E '@| A '
}

only_libc_is_needed() {
	sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' <<<"$dynamic" |
		grep -vxE 'libc\.so\.6(\.1)?'
}

no_path_is_searched() {
	grep -E '\((RPATH|RUNPATH)\)' <<<"$dynamic"
}

# Newer ones would keep every program on an older system from starting.
no_version_is_newer_than_glibc_2_17() {
	local version

	sed -nE 's/.*@+GLIBC_([0-9.]+)$/\1/p' <<<"$symbols" | sort -uV |
		while read -r version; do
			[ "$(printf '%s\n2.17\n' "$version" | sort -V |
				tail -n 1)" = 2.17 ] || echo "GLIBC_$version"
		done
	readelf -VW "$library" | grep -oE 'GLIBC_(PRIVATE|ABI_[A-Z_]+)'
}

only_libcs_symbols_are_undefined() {
	sed -nE 's/^ +U //p' <<<"$symbols" |
		grep -vE '@+GLIBC_2\.[0-9.]+$'
	sed -nE 's/^ +w //p' <<<"$symbols" | grep -vE '@+GLIBC_2\.[0-9.]+$' |
		grep -vxE '_ITM_.*|__gmon_start__|_r_debug'
}

the_stack_is_not_executable() {
	grep -qE ' GNU_STACK .* RW +0x' <<<"$segments" || echo "$segments"
}

no_memory_is_writable_and_executable() {
	grep -E ' (RWE|WE) ' <<<"$segments"
}

everything_is_bound_at_start() {
	grep -qE 'BIND_NOW|Flags:.*NOW' <<<"$dynamic" || echo "no BIND_NOW"
	grep -q GNU_RELRO <<<"$segments" || echo "no GNU_RELRO"
}

# Loaders before glibc 2.36 do not know them.
relative_relocations_are_not_packed() {
	grep -E '\(RELR' <<<"$dynamic"
}

the_text_is_not_relocated() {
	grep TEXTREL <<<"$dynamic"
}

its_name_is_libfastrand() {
	grep -q 'SONAME.*\[libfastrand\.so\]' <<<"$dynamic" || echo "$dynamic"
}

# One object file without the note takes it from the whole library, and with it
# from every program that is preloaded.
control_flow_is_protected() {
	local notes

	notes=$(readelf -nW "$library")
	case $machine in
	*X86-64*)
		grep -q 'x86 feature:.*IBT' <<<"$notes" || echo "no IBT"
		grep -q 'x86 feature:.*SHSTK' <<<"$notes" || echo "no SHSTK"
		;;
	*AArch64*)
		grep -q 'AArch64 feature:.*BTI' <<<"$notes" || echo "no BTI"
		;;
	esac
}

check nothing_is_exported_but_the_list
check the_whole_list_is_exported
check the_list_has_the_random_names
if [ -n "$odd" ]; then
	check odd_arguments_are_tried_with_every_name
else
	skip_because "no build directory given: is every name in test/interpose/odd_table.h?"
fi
check all_exports_are_functions
check there_are_no_symbol_versions_of_ours
check only_libc_is_needed
check no_path_is_searched
check no_version_is_newer_than_glibc_2_17
check only_libcs_symbols_are_undefined
check the_stack_is_not_executable
check no_memory_is_writable_and_executable
check everything_is_bound_at_start
check relative_relocations_are_not_packed
check the_text_is_not_relocated
check its_name_is_libfastrand
case $machine in
*X86-64* | *AArch64*)
	check control_flow_is_protected
	;;
*)
	skip_because "no control flow protection known on $machine"
	;;
esac
finish
