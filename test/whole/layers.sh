#!/bin/bash
# layers.sh: includes point down only. From the top: launcher; what lies flat in src
# (start, settings); interpose; report; generator; source; chacha20; system.
set -u
# shellcheck source=test/support/count.bash
. "$(dirname "$0")/../support/count.bash"
cd "$(dirname "$(realpath "$0")")/../.." || exit 2

layers=(system chacha20 source generator report interpose . launcher)

# layer_of FOLDER: how high it is; nothing if it is none.
layer_of() {
	local i

	for i in "${!layers[@]}"; do
		[ "${layers[i]}" = "$1" ] && echo "$i"
	done
}

# includes FOLDER: FILE:LINE INCLUDED, of those that are ours.
includes() {
	grep -n '^#include "' "src/$1"/*.[chS] |
		sed 's/^\([^:]*:[0-9]*\):#include "\(.*\)".*/\1 \2/'
}

# look_down FOLDER
look_down() {
	local from above to

	from=$(layer_of "$1")
	while read -r where what; do
		# The one header for programs that link the library.
		[ "$what" = fastrand.h ] && continue
		to=$(dirname "$what")
		if [ -f "src/$1/$(basename "$what")" ] && [ "$to" = . ]; then
			to=$1
		fi
		above=$(layer_of "$to")
		if [ -z "$above" ]; then
			echo "$where: $what is in no folder that is a layer"
		elif [ "$above" -gt "$from" ]; then
			echo "$where: $what is above $1"
		fi
	done < <(includes "$1")
}

every_folder_is_a_layer() {
	local folder

	for folder in src/*/; do
		folder=$(basename "$folder")
		[ "$folder" = man ] || [ -n "$(layer_of "$folder")" ] ||
			echo "$folder"
	done
}

check every_folder_is_a_layer
for layer in "${layers[@]}"; do
	check look_down "$layer"
done
finish
