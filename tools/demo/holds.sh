#!/bin/bash
# `make run SCENARIO=holds`: a checkout on a real engine. Buyers hold units for a second; seven in
# ten never pay, the others pay in time, late or in part, extend, release, return. Exits 0 only if
# every hold ended as exactly one thing, each late payment got one answer for good, and no unit is
# stranded. Leaves its journal in DIR; the machine is as it was.
#
#   tools/demo/holds.sh [BUILD [DIR]]    default: build/release, build/demo
#
# BUYERS: how many there are, instead of 100,000.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${1:-build/release}
demo=${2:-build/demo}
buyers=${BUYERS:-100000}

. tools/demo/lib.sh

say "A checkout: $(group "$buyers") buyers hold bottles for a second each; 7 of 10 never pay."
prepare_demo "$demo"
"$bin/doorbuster" load --scenario holds --requests "$buyers" --catalog-out "$demo/catalog.csv"
stock=$(awk -F , 'NR > 1 { n += $2 } END { print n }' "$demo/catalog.csv")
start_demo "$bin" "$demo"
say "engine    $(sed -n 's/^ready //p' "$demo/engine.out")"

load=(--server 127.0.0.1:7700)
[ "$port" = lo ] || load=(--server 198.18.0.1:7700 --port "$port")
rc=0
"$bin/doorbuster" load --scenario holds "${load[@]}" --keys "$demo/keys" --requests "$buyers" \
	--ack durable --timeout-ms 60000 --json >"$demo/load.json" 2>"$demo/load.err" || rc=$?
[ $rc -le 1 ] && [ -s "$demo/load.json" ] || lost "the load failed" load.err
cat "$demo/load.err" >&2
stop_demo
"$bin/doorbuster" journal verify "$demo/data" --json >"$demo/verify.json" ||
	lost "the journal does not agree" verify.json

told() { # NAME count|units: what buyers were told
	of ".holds.$1.$2" load.json
}
figure() { # WHAT NAME
	printf '  %-42s %10s %11s\n' "$1" "$(group "$(told "$2" count)")" \
		"$(group "$(told "$2" units)")"
}

say
printf '%-44s %10s %11s\n' "What buyers were told" "count" "units"
figure "held" held
figure "  confirmed in time" confirmed
figure "  released" released
figure "  ran out" ran_out
figure "    paid late, sold all the same" late
figure "    paid late, refund" refunded
figure "extended" extended
figure "held already, on a second device" again
figure "returned, for sale again" returned
figure "returned, written off" written_off

sold=$(($(told confirmed units) + $(told late units) - $(told returned units) -
	$(told written_off units)))
say
printf '%-54s %12s   %s\n' "What must hold" "counted" "holds"
line "units held = confirmed + released + ran out" "$(told held units)" \
	$(($(told confirmed units) + $(told released units) + $(told ran_out units)))
line "units put on sale, in the journal" "$stock" "$(of .units_stocked verify.json)"
line "  free + held + sold + written off" "$stock" \
	"$(of '.units_free + .units_held + .units + .units_written_off' verify.json)"
line "  held at the end" 0 "$(of .units_held verify.json)"
line "  sold, as the engine counts" "$sold" "$(drained units)"
line "  written off" "$(told written_off units)" "$(of .units_written_off verify.json)"
line "units stranded, as buyers see the stock" 0 "$(of .holds.units_stranded load.json)"
line "buyers without an outcome" 0 "$(of .holds.lost load.json)"
line "requests without an answer" 0 "$(of .unanswered load.json)"
line "answers that contradict what must come" 0 "$(of .contradictions load.json)"
line "every unit accounted for at every block" true "$(of .conserved verify.json)"
state_line
# shellcheck disable=SC2034 # lib.sh reads it
[ $rc = 0 ] || good=no

say
printf '%s requests in %.1f s: %s a second; ' "$(group "$(of .answered load.json)")" \
	"$(of .seconds load.json)" "$(group "$(of '.requests_per_s | floor' load.json)")"
printf 'each unit was held %s times.\n' \
	"$(jq -rn "$(told held units) / $stock * 10 | round / 10")"
say "The journal lies in $demo/data."
end_unless_good
say
say "Try next:"
try "make serve" "keep an engine up, and hold from it"
try "$bin/doorbuster journal dump $demo/data | less" "every hold and what became of it"
