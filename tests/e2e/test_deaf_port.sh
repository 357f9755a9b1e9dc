# A port that loses the buffers for the kernel's receiving stays deaf. The engine finds that out,
# says so in its log, at /healthz and among its metrics, and opens the port anew while it runs: it
# keeps what it sold, answers what waits for the disk, and sells on. Also where the port can't be
# opened for a while. One whose buffers the kernel would not take does not start.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"
. "$(dirname "$0")/hold.sh"

export DEAF_WHEN=$WORK/deaf DEAF_NO_BIND=$WORK/no_bind
PRELOAD=$BIN/tests/e2e/preload_deaf_port.so
NEXT_ID=1

plain_ask() {
	"$BIN/tests/e2e/ask" --keys "$KEYS" "$@"
}

start() { # SERVE-ARGS...
	LD_PRELOAD=$PRELOAD ASAN_OPTIONS=verify_asan_link_order=0 \
		start_engine --shards 2 --undated accept --metrics $METRICS "$@"
}

# Nothing comes through any more, however much is sent.
make_deaf() {
	touch "$DEAF_WHEN"
	wait_for "the buffers to be spoilt" test ! -e "$DEAF_WHEN"
}

# For wait_for: datagrams come until the engine has said it more often than before.
said_again() { # PATTERN BEFORE ASK-ARGS...
	local pattern=$1 before=$2
	shift 2

	ask "$@" --copies 64 --timeout-ms 1 "op=ping,id=$(id 7)" || true
	[ "$(times_said "$pattern")" -gt "$before" ]
}

times_said() { # PATTERN
	grep -c "$1" "$ENGINE_OUT.err" || true
}

buy() { # ASK-ARGS...
	expect_verdict ACCEPTED "$@" "sku=${SKUS[0]},buyer=$NEXT_ID,id=$(id $NEXT_ID)"
	NEXT_ID=$((NEXT_ID + 1))
}

somebody_waits() {
	[ "$(held)" = 1 ]
}

# For wait_for: each check also sends a datagram, so that the engine has something to receive.
healthy() {
	ask "$@" --copies 8 --timeout-ms 100 "op=ping,id=$(id 7)" >/dev/null
	get /healthz
	[ "$HTTP_STATUS" = 200 ]
}

try_port() { # PORT ASK-ARGS...
	local port=$1
	shift

	start --port "$port"
	find_skus "$@"
	buy "$@"

	echo "$port: deaf while the port can't be opened: the buyer's answer waits for both"
	touch "$DEAF_NO_BIND"
	make_deaf
	wait_for "the line" said_again "^port $port: worker 0 is deaf" 0 "$@"
	wait_for "the refusal" grep -q "^port $port: can't be opened anew" "$ENGINE_OUT.err"
	get /healthz
	expect_eq "health" "503 port $port: worker 0 is deaf: it is opened anew" \
		"$HTTP_STATUS $(cat "$WORK/answer")"
	get /metrics
	expect_eq "metric" 1 "$(metric 'doorbuster_port_deaf{worker="0"}')"
	expect_no_answer "$@" op=ping,id=$(id 7)
	rm "$DEAF_NO_BIND"
	wait_for "the port" grep -q "^port $port: opened anew" "$ENGINE_OUT.err"
	buy "$@"
	wait_for "health" healthy "$@"

	echo "$port: deaf again, and at once opened"
	for round in 1 2; do
		make_deaf
		wait_for "the port" said_again "^port $port: worker 0 hears again" $round "$@"
	done

	echo "$port: deaf while an order waits for the disk"
	fsfreeze -f "$DISK"
	ask "$@" --timeout-ms 60000 "sku=${SKUS[0]},buyer=$NEXT_ID,id=$(id $NEXT_ID)" \
		>"$WORK/patient" &
	patient=$!
	NEXT_ID=$((NEXT_ID + 1))
	wait_for "the order" somebody_waits
	make_deaf
	wait_for "the port" said_again "^port $port: worker 0 hears again" 3 "$@"
	somebody_waits || fail "who waited for the disk waits no more"
	thaw
	wait $patient || fail "who waited got no answer"
	expect_match "who waited" '^ACCEPTED ' "$(cat "$WORK/patient")"
	buy "$@"
	wait_for "health" healthy "$@"
	get /metrics
	[ "$(metric doorbuster_port_reopened_total)" -ge 4 ] || fail "too few openings"
	# The buffers that the kernel threw away each time.
	[ "$(metric doorbuster_port_buffers_lost_total)" -ge 6000 ] || fail "too few lost"

	echo "$port: more than all buffers go round, and those that wait for the disk stay"
	fsfreeze -f "$DISK"
	hold_many 17000 $((1000 + NEXT_ID)) "$@"
	thaw
	wait_for "the replies" nobody_waits
	for _ in 1 2 3 4 5; do
		got=$(ask "$@" --copies 8000 --timeout-ms 300 "op=ping,id=$(id 7)") ||
			fail "no answer: $got"
	done
	buy "$@"
	stop_engine
	grep -q '^drops NO_WORKER\|^traffic' "$ENGINE_OUT" || fail "no count of what was lost"
	[ "$(field missed_by_port "$(grep '^traffic' "$ENGINE_OUT")")" -gt 0 ] ||
		fail "nothing is told of what the port missed"
	verify_agrees
}

make_disk 700
make_keys
make_catalog $(for sku in $(seq 100 120); do echo "$sku,1000,10,0,,,"; done)
make_veth
ask() { plain_ask "$@"; }
try_port lo
ask() { in_buyers "$BIN/tests/e2e/ask" --keys "$KEYS" "$@"; }
try_port af_xdp:engine0 --to 198.18.1.1

echo "one queue of two: the other's worker and what it handed over stay"
ip link del engine0
ip netns del buyers
make_veth 2
start --port af_xdp:engine0 --cores 0,1
make_deaf # the queue that was set up last
wait_for "the line" said_again "^port af_xdp:engine0: worker 1 is deaf" 0 --to 198.18.1.1
wait_for "the port" said_again "^port af_xdp:engine0: worker 1 hears again" 0 --to 198.18.1.1
! grep 'worker 0 is deaf' "$ENGINE_OUT.err" || fail "the other queue was taken for deaf"
for _ in 1 2 3 4 5 6 7 8; do
	buy --to 198.18.1.1
done
get /metrics
for worker in 0 1; do
	[ "$(metric "doorbuster_frames_total{worker=\"$worker\"}")" -gt 0 ] ||
		fail "worker $worker got nothing"
done
stop_engine
verify_agrees

echo "half of the buffers registered: no start"
export LD_PRELOAD=$PRELOAD DEAF_SHORT_UMEM=1 ASAN_OPTIONS=verify_asan_link_order=0
refused 'lo does not start with 1 queues: of its 32767 packet buffers 1638[0-9] are outside' \
	--shards 2
unset LD_PRELOAD
ip link del engine0
umount "$DISK"
