#!/bin/bash
# The fastrand command: which programs it warns of, since nothing is preloaded into
# them, and which it does not.
# test/launcher/launcher_warnings.sh LIBRARY BUILD_DIRECTORY
set -u
# shellcheck source=test/support/command.bash
. "$(dirname "$0")/../support/command.bash"

dynamic_programs_get_no_warning() {
	run "$fastrand" ./hello
	ends_with 3
	prints ran
	is_silent
	printf '#!%s/hello\n' "$here" >script
	printf '#!/usr/bin/env true\n' >env-script
	printf 'exit 9\n' >bare-script
	chmod +x script env-script bare-script
	run "$fastrand" ./script
	is_silent
	run "$fastrand" ./env-script
	ends_with 0
	is_silent
	run "$fastrand" ./bare-script
	ends_with 9
	is_silent
}

# warns COMMAND PATTERN: in one line, and the command is run all the same.
warns() {
	run "$fastrand" "$1"
	says_one_line "^fastrand: warning: $1 $2"
	out_has '^ran$'
}

static_programs_are_told_of() {
	warns ./hello-static 'is static: nothing is preloaded into it$'
}

static_pie_programs_are_told_of() {
	warns ./hello-static-pie 'is static: '
}

scripts_of_static_programs_are_told_of() {
	printf '#!%s/hello-static\n' "$here" >script-1
	printf '#! %s/script-1 with an argument\n' "$here" >script-2
	printf '#!/usr/bin/env hello-static\n' >script-3
	printf '#!/usr/bin/env -S -u B -C %s A=b hello-static x\n' "$here" >script-4
	chmod +x script-[1234]
	PATH=$here:$PATH
	warns ./script-1 "is run by $here/hello-static, which is static: "
	warns ./script-2 "is run by $here/hello-static, which is static: "
	warns ./script-3 "is run by $here/hello-static, which is static: "
	warns ./script-4 "is run by $here/hello-static, which is static: "
	warns script-1 "is run by $here/hello-static, which is static: "
}

# shebang LINE: makes ./script
shebang() {
	printf '#!%s\n' "$1" >script
	chmod +x script
}

scripts_without_their_environment_are_told_of() {
	local line

	for line in '-S -i' '-iS' '-S -' '-S --ignore-environment' \
		'-S -u LD_PRELOAD' '-S -uLD_PRELOAD' '-S --unset=LD_PRELOAD' \
		'-S --unset LD_PRELOAD' '-S LD_PRELOAD=' '--split-string=-i' \
		'-S env -i'; do
		shebang "/usr/bin/env $line $here/hello"
		warns ./script 'is run by an env that takes LD_PRELOAD away'
	done
	for line in '-S -u HOME' '-S -uHOME' '-S -C /' '-S A=b' '-S env C=d'; do
		shebang "/usr/bin/env $line $here/hello"
		run "$fastrand" ./script
		ends_with 4
		is_silent
	done
	# One argument, which is no option.
	for line in -Si "-i $here/hello" "$here/hello -i"; do
		shebang "/usr/bin/env $line"
		run "$fastrand" ./script
		if grep warning err; then return; fi
	done
}

scripts_in_a_circle_come_to_an_end() {
	printf '#!%s/circle\n' "$here" >circle
	chmod +x circle
	run timeout 10 "$fastrand" ./circle
	ends_with 126
}

# They cannot be executed: what ends otherwise is the command itself.
broken_files_do_no_harm() {
	local size at

	for size in 1 2 3 4 17 20 52 64 100 300 1000; do
		head -c $size hello >broken
		run "$fastrand" ./broken
		ends_with 126
	done
	# Numbers that are beyond everything, wherever they are.
	for at in {4..120..4} {700..900..4}; do
		cat hello >broken
		printf '\377\377\377\377' |
			dd of=broken bs=1 seek="$at" conv=notrunc 2>/dev/null
		run "$fastrand" ./broken
		ends_with 126
	done
}

