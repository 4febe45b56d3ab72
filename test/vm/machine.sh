# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages without installing them, and machines made of them; for run,
# criu and recipes.
#
# apt is told to keep its state, lists and packages under $CACHE and asks the
# mirror that it already knows. Nothing of the host's is changed.

CACHE=${FASTRAND_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fastrand-vm}

seconds() { awk -v t="$EPOCHREALTIME" -v b="$began" 'BEGIN { printf "%.1f", t - b }'; }
say() { echo "[$(seconds) s] $*"; }
die() {
	say "no test possible: $*" >&2
	exit 2
}

# mirror main|security: what apt asks on this machine
mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk -v security="$([ "$1" = main ]; echo $?)" '
			/-(updates|backports)( |$)/ { next }
			($2 ~ /-security$/) == security { print $1; exit }'
}

# private_apt SUITE get|cache ARGUMENTS...
private_apt() {
	local suite=$1 program=$2 root=$CACHE/apt/$1 options

	shift 2
	options=(-q -o Dir::State="$root/state" -o Dir::State::status="$root/status"
		-o Dir::Cache="$root/cache" -o Dir::Etc::SourceList="$root/sources.list"
		-o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null
		-o Dir::Etc::PreferencesParts=/dev/null -o APT::Sandbox::User=root
		-o APT::Keep-Downloaded-Packages=true -o Acquire::Languages=none
		-o APT::Default-Release="$suite")
	if [ ! -s "$root/sources.list" ]; then
		local main security signed=''

		main=$(mirror main) security=$(mirror security)
		[ -n "$main" ] || die "apt knows no mirror"
		[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] &&
			signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] '
		mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial"
		: >"$root/status"
		{
			echo "deb $signed$main ${suite%-backports} main"
			case $suite in
			*-backports) echo "deb $signed$main $suite main" ;;
			*) [ -z "$security" ] ||
				echo "deb $signed$security $suite-security main" ;;
			esac
		} >"$root/sources.list"
	fi
	# Half a day is as new as it needs to be.
	if [ -z "$(find "$root/updated" -mmin -720 2>/dev/null)" ]; then
		apt-get "${options[@]}" update >"$root/log" 2>&1 ||
			die "apt-get update of $suite: $(tail -1 "$root/log")"
		touch "$root/updated"
	fi
	"apt-$program" "${options[@]}" "$@"
}

