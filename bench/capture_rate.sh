#!/bin/bash
# Up to which rate `doorbuster capture` loses nothing: a drop over memif at growing rates, each
# captured into a file on disk, requests and replies. The engine has core 1; where there are only
# two, the capture shares core 0 with the load. Reports for each rate what was captured and lost.
#
#   bench/capture_rate.sh [BUILD] [FILL [RATE...]]   needs root
#
# FILL requests a datagram (1); RATEs in requests a second. SECONDS_EACH=4, DIR=/var/tmp.
set -eu
cd "$(dirname "$0")/.."
build=$PWD/${1:-build/release}
fill=${2:-1}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- 100000 200000 400000 600000 800000

if [ "${IN_NAMESPACE:-}" = "" ]; then
	work=$(mktemp -d "${DIR:-/var/tmp}/doorbuster-capture.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	IN_NAMESPACE=$work unshare --net --mount --pid --fork --kill-child --mount-proc \
		"$PWD/bench/capture_rate.sh" "${build#"$PWD/"}" "$fill" "$@"
	exit
fi
cd "$IN_NAMESPACE"
mount -t tmpfs tmpfs /run
ip link set lo up

field() { # NAME LINE
	sed -n "s/.*\<$1=\([^ ]*\).*/\1/p" <<<"$2"
}
(umask 077; echo "1 000102030405060708090a0b0c0d0e0f" >keys)
"$build/doorbuster" load --scenario drop --catalog-out catalog.csv
"$build/doorbuster" serve --data data --catalog catalog.csv --keys keys \
	--port memif:/run/m.sock --cores 1 >engine.out 2>&1 &
engine=$!
until grep -q "^ready" engine.out 2>/dev/null; do kill -0 $engine; sleep 0.05; done
sleep 2
printf '%12s %12s %12s %12s %10s\n' requests/s frames/s MB/s frames lost
for rate in "$@"; do
	"$build/doorbuster" capture --data data --write c.pcap 2>capture.err &
	capture=$!
	until grep -q 'capturing from' capture.err; do kill -0 $capture; sleep 0.05; done
	"$build/doorbuster" load --scenario drop --keys keys --server 198.18.0.1:7700 \
		--port memif:/run/m.sock --core 0 --fill "$fill" --rate "$rate" \
		--requests $((rate * ${SECONDS_EACH:-4})) --in-flight 512 --json \
		>load.json 2>load.err || true
	kill -INT $capture
	wait $capture || true
	told=$(grep -o 'captured received=.*' capture.err)
	awk -v rate="$rate" -v seconds="$(jq .seconds load.json)" \
		-v frames=$(($(field received "$told") + $(field sent "$told"))) \
		-v lost=$(($(field lost_received "$told") + $(field lost_sent "$told"))) \
		-v bytes="$(field bytes "$told")" 'BEGIN {
		printf "%12d %12d %12.1f %12d %10d\n", rate, (frames + lost) / seconds,
			bytes / seconds / 1e6, frames, lost }'
	rm -f c.pcap
done
kill -TERM $engine
wait $engine || true
