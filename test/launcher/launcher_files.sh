#!/bin/bash
# Files that were made to keep the fastrand command busy: it looks at what it is to
# run, and what it is told is its library, and that must come to an end at once.
# test/launcher/launcher_files.sh LIBRARY BUILD_DIRECTORY
set -u
# shellcheck source=test/support/command.bash
. "$(dirname "$0")/../support/command.bash"

# make_elf FILE: a shared object of 4,096 segments, each of them the same dynamic
# section, of 4,096 entries without an end; further arguments change that.
cat >make_elf.c <<'EOS'
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS = 4096, ENTRIES = 4096 };

static struct {
	ElfW(Ehdr) header;
	ElfW(Phdr) segments[SEGMENTS];
	ElfW(Dyn) entries[ENTRIES];
} file;

int main(int argc, char *argv[])
{
	ElfW(Phdr) segment = {
		.p_type = PT_DYNAMIC,
		.p_offset = sizeof file.header + sizeof file.segments,
		.p_filesz = sizeof file.entries,
	};
	ElfW(Ehdr) header = {
		.e_type = ET_DYN,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof file.header,
		.e_ehsize = sizeof file.header,
		.e_phentsize = sizeof segment,
		.e_phnum = SEGMENTS,
	};
	FILE *f = fopen(argv[1], "w");

#if defined(__x86_64__)
	header.e_machine = EM_X86_64;
#elif defined(__aarch64__)
	header.e_machine = EM_AARCH64;
#elif defined(__i386__)
	header.e_machine = EM_386;
#endif
	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ?
					  ELFDATA2LSB : ELFDATA2MSB;
	header.e_ident[EI_VERSION] = EV_CURRENT;
	for (int i = 2; i + 1 < argc; i += 2) {
		unsigned long long value = strtoull(argv[i + 1], NULL, 0);

		if (!strcmp(argv[i], "type"))
			segment.p_type = (uint32_t)value;
		else if (!strcmp(argv[i], "offset"))
			segment.p_offset = (ElfW(Off))value;
		else if (!strcmp(argv[i], "size"))
			segment.p_filesz = (ElfW(Xword))value;
		else if (!strcmp(argv[i], "count"))
			header.e_phnum = (uint16_t)value;
		else if (!strcmp(argv[i], "step"))
			header.e_phentsize = (uint16_t)value;
		else if (!strcmp(argv[i], "headers"))
			header.e_phoff = (ElfW(Off))value;
		else
			return 2;
	}
	file.header = header;
	for (int i = 0; i < SEGMENTS; i++)
		file.segments[i] = segment;
	for (int i = 0; i < ENTRIES; i++)
		file.entries[i].d_tag = DT_NEEDED;
	return !f || fwrite(&file, sizeof file, 1, f) != 1 || fclose(f);
}
EOS
if ! $CC -O -o make_elf make_elf.c; then
	not_ok "$CC makes make_elf"
	finish
	exit
fi

READS=100 # of the launcher and of what it starts

# Runs it for at most two seconds of processor time. If that was enough its reads
# are counted, where strace is there.
run_bounded() {
	run bash -c 'ulimit -t 2; exec "$@"' - "$@"
	if [ "$status" -ge 128 ]; then
		echo "exit status $status: $*"
	elif [ -n "$counts" ]; then
		strace -f -qq -e trace=read,pread64 -e signal=none \
			-o "|head -n $((READS + 1)) >trace" \
			timeout 10 "$@" >/dev/null 2>&1 </dev/null
		[ "$(wc -l <trace)" -le $READS ] ||
			echo "more than $READS reads: $*"
	fi
}

# As the command, which nobody may execute, and as the library. [CHANGE]...
looks_at() {
	./make_elf elf "$@" || echo "not made: $*"
	[ -z "${size:-}" ] || truncate -s "$size" elf || return
	run_bounded "$fastrand" ./elf
	ends_with 126
	run_bounded "$fastrand" --library ./elf true
	ends_with 125
}

a_file_of_many_dynamic_sections_is_read_once() {
	looks_at
	looks_at count 1000
	looks_at count 1
}

a_file_of_many_loaders_is_read_once() {
	looks_at type 3
	looks_at type 3 size 256 count 1000
	looks_at type 3 size 1
}

headers_that_overlap_are_read_once() {
	local step

	for step in 0 1 8 56 57 65535; do
		looks_at step $step count 65535
		looks_at step $step count 1000 headers 0
	done
}

numbers_beyond_the_file_are_no_bytes() {
	local at

	for at in 0xffffffffffffffff 0x8000000000000000 0x7fffffffffffffff \
		0x7ffffffffffff000 0xffffffffffffffc8 0x80000000 0xffffffff; do
		looks_at offset $at count 1000
		looks_at size $at count 1000
		looks_at headers $at
		looks_at offset $at size $at type 3 count 1000
	done
}

# A sparse one, which costs its maker nothing.
a_file_that_is_larger_than_the_memory_is_not_read() {
	size=1T looks_at count 1000 size 0xffffffffff
	size=1T looks_at count 1000 size 64
}

# What opens them may wait, or do what opening that device does.
what_is_no_file_is_not_opened() {
	local what

	mkfifo pipe && mkdir folder && chmod 777 pipe
	printf '#!%s/pipe\n' "$here" >to_a_pipe
	printf '#!/dev/zero\n' >to_a_device
	printf '#!%s/folder\n' "$here" >to_a_folder
	chmod +x to_*
	for what in ./pipe /dev/zero /dev/full ./folder ./to_*; do
		run_bounded timeout 20 "$fastrand" "$what"
		ends_with 126
	done
	if [ -n "$counts" ]; then
		run strace -f -qq -e trace=open,openat -e signal=none -o trace \
			"$fastrand" ./to_a_device
		grep -F /dev/zero trace
	fi
	for what in ./pipe /dev/zero ./folder; do
		run_bounded timeout 20 "$fastrand" --library "$what" true
		ends_with 125
	done
}

# The kernel follows five.
scripts_that_run_scripts_come_to_an_end() {
	local i

	for i in {1..60}; do
		printf '#!%s/script%d\n' "$here" $((i + 1)) >script"$i"
	done
	printf '#!/bin/sh\n' >script61
	chmod +x script*
	run_bounded "$fastrand" ./script1
	ends_with 126
	run_bounded "$fastrand" ./script60
	ends_with 0
	# A line without an end, and one of nothing but blanks.
	printf '#!%70000s' ' ' >script1
	run_bounded "$fastrand" ./script1
	{
		printf '#!/usr/bin/env -S'
		printf ' true%.0s' {1..20000}
	} >script1
	run_bounded "$fastrand" ./script1
}

counts=
if has strace; then
	if strace -o /dev/null true 2>/dev/null; then
		counts=y
	else
		skip_because "nobody may trace here: reads are not counted"
	fi
fi
check a_file_of_many_dynamic_sections_is_read_once
check a_file_of_many_loaders_is_read_once
check headers_that_overlap_are_read_once
check numbers_beyond_the_file_are_no_bytes
check a_file_that_is_larger_than_the_memory_is_not_read
check what_is_no_file_is_not_opened
check scripts_that_run_scripts_come_to_an_end
finish
