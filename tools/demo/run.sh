#!/bin/bash
# `make run`: a live-shopping drop on a real engine, checked to the last unit. Exits 0 only if
# exactly the stock is sold, each unit to another buyer, none twice, and the journal agrees with
# every reply. Leaves its journal in DIR; the machine is as it was.
#
#   tools/demo/run.sh [BUILD [DIR]]    default: build/release, build/demo
#
# DOWNSTREAM=file, or nats for a nats-server of its own: where a relay carries the orders meanwhile.
# SCENARIO=holds, SCENARIO=baskets: other sales, tools/demo/holds.sh and baskets.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
case ${SCENARIO:-drop} in
drop) ;;
holds | baskets) exec "tools/demo/$SCENARIO.sh" "$@" ;;
*)
	printf 'SCENARIO=%s: there is drop, holds and baskets\n' "$SCENARIO" >&2
	exit 1
	;;
esac
bin=${1:-build/release}
demo=${2:-build/demo}
units=15000

. tools/demo/lib.sh

say "A drop: $(group $units) bottles, one a buyer, 2.7 million buyers in the same minute."
prepare_demo "$demo"
"$bin/doorbuster" load --scenario drop --catalog-out "$demo/catalog.csv"
start_demo "$bin" "$demo"
say "engine    $(sed -n 's/^ready //p' "$demo/engine.out")"

start_relay "$bin" "$demo" "${DOWNSTREAM:-file}"
load=(--server 127.0.0.1:7700)
[ "$port" = lo ] || load=(--server 198.18.0.1:7700 --port "$port")
"$bin/doorbuster" load --scenario drop "${load[@]}" --keys "$demo/keys" \
	--orders "$demo/orders.csv" --json >"$demo/load.json" || lost "the load failed" load.json
stop_demo
end_relay "$bin" "$demo"
"$bin/doorbuster" journal verify "$demo/data" --orders "$demo/orders.csv" --json \
	>"$demo/verify.json" || lost "the journal does not agree" verify.json

say
printf '%-54s %12s   %s\n' "What must hold" "counted" "holds"
line "units sold, as the engine counts" $units "$(drained units)"
line "orders that buyers were told" $units "$(of .orders load.json)"
line "  of those, found in the journal" $units \
	"$(of '.orders_checked - .orders_missing - .orders_different' verify.json)"
line "orders in the journal" $units "$(of .orders verify.json)"
line "orders downstream, each once ($(sed 's/:.*//' <<<"$downstream"))" $units \
	"$(awk -F , 'NR > 1 { n += !seen[$1, $2]++ } END { print n == NR - 1 ? n : -n }' \
		"$demo/downstream.csv")"
line "different buyers in the journal" $units "$(of .distinct_buyers verify.json)"
line "buyers over their limit" 0 "$(of .buyers_over_limit verify.json)"
line "requests committed twice" 0 "$(of .requests_doubled verify.json)"
line "requests without an answer" 0 "$(of .unanswered load.json)"
line "answers that contradict an earlier one" 0 "$(of .contradictions load.json)"
line "every unit accounted for (stock = free + held + sold)" true "$(of .conserved verify.json)"
state_line

say
rate_line
printf 'sold out after %s orders.\n' "$(group "$(of .orders load.json)")"
printf 'Round trip p50 %.0f us, p99 %.0f us, p99.9 %.0f us' "$(of '.latency_us.p50' load.json)" \
	"$(of '.latency_us.p99' load.json)" "$(of '.latency_us."p99.9"' load.json)"
printf ', at full load; every yes was on disk first.\n'
say "The journal lies in $demo/data, the buyers' receipts in $demo/orders.csv, what came out"
say "downstream ($downstream) in $demo/downstream.csv."
end_unless_good
say
say "Try next:"
try "make serve" "keep an engine up, and buy from it"
try "make run SCENARIO=holds" "buyers that hold, pay late, return"
try "make run SCENARIO=baskets" "all of a basket or nothing, over two shards"
try "$bin/doorbuster journal dump $demo/data | less" "every order as it was sold"
try "make test" "what else it withstands"
