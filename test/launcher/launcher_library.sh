#!/bin/bash
# The fastrand command: which library it finds, and where in LD_PRELOAD it puts it.
# test/launcher/launcher_library.sh LIBRARY BUILD_DIRECTORY
#
# What is in single quotes is for other shells, and $LIB is for the loader.
# shellcheck disable=SC2016
set -u
# shellcheck source=test/support/command.bash
. "$(dirname "$0")/../support/command.bash"

the_library_beside_the_command_is_found() {
	run "$fastrand" printenv LD_PRELOAD
	ends_with 0
	prints "$(dirname "$library")/libfastrand.so"
	ln -sf "$fastrand" link-to-fastrand
	run ./link-to-fastrand printenv LD_PRELOAD
	prints "$(dirname "$library")/libfastrand.so"
}

another_library_may_be_named() {
	run "$fastrand" --library fake/libfastrand.so printenv LD_PRELOAD
	ends_with 0
	prints "$fake"
	run "$fastrand" --library="$fake" printenv LD_PRELOAD
	prints "$fake"
}

no_library_ends_with_125() {
	run "$fastrand" --library /no/such/libfastrand.so true
	ends_with 125
	says_one_line '/no/such/libfastrand.so: No such file or directory'
	run "$fastrand" --library hello.c true
	ends_with 125
	says_one_line 'hello.c: is no libfastrand.so'
	run "$fastrand" --library hello true
	ends_with 125
	says_one_line 'hello: is no libfastrand.so'
	run "$fastrand" --library same.so true
	ends_with 125
	says_one_line 'same.so: is no libfastrand.so'
	run "$fastrand" --library "$here/\$LIB/libfastrand.so" true
	ends_with 125
	says_one_line 'no libfastrand.so, whatever \$LIB is'
	cp "$fastrand" alone
	if [ ! -e /usr/local/lib/libfastrand.so ]; then
		run ./alone true
		ends_with 125
		says_one_line "neither $here/libfastrand.so nor "
	fi
}

a_path_that_ld_preload_cannot_name_ends_with_125() {
	mkdir -p 'a b' c:d 'e$f'
	cp "$fastrand" "$fake" 'e$f'
	run 'e$f/fastrand' true
	ends_with 125
	says_one_line 'or a \$; give --library a link'
	cp "$fake" 'a b'
	cp "$fake" c:d
	run "$fastrand" --library 'a b/libfastrand.so' true
	ends_with 125
	says_one_line 'a path with a space, a colon or a \$; give --library a link'
	run "$fastrand" --library c:d/libfastrand.so true
	ends_with 125
	cp "$fastrand" 'a b'
	run 'a b/fastrand' true
	ends_with 125
	ln -sf 'a b/libfastrand.so' linked.so
	run "$fastrand" --library linked.so ./hello
	ends_with 3
	is_silent
}

what_was_preloaded_stays_before() {
	run env LD_PRELOAD="$here/same.so" "$fastrand" --library "$fake" \
		printenv LD_PRELOAD
	prints "$here/same.so:$fake"
	run env LD_PRELOAD="  $here/same.so : " "$fastrand" \
		--library "$fake" printenv LD_PRELOAD
	prints "$here/same.so:$fake"
	run env LD_PRELOAD="$here/same.so" "$fastrand" ./draw
	prints '512 7'
}

# As in a chroot: what is beside the file that was executed.
it_is_found_without_proc() {
	mkdir -p jail
	cp "$fake" "$fastrand" jail
	run unshare -m sh -c 'mount -t tmpfs none /proc && exec jail/fastrand "$@"' \
		sh printenv LD_PRELOAD
	ends_with 0
	prints "$here/jail/libfastrand.so"
}

it_is_not_preloaded_twice() {
	run "$fastrand" "$fastrand" printenv LD_PRELOAD
	prints "$(dirname "$library")/libfastrand.so"
	run env LD_PRELOAD="$fake $here/same.so" "$fastrand" \
		--library "$fake" printenv LD_PRELOAD
	prints "$fake:$here/same.so"
}

another_copy_is_replaced() {
	local ours

	ours=$(dirname "$library")/libfastrand.so
	ln -sf "$fake" by-another-name.so
	run env LD_PRELOAD="$fake:$ours:by-another-name.so:./by-another-name.so" \
		"$fastrand" printenv LD_PRELOAD
	prints "$ours:by-another-name.so"
	run env LD_LIBRARY_PATH="$here/fake" LD_PRELOAD="libfastrand.so" \
		"$fastrand" printenv LD_PRELOAD
	prints "$ours"
	run env LD_PRELOAD="$fake:$here/same.so" "$fastrand" \
		printenv LD_PRELOAD
	prints "$here/same.so:$(dirname "$library")/libfastrand.so"
}

asan_programs_start() {
	run stats "$fastrand" ./draw-asan
	ends_with 0
	out_has '^512 '
	says '^fastrand: tier '
	run env LD_PRELOAD="$(realpath "$asan")" "$fastrand" printenv LD_PRELOAD
	prints "$(realpath "$asan"):$(dirname "$library")/libfastrand.so"
	run env LD_PRELOAD="$(realpath "$asan")" "$fastrand" ./draw-asan
	ends_with 0
}

asan_options_are_kept() {
	run env ASAN_OPTIONS=detect_leaks=0 "$fastrand" printenv ASAN_OPTIONS
	prints 'detect_leaks=0:verify_asan_link_order=0'
	run env ASAN_OPTIONS=verify_asan_link_order=1 "$fastrand" \
		printenv ASAN_OPTIONS
	prints 'verify_asan_link_order=1'
}

# --- all of them ------------------------------------------------------------

check the_library_beside_the_command_is_found
check another_library_may_be_named
if has unshare && unshare -m true 2>/dev/null; then
	check it_is_found_without_proc
else
	skip_because "no mount namespace may be made: a system without /proc"
fi
check no_library_ends_with_125
check a_path_that_ld_preload_cannot_name_ends_with_125
check what_was_preloaded_stays_before
check it_is_not_preloaded_twice
check another_copy_is_replaced
check asan_options_are_kept
asan=$($CC -print-file-name=libasan.so)
if [ "$asan" != libasan.so ] &&
	$CC -fsanitize=address -o draw-asan draw.c 2>/dev/null &&
	./draw-asan >/dev/null 2>&1; then
	check asan_programs_start
else
	skip_because "$CC makes no programs with a shared libasan"
fi

finish
