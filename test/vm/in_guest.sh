# shellcheck shell=bash
# The manual's recipes, done in the guest of test/vm/recipes, by a root shell that
# reads this and stays open. A promise is a function, which prints what it finds to
# be wrong; lines with "| " are what was seen. It is one file, of more than 600 lines,
# because one shell of the guest reads it.
#
# What is in single quotes is for other shells, and $LIB is for the loader.
# shellcheck disable=SC2016
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
export LC_ALL=C HOME=/root
lib=/usr/local/lib/libfastrand.so
mkdir -p /root/here && cd /root/here || exit

prepare() {
	useradd -m -s /bin/bash -G sudo ann
	echo -e 'ann:secret\nroot:secret' | chpasswd
	make_small_root
}

# --- what is seen ------------------------------------------------------------------

saw() { cut -c1-120 | sed 's/^/| /'; }

# What came of a command, for the expectations that follow.
run() {
	"$@" >out 2>err </dev/null
	status=$?
	[ $status -eq 0 ] || {
		echo "$*: exit status $status"
		cat err
	}
}

stats() { FASTRAND_STATS=1 run "$@"; }

# A program that draws, behind whatever is to preload it.
draw() {
	stats "$@" head -c 1000 /dev/urandom
	[ "$(wc -c <out)" -eq 1000 ] || echo "drew $(wc -c <out) bytes"
}

is_served() {
	if grep -qE '^fastrand: served [1-9]' err; then
		grep -B1 '^fastrand: served [1-9]' err | grep -v '^--' | saw
	else
		echo "not served:"
		cat err
	fi
	! grep ERROR err
}

is_not_served() {
	! grep fastrand err || echo "and nothing should be preloaded"
}

says() {
	if grep -qE -e "$1" err; then
		grep -E -e "$1" err | head -1 | saw
	else
		echo "no '$1' in:"
		cat err
	fi
}

# In a process, by number.
is_mapped() {
	if grep -q libfastrand "/proc/$1/maps"; then
		echo "$(cat "/proc/$1/comm") has $(grep -om1 '/[^ ]*libfastrand.*' "/proc/$1/maps")" | saw
	else
		echo "not in the maps of $1, $(tr '\0' ' ' <"/proc/$1/cmdline")"
	fi
}

is_not_mapped() {
	grep -q '/libc\.so' "/proc/$1/maps" || echo "$1 is no program with a libc"
	! grep -m1 libfastrand "/proc/$1/maps"
}

wait_for() {
	for _ in {1..100}; do
		"$@" 2>/dev/null && return
		sleep 0.2
	done
	echo "not in 20 seconds: $*"
}

sleeps() { [ "$(cat "/proc/$1/comm")" = sleep ]; }

user_is_gone() { ! systemctl -q is-active user@1000; }

# --- the machine -------------------------------------------------------------------

everything_came_up() {
	run systemctl is-system-running --wait
	saw <out
	systemctl --failed --plain --no-legend
	[ "$(cat /proc/1/comm)" = systemd ] || echo "the first program is $(cat /proc/1/comm)"
	for name in ssh docker systemd-logind dbus serial-getty@ttyS2; do
		systemctl -q is-active "$name" || echo "$name is not active"
	done
	! journalctl -q -b -o cat | grep -E 'segfault|core dump|cannot be preloaded'
}

nothing_is_preloaded() {
	draw
	is_not_served
	is_not_mapped 1
	run fastrand --status
	grep -E '^(kernel|tier|bucket memory)' out | saw
	grep -qE '^tier +page,' out || cat out
	[ ! -e /etc/ld.so.preload ] || echo "there is /etc/ld.so.preload"
}

# --- one program -------------------------------------------------------------------

one_program_by_the_command() {
	draw
	is_not_served
	draw fastrand
	is_served
	run fastrand --stats python3 -c 'import os; os.urandom(16)'
	is_served
	draw
	is_not_served
}

