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
sell_to holds

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
lines_of_holds "$sold" "$(told written_off units)"

say
rate_line
printf 'each unit was held %s times.\n' \
	"$(jq -rn "$(told held units) / $stock * 10 | round / 10")"
say "The journal lies in $demo/data."
end_unless_good
say
say "Try next:"
try "make serve" "keep an engine up, and hold from it"
try "$bin/doorbuster journal dump $demo/data | less" "every hold and what became of it"
