# Judges two restores of one snapshot: what was drawn in the guest before, and
# in the one and the other restore.
#
#   awk -v mode=... -v snap=GENERATION -f compare.awk before one other
#
# mode=announced (the kernel is told): a draw is fresh if it began with a newer
#   generation than the snapshot's, or, where there is none (snap=0), 0.2 s after
#   the kernel said so (-v one=SECONDS -v other=SECONDS). No half of a fresh
#   value may come again, in either restore or from before; those of naive must.
# mode=unannounced: draws of the old generation are compared one by one. naive
#   and vdso must repeat, or nothing is proved. Those of ours with the tags in
#   -v batch="..." may, for no more than a batch; those in -v never="..." not once;
#   those in -v always="..." must.
#
# The last line is "N passed, N failed".

function half(value, k) { return substr(value, 1 + 16 * k, 16) }

function ours(source) { return source ~ /^(short|long|arc)$/ }

function among(tag, list) { return index(" " list " ", " " tag " ") }

function verdict(good, id, text) {
	if (good) passed++; else failed++
	printf "  %-6s %-16s %s\n", good ? "ok" : "FAILED", id, text
}

FNR == 1 { file++ }
{ sub(/\r$/, "") }
$1 != "S" || NF < 11 || $3 !~ /^[0-9]+$/ || $5 !~ /^[0-9]+$/ || $6 !~ /^[0-9]+$/ { next }
{
	fresh = file > 1 && (snap > 0 ? $5 > snap + 0 : mode == "announced" && $4 > (file == 2 ? one : other) + 0.2)
	for (i = 7; i <= NF; i++) {
		if ($i !~ /^[a-z]+=[0-9a-f]+$/) continue
		source = substr($i, 1, index($i, "=") - 1)
		value = substr($i, index($i, "=") + 1)
		if (length(value) != 32) continue
		id = $2 " " source
		if (!(id in known)) { known[id] = 1; ids[++count] = id; source_of[id] = source; tag_of[id] = $2 }
		# naive values are a kind of their own, and so is each file
		kind = source == "naive" ? "n" : "r"
		if (file == 1) {
			if ($3 > last[$2]) last[$2] = $3
			for (k = 0; k < 2; k++) before[kind, half(value, k)] = 1
		} else if (fresh) {
			n[file, id]++
			drawn[file, id, n[file, id]] = value
			for (k = 0; k < 2; k++) seen[file, kind, half(value, k)]++
		} else if ($3 > last[$2] && (snap == 0 || $6 == snap)) {
			old[file, id, $3] = value
			if ($3 > most[id]) most[id] = $3
		}
	}
}

function judge_announced(id,    f, i, k, v, again, kind, text) {
	kind = source_of[id] == "naive" ? "n" : "r"
	for (f = 2; f <= 3; f++)
		for (i = 1; i <= n[f, id]; i++)
			for (k = 0; k < 2; k++) {
				v = half(drawn[f, id, i], k)
				again += seen[2, kind, v] + seen[3, kind, v] > 1 || (kind, v) in before
			}
	text = sprintf("%d and %d fresh draws, %d halves seen elsewhere", n[2, id], n[3, id], again)
	if (kind == "n") verdict(again >= 20, id, text " (as it must be: naive)")
	else verdict(n[2, id] >= 20 && n[3, id] >= 20 && !again, id, text)
}

# How far two restores are one: draws, and of ours the bytes.
function judge_unannounced(id,    q, both, equal, parted, late, text) {
	for (q = last[tag_of[id]] + 1; q <= most[id]; q++) {
		if (!((2, id, q) in old) || !((3, id, q) in old)) continue
		both++
		if (old[2, id, q] == old[3, id, q]) { equal++; late += parted } else parted = 1
	}
	bytes[tag_of[id]] += ours(source_of[id]) * equal * (source_of[id] == "long" ? 512 : 16)
	text = sprintf("%d of %d draws the same in both", equal, both)
	if (source_of[id] ~ /^(naive|vdso)$/) verdict(both >= 20 && equal == both, id, text " (as it must be)")
	else if (!ours(source_of[id])) printf "  %-6s %-16s %s\n", "", id, text
	else if (among(tag_of[id], always)) verdict(both >= 20 && equal == both, id, text " (as it must be)")
	else if (among(tag_of[id], never)) verdict(both >= 20 && !equal, id, text)
	else if (among(tag_of[id], batch)) verdict(both >= 20 && !late, id, text ", none after the first that is not")
	else printf "  %-6s %-16s %s\n", "", id, text
}

END {
	for (j = 1; j <= count; j++)
		if (mode == "announced") judge_announced(ids[j])
		else judge_unannounced(ids[j])
	if (mode == "unannounced")
		for (j = split(batch, tags, " "); j > 0; j--)
			verdict(bytes[tags[j]] <= 992, tags[j], bytes[tags[j]] " bytes the same in both, of the 992 of a batch")
	printf "%d passed, %d failed\n", passed, failed
	exit failed > 0 || passed == 0
}
