# memif peers that connect and go before they are greeted: the engine outlives them, keeps none of
# their descriptors, and serves the next load. A peer that has left is reported, and the next one.
# time limit: 90 s
. "$(dirname "$0")/lib.sh"

SOCKET=$WORK/memif
PEERS=1000

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
start_engine --port memif:"$SOCKET" --metrics $METRICS
before=$(find "/proc/$ENGINE_PID/fd" -type l | wc -l)

python3 - "$SOCKET" "$PEERS" <<'END' || fail "peers could not connect: the engine ended"
import socket, sys
for _ in range(int(sys.argv[2])):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.connect(sys.argv[1])
    peer.close()
END

descriptors_are_back() {
	[ "$(find "/proc/$ENGINE_PID/fd" -type l | wc -l)" -le "$before" ]
}
wait_for "the peers' descriptors to be closed" descriptors_are_back

# None of them was a peer: the port still waits for its first.
get /healthz
expect_eq "health" 200 "$HTTP_STATUS"

load() { # ARGS...
	"$BIN/doorbuster" load --scenario drop --server 198.18.0.1:7700 --port memif:"$SOCKET" \
		--keys "$KEYS" --timeout-ms 60000 --json "$@" \
		>"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
}
load --seed 4 --requests 20000
wait_for "the line" grep -q 'the peer of worker 0 has left: .*goes on by itself' "$ENGINE_OUT.err"
get /healthz
expect_eq "health" "503 port memif:$SOCKET: worker 0: the peer has left" \
	"$HTTP_STATUS $(cat "$WORK/answer")"
wait_for "the metric" metric_is 'doorbuster_port_link_up{worker="0"}' 0
# A peer that stays until it was seen, on any machine.
load --seed 5 --requests 20000000 --rate 2000 &
peer=$!
wait_for "the line" grep -q 'worker 0 has a peer again' "$ENGINE_OUT.err"
# shellcheck disable=SC2046
kill -INT $(pgrep -P $peer)
wait $peer || true
stop_engine
verify_agrees
