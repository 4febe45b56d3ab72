#!/bin/bash
# Installation, man pages, and the recipes as far as they need no other machine.
# test/launcher/packaging.sh LIBRARY BUILD_DIRECTORY
#
# What is in single quotes is for other shells, and $LIB is for the loader.
# shellcheck disable=SC2016
set -u
# shellcheck source=test/support/command.bash
. "$(dirname "$0")/../support/command.bash"

# --- installation -------------------------------------------------------------

# make_in BUILD_DIRECTORY ARGUMENT...: with what is built there already.
make_in() {
	local to=$1

	shift
	make -s -C "$root" B="$to" SO="$to/libfastrand.so" \
		COMMAND="$to/fastrand" "$@" >make-out 2>&1 || cat make-out
}

installed_files='bin/fastrand
include/fastrand.h
lib/libfastrand.so
lib/pkgconfig/libfastrand.pc
share/libfastrand/libfastrand.supp
share/man/man1/fastrand.1
share/man/man3/libfastrand.3
share/man/man7/libfastrand.7'

install_puts_every_file_in_its_place() {
	(umask 077 && make_in "$here/built" install PREFIX=/usr \
		DESTDIR="$here/dest")
	diff <(cd dest/usr && find . -type f | sed 's|^\./||' | sort) \
		<(echo "$installed_files")
	find dest -type f -perm /022
	find dest -type f -not -perm -044
	grep -n @ dest/usr/lib/pkgconfig/libfastrand.pc
	grep -r "$here" dest/usr/lib/pkgconfig
}

uninstall_leaves_nothing() {
	make_in "$here/built" uninstall PREFIX=/usr DESTDIR="$here/dest"
	find dest -not -type d
	make_in "$here/built" install PREFIX=/opt/ours DESTDIR="$here/dest"
	touch dest/opt/ours/share/theirs
	make_in "$here/built" uninstall PREFIX=/opt/ours DESTDIR="$here/dest"
	[ "$(cd dest/opt/ours && find . -mindepth 1 | sort | xargs)" = \
		'./share ./share/theirs' ] || find dest/opt
	rm -r dest/opt/ours/share
	make_in "$here/built" install PREFIX=/opt/ours DESTDIR="$here/dest"
	make_in "$here/built" uninstall PREFIX=/opt/ours DESTDIR="$here/dest"
	ls dest/opt
	# What is not below DESTDIR is nobody's business.
	mkdir -p elsewhere/lib/pkgconfig
	make_in "$here/built" uninstall PREFIX=/opt/ours \
		LIBDIR="$here/elsewhere/lib" DESTDIR="$here/dest"
	[ -d elsewhere/lib/pkgconfig ] || echo "a folder elsewhere is gone"
	# And again, where there is nothing.
	make_in "$here/built" uninstall PREFIX=/opt/ours DESTDIR="$here/dest"
}

# refused ARGUMENT... PATTERN: make says in one line why not, and does nothing.
refused() {
	local pattern=${*: -1}

	make_in "$here/built" install "${@:1:$#-1}" >said
	if ! grep -qE "$pattern" said || [ "$(wc -l <said)" -ne 1 ]; then
		cat said
	fi
}

places_that_cannot_be_are_refused() {
	refused PREFIX=relative 'PREFIX=relative is not an absolute path'
	refused PREFIX='/a b' 'is not an absolute path without blanks'
	refused DESTDIR="$here/a b" 'a b has a blank in it'
	refused MULTIARCH=1 CC=true 'programs of true do not tell here what \$LIB is'
	find . -name relative -o -name a
}

the_installed_command_works() {
	make_in "$here/built" install PREFIX="$here/prefix"
	run prefix/bin/fastrand printenv LD_PRELOAD
	ends_with 0
	prints "$here/prefix/lib/libfastrand.so"
	run prefix/bin/fastrand --stats ./draw
	says '^fastrand: tier '
}

# While it is in use: programs that run keep the file that they have.
installing_anew_does_not_write_into_the_old_file() {
	ln -f prefix/lib/libfastrand.so held.so
	cp held.so copy.so
	make_in "$here/built" install PREFIX="$here/prefix"
	cmp held.so copy.so
	[ ! held.so -ef prefix/lib/libfastrand.so ] || echo "the same file"
}