one_program_by_a_line_of_a_shell() {
	stats sh -c 'LD_PRELOAD="${LD_PRELOAD:+$LD_PRELOAD:}/usr/local/lib/libfastrand.so" head -c 1000 /dev/urandom'
	is_served
	stats env LD_PRELOAD=/lib/x86_64-linux-gnu/libm.so.6 \
		sh -c 'LD_PRELOAD="${LD_PRELOAD:+$LD_PRELOAD:}/usr/local/lib/libfastrand.so" head -c 1000 /dev/urandom'
	is_served
	draw
	is_not_served
}

one_program_that_stays() {
	local one other

	sleep 1000 &
	one=$!
	fastrand sleep 1000 &
	other=$!
	wait_for sleeps $one
	wait_for sleeps $other
	is_not_mapped $one
	is_mapped $other
	kill $one $other
	wait $one $other 2>/dev/null
}

one_program_under_sudo() {
	local as_ann='LD_PRELOAD=/usr/local/lib/libfastrand.so FASTRAND_STATS=1'

	echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann
	run su ann -c "$as_ann sudo head -c 1000 /dev/urandom"
	is_not_served
	run su ann -c 'sudo fastrand --stats head -c 1000 /dev/urandom'
	is_served
	rm /etc/sudoers.d/ann
}

# --- 64- and 32-bit programs by one line --------------------------------------------

draw_32=/opt/recipes/draw-32

draws_32() {
	stats "$@" $draw_32
	[ "$(wc -c <out)" -eq 1000 ] || echo "drew $(wc -c <out) bytes"
}

both_kinds_by_one_line() {
	draws_32
	is_not_served
	draws_32 env LD_PRELOAD=$lib
	says 'ERROR: ld.so: object .* cannot be preloaded \(wrong ELF class'
	draws_32 env LD_PRELOAD='/usr/$LIB/libfastrand.so'
	is_served
	draw env LD_PRELOAD='/usr/$LIB/libfastrand.so'
	is_served
	find /usr/lib* -name libfastrand.so -not -path '/usr/local/*' | saw
}

both_kinds_by_the_command() {
	draws_32 /usr/bin/fastrand
	is_served
	draw /usr/bin/fastrand
	is_served
	stats /usr/bin/fastrand bash -c "$draw_32; head -c 1000 /dev/urandom; exit 0"
	is_served
	[ "$(grep -c '^fastrand: served [1-9]' err)" -eq 2 ] || cat err
	[ "$(wc -c <out)" -eq 2000 ] || echo "drew $(wc -c <out) bytes"
}

# --- a systemd unit -----------------------------------------------------------------

# unit NAME LINE...: a service that draws at its start and stays
unit() {
	local name=$1

	shift
	{
		echo '[Service]'
		echo 'Environment=FASTRAND_STATS=1'
		echo "ExecStart=/bin/sh -c 'head -c 1000 /dev/urandom | wc -c; exec sleep 1000'"
		printf '%s\n' "$@"
	} >"/etc/systemd/system/$name.service"
}

# drop_in NAME LINE...: the recipe's file
drop_in() {
	local folder=/etc/systemd/system/$1.service.d

	shift
	mkdir -p "$folder"
	printf '%s\n' '[Service]' "$@" >"$folder/fastrand.conf"
}

journal_of() {
	journalctl --sync
	journalctl -q -o cat "_SYSTEMD_INVOCATION_ID=$1" >err
}

has_drawn() {
	journal_of "$(systemctl show -P InvocationID "$1")"
	grep -qx 1000 err
}

has_failed() {
	journalctl --sync
	journalctl -q -b -o cat -u "$1" >err
	systemctl -q is-failed "$1"
}

main_pid() { systemctl show -P MainPID "$1"; }

restart() {
	systemctl daemon-reload
	systemctl restart "$1"
}

stop() {
	systemctl daemon-reload
	systemctl stop "$1"
}

