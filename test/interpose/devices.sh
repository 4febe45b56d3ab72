#!/bin/bash
# Real programs that read the device, under the library: the same exit status,
# well-formed output, and no read of the device that the kernel sees.
# test/interpose/devices.sh LIBRARY BUILD
#
# What is in single quotes is for other languages.
# shellcheck disable=SC2016
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"

library=$(realpath "${1:?usage: $0 LIBRARY BUILD}")
calls=$(realpath "${2:?usage: $0 LIBRARY BUILD}")/test/calls
make_here
cd "$here" || exit 1
seq 1 2000 >lines

# Reads of the device that the kernel saw; a preload may come first.
reads() { "$calls" bash -c "$1" 2>&1 >/dev/null | awk '/^calls: / { print $3 }'; }

# try NAME PROGRAM READS SHAPE SCRIPT: the script's output has that shape; what
# its programs still read of the device by system calls is READS at the most. Where
# that is none, there are some without the library: so it was loaded, and served.
try() {
	local name=$1 program=$2 limit=$3 shape=$4 script=$5 without with left

	has "$program" || return
	bash -c "$script" >without 2>/dev/null
	without=$?
	LD_PRELOAD=$library bash -c "$script" >with 2>errors
	with=$?
	left=$(CALLS_PRELOAD=$library reads "$script")
	if [ $with -eq $without ] && grep -qxE "$shape" with &&
		grep -qxE "$shape" without && [ "${left:-99}" -le "$limit" ] &&
		{ [ "$limit" -gt 0 ] || [ "$(reads "$script")" -gt 0 ]; }; then
		ok "$name"
	else
		not_ok "$name" "exit $with, without $without; $left reads" \
			"$(head -c 300 with errors)"
	fi
}

try dd dd 0 80000 'dd if=/dev/urandom bs=16 count=5000 | wc -c'
try dd_from_standard_input dd 0 1310720 \
	'dd bs=64k count=20 iflag=fullblock </dev/urandom | wc -c'
try head head 0 1000000 'head -c 1000000 /dev/urandom | wc -c'
try head_of_dev_random head 0 100000 'head -c 100000 /dev/random | wc -c'
try tr tr 0 '[a-z]{5000}' 'tr -dc a-z </dev/urandom | head -c 5000; echo'
try cat cat 0 300000 'cat /dev/urandom | head -c 300000 | wc -c'
try base64 base64 0 '[A-Za-z0-9+/]{8000}' \
	'base64 -w0 /dev/urandom | head -c 8000; echo'
# Their streams' buffers are filled inside libc, 4 KiB a call.
try od od 6 '128' 'od -An -v -tx1 -N64 /dev/urandom | tr -d " \n" | wc -c'
try shuf shuf 2 'same' \
	'shuf --random-source=/dev/urandom lines | sort -n | cmp - lines && echo same'
try sort sort 2 'same' \
	'sort -R --random-source=/dev/urandom lines | sort -n | cmp - lines && echo same'
try openssl openssl 2 '64' \
	'openssl rand -rand /dev/urandom -hex 32 | tr -d "\n" | wc -c'
try perl perl 0 '1000' 'perl -e "
	open F, q(<), q(/dev/urandom); for (1 .. 1000) {
	sysread F, \$b, 16; \$h{\$b} = 1 } print scalar keys %h, qq(\n)"'
try python python3 0 '1000' 'python3 -c "
f = open(\"/dev/urandom\", \"rb\", 0)
print(len({f.read(16) for i in range(1000)}))"'

cat >device.cc <<'EOF'
#include <cstdio>
#include <random>
#include <set>
int main()
{
	std::random_device device("/dev/urandom");
	std::set<unsigned long> seen;
	for (int i = 0; i < 1000; i++)
		seen.insert(device() * 4294967296ul + device());
	std::printf("%zu\n", seen.size());
}
EOF
c++ -o device device.cc 2>/dev/null
try random_device_of_c++ "$here/device" 0 '1000' ./device

cat >Draw.java <<'EOF'
import java.security.SecureRandom;
import java.util.HashSet;
public class Draw {
	public static void main(String[] a) throws Exception {
		SecureRandom r = SecureRandom.getInstance("NativePRNG");
		HashSet<Long> seen = new HashSet<>();
		for (int i = 0; i < 1000; i++)
			seen.add(r.nextLong());
		System.out.println(seen.size());
	}
}
EOF
javac Draw.java 2>/dev/null
try SecureRandom_of_Java java 0 '1000' 'java -cp . Draw'

finish