the_loader_itself_preloads() {
	run stats "$fastrand" "$loader" ./draw
	ends_with 0
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

set_user_id_programs_are_told_of() {
	warns ./hello-setuid 'is set-user-ID: its loader ignores LD_PRELOAD$'
	run stats "$fastrand" ./hello-setuid
	if grep '^fastrand: tier' err; then return; fi
}

set_group_id_programs_are_told_of() {
	warns ./hello-setgid 'is set-group-ID: '
}

set_user_id_to_oneself_is_not_told_of() {
	cp hello hello-mine
	chmod 4755 hello-mine
	run stats "$fastrand" ./hello-mine
	ends_with 3
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

set_user_id_without_its_effect_is_not_told_of() {
	run stats setpriv --no-new-privs "$fastrand" ./hello-setuid
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

file_capabilities_are_told_of() {
	run as_nobody "$fastrand" --library "$fake" ./hello-capable
	ends_with 3
	says_one_line 'is given capabilities by its file: its loader ignores'
	# Root has them already.
	run stats "$fastrand" --library "$library" ./hello-capable
	says '^fastrand: tier '
	if grep warning err; then return; fi
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

unreadable_programs_are_run() {
	cp hello hello-dark
	chmod 711 hello-dark
	cp "$fastrand" fake/
	run as_nobody fake/fastrand ./hello-dark
	ends_with 3
	is_silent
	# As sudo is on some systems.
	chmod 4711 hello-dark
	run as_nobody fake/fastrand ./hello-dark
	ends_with 3
	says_one_line './hello-dark is set-user-ID: its loader ignores LD_PRELOAD'
}

programs_of_another_class_are_told_of() {
	# The loader has its own word on it, too.
	run "$fastrand" ./hello-32
	ends_with 3
	says '^fastrand: warning: ./hello-32 is a program for 32-bit x86, for which there is no library here'
	[ "$(grep -c '^fastrand' err)" -eq 1 ] || cat err
}

programs_of_another_machine_are_told_of() {
	cp hello hello-alien
	# e_machine: 22 is EM_S390.
	printf '\026' | dd of=hello-alien bs=1 seek=18 conv=notrunc 2>/dev/null
	run "$fastrand" ./hello-alien
	says 'is a program for s390x, for which there is no library here'
	# And in the other order of bytes.
	printf '\002' | dd of=hello-alien bs=1 seek=5 conv=notrunc 2>/dev/null
	printf '\000\026' |
		dd of=hello-alien bs=1 seek=18 conv=notrunc 2>/dev/null
	run "$fastrand" ./hello-alien
	says 'is a program for s390x, for which there is no library here'
}

programs_of_another_libc_are_told_of() {
	warns ./hello-musl \
		'is made for another libc \(/lib/ld-musl-[^)]*\): it is run without the library$'
	run "$fastrand" ./musl-env
	ends_with 0
	if grep LD_PRELOAD out; then return; fi
}

# --- all of them ------------------------------------------------------------

check dynamic_programs_get_no_warning
if $CC -static -o hello-static hello.c 2>/dev/null; then
	check static_programs_are_told_of
	check scripts_of_static_programs_are_told_of
else
	skip_because "$CC makes no static programs"
fi
if $CC -static-pie -fPIE -o hello-static-pie hello.c 2>/dev/null; then
	check static_pie_programs_are_told_of
else
	skip_because "$CC makes no static-pie programs"
fi
check scripts_without_their_environment_are_told_of
check scripts_in_a_circle_come_to_an_end
check broken_files_do_no_harm
loader=$(ldd hello | sed -nE 's/^\s*(\/[^ ]*ld-[^ ]*) .*/\1/p')
if [ -n "$loader" ]; then
	check the_loader_itself_preloads
else
	skip_because "ldd names no loader"
fi
check set_user_id_to_oneself_is_not_told_of
# Whose programs become whom they belong to: not on a file system without that.
cp "$(command -v id)" id
other=
if chown 65533 id 2>/dev/null && chmod 4755 id; then
	other=$(./id -u)
fi
if [ "$other" != 65533 ]; then
	skip_because "programs that are set-user-ID to others are not to be had here"
fi
cp hello hello-setuid
cp hello hello-setgid
if [ "$other" = 65533 ] &&
	chown 65533 hello-setuid && chmod 4755 hello-setuid &&
	chgrp 65533 hello-setgid && chmod 2755 hello-setgid; then
	check set_user_id_programs_are_told_of
	check set_group_id_programs_are_told_of
	has setpriv && check set_user_id_without_its_effect_is_not_told_of
fi
cp hello hello-capable
if [ "$other" = 65533 ] && has setcap setpriv; then
	if setcap cap_net_raw+ep hello-capable 2>/dev/null &&
		as_nobody true 2>/dev/null; then
		# Where others may not go, the command is not found at all.
		cp "$fastrand" fake/fastrand
		fastrand=$here/fake/fastrand check file_capabilities_are_told_of
	else
		skip_because "only root gives capabilities to files"
	fi
fi
if [ "$other" = 65533 ] && as_nobody true 2>/dev/null; then
	check unreadable_programs_are_run
else
	skip_because "only root becomes somebody else"
fi
is_64=
case $(readelf -h "$library") in
*X86-64*)
	is_64=y
	;;
esac
if [ -n "$is_64" ] && $CC -m32 -o hello-32 hello.c 2>/dev/null &&
	[ "$(./hello-32)" = ran ]; then
	check programs_of_another_class_are_told_of
else
	skip_because "$CC -m32 makes no programs that run here"
fi
if [ -n "$is_64" ]; then
	check programs_of_another_machine_are_told_of
else
	skip_because "only on x86-64: a program for another machine"
fi
if has musl-gcc; then
	printf '%s\n' '#include <stdio.h>' 'extern char **environ;' \
		'int main(void) { for (char **e = environ; *e; e++) puts(*e); return 0; }' >musl-env.c
	if musl-gcc -o hello-musl hello.c && musl-gcc -o musl-env musl-env.c && ./hello-musl >/dev/null; [ $? -eq 3 ]; then
		check programs_of_another_libc_are_told_of
	else
		skip_because "musl-gcc makes no programs that run here"
	fi
fi

finish