restart_and_draw() {
	restart "$1"
	wait_for has_drawn "$1"
	wait_for sleeps "$(main_pid "$1")"
}

a_unit() {
	unit draws
	restart_and_draw draws
	is_not_served
	is_not_mapped "$(main_pid draws)"

	drop_in draws Environment=LD_PRELOAD=/usr/local/lib/libfastrand.so
	restart_and_draw draws
	is_served
	is_mapped "$(main_pid draws)"

	rm /etc/systemd/system/draws.service.d/fastrand.conf
	restart_and_draw draws
	is_not_served
	is_not_mapped "$(main_pid draws)"
}

a_unit_with_lib_to_the_letter() {
	drop_in draws 'Environment=LD_PRELOAD=/usr/$LIB/libfastrand.so'
	restart_and_draw draws
	is_served
	rm /etc/systemd/system/draws.service.d/fastrand.conf
	stop draws
}

# Another root: as few files as make a system with glibc.
make_small_root() {
	local to=/srv/root file

	mkdir -p $to/{usr/{bin,lib,lib64,local/bin},dev,proc,sys,run,tmp,etc}
	ln -s usr/bin usr/lib usr/lib64 $to
	for file in sh head cat wc grep sleep; do
		cp -L "/usr/bin/$file" $to/usr/bin/
		ldd "/usr/bin/$file" | grep -oE '/lib[^ ]+'
	done | sort -u | while read -r file; do
		cp -L --parents "$file" $to
	done
	cp /usr/local/bin/fastrand $to/usr/local/bin/
	cp /etc/os-release $to/etc/
}

a_unit_with_a_root_folder() {
	local root='RootDirectory=/srv/root MountAPIVFS=yes'

	# shellcheck disable=SC2086
	unit rooted $root
	restart_and_draw rooted
	is_not_served
	drop_in rooted Environment=LD_PRELOAD=/usr/local/lib/libfastrand.so
	restart_and_draw rooted
	says 'ERROR: ld.so: object .* cannot be preloaded \(cannot open shared object file'
	! grep '^fastrand: ' err

	# shellcheck disable=SC2086
	unit rooted $root BindReadOnlyPaths=/usr/local/lib/libfastrand.so
	restart_and_draw rooted
	is_served
	is_mapped "$(main_pid rooted)"

	# shellcheck disable=SC2086
	unit rooted $root
	rm -f /srv/root/usr/local/lib/libfastrand.so
	cp /usr/local/lib/libfastrand.so /srv/root/usr/local/lib/
	restart_and_draw rooted
	is_served
	rm /srv/root/usr/local/lib/libfastrand.so
	rmdir /srv/root/usr/local/lib

	rm /etc/systemd/system/rooted.service.d/fastrand.conf
	restart_and_draw rooted
	is_not_served
	stop rooted
}

make_image() {
	mke2fs -q -F -t ext4 -d /srv/root /srv/root.image 64M >/dev/null 2>&1
}

a_unit_with_a_root_image() {
	make_image
	unit imaged RootImage=/srv/root.image MountAPIVFS=yes
	restart_and_draw imaged
	is_not_served
	drop_in imaged Environment=LD_PRELOAD=/usr/local/lib/libfastrand.so \
		BindReadOnlyPaths=/usr/local/lib/libfastrand.so
	restart_and_draw imaged
	is_served
	is_mapped "$(main_pid imaged)"
	rm /etc/systemd/system/imaged.service.d/fastrand.conf
	restart_and_draw imaged
	is_not_served
	stop imaged
}

