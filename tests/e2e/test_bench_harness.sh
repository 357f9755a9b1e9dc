# shellcheck shell=bash
# The bench harness itself, on something small: it measures in turns, tags each by the distance of
# the cores, and makes table and JSON of it; what it can't read or doesn't know it says.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || { echo "one core: a server and its load need two"; exit 77; }

rc=0
bench() { # ARGS...
	rc=0
	DB_BUILD=$BIN bench/run.py --hugepages-mib 0 "$@" >"$WORK/bench.out" 2>"$WORK/bench.err" ||
		rc=$?
}

bench --rounds 2 --what "udp echo single" --out "$WORK/out"
expect_eq "exit code: $(cat "$WORK/bench.out" "$WORK/bench.err")" 0 $rc
expect_eq "runs" '"udp echo single 1","udp echo single 2"' "$(jq -c '.runs[] |
	"\(.name) \(.round)"' "$WORK/out/results.json" | paste -sd,)"
expect_eq "runs with figures and a tag" 2 "$(jq '[.runs[] | select(.result.requests_per_s > 0 and
	.distance_ns[0] > 0 and (.distance | IN("near", "far", "changed")))] | length' \
	"$WORK/out/results.json")"
expect_match "table" '\| udp echo single \|' "$(cat "$WORK/out/table.md")"
expect_match "budgets" 'memif, one request a datagram.*not measured' "$(cat "$WORK/out/table.md")"

# Values beside budgets, and the ratio of two in the same round.
jq '.runs = [
	{name: "decide", round: 1, distance: "near", result: {ns: {"sold-out": 19, accepted: 46}}},
	{name: "testpmd single", round: 1, distance: "near", result: {requests_per_s: 10e6}},
	{name: "testpmd single", round: 2, distance: "far", result: {requests_per_s: 1e6}},
	{name: "engine memory single", round: 1, distance: "near",
		result: {capacity: {requests_per_s: 7e6}, report: {stages: {}, workers: []}}},
	{name: "engine memory single", round: 2, distance: "far",
		result: {capacity: {requests_per_s: 0.7e6}, report: {stages: {}, workers: []}}},
	{name: "engine memory full", round: 1, distance: "near", result: {
		open: {"50": {latency_us: {"p50": 12.3, "p99": 31, "p99.9": 90}}},
		port: {latency_us: {"p50": 6.4, "p99": 21, "p99.9": 71}},
		jitter: {both: {wait_us: {"p50": 0, "p99": 11, "p99.9": 61}}}}},
	{name: "engine durable full", round: 1, distance: "near", result: {
		open: {"50": {latency_us: {"p50": 200, "p99": 400, "p99.9": 900}}},
		raw: {"1": {kib: 16, p50_us: 80, p99_us: 160},
			"8": {kib: 64, p50_us: 250, p99_us: 450}}}},
	{name: "decide holds", round: 1, distance: "near",
		result: {ns: {buy: 100, hold: 120, confirm: 80, "basket-line": 140}}},
	{name: "holds", round: 1, distance: "near", result: {
		full: {buy_per_s: 4e6, hold_per_s: 4e6, confirm_per_s: 4e6, pair_of_buy: 0.46},
		single: {buy_per_s: 2e6, hold_per_s: 1e6, confirm_per_s: 1e6, pair_of_buy: 0.25},
		basket: {lines_per_s: 1e6, buys_per_s: 1.2e6, line_of_buy: 1.21}}},
	{name: "holds that end", round: 1, distance: "near", result: {"p99.9_ratio": 1.25,
		without: {p50_us: 1, p99_us: 2, "p99.9_us": 4, max_us: 5, lost: 0},
		with: {p50_us: 1, p99_us: 2, "p99.9_us": 5, max_us: 6, lost: 0}}},
	{name: "packet", round: 1, distance: "near", result: {ns: {"decode-1": 4.5}}}]' \
	"$WORK/out/results.json" >"$WORK/made.json"
bench/render.py "$WORK/made.json" >"$WORK/made.md"
expect_match "kept" 'decide, sold out.* 19.0 ns .* kept ' "$(cat "$WORK/made.md")"
expect_match "missed" 'decide, accepted.* 46.0 ns .* missed ' "$(cat "$WORK/made.md")"
expect_match "latency" 'latency p99.9 at half load.* 90.0 us .* missed ' "$(cat "$WORK/made.md")"
expect_match "port beside it" '- p99.9 of testpmd 5tswap.*\|  \| 71.0 us' "$(cat "$WORK/made.md")"
expect_match "machine beside it" 'each of the two cores \| 0.0 us \| 11 us \| 61 us' \
	"$(cat "$WORK/made.md")"