# unpack SUITE FOLDER alone|all PACKAGE...: those packages, alone or with all that
# they depend on down to libc, into $CACHE/FOLDER, once
unpack() {
	local suite=$1 folder=$CACHE/$2 which=$3 archives

	shift 3
	[ -e "$folder/.complete" ] && return
	say "fetching $* from $suite"
	rm -rf "$folder"
	mkdir -p "$folder"
	if [ "$which" = all ]; then
		archives=$CACHE/apt/$suite/cache/archives
		rm -f "$archives"/*.deb
		private_apt "$suite" get -y --no-install-recommends \
			--download-only install "$@" >"$folder/.log" 2>&1
	else
		archives=$folder
		(cd "$folder" && private_apt "$suite" get download "$@") \
			>"$folder/.log" 2>&1
	fi || return
	for package in "$archives"/*.deb; do
		dpkg -x "$package" "$folder" || return
	done
	rm -f "$archives"/*.deb
	touch "$folder/.complete"
}

# in_cache COMMAND...: one script at a time
in_cache() {
	mkdir -p "$CACHE"
	(
		flock 9
		"$@" 9>&-
	) 9>"$CACHE/lock"
}

# get_kernel 6.1|6.12|new|VERSION: sets image, release and modules. The newest
# ones are in pieces, of which linux-image depends on the others.
kernel_packages() {
	local suite=$1 package=$2 found

	found=$(private_apt "$suite" cache depends "$package" 2>/dev/null |
		awk '$1 == "Depends:" && $2 ~ /^linux-(image|base|binary|modules)-[0-9]/ { print $2 }')
	case $package in
	linux-image-[0-9]*.*.*) echo "$package" "$found" ;;
	*) for package in $found; do kernel_packages "$suite" "$package"; done ;;
	esac
}

fetch_kernel() {
	local wanted=$1 suite package packages

	case $wanted in
	6.1) suite=bookworm package=linux-image-amd64 ;;
	6.12) suite=trixie package=linux-image-cloud-amd64 ;;
	new) suite=trixie-backports package=linux-image-cloud-amd64 ;;
	*) suite=trixie-backports package=linux-image-$wanted+deb13-cloud-amd64 ;;
	esac
	[ -e "$CACHE/kernel-$wanted/.complete" ] && return
	packages=$(kernel_packages "$suite" "$package")
	[ -n "$packages" ] || return
	# shellcheck disable=SC2086
	unpack "$suite" "kernel-$wanted" alone $packages
}

get_kernel() {
	in_cache fetch_kernel "$1" || return
	image=$(find "$CACHE/kernel-$1" -name 'vmlinuz*' -type f | head -1)
	modules=$(find "$CACHE/kernel-$1" -path '*/lib/modules/*' -maxdepth 5 \
		-name kernel -type d | head -1)
	release=$(basename "$(dirname "$modules")")
	[ -r "$image" ]
}

get_qemu() {
	local root=$CACHE/qemu loader libraries

	in_cache unpack bookworm qemu all qemu-system-x86 || return
	loader=$(find "$root" -path '*x86_64-linux-gnu/ld-linux-x86-64.so.2' | head -1)
	libraries=$(cd "$root" && find . -name '*.so*' -path '*x86_64-linux-gnu*' \
		-printf "$root/%h\n" | grep -v '/qemu$' | sort -u | paste -sd:)
	# Its accelerator is a module, even the one that every machine has.
	qemu=(env QEMU_MODULE_DIR="$root/usr/lib/x86_64-linux-gnu/qemu"
		"$loader" --library-path "$libraries" "$root/usr/bin/qemu-system-x86_64"
		-L "$root/usr/share/qemu" -L "$root/usr/share/seabios"
		-L "$root/usr/lib/ipxe/qemu")
	"${qemu[@]}" --version >/dev/null
}

get_busybox() {
	in_cache unpack bookworm busybox alone busybox-static || return
	busybox=$(find "$CACHE/busybox" -name busybox -type f -perm /100 | head -1)
	[ -x "$busybox" ]
}

# The first file system: take FILE [NAME], take_module NAME, pack FILE, of $root.
make_root() {
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,modules,etc}
	cp "$busybox" "$root/bin/"
	"$busybox" --list | while read -r name; do
		[ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"
	done
}

take() {
	local needed

	install -D "$1" "$root${2:-$1}"
	ldd "$1" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' |
		while read -r needed; do install -D "$needed" "$root$needed"; done
}

# Where it is a module at all.
take_module() {
	local found

	found=$(find "$modules" -name "$1.ko*" | head -1)
	case $found in
	'') ;;
	*.xz) "$busybox" xz -dc "$found" >"$root/modules/$1.ko" ;;
	*) cp "$found" "$root/modules/$1.ko" ;;
	esac
}

pack() { (cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$1"; }

# Machines, by name. Each has a monitor, whose commands come by a pipe that we
# hold open, and two serial ports: $work/NAME.console and $work/NAME.samples.
declare -A pid monitor

start() {
	local name=$1 pipe=$work/$1.pipe fd

	shift
	mkfifo "$pipe"
	exec {fd}<>"$pipe"
	monitor[$name]=$fd
	: >"$work/$name.samples"
	: >"$work/$name.monitor"
	# No machine outlives us for long (limit: seconds), however we end.
	timeout -k 5 "${limit:-300}" "${qemu[@]}" -accel tcg -nodefaults -display none -no-reboot \
		-serial "file:$work/$name.console" -serial "file:$work/$name.samples" \
		-monitor stdio "$@" <"$pipe" >"$work/$name.monitor" 2>&1 &
	pid[$name]=$!
}

alive() { kill -0 "${pid[$1]}" 2>/dev/null; }
tell() { echo "$2" >&"${monitor[$1]}"; }

# until_true NAME SECONDS COMMAND...: or until the machine is gone
until_true() {
	local name=$1 end=$((SECONDS + $2))

	shift 2
	until "$@"; do
		alive "$name" && [ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# answers NAME COMMAND PATTERN: does it now?
answers() {
	local from

	from=$(stat -c %s "$work/$1.monitor")
	tell "$1" "$2"
	sleep 0.15
	tail -c "+$((from + 1))" "$work/$1.monitor" | tr -d '\r' | grep -qE "$3"
}

end() {
	local name=$1 fd=${monitor[$1]}

	alive "$name" && tell "$name" quit
	for _ in {1..20}; do
		alive "$name" || break
		sleep 0.1
	done
	alive "$name" && kill "${pid[$name]}"
	wait "${pid[$name]}" 2>/dev/null
	exec {fd}>&-
	rm -f "$work/$name.pipe"
	unset "pid[$name]" "monitor[$name]"
}

end_all() {
	local name

	for name in "${!pid[@]}"; do end "$name"; done
}