# There systemd cannot make the file to mount on.
a_unit_with_a_root_that_is_read_only() {
	mkdir -p /srv/root/usr/local/lib
	drop_in imaged Environment=LD_PRELOAD=/usr/local/lib/libfastrand.so \
		BindReadOnlyPaths=/usr/local/lib/libfastrand.so
	make_image
	unit imaged RootImage=/srv/root.image MountAPIVFS=yes RootImageOptions=root:ro
	restart imaged
	wait_for has_failed imaged
	says 'Failed to create destination mount point'

	touch /srv/root/usr/local/lib/libfastrand.so
	make_image
	restart_and_draw imaged
	is_served
	is_mapped "$(main_pid imaged)"
	rm -r /srv/root/usr/local/lib /etc/systemd/system/imaged.service.d/fastrand.conf
	stop imaged
}

# A service of Debian's own; a person logs in by it next. What it draws it tells
# when it ends.
the_ssh_service() {
	is_not_mapped "$(main_pid ssh)"
	drop_in ssh Environment=LD_PRELOAD=/usr/local/lib/libfastrand.so \
		Environment=FASTRAND_STATS=1
	restart ssh
	is_mapped "$(main_pid ssh)"
}

the_ssh_service_without() {
	local invocation

	invocation=$(systemctl show -P InvocationID ssh)
	rm /etc/systemd/system/ssh.service.d/fastrand.conf
	restart ssh
	is_not_mapped "$(main_pid ssh)"
	journal_of "$invocation"
	is_served
}

# --- a container ---------------------------------------------------------------------

# A container's report comes by docker's stderr.
in_container() { draw docker run --rm -e FASTRAND_STATS=1 "$@"; }

docker_is_there() {
	tar -C /srv/root -c . | docker import - small >/dev/null
	docker version -f 'docker {{.Server.Version}}' | saw
	docker info -f '{{.SecurityOptions}} {{.Driver}}' | saw
}

a_container_by_options() {
	in_container small
	is_not_served
	in_container -v /usr/local/lib/libfastrand.so:/usr/local/lib/libfastrand.so:ro \
		-e LD_PRELOAD=/usr/local/lib/libfastrand.so small
	is_served
	in_container small
	is_not_served
}

a_container_that_stays() {
	local first

	run docker run -d --rm --name stays \
		-v /usr/local/lib/libfastrand.so:/usr/local/lib/libfastrand.so:ro \
		-e LD_PRELOAD=/usr/local/lib/libfastrand.so small sleep 1000
	first=$(docker inspect -f '{{.State.Pid}}' stays)
	wait_for sleeps "$first"
	is_mapped "$first"
	# A filter, and it is docker's own.
	grep -E '^Seccomp' "/proc/$first/status" | saw
	grep -qE '^Seccomp:\s*2$' "/proc/$first/status" || echo "no seccomp filter"
	saw <"/proc/$first/attr/current"
	run docker kill stays
}

status_in_a_container() {
	run docker run --rm -v /usr/local/lib/libfastrand.so:/usr/local/lib/libfastrand.so:ro \
		small fastrand --status
	saw <out
	grep -qE '^tier +page,' out || echo "not tier page"
}

# built FILE...: what the Dockerfile on stdin makes of them
built() {
	rm -rf build
	mkdir build
	cp "$@" build/
	cat >build/Dockerfile
	run docker build -q -t built build
}

a_built_image() {
	built $lib <<-'IN'
		FROM small
		COPY libfastrand.so /usr/local/lib/
		ENV LD_PRELOAD=/usr/local/lib/libfastrand.so
	IN
	in_container built
	is_served
	built $lib <<-'IN'
		FROM small
		COPY libfastrand.so /usr/local/lib/
	IN
	in_container built
	is_not_served
}

a_built_image_with_lib_to_the_letter() {
	built /usr/lib/x86_64-linux-gnu/libfastrand.so <<-'IN'
		FROM small
		COPY libfastrand.so /usr/lib/x86_64-linux-gnu/
		ENV LD_PRELOAD=/usr/\$LIB/libfastrand.so
	IN
	in_container built
	is_served
	docker inspect -f '{{.Config.Env}}' built | saw
}

# --- the whole system ------------------------------------------------------------------

out_again() { sed -i '\|/libfastrand\.so$|d' /etc/ld.so.preload; }

