#!/bin/bash
# Real programs under the library: they give what they give without it, with as
# good as no system call for it.
# test/whole/programs.sh LIBRARY
#
# What is in single quotes is for other languages.
# shellcheck disable=SC2016
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

library=$(realpath "${1:?usage: $0 LIBRARY}")
make_here
export GNUPGHOME=$here/gnupg
mkdir -m 700 "$GNUPGHOME"

# What a program is asked to do; each prints so many lines of a shape.
python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null)

os_urandom() {
	"$@" "$python" -c '
import os
all = [os.urandom(16) for _ in range(100000)]
print(len(set(all)), all[-1].hex())'
}

secrets() {
	"$@" "$python" -c '
import secrets, uuid
for _ in range(1000):
	print(secrets.token_hex(16), uuid.uuid4(), secrets.randbelow(10))'
}

# A pool of processes: none has what another has.
multiprocessing() {
	"$@" "$python" -c '
import multiprocessing, os
def draw(_):
	return os.urandom(8).hex()
with multiprocessing.get_context("fork").Pool(4) as pool:
	for word in pool.map(draw, range(1000)):
		print(word)'
}

openssl_rand() {
	"$@" openssl rand -hex 32
}

openssl_genpkey() {
	"$@" openssl genpkey -algorithm ed25519 | openssl pkey -noout -text |
		head -n 1
}

uuids() {
	"$@" uuidgen --random
}

srandom() {
	"$@" bash -c 'for ((i = 0; i < 1000; i++)); do
		echo $SRANDOM $SRANDOM; done'
}

perl_reads() {
	"$@" perl -e '
open my $device, "<:raw", "/dev/urandom" or die;
for (1 .. 1000) {
	sysread($device, my $bytes, 16) == 16 or die;
	print unpack("H*", $bytes), "\n";
}'
}

ssh_keygen() {
	rm -f "$here/key" "$here/key.pub"
	"$@" ssh-keygen -q -t ed25519 -N '' -C test -f "$here/key" &&
		"$@" ssh-keygen -y -f "$here/key" >"$here/again" &&
		cmp "$here/again" "$here/key.pub" && cat "$here/key.pub"
}

gpg_random() {
	"$@" gpg --quiet --batch --gen-random --armor 1 48
}

php_random() {
	"$@" php -n -r 'for ($i = 0; $i < 1000; $i++)
		echo bin2hex(random_bytes(16)), " ", random_int(0, 9), "\n";'
}

ruby_random() {
	"$@" ruby -rsecurerandom -e '1000.times {
		puts SecureRandom.hex(16) + " " +
			Random.urandom(4).unpack1("H*") }'
}

few_calls=
count_calls() {
	strace -f -qq -A -o "$here/trace" -e trace=getrandom,execve \
		-E LD_PRELOAD="$library" "$@"
}

# All distinct, all of that shape, and so many?
well_formed() {
	local file=$1 lines=$2 shape=$3

	[ "$(wc -l <"$file")" -eq "$lines" ] &&
		[ "$(grep -cxE "$shape" "$file")" -eq "$lines" ] &&
		[ "$(sort -u "$file" | wc -l)" -eq "$lines" ]
}

# try FUNCTION PROGRAM LIMIT LINES SHAPE
#
# LIMIT is of system calls. A process makes one in malloc, which nobody can
# catch; the library takes a key of each CPU that it draws on, and may have to
# draw again; a language may ask before it begins.
try() {
	local name=$1 program=$2 limit=$3 lines=$4 shape=$5 without with calls

	if [ -z "$program" ] || ! command -v "$program" >/dev/null; then
		skip_because "$name: not installed"
		return
	fi
	"$name" env >"$here/without" 2>"$here/without.err"
	without=$?
	if ! well_formed "$here/without" "$lines" "$shape"; then
		skip_because "$name: does not work without the library either"
		return
	fi
	"$name" env LD_PRELOAD="$library" >"$here/with" 2>"$here/with.err"
	with=$?
	if [ $with -ne $without ]; then
		not_ok "$name exits with $without" "it was $with" \
			"$(head -n 5 "$here/with.err")"
	elif ! well_formed "$here/with" "$lines" "$shape"; then
		not_ok "$name gives $lines different lines of $shape" \
			"$(head -n 5 "$here/with")"
	elif ! cmp -s "$here/without.err" "$here/with.err"; then
		not_ok "$name has no more to complain about" \
			"$(head -n 5 "$here/with.err")"
	else
		ok "$name"
	fi
	if [ -z "$few_calls" ]; then
		return
	fi
	rm -f "$here/trace"
	"$name" count_calls >/dev/null 2>&1
	calls=$(grep -c 'getrandom(' "$here/trace")
	if ! grep -q 'execve(' "$here/trace"; then
		not_ok "$name is traced"
	elif [ "$calls" -le "$limit" ]; then
		ok "$name makes few system calls ($calls of $limit)"
	else
		not_ok "$name makes few system calls" \
			"$calls, more than $limit" \
			"$(head -n 5 "$here/trace")"
	fi
}

# The report of a program accounts for what it drew.
account() {
	local served

	if [ -z "$python" ]; then
		skip_because "the report on python: not installed"
		return
	fi
	os_urandom env LD_PRELOAD="$library" FASTRAND_STATS=1 \
		2>"$here/report" >/dev/null
	served=$(sed -nE 's/^fastrand: served ([0-9]+) requests.*/\1/p' \
		"$here/report")
	if [ "${served:-0}" -ge 99990 ] && [ "$served" -le 101000 ]; then
		ok "the report accounts for 100,000 requests ($served)"
	else
		not_ok "the report accounts for 100,000 requests" \
			"$(cat "$here/report")"
	fi
}

report=$(env LD_PRELOAD="$library" FASTRAND_STATS=1 true 2>&1)
case $report in
*"tier page"*)
	if ! command -v strace >/dev/null; then
		skip_because "counting system calls: strace is not installed"
	elif ! strace -f -qq -o "$here/trace" -e trace=getrandom true; then
		skip_because "counting system calls: strace cannot trace here"
	else
		few_calls=yes
	fi
	account
	;;
*"tier "*)
	skip_because "counting system calls: this tier makes one each time"
	;;
*)
	not_ok "the library can be preloaded" "$report"
	;;
esac

hex='[0-9a-f]'
uuid="$hex{8}-$hex{4}-4$hex{3}-[89ab]$hex{3}-$hex{12}"
try os_urandom "$python" 8 1 "100000 $hex{32}"
try secrets "$python" 8 1000 "$hex{32} $uuid [0-9]"
try multiprocessing "$python" 40 1000 "$hex{16}"
try openssl_rand openssl 8 1 "$hex{64}"
try openssl_genpkey openssl 8 1 "ED25519 Private-Key:"
try uuids uuidgen 4 1 "$uuid"
try srandom bash 6 1000 '[0-9]+ [0-9]+'
try perl_reads perl 6 1000 "$hex{32}"
try ssh_keygen ssh-keygen 12 1 'ssh-ed25519 [A-Za-z0-9+/]{68} test'
try gpg_random gpg 8 1 '[A-Za-z0-9+/]{64}'
try php_random php 6 1000 "$hex{32} [0-9]"
try ruby_random ruby 8 1000 "$hex{32} $hex{8}"

finish
