#!/bin/bash
# How the engine is best built: bench_decide by several builds in turn, each pass of all of them a
# round; medians of the rounds' ratios to the first. Builds are under build/builds/ and are removed.
#
#   bench/builds.sh [ROUNDS [SKUS ORDERS]]     default: 5 rounds of 1,000,000 and 1,000,000
#
# Some minutes to build, 15 s a round. Run it on a machine that does nothing else.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-5}
skus=${2:-1000000}
orders=${3:-1000000}
cpu=$(($(nproc) - 1))
dir=$PWD/build/builds
plain="-O3 -fno-omit-frame-pointer"
lto="$plain -flto -ffat-lto-objects"
names=(plain lto lto-v3 lto-native lto-profile)
flags=("$plain" "$lto" "$lto -march=x86-64-v3" "$lto -march=native" "$lto")

case $rounds$skus$orders in
*[!0-9]*)
	echo "$0: rounds, SKUs and orders are numbers" >&2
	exit 2
	;;
esac
rm -rf "$dir"
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"

build() { # NAME FLAGS [LINKER FLAGS]
	make --no-print-directory -s -j"$(nproc)" MODE=release BUILD="build/builds/$1" WARN= \
		CFLAGS_release="$2" SERVE_LDFLAGS_release="$2 ${3:-} -g" \
		"build/builds/$1/bench/bench_decide" >"$dir/said" 2>&1 ||
		{ cat "$dir/said" >&2; exit 1; }
}

run() { # NAME ROUNDS SKUS ORDERS
	taskset -c "$cpu" "$dir/$1/bench/bench_decide" "$3" "$4" "$2"
}

for i in "${!names[@]}"; do
	echo "building ${names[i]}" >&2
	[ "${names[i]}" != lto-profile ] || {
		build lto-profile "${flags[i]} -fprofile-generate -fprofile-update=single"
		run lto-profile 2 100000 1000000 >/dev/null
		find "$dir/lto-profile" -type f ! -name '*.gcda' -delete
		flags[i]+=" -fprofile-use -fprofile-partial-training"
	}
	build "${names[i]}" "${flags[i]}"
done
for ((round = 1; round <= rounds; round++)); do
	echo "round $round of $rounds" >&2
	for name in "${names[@]}"; do
		run "$name" 1 "$skus" "$orders" | awk -v name="$name" -v round="$round" '
			NF == 4 && $2 ~ /^[0-9.]+$/ { print name, round, $1, $2 }' >>"$dir/ns"
	done
done
awk -v names="${names[*]}" -v first="${names[0]}" -v rounds="$rounds" '
	{ ns[$1, $2, $3] = $4; if (!($3 in known)) { known[$3]; cases[++case_cnt] = $3 } }
	function median(list, cnt,    i, k, held) {
		for (i = 2; i <= cnt; i++)
			for (k = i; k > 1 && list[k - 1] > list[k]; k--) {
				held = list[k]; list[k] = list[k - 1]; list[k - 1] = held
			}
		return (list[int((cnt + 1) / 2)] + list[int(cnt / 2) + 1]) / 2
	}
	END {
		if (case_cnt == 0) { print "no figures" > "/dev/stderr"; exit 1 }
		name_cnt = split(names, every, " ")
		printf "%-16s", "ns, ratio"
		for (i = 1; i <= name_cnt; i++) printf " %16s", every[i]
		printf "\n"
		for (c = 1; c <= case_cnt; c++) {
			printf "%-16s", cases[c]
			for (i = 1; i <= name_cnt; i++) {
				for (r = 1; r <= rounds; r++) {
					times[r] = ns[every[i], r, cases[c]]
					ratios[r] = times[r] / ns[first, r, cases[c]]
				}
				printf " %8.1f %7.2f", median(times, rounds), median(ratios, rounds)
			}
			printf "\n"
		}
	}' "$dir/ns"
