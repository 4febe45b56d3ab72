# How do the numbers of a run look as plots? gnuplot -e "tsv='bench.tsv'; out='folder'" plot.gp
# The names in a key stand in the order of the lines at the right edge.

about(key) = system(sprintf("awk -F'\t' '$1 == \"# %s\" { print $2; exit }' '%s'", key, tsv))
# The contenders of a section, as quoted words, by their last value. Left to
# the table are those whose line would lie on another's.
twins = "^(ours, tier off|ours, arc4random_buf|libc getrandom)$"
# (Put together with dots: gnuplot's sprintf cuts long results short.)
last(section, metric, x) = "awk -F'\t' '$1 == \"" . section . "\" && $5 == \"" . metric . "\" && $2 !~ /" . twins . "/ && $" . x . " >= far[$2] { far[$2] = $" . x . "; last[$2] = $6 } END { for (n in last) print last[n] \"\t\" n }' '" . tsv . "'"
names(section, metric, x, order) = system(last(section, metric, x) . " | sort -g " . order . " | awk -F'\t' '{ printf \"\\\"%s\\\" \", $2 }'")
# The points of one line: x is column 3 (size) or 4 (threads).
points(section, name, metric, x) = "< awk -F'\t' '$1 == \"" . section . "\" && $2 == \"" . name . "\" && $5 == \"" . metric . "\" { print $" . x . ", $6 }' '" . tsv . "' | sort -n"

# Ours is black and thick; the others share out the colours and the marks.
ours(name) = name eq "ours"
colour(name, i) = ours(name) ? 0 : hsv2rgb(0.618 * i - floor(0.618 * i), 0.9, 0.75)
thick(name) = ours(name) ? 4 : name[1:4] eq "ours" ? 2 : 1.5
mark(name, i) = ours(name) ? 7 : 4 + i % 11

set terminal svg size 920,580 dynamic font "sans-serif,13" background "white"
set label 1 sprintf("%s, %s CPUs, Linux %s, %s; libfastrand in tier %s, ChaCha20 %s; %s", about("cpu"), about("cpus"), about("kernel"), about("libc"), about("tier"), about("chacha20"), about("date")) at screen 0.02, 0.025 left noenhanced font ",11" textcolor rgb "#444444"
set bmargin 5.5
set key outside right center vertical reverse Left samplen 3 spacing 1.15 noenhanced
set grid x y lc rgb "#dddddd" lt 1
set border 3
set tics nomirror out
set logscale xy

# Time per request against size.
set output out . "/time-per-request.svg"
set title "Time per request, by its size (lower is better)"
set xlabel "bytes asked for"
set ylabel "time per request"
set xtics ("4" 4, "16" 16, "64" 64, "256" 256, "1 KiB" 1024, "4 KiB" 4096, "16 KiB" 16384, "64 KiB" 65536, "1 MiB" 1048576, "16 MiB" 16777216)
set ytics ("1 ns" 1, "10 ns" 10, "100 ns" 100, "1 us" 1e3, "10 us" 1e4, "100 us" 1e5, "1 ms" 1e6, "10 ms" 1e7, "100 ms" 1e8)
set xrange [3:2.2e7]
set yrange [3:4e8]
list = names("request", "ns", "3", "-r")
if (words(list) > 0) plot for [i=1:words(list)] points("request", word(list, i), "ns", "3") using 1:2 with linespoints lw thick(word(list, i)) lc rgb colour(word(list, i), i) pt mark(word(list, i), i) ps 0.7 title word(list, i)

# Throughput against threads.
set output out . "/throughput-threads.svg"
set title "getrandom of 32 bytes on many threads (higher is better)"
set xlabel "threads"
set ylabel "million requests a second, all threads together"
set xtics (1, 2, 4, 8, 16, 32, 64)
set ytics ("0.5" 5e5, "1" 1e6, "2" 2e6, "5" 5e6, "10" 1e7, "20" 2e7, "50" 5e7, "100" 1e8, "200" 2e8, "500" 5e8, "1000" 1e9, "2000" 2e9)
set xrange [0.9:72]
set yrange [*:*]
list = names("threads", "ns", "4", "")
if (words(list) > 0) plot for [i=1:words(list)] points("threads", word(list, i), "ns", "4") using 1:(1e9/$2) with linespoints lw thick(word(list, i)) lc rgb colour(word(list, i), i) pt mark(word(list, i), i) ps 0.7 title word(list, i)

# Key stream: the library's variants against OpenSSL.
set output out . "/keystream.svg"
set title "ChaCha20 key stream (higher is better)"
set xlabel "bytes a call"
set ylabel "GB/s"
unset logscale y
set xtics ("1 KiB" 1024, "4 KiB" 4096, "64 KiB" 65536, "1 MiB" 1048576)
set ytics autofreq
set xrange [800:1.3e6]
set yrange [0:*]
list = names("keystream", "ns", "3", "")
if (words(list) > 0) plot for [i=1:words(list)] points("keystream", word(list, i), "ns", "3") using 1:($1/$2) with linespoints lw 2 lc rgb colour(word(list, i), i) pt mark(word(list, i), i) ps 0.7 title word(list, i)