pkg_config_is_right() {
	export PKG_CONFIG_PATH=$here/prefix/lib/pkgconfig

	cat >linked.c <<'EOF'
#include <fastrand.h>
#include <stdio.h>
int main(void)
{
	printf("%s\n", fastrand_version());
	return fastrand_uniform(1);
}
EOF
	# shellcheck disable=SC2046
	$CC -o linked linked.c $(pkg-config --cflags --libs libfastrand)
	run env LD_LIBRARY_PATH="$here/prefix/lib" ./linked
	ends_with 0
	prints "$(pkg-config --modversion libfastrand)"
}

a_multiarch_line_has_a_literal_lib() {
	make_in "$here/built" install PREFIX="$here/multi" MULTIARCH=1
	run multi/bin/fastrand printenv LD_PRELOAD
	ends_with 0
	prints "$here/multi/\$LIB/libfastrand.so"
	is_silent
	run multi/bin/fastrand --stats ./draw
	says '^fastrand: tier '
	run multi/bin/fastrand --status
	out_has '^tier '
	run "$fastrand" --library "$here/multi/\${LIB}/libfastrand.so" \
		--stats ./draw
	says '^fastrand: tier '
	run "$fastrand" --library "$here/nowhere/\$LIB/libfastrand.so" true
	ends_with 125
}

one_line_serves_32_bit_programs() {
	run multi/bin/fastrand ./hello-32
	says 'is a program for 32-bit x86, for which there is no library here'
	make_in "$here/built-32" install-library PREFIX="$here/multi" MULTIARCH=1 \
		CC="$CC -m32" CPPFLAGS="-I/usr/include/$($CC -print-multiarch)"
	run multi/bin/fastrand --stats ./hello-32
	ends_with 3
	says '^fastrand: tier '
	if grep -E 'warning|ERROR' err; then return; fi
	# Shells like dash end by _exit, which nobody can see.
	run multi/bin/fastrand --stats bash -c './hello-32; exit 0'
	[ "$(grep -c '^fastrand: tier ' err)" -eq 2 ] || cat err
	# Both kinds count in one record.
	$CC -m32 -o draw-32 draw.c
	run multi/bin/fastrand --explain bash -c './draw; ./draw-32; exit 0'
	row_is 'getrandom 2 2 1024 0'
}

# --- man pages ----------------------------------------------------------------

