#!/bin/bash
# `make bench-check`: instructions a request, counted by callgrind, beside those of
# bench/instructions.txt. Unlike time they are the same on a busy machine. Prints a line a case;
# exit code 1 if one has grown by more than 3 %. Takes half a minute.
#
#   bench/instructions.sh BUILD            compares
#   bench/instructions.sh BUILD --accept   makes the present counts the new reference
#   bench/instructions.sh --compare REFERENCE COUNTED   two files; counts nothing
#
# It counts what the benchmarks time, at sizes that fit a cache. Hash keys are random, so counts
# vary by some tenths of a percent. The CPU that valgrind shows to the program has no AVX-512, and
# libc is held to SSE2; whether AVX2 kernels run (net/siphash.c) depends on the machine, and the
# reference says it: counts of another kind are not compared.
set -eu

# REFERENCE COUNTED: a line a case; 1 if one has grown, is new or is no longer counted.
compare() {
	awk -v most=3 '
		/^#/ { next }
		NR == FNR { was[$1] = $2; next }
		!($1 in was) { printf "%-24s %9.1f  new: --accept it\n", $1, $2; grown++; next }
		{
			percent = ($2 / was[$1] - 1) * 100
			word = percent > most ? "GROWN" : ""
			if (percent < -most)
				word = "shrunk: --accept it"
			printf "%-24s %9.1f  was %9.1f  %+6.1f %%  %s\n", \
				$1, $2, was[$1], percent, word
			grown += percent > most
			delete was[$1]
		}
		END {
			for (name in was) { print name ": no longer counted: --accept it"; grown++ }
			if (grown > 0) {
				print "bench-check: FAILED: " grown " of the cases"
				exit 1
			}
			print "bench-check: nothing has grown by more than " most " %"
		}' "$1" "$2"
}

if [ "${1:-}" = --compare ]; then
	[ $# = 3 ] && [ -s "$2" ] && [ -s "$3" ] ||
		{ echo "$0: --compare REFERENCE COUNTED, and something in them" >&2; exit 2; }
	compare "$2" "$3"
	exit
fi
cd "$(dirname "$0")/.."
bin=${1:?"name the directory of the build"}
accept=${2:-}
reference=bench/instructions.txt
case $accept in
'' | --accept) ;;
*)
	echo "$0: $accept? There is --accept" >&2
	exit 2
	;;
esac
command -v valgrind >/dev/null || { echo "bench-check: valgrind is missing" >&2; exit 2; }
work=$(mktemp -d "$PWD/build/instructions.XXXXXX")
trap 'rm -rf "$work"' EXIT
export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-ERMS,-FSRM

# BENCH ARGUMENT...: a line `BENCH/CASE INSTRUCTIONS` a case. The n-th dump belongs to the n-th
# case that the program says it counted.
count() {
	local bench=$1
	shift
	valgrind --quiet --tool=callgrind --collect-atstart=no \
		--callgrind-out-file="$work/$bench" "$bin/bench/bench_$bench" "$@" >"$work/said"
	awk -v bench="$bench" -v dumps="$work/$bench" '
		$1 == "counted" {
			dump = dumps "." ++n
			total = -1
			while ((getline line < dump) > 0)
				if (split(line, word, " ") > 1 && word[1] == "totals:")
					total = word[2]
			if (total < 0) { print "no totals in " dump > "/dev/stderr"; exit 1 }
			printf "%s/%s %.1f\n", bench, $2, total / $3
		}
		END {
			if (n == 0) { print bench ": no case" > "/dev/stderr"; exit 1 }
		}' "$work/said"
}

kind="$(uname -m), avx2 $(grep -qw avx2 /proc/cpuinfo && echo yes || echo no)"
{
	count decide 1000 100000 1 256 16
	count packet 1 12800
	count append 1 51200
} >"$work/now"

if [ -n "$accept" ]; then
	{
		echo "# Instructions a request, or datagram, or record: make bench-check. $kind"
		cat "$work/now"
	} >"$reference"
	cat "$reference"
	exit 0
fi
if ! head -n 1 "$reference" | grep -qF ". $kind"; then
	echo "bench-check: skipped: this machine is '$kind', the reference another"
	exit 0
fi
compare "$reference" "$work/now"
