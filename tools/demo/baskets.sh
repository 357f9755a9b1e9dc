#!/bin/bash
# `make run SCENARIO=baskets`: baskets of 2 to 5 lines on a real engine with two shards: bought, or
# held for a second and then paid, also late, released or never paid; many asked twice. Exits 0 only
# if each basket was carried out as a whole or not at all, what was asked again got the same answer,
# and no unit is stranded. Leaves its journal in DIR; the machine is as it was.
#
#   tools/demo/baskets.sh [BUILD [DIR]]    default: build/release, build/demo
#
# BUYERS: how many there are, instead of 40,000.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${1:-build/release}
demo=${2:-build/demo}
buyers=${BUYERS:-40000}

. tools/demo/lib.sh

say "Baskets: $(group "$buyers") buyers want 2 to 5 things each, all or none, from two shards."
sell_to baskets --shards 2

say
printf '%-44s %10s %11s\n' "What buyers were told" "baskets" "units"
figure "bought" bought
figure "bought in part: what there was" in_part
figure "held" held
figure "  confirmed in time" confirmed
figure "  released" released
figure "  ran out" ran_out
figure "    paid late, sold all the same" late
figure "    paid late, refund" refunded

say
printf '%-54s %12s   %s\n' "What must hold" "counted" "holds"
line "baskets of which a part was carried out" 0 "$(of .baskets.halves load.json)"
line "repeated requests ($(group "$(of .baskets.repeated load.json)")) answered otherwise" 0 \
	"$(of .baskets.other_answers load.json)"
lines_of_holds $(($(told bought units) + $(told in_part units) + $(told confirmed units) + \
	$(told late units))) 0

say
rate_line
printf '%s times a basket was sold out.\n' "$(group "$(of .baskets.refused load.json)")"
say "The journal lies in $demo/data."
end_unless_good
say
say "Try next:"
try "make serve" "keep an engine up, and buy a basket from it"
try "$bin/doorbuster journal dump $demo/data | less" "every basket and what became of it"
