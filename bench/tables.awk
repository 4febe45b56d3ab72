# How are the numbers of a run shown? As tables, and the goals in markdown.
# awk -v effort=quick -v only=SECTION -f tables.awk goals bench.tsv

BEGIN { FS = " *[|] *" }
FNR == 1 && NR > 1 { FS = "\t"; $0 = $0 }
NR == FNR { if (!/^#/) goal[++goals] = $0; next }
/^# note\t/ { if (!noted[$0]++) notes[$2] = notes[$2] "  ! " $3 "\n"; next }
/^# / { about[substr($1, 3)] = $2; next }
FNR > 1 && NF == 6 && $6 ~ /[0-9]/ {
	value[$1, $2, $3, $4, $5] = $6
	if (!((1, $1, $2) in seen))
		name[$1, ++names[$1]] = $2
	if (!((2, $1, $3, $4) in seen))
		point[$1, ++points[$1]] = $3 SUBSEP $4
	seen[1, $1, $2] = seen[2, $1, $3, $4] = 1
}

# Numbers with three digits and a unit; "-" for what was not measured.
function number(v, unit) {
	if (v == "")
		return "-"
	if (v > 0 && v < 0.005)
		return sprintf("%.1g", v) unit
	return sprintf(v < 9.995 ? "%.2f" : v < 99.95 ? "%.1f" : "%.0f", v) unit
}
function time(v) {
	return v == "" ? "-" : v < 999.5 ? number(v, " ns") : \
		v < 999.5e3 ? number(v / 1e3, " us") : number(v / 1e6, " ms")
}
function bytes(n) {
	return n >= 1048576 ? n / 1048576 " MiB" : \
		n >= 1024 ? n / 1024 " KiB" : n " B"
}
function fixed(v, format) { return v == "" ? "-" : sprintf(format, v) }
function over(a, b) { return a == "" || b == "" ? "" : a / b }

# (Awk makes an element of an array by looking at it, so it asks first.)
function get(s, n, at, metric) {
	return (s, n, at, metric) in value ? value[s, n, at, metric] : ""
}
function alone(size) { return size SUBSEP 1 }
function ns(s, n, size) { return get(s, n, alone(size), "ns") }

function head(text) { printf "%-24s", text }
function cell(text) { printf "%9s", text }
function line(text) { print text }
function title(text) { printf "\n%s\n", text }
function end(s) { printf "%s", notes[s] }
function shown(s, text) {
	if (!names[s] && notes[s] == "")
		return 0
	title(text)
	return 1
}
function heads(s, text, crowded,   i, part) {
	head(text)
	for (i = 1; i <= points[s]; i++) {
		split(point[s, i], part, SUBSEP)
		cell(crowded ? part[2] : bytes(part[1]))
	}
}

# A row for each contender, a column for each point.
function times(s,   i, j) {
	heads(s, "")
	for (i = 1; i <= names[s]; i++) {
		line("")
		head(name[s, i])
		for (j = 1; j <= points[s]; j++)
			cell(time(get(s, name[s, i], point[s, j], "ns")))
	}
	line("")
}

function ratio(what, s, size, vdso, call,   ours) {
	ours = ns(s, "ours", size)
	vdso = ns(s, vdso, size)
	call = ns(s, call, size)
	if (ours == "")
		return
	head(what); cell(time(ours)); cell(time(vdso)); cell(time(call))
	cell(number(over(vdso, ours), " x"))
	cell(number(over(call, ours), " x"))
	line("")
}
function ratios() {
	if (!names["request"] || !names["word"])
		return
	title("How many times as fast as the kernel's own")
	head(""); cell("ours"); cell("vDSO"); cell("syscall")
	cell("vs vDSO"); cell("vs sysc."); line("")
	ratio("getrandom, 4 B", "request", 4, "vDSO", "system call")
	ratio("getrandom, 32 B", "request", 32, "vDSO", "system call")
	ratio("getrandom, 4 KiB", "request", 4096, "vDSO", "system call")
	ratio("getrandom, 1 MiB", "request", 1048576, "vDSO", "system call")
	ratio("arc4random()", "word", 4, "vDSO, 4 B", "system call, 4 B")
}

function request() {
	if (!shown("request", "Time per request"))
		return
	times("request")
	end("request")
}

function word(   i, v) {
	if (!shown("word", "One 32-bit number: arc4random() and its like"))
		return
	head(""); cell("time"); cell("vs vDSO"); line("")
	for (i = 1; i <= names["word"]; i++) {
		v = ns("word", name["word", i], 4)
		head(name["word", i]); cell(time(v))
		cell(number(over(ns("word", "vDSO, 4 B", 4), v), " x"))
		line("")
	}
	end("word")
}

function keystream(   s, i, j, n, part) {
	s = "keystream"
	if (!shown(s, "ChaCha20 key stream, GB/s"))
		return
	heads(s, "")
	line("   vs OpenSSL, 64 KiB")
	for (i = 1; i <= names[s]; i++) {
		head(n = name[s, i])
		for (j = 1; j <= points[s]; j++) {
			split(point[s, j], part, SUBSEP)
			cell(fixed(over(part[1], get(s, n, point[s, j], "ns")),
				"%.2f"))
		}
		cell(number(over(ns(s, "OpenSSL", 65536), ns(s, n, 65536)),
			" x"))
		line(n != about["chacha20"] ? "" : \
			"   the library's choice here")
	}
	end(s)
}

function urandom(   s, i, j, n) {
	s = "urandom"
	if (!shown(s, "read of /dev/urandom"))
		return
	times(s)
	for (i = 1; i <= names[s]; i++) {
		n = name[s, i]
		if (n == "kernel")
			continue
		head("  kernel / " n)
		for (j = 1; j <= points[s]; j++)
			cell(number(over(get(s, "kernel", point[s, j], "ns"),
				get(s, n, point[s, j], "ns")), " x"))
		line("")
	}
	end(s)
}

function other(   s, i, n) {
	s = "other"
	if (!shown(s, "read of 16 B of something else"))
		return
	head(""); cell("without"); cell("preload"); cell("added")
	line("   preloaded, libc's own read")
	for (i = 1; i <= names[s]; i++) {
		n = name[s, i]
		if (n ~ /, no preload$/)
			continue
		head("read " n)
		cell(time(ns(s, n ", no preload", 16)))
		cell(time(ns(s, n, 16)))
		cell(fixed(get(s, n, alone(16), "added_ns"), "%.1f"))
		cell(time(get(s, n, alone(16), "baseline_ns")))
		line("")
	}
	line("  added: the library's read less libc's, in turns in one " \
		"process, ns")
	end(s)
}

function latency(   s, i, j, n) {
	s = "latency"
	if (!shown(s, "Single requests: median, 99% and 99.9% are no slower " \
			"than this"))
		return
	head("")
	for (j = 1; j <= points[s]; j++) {
		cell(bytes(point[s, j] + 0)); cell("99%"); cell("99.9%")
	}
	for (i = 1; i <= names[s]; i++) {
		line("")
		head(n = name[s, i])
		for (j = 1; j <= points[s]; j++) {
			cell(time(get(s, n, point[s, j], "p50")))
			cell(time(get(s, n, point[s, j], "p99")))
			cell(time(get(s, n, point[s, j], "p999")))
		}
	}
	printf "\n  less the clock's own %.0f ns (median); it moves in steps " \
		"of %.0f ns;\n", get(s, "system call", alone(4), "clock_ns"),
		get(s, "system call", alone(4), "step_ns")
	line("  interrupts and other programs are in the last columns")
	end(s)
}

function crowd(what, metric, factor, format,   s, i, j, v) {
	s = "threads"
	heads(s, what, 1)
	line("")
	for (i = 1; i <= names[s]; i++) {
		if (get(s, name[s, i], point[s, 1], metric) == "")
			continue
		head("  " name[s, i])
		for (j = 1; j <= points[s]; j++) {
			v = get(s, name[s, i], point[s, j], metric)
			cell(v == "" ? "-" : sprintf(format, v * factor))
		}
		line("")
	}
}
function threads() {
	if (!shown("threads", "Threads: getrandom of 32 B"))
		return
	crowd("million a second", "per_second", 1e-6, "%.2f")
	crowd("per CPU second, vs 1", "scaling", 1, "%.3f")
	crowd("% asked of the kernel", "kernel", 1, "%.2f")
	end("threads")
}

function startup(   s, i, n, added) {
	s = "startup"
	if (!shown(s, "Start-up: /bin/true, us and memory"))
		return
	head("preloaded"); cell("median"); cell("best"); cell("-nothing")
	cell("-empty"); cell("dirty"); cell("RSS KiB"); line("")
	for (i = 1; i <= names[s]; i++) {
		head(n = name[s, i])
		cell(fixed(over(ns(s, n, 1), 1000), "%.1f"))
		cell(fixed(over(get(s, n, alone(1), "best_ns"), 1000), "%.1f"))
		added = get(s, n, alone(1), "added_us")
		cell(fixed(n == "ours" && added != "" ? added + \
			get(s, "empty", alone(1), "added_us") : added, "%.1f"))
		cell(n == "empty" ? "-" : fixed(added, "%.1f"))
		cell(fixed(get(s, n, alone(1), "dirty_pages"), "%.1f"))
		cell(fixed(get(s, n, alone(1), "resident_kib"), "%.0f"))
		line("")
	}
	line("  dirty: pages of its own, written to, when it exits (mean)")
	end(s)
}

# Figures that are made of others: of two contenders, or of two points.
function set(s, n, at, metric, v) { if (v != "") value[s, n, at, metric] = v }
function derive(   s, i, j, n, p) {
	s = "startup"
	for (i = 1; i <= names[s]; i++) {
		n = name[s, i]
		set(s, n, alone(1), "added_us",
			over(get(s, n, alone(1), "added_ns"), 1000))
	}
	s = "threads"
	for (i = 1; i <= names[s]; i++)
		for (j = 1; j <= points[s]; j++) {
			n = name[s, i]
			p = point[s, j]
			set(s, n, p, "per_second",
				over(1e9, get(s, n, p, "ns")))
			set(s, n, p, "scaling",
				over(get(s, n, alone(p + 0), "cpu_ns"),
				get(s, n, p, "cpu_ns")))
		}
}

# The kernel's own answer under our name proves nothing: it is not measured.
function figure(s, n, p, what,   theirs) {
	if (get(s, n, p, "served") != "" && get(s, n, p, "served") < 0.5)
		return ""
	if (what !~ /^\//)
		return get(s, n, p, what)
	theirs = get(s, substr(what, 3), p, "ns")
	detail = " (" time(theirs) " / " time(get(s, n, p, "ns")) ")"
	return over(theirs, get(s, n, p, "ns"))
}
function verdict(v, must, wanted, most) {
	if (most)
		return v <= wanted ? "goal" : v <= must ? "must" : "missed"
	return v >= wanted ? "goal" : v >= must ? "must" : "missed"
}
function goal_row(text,   f, whose, where, i, j, n, m, part, v, unit, \
		most, last, worst, measured, label) {
	split(text, f, / *[|] */)
	n = split(f[7], whose, / *; */)
	m = split(f[6], where, / +/)
	most = f[8] !~ /^\// && f[8] != "scaling"
	unit = f[3]
	sub(/^[0-9.]+/, "", unit)
	last = n * m > 1 && unit ~ /^ / ? unit : ""	# one for all of them
	worst = ""
	for (i = 1; i <= n; i++)
		for (j = 1; j <= m; j++) {
			label = n > 1 ? whose[i] " " : ""
			if (split(where[j], part, "*") > 1)
				label = label part[2] ": "
			else if (m > 1)
				label = label bytes(part[1]) ": "
			detail = ""
			v = figure(f[5], whose[i],
				part[1] SUBSEP (part[2] ? part[2] : 1), f[8])
			if (v == "")
				continue
			if (worst == "" || (most ? v > worst : v < worst))
				worst = v
			measured = measured (measured == "" ? "" : ", ") label \
				number(v, last == "" ? unit : "") detail
		}
	if (measured != "")
		measured = measured last
	printf("| %s | %s | %s | %s | %s | %s |\n", f[1], f[2], f[3], f[4],
		measured == "" ? "-" : measured, worst == "" ? "not measured" : \
		verdict(worst, f[3] + 0, f[4] + 0, most))
}
function goals_table(   i) {
	printf "Measured %s on %s (%s CPUs), Linux %s, libc %s; tier %s, " \
		"ChaCha20 %s, %s, nonces from %s; load %s.\n\n",
		about["date"], about["cpu"], about["cpus"], about["kernel"],
		about["libc"], about["tier"], about["chacha20"],
		about["memory"], about["hardware"], about["load"]
	line("| what | against | must | goal | measured | verdict |")
	line("| --- | --- | --- | --- | --- | --- |")
	for (i = 1; i <= goals; i++)
		goal_row(goal[i])
}

END {
	derive()
	if (effort != "goals") {
		n = split("date cpu cpus kernel libc library tier tier_why " \
			"memory chacha20 hardware load clock", key, " ")
		for (i = 1; i <= n; i++) {
			sub(/_/, " ", key[i])
			if (about[key[i]] != "")
				printf "%-9s %s\n", key[i], about[key[i]]
		}
		ratios(); request(); word(); keystream(); urandom(); other()
		latency(); threads(); startup()
		if (only == "")
			title("Numbers to reach\n")
	}
	if (effort == "goals" || only == "")
		goals_table()
}