man_pages_have_no_mistakes() {
	local page

	for page in "$root"/src/man/*; do
		groff -ww -t -man -Tutf8 "$page" >formatted
	done
}

man_pages_tell_of_every_option() {
	local option

	[ "$("$fastrand" --help | grep -c '^  --')" -ge 9 ] || echo "no options"
	"$fastrand" --help | grep -oE '^  --[a-z-]+' | tr -d ' ' |
		while read -r option; do
			grep -q -e "^\.B.*${option//-/\\\\-}" \
				"$root/src/man/fastrand.1" || echo "$option"
		done
}

# --- recipes --------------------------------------------------------------------

recipe_of_one_program() {
	run env FASTRAND_STATS=1 sh -c \
		'LD_PRELOAD="${LD_PRELOAD:+$LD_PRELOAD:}$0" ./draw' "$library"
	ends_with 0
	says '^fastrand: tier '
}

generator=/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator

session() {
	mkdir -p xdg/environment.d
	echo "$1" >xdg/environment.d/50-fastrand.conf
	run env -i XDG_CONFIG_HOME="$here/xdg" HOME="$here" $generator
}

recipe_of_a_session() {
	session 'LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}/usr/local/lib/libfastrand.so'
	out_has '^LD_PRELOAD=/usr/local/lib/libfastrand.so$'
	session 'LD_PRELOAD=/usr/$$LIB/libfastrand.so'
	out_has '^LD_PRELOAD="?/usr/\\?\$LIB/libfastrand.so"?$'
}

recipe_of_a_unit() {
	printf '[Service]\nExecStart=/bin/true\n' >fastrand-test.service
	mkdir -p fastrand-test.service.d
	printf '[Service]\nEnvironment=LD_PRELOAD=%s\n' \
		"$library" >fastrand-test.service.d/fastrand.conf
	SYSTEMD_UNIT_PATH=$here: systemd-analyze verify \
		"$here/fastrand-test.service"
}

# What there is of a container without its manager: another root, with our file
# and nothing else of ours in it.
recipe_of_a_container() {
	local file

	for file in "$here/draw" "$(command -v env)" \
		$(ldd "$here/draw" "$(command -v env)" |
			grep -oE '/[^ ):]+' | grep -v "$here"); do
		mkdir -p "image/$(dirname "$file")"
		cp -L "$file" "image/$file"
	done
	mkdir -p image/usr/local/lib
	touch image/usr/local/lib/libfastrand.so
	run unshare -m sh -c '
		mount --bind "$0" image/usr/local/lib/libfastrand.so &&
		LD_PRELOAD= FASTRAND_STATS=1 chroot image "$2" \
			LD_PRELOAD=/usr/local/lib/libfastrand.so "$1"' \
		"$library" "$here/draw" "$(command -v env)"
	ends_with 0
	says '^fastrand: tier '
}

# In a mount namespace of its own, on a copy of /etc: nobody else sees it.
in_private_etc() {
	mkdir -p etc
	run unshare -m --propagation private sh -c '
		mount -t tmpfs none etc && cp -a /etc/. etc/ &&
		mount --bind etc /etc || exit 99
		eval "$0"' "$@"
}

recipe_of_the_whole_system() {
	in_private_etc '
		echo "$1" >>/etc/ld.so.preload
		FASTRAND_STATS=1 ./draw
		sed -i "\|/libfastrand\.so\$|d" /etc/ld.so.preload
		FASTRAND_STATS=1 ./draw
		cat /etc/ld.so.preload' "$library"
	ends_with 0
	[ "$(wc -l <out)" -eq 2 ] || cat out
	[ "$(grep -c '^fastrand: tier ' err)" -eq 1 ] || cat err
	[ ! -s /etc/ld.so.preload ] || [ -n "$had_preload" ] ||
		echo "the system's own file was changed"
}

set_user_id_programs_are_in_the_whole_system() {
	in_private_etc '
		cp hello etc/hello; chown 65534 etc/hello; chmod 4755 etc/hello
		echo "$1" >/etc/ld.so.preload
		FASTRAND_STATS=1 etc/hello' "$library"
	ends_with 3
	# They have it, and follow no settings.
	is_silent
}

a_broken_line_is_got_rid_of() {
	in_private_etc '
		echo /no/such/libfastrand.so >/etc/ld.so.preload
		ls -d /
		: >/etc/ld.so.preload
		ls -d / 2>&1
		echo /no/such/libfastrand.so >/etc/ld.so.preload
		"$1" rm /etc/ld.so.preload
		ls -d / 2>&1' "${busybox:-$(command -v env)}"
	[ "$(grep -c . out)" -eq 3 ] || [ -z "$busybox" ] || cat out
	[ "$(grep -c '/no/such/libfastrand.so.*cannot be preloaded' err)" -ge 1 ] ||
		cat err
}

status_of_a_whole_system_follows_the_options() {
	in_private_etc '
		echo "$1" >/etc/ld.so.preload
		"$2" --source off --status' "$library" "$fastrand"
	ends_with 1
	out_has '^tier +off$'
	# It starts again once, not for each option.
	in_private_etc '
		echo "$1" >/etc/ld.so.preload
		timeout 10 "$2" --source page --source off --status' \
		"$library" "$fastrand"
	ends_with 1
	out_has '^tier +off$'
}

# --- all of them ----------------------------------------------------------------

if has make; then
	cp -a "$build" built
	check install_puts_every_file_in_its_place
	check uninstall_leaves_nothing
	check places_that_cannot_be_are_refused
	check the_installed_command_works
	check installing_anew_does_not_write_into_the_old_file
	has pkg-config && check pkg_config_is_right
	check a_multiarch_line_has_a_literal_lib
	if $CC -m32 -o hello-32 hello.c 2>/dev/null &&
		[ "$(./hello-32)" = ran ]; then
		check one_line_serves_32_bit_programs
	else
		skip_because "$CC -m32 makes no programs that run here"
	fi
fi

has groff && check man_pages_have_no_mistakes
check man_pages_tell_of_every_option

check recipe_of_one_program
if [ -x $generator ]; then
	check recipe_of_a_session
else
	skip_because "systemd's generator of the session's environment is not installed"
fi
has systemd-analyze && check recipe_of_a_unit
had_preload=$(cat /etc/ld.so.preload 2>/dev/null)
busybox=$(command -v busybox)
if has unshare; then
	if unshare -m true 2>/dev/null; then
		check recipe_of_a_container
		check recipe_of_the_whole_system
		check set_user_id_programs_are_in_the_whole_system
		check a_broken_line_is_got_rid_of
		check status_of_a_whole_system_follows_the_options
	else
		skip_because "no mount namespace may be made: containers, /etc/ld.so.preload"
	fi
fi

finish
