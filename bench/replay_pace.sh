#!/bin/bash
# How late a replay's packets leave: `doorbuster replay` beside tcpreplay, on the same capture,
# over the same veth pair, seen by the same tcpdump at its other end, at captured pace and ten times
# faster. Then 500,000 packets a second over memif to an engine, by the replay's own clock.
#
#   bench/replay_pace.sh [BUILD]      needs root; tcpreplay, if it is there; ROUNDS=5, SPEEDS="1 10"
#
# An error is how far a packet is from its instant in the capture, counted from the first hundred.
set -eu
cd "$(dirname "$0")/.."
build=$PWD/${1:-build/release}
here=$PWD/bench/replay_pace.py
KEY=000102030405060708090a0b0c0d0e0f

if [ "${IN_NAMESPACE:-}" = "" ]; then
	work=$(mktemp -d /var/tmp/doorbuster-pace.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	IN_NAMESPACE=$work unshare --net --mount --pid --fork --kill-child --mount-proc \
		"$PWD/bench/replay_pace.sh" "${1:-build/release}"
	exit
fi
cd "$IN_NAMESPACE"
mount -t tmpfs tmpfs /run
ip link set lo up
ip netns add sink
ip link add source0 type veth peer name sink0 netns sink
ip addr add 198.18.9.1/24 dev source0
ip link set source0 up
ip netns exec sink ip addr add 198.18.9.2/24 dev sink0
ip netns exec sink ip link set sink0 up
ip netns exec sink python3 "$here" listen &
listener=$!
ping -c 1 -W 5 198.18.9.2 >/dev/null || true

# All of them have priority over the machine's other work.
renice -n -20 $$ >/dev/null 2>&1 || true

make() { # PACKETS GAP-NS FILE
	"$build/tests/e2e/make_capture" --requests "$1" --entries 1 --buyers 2700000 --skus 1 \
		--gap-ns "$2" --key $KEY >"$3"
}
measured() { # NAME SPEED COMMAND...
	local name=$1 speed=$2
	shift 2

	ip netns exec sink tcpdump -i sink0 -B 65536 -s 96 --time-stamp-precision=nano \
		-w seen.pcap 'udp and dst portrange 7700-7955' >/dev/null 2>tcpdump.err &
	local tcpdump=$!
	until grep -q 'listening on' tcpdump.err; do sleep 0.05; done
	"$@" >said 2>&1 || cat said
	sleep 1
	kill $tcpdump
	wait $tcpdump || true
	python3 "$here" compare "$name" "$speed" sent.pcap seen.pcap
}

make 30000 100000 sent.pcap
printf '%-34s %8s %8s %8s %9s %9s %9s\n' \
	'error, us' packets p50 p99 p99.9 most drift
for speed in ${SPEEDS:-1 10}; do
	measured "doorbuster replay, sockets, ${speed}x" $speed "$build/doorbuster" replay \
		sent.pcap --to 198.18.9.2:7700 --speed $speed --wait-ms 0 --quiet
	command -v tcpreplay >/dev/null || continue
	measured "tcpreplay, ${speed}x" $speed tcpreplay -q -i source0 --multiplier=$speed sent.pcap
	measured "tcpreplay --preload-pcap, ${speed}x" $speed tcpreplay -q -K -i source0 \
		--multiplier=$speed sent.pcap
done
kill $listener

# Over memif: one request a datagram, 500,000 a second, a core each; hardly an order, so that no
# disk delays the engine, and two seconds for it to make its segments. Beside each round the
# lateness of a sender that only reads the clock.
make 1500000 2000 fast.pcap
(umask 077; echo "1 $KEY" >keys)
printf '%s\n' sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds \
	1,1,1,1,,, >catalog.csv
"$build/doorbuster" serve --data data --catalog catalog.csv --keys keys --undated accept \
	--port memif:/run/m.sock --cores 1 >engine.out 2>&1 &
engine=$!
until grep -q "^ready" engine.out 2>/dev/null; do kill -0 $engine; sleep 0.05; done
sleep 2
echo "500,000 packets/s over memif, from when a packet was due to when the port had it:"
for round in $(seq "${ROUNDS:-5}"); do
	echo "  round $round, idle sender: $("$build/bench/idle_sender" 0 750000 2000)"
	"$build/doorbuster" replay fast.pcap --to memif:/run/m.sock --core 0 --quiet >said
	grep -E '^(sent|send time|answered|[0-9]+ times)' said | sed "s/^/  round $round, replay: /"
done
kill -TERM $engine
wait $engine || true
