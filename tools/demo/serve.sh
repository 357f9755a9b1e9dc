#!/bin/bash
# `make serve`: keeps a demo engine selling until Ctrl-C, on the journal of the last time; Ctrl-C
# drains it. Prints what to type in another terminal to buy.
#
#   tools/demo/serve.sh [BUILD [DIR]]    default: build/release, build/serve
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${1:-build/release}
demo=${2:-build/serve}

. tools/demo/lib.sh

if [ ! -e "$demo/keys" ]; then
	prepare_demo "$demo"
	# The drop's SKU too, for a load.
	"$bin/doorbuster" load --scenario drop --catalog-out "$demo/catalog.csv"
	cat >>"$demo/catalog.csv" <<-END
		1001,15000,4999,1,,,
		1002,200,129900,2,,,
		1003,1000000,250,0,,,
		1004,500,9900,1,$(date -u -d '+60 seconds' +%Y-%m-%dT%H:%M:%SZ),,
		1005,100,4999,1,,,600
	END
fi
start_demo "$bin" "$demo"
say "engine    $(sed -n 's/^ready //p' "$demo/engine.out")"
say "catalog   $demo/catalog.csv: 1001, one a buyer; 1002, two; 1003, any; 1004 opens later;"
say "          1005 can be held for ten minutes; 1, one a buyer, is what a load of the drop buys"
say
say "In another terminal, as a user who may read $demo/keys:"
say
printf -v program '%q' "$bin/doorbuster"
printf -v keys '%q' "$demo/keys"
to="--server 127.0.0.1:7700"
if [ "$port" != lo ]; then
	printf -v to '%s --port %q' "--server 198.18.0.1:7700" "$port"
else
	say "  $program buy $to --keys $keys --sku 1001 --buyer 42"
	say "  $program buy $to --keys $keys --sku 1002 --buyer 42 --quantity 2 --json"
	say "  $program buy $to --keys $keys --sku 1005 --buyer 42 --hold"
fi
say "  $program load --scenario drop $to \\"
say "      --keys $keys --requests 100000"
say "  $program journal verify $(printf '%q' "$demo/data")"
say
say "Ctrl-C drains the engine; started again, it goes on with this sale. rm -r $demo begins anew."
trap 'echo; stop_demo; tail -n 1 "$demo/engine.out"; exit 0' INT TERM
while kill -0 "$engine" 2>/dev/null; do
	sleep 0.2
done
say "The engine ended by itself:" >&2
cat "$demo/engine.err" >&2
exit 1