expect_match "disk beside it" 'of 64 KiB, 8 out \| 250 us \| 450 us' "$(cat "$WORK/made.md")"
expect_match "durable p99" 'of one raw durable.* 2.50 .* kept ' "$(cat "$WORK/made.md")"
expect_match "a pair alone" 'as a pair, decide alone.* 0.50 .* kept ' "$(cat "$WORK/made.md")"
expect_match "a pair, full" 'pair, whole path, full.* 0.46 .* kept ' "$(cat "$WORK/made.md")"
expect_match "a pair, single" 'whole path, one request.* 0.25 .* missed ' "$(cat "$WORK/made.md")"
expect_match "a line alone" 'four in one shard, decide.* 1.40 .* missed ' "$(cat "$WORK/made.md")"
expect_match "a line" 'four in one shard, whole path.* 1.21 .* kept ' "$(cat "$WORK/made.md")"
expect_match "ends" 'holds that end at once.* 1.25 .* kept ' "$(cat "$WORK/made.md")"
expect_match "ends beside each other" 'with a million holds that end \| 1 us ' \
	"$(cat "$WORK/made.md")"
expect_match "a part" 'packet \| decode-1 \| 4.5' "$(cat "$WORK/made.md")"
expect_match "ratio" 'of testpmd.* 0.70 .* kept ' "$(cat "$WORK/made.md")"

bench --what nothing
expect_eq "exit code of an unknown step" 2 $rc
expect_match "what it said" "'nothing' is none" "$(cat "$WORK/bench.err")"
rc=0
bench/render.py "$KEYS" 2>"$WORK/bench.err" || rc=$?
expect_eq "exit code without results" 2 $rc
rc=0
"$BIN/bench/core_distance" 0 0 2>"$WORK/bench.err" || rc=$?
expect_eq "exit code of one core twice" 2 $rc

# Engines and loads, small: figures that say what they are, in the table too; nothing failed.
export DB_BENCH_SHRINK=100
bench --rounds 1 --what "engine memory drop,holds,workers" --out "$WORK/engine"
expect_eq "exit code of engine steps: $(cat "$WORK/bench.out" "$WORK/bench.err")" 0 $rc
expect_eq "drop" 15000 "$(jq '.runs[] | select(.name == "engine memory drop") |
	.result.report.orders' "$WORK/engine/results.json")"
expect_eq "two workers gave something, and took only what was theirs" true "$(jq '.runs[] |
	select(.name == "workers") | .result | .["two workers"].orders_per_s > 0 and
	(.report.workers | length) == 2' "$WORK/engine/results.json")"
expect_eq "holds, payments and baskets" true "$(jq '.runs[] | select(.name == "holds") | .result |
	all(.full, .single; .hold_per_s > 0 and .confirm_per_s > 0 and .pair_of_buy > 0) and
	.basket.line_of_buy > 0 and .report.orders == 40000' "$WORK/engine/results.json")"
expect_match "workers" '\| two workers \| of one engine \|' "$(cat "$WORK/engine/table.md")"
expect_match "load and engine busy" '\| memory drop \|.*\| [0-9]+ % \| [0-9]+ % \| [0-9]+ % \|' \
	"$(cat "$WORK/engine/table.md")"

# No time: said, step by step.
bench --rounds 1 --minutes 0 --what "udp echo single" --out "$WORK/late"
expect_match "no time" 'No time for: udp echo single \(round 1\)' "$(cat "$WORK/late/table.md")"

# Ended from outside, it ends what it started: nothing of it is left.
DB_BUILD=$BIN bench/run.py --hugepages-mib 0 --what "udp echo single" --rounds 50 \
	--out "$WORK/ended" >"$WORK/bench.out" 2>&1 &
runner=$!
wait_for "the first figures" test -e "$WORK/ended/results.json"
kill -TERM $runner
rc=0
wait $runner || rc=$?
expect_eq "exit code when ended" 143 $rc

# Namespaces of its own it makes itself, whatever the environment says.
DB_BENCH_INSIDE="0 $(readlink /proc/self/ns/mnt)" bench --rounds 1 --what "udp echo single" \
	--out "$WORK/inside"
expect_eq "exit code" 0 $rc
bench --cpus 0,0
expect_eq "exit code of one CPU twice" 2 $rc

# What a spinning thread misses: less than all, and an arrival that needs both CPUs waits no less.
"$BIN/bench/jitter" 0.2 0 1 >"$WORK/jitter.json"
expect_eq "jitter" true "$(jq '[.["0"], .["1"]] as $cpus | .both.wait_us["p99.9"] as $both |
	all($cpus[]; .seconds >= 0.2 and .lost_share < 1 and .wait_us["p99.9"] <= $both and
	.longest_us >= .wait_us["p99.99"])' "$WORK/jitter.json")"
for wrong in "" "1" "0 1" "1 x"; do
	rc=0
	# shellcheck disable=SC2086
	"$BIN/bench/jitter" $wrong 2>"$WORK/bench.err" || rc=$?
	expect_eq "exit code of jitter '$wrong'" 2 $rc
done
! compgen -G 'build/bench-*.*' || fail "the harness left something in build/"
