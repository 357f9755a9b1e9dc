# An engine on a relay's copy of a data directory runs beside the original: both sell, both can be
# captured, each by its own directory. Of a copy that has a socket in it, nothing is kept.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

cd "$WORK" || exit
make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"

# Records a load at the engine on a port; how many frames came is in RECEIVED.
captured_load() { # DATA PORT SEED
	local capture

	"$BIN/doorbuster" capture --data "$1" --write "$3.pcap" 2>"$3.err" &
	capture=$!
	wait_for "the capture of $1" grep -q '^capturing' "$3.err"
	"$BIN/doorbuster" load --scenario drop --keys "$KEYS" --port memif:"$2" \
		--server 198.18.0.1:7700 --requests 2000 --seed "$3" --timeout-ms 60000 \
		>"$3.load" 2>&1 ||
		fail "load: $(cat "$3.load")"
	kill -INT $capture
	wait $capture || fail "capture of $1: $(cat "$3.err")"
	RECEIVED=$(field received "$(grep '^captured ' "$3.err")")
}

start_engine --port memif:"$WORK/one"
first=$ENGINE_PID
captured_load "$DATA" "$WORK/one" 1
"$BIN/doorbuster" relay --data "$DATA" --to "file:$WORK/copy" --once 2>relay.err ||
	fail "relay: $(cat relay.err)"
# Copies that were not made by a relay have it: cp -a makes a socket, too.
[ ! -e "$DATA/capture" ] || cp -a "$DATA/capture" copy/
DATA=$WORK/copy start_engine --port memif:"$WORK/two"
! grep '^capture: ' "$ENGINE_OUT.err" || fail "the engine on the copy can't be captured"

captured_load "$WORK/copy" "$WORK/two" 2
[ "$RECEIVED" -gt 20 ] || fail "the copy's capture has $RECEIVED frames"
captured_load "$DATA" "$WORK/one" 3
[ "$RECEIVED" -gt 20 ] || fail "the original's capture has $RECEIVED frames"

stop_engine
ENGINE_PID=$first
ENGINE_OUT=$WORK/engine.1
stop_engine