the_whole_system_with_lib_to_the_letter() {
	echo '/usr/$LIB/libfastrand.so' >>/etc/ld.so.preload
	draw
	is_served
	draws_32
	is_served
	out_again
	draw
	is_not_served
	draws_32
	is_not_served
}

the_whole_system_by_a_line() {
	draw
	is_not_served
	run fastrand --library /usr/local/lib/libfastrand.so --status
	echo /usr/local/lib/libfastrand.so >>/etc/ld.so.preload
	stats sh -c 'head -c 1000 /dev/urandom >/dev/null'
	is_served
	# It is of one kind only.
	draws_32
	says 'ERROR: ld.so: object .* cannot be preloaded \(wrong ELF class'
}

# Whatever has a loader: all of it was started after the line was written.
every_program_has_it() {
	local with=0 without=0 folder maps

	for folder in /proc/[0-9]*; do
		maps=$(cat "$folder/maps" 2>/dev/null)
		case $maps in
		*/libfastrand.so*) with=$((with + 1)) ;;
		*/ld-linux*)
			without=$((without + 1))
			tr '\0' ' ' <"$folder/cmdline"
			;;
		esac
	done
	echo "| $with programs have it, $without have not"
	is_mapped 1
	is_mapped "$(main_pid ssh)"
	is_mapped "$(main_pid systemd-logind)"
	is_mapped "$(main_pid docker)"
	is_mapped $$
	draw
	is_served
}

# They have another /etc; docker itself has it.
containers_are_left_alone() {
	docker_is_there >/dev/null
	run docker run --rm -e FASTRAND_STATS=1 small head -c 1000 /dev/urandom
	[ "$(wc -c <out)" -eq 1000 ] || cat err
	is_not_served
}

the_line_is_taken_out() {
	out_again
	draw
	is_not_served
	# Until it is started again.
	is_mapped 1
	is_mapped "$(main_pid ssh)"
	systemctl restart ssh
	is_not_mapped "$(main_pid ssh)"
	systemctl daemon-reexec
	is_not_mapped 1
	[ ! -s /etc/ld.so.preload ] || cat /etc/ld.so.preload
}

# All that we start ourselves says so too.
the_file_goes_before_the_line() {
	echo /usr/local/lib/libfastrand.so >>/etc/ld.so.preload
	mv $lib kept.so
	{
		draw
		says 'ERROR: ld.so: object .* from /etc/ld.so.preload cannot be preloaded'
		! grep '^fastrand: ' err
	} 2>/dev/null
}

and_then_the_line() {
	out_again 2>/dev/null
	draw
	is_not_served
	[ ! -s err ] || cat err
	mv kept.so $lib
}

break_it() {
	cp $lib kept.so
	cp /opt/recipes/broken.so $lib.new
	# The last program that starts.
	exec 9>/etc/ld.so.preload
	mv -f $lib.new $lib
	echo $lib >&9
	exec 9>&-
}

# Whatever is not of the shell itself ends at its start.
nothing_starts() {
	local status

	{ ls /; } >/dev/null 2>&1
	status=$?
	[ $status -eq 134 ] || echo "ls ends with $status"
	echo "| ls /: exit status $status"
}

no_program_starts_and_an_open_shell_helps() {
	break_it
	nothing_starts
	: >/etc/ld.so.preload
	draw
	is_not_served
	mv -f kept.so $lib
}

no_program_starts_and_a_static_one_helps() {
	break_it
	nothing_starts
	busybox rm /etc/ld.so.preload
	draw
	is_not_served
	[ ! -e /etc/ld.so.preload ] || echo "it is still there"
	mv -f kept.so $lib
}

no_program_starts_at_all() {
	break_it
	nothing_starts
	busybox sync
}

the_file_is_put_back() {
	[ ! -e /etc/ld.so.preload ] || cat /etc/ld.so.preload
	run mv -f kept.so $lib
}
