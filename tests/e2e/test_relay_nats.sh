# Relay and consumer on a real NATS JetStream: relay, broker and engine are killed or stopped beside
# a sale, the broker's directory is put back to an older copy, and the stream has every block of the
# lane once, in order. Another relay, a foreign message, a gap, a lane that was cut: the relay names
# it and stops.
# time limit: 200 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nats.sh"

URL=nats://127.0.0.1:4222
PORT=memif:$WORK/memif
LOAD=(--scenario singles-day --skus 500 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS")

sell() { # SEED REQUESTS
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "$2" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.err")"
}

relay_beside() { # NAME ARGS...
	rm -f "$WORK/$1.err"
	"$BIN/doorbuster-relay" --data "$DATA" --name "$1" --to $URL "${@:2}" 2>"$WORK/$1.err" &
	RELAY=$!
	wait_for "relay $1" grep -q 'continues after' "$WORK/$1.err"
}

relay_once() { # ARGS...
	"$BIN/doorbuster-relay" --data "$DATA" --to $URL --once "$@" >"$WORK/once" 2>&1
}

# The stream must give what the lane has, each record once.
expect_stream() { # ARGS...
	"$BIN/doorbuster" consume --from $URL "$@" >"$WORK/stream" 2>"$WORK/err" ||
		fail "consume: $(cat "$WORK/err")"
	cmp "$WORK/stream" <("$BIN/doorbuster" journal dump "$DATA" --json) ||
		fail "the stream differs from the lane"
}

expect_stopped() { # WHAT PATTERN COMMAND...
	local rc=0
	"${@:3}" >"$WORK/stopped" 2>&1 || rc=$?
	expect_eq "exit code, $1" 1 $rc
	expect_match "why, $1" "$2" "$(cat "$WORK/stopped" "$WORK/once")"
}

relayed() {
	[ "$(stream_info 4222 doorbuster-lane-000 .state.messages)" -ge 1 ] &&
		"$BIN/doorbuster" consume --from $URL 2>/dev/null | wc -l | grep -qx "$(records)"
}

records() {
	echo $(($(orders_on_disk) + $(wc -l <"$CATALOG") - 1))
}

get() { # PATH
	exec 8<>/dev/tcp/127.0.0.1/9464 || return 1
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&8
	cat <&8
	exec 8>&-
}

asked() { # LSN
	get /metrics | grep -qx "doorbuster_relay_lane_lsn{lane=\"0\"} $1"
}

unhealthy() {
	get /healthz | grep -qx 'lane 0: downstream is away'
}

healthy() {
	get /healthz | grep -qx 'ok'
}

one_ended() {
	! kill -0 $RELAY 2>/dev/null || ! kill -0 $twin 2>/dev/null
}

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 500 --requests 200000 \
	--catalog-out "$CATALOG"
start_nats
start_engine --port "$PORT"

echo "relay and broker killed or stopped beside the sale, consumer too"
relay_beside nats
"$BIN/doorbuster-consume" --from $URL --cursor "$WORK/c" --out "$WORK/c.out" --follow \
	2>"$WORK/c.err" &
consumer=$!
for n in 1 2 3 4; do
	sell $n 20000 &
	load=$!
	sleep 0.$((RANDOM % 5))
	case $n in
	1) end9 $RELAY; relay_beside nats ;;
	2) end9 $NATS_PID; sleep 0.2; start_nats ;;
	3) kill -STOP $NATS_PID; sleep 0.5; kill -CONT $NATS_PID ;;
	4) kill -STOP $RELAY; sleep 0.3; kill -CONT $RELAY ;;
	esac
	wait $load
done
kill9
start_engine --port "$PORT"
stop_engine
kill -TERM $RELAY
wait $RELAY || fail "relay: $(cat "$WORK/nats.err")"
relay_once || fail "relay: $(cat "$WORK/once")"
expect_stream
end9 $consumer
"$BIN/doorbuster-consume" --from $URL --cursor "$WORK/c" --out "$WORK/c.out" 2>"$WORK/c.err" ||
	fail "consume: $(cat "$WORK/c.err")"
cmp "$WORK/c.out" "$WORK/stream" || fail "the consumer that was killed has different records"

echo "what Prometheus is told"
relay_beside nats --metrics 127.0.0.1:9464
wait_for "the first report" asked "$(("$(wc -l <"$WORK/stream")"))"
end9 $NATS_PID
wait_for "health to say so" unhealthy
start_nats
wait_for "health again" healthy
kill -TERM $RELAY
wait $RELAY || fail "relay: $(cat "$WORK/nats.err")"

echo "a broker that lost its last minutes: noticed beside it, and repaired from the lane"
kill -TERM $NATS_PID
wait $NATS_PID || true
cp -a "$NATS_STORE" "$WORK/older"
start_nats
start_engine --port "$PORT"
relay_beside nats
sell 5 20000
wait_for "the relay to be done" relayed
end9 $NATS_PID
rm -r "$NATS_STORE"
mv "$WORK/older" "$NATS_STORE"
start_nats
wait_for "the relay to notice" grep -q 'it lost what it had acknowledged' "$WORK/nats.err"
stop_engine
kill -TERM $RELAY
wait $RELAY || fail "relay: $(cat "$WORK/nats.err")"
relay_once || fail "relay: $(cat "$WORK/once")"
expect_stream

echo "what a message expects: what is the same on each node of a cluster, and no ids"
expect_eq "headers of NATS" "Nats-Expected-Last-Sequence: 1" \
	"$(nats_ask 4222 '$JS.API.STREAM.MSG.GET.doorbuster-lane-000' '{"seq":2}' |
		jq -r .message.hdrs | base64 -d | tr -d '\r' | grep '^Nats-')"

echo "JSON, an order a message"
relay_once --format json --name json || fail "relay: $(cat "$WORK/once")"
expect_eq "messages of the JSON stream" "$(wc -l <"$WORK/stream")" \
	"$(stream_info 4222 doorbuster-json-lane-000 .state.messages)"

echo "two relays on copies of one data directory: the stream refuses one"
# Both have the same id and run, and read the same lane, so that both send the same.
cp -a "$DATA" "$WORK/twin"
mount --bind "$DATA/lane-000" "$WORK/twin/lane-000"
start_engine --port "$PORT"
relay_beside nats
"$BIN/doorbuster-relay" --data "$WORK/twin" --name nats --to $URL 2>"$WORK/twin.err" &
twin=$!
wait_for "the twin" grep -q 'continues after' "$WORK/twin.err"
sell 6 20000
wait_for "one of them to be refused" one_ended
expect_match "why" 'refused a block .* another relay .* one relay a lane' \
	"$(cat "$WORK/twin.err" "$WORK/nats.err")"
kill -TERM $RELAY $twin 2>/dev/null || true
wait $RELAY $twin || true
stop_engine
relay_once || fail "relay: $(cat "$WORK/once")"
expect_stream

echo "a message of somebody else, in the middle of what a relay sends"
start_engine --port "$PORT"
relay_beside nats
nats_publish 4222 doorbuster.lane.000 hello
foreign=$(stream_info 4222 doorbuster-lane-000 .state.last_seq)
sell 7 20000
rc=0
wait $RELAY || rc=$?
expect_eq "exit code of the relay" 1 $rc
# Its first block goes alone, so that none of those that follow takes the place after it.
expect_eq "the last message" "$foreign" "$(stream_info 4222 doorbuster-lane-000 .state.last_seq)"
expect_match "why" 'message [0-9]+ is no message of a relay; nobody but one relay may' \
	"$(cat "$WORK/nats.err")"
stop_engine
expect_stopped "a foreign message" 'message [0-9]+ is no message of a relay' relay_once
expect_stopped "a foreign message, consumed" \
	'lane 0: after LSN [0-9]+ \(position [0-9]+\) there is not a block of ours' \
	"$BIN/doorbuster" consume --from $URL

echo "a message taken out of the middle of a stream"
# The streams that we make forbid it; one that was made by hand may allow it.
expect_eq "removing from a stream of ours" false \
	"$(nats_ask 4222 '$JS.API.STREAM.MSG.DELETE.doorbuster-lane-000' '{"seq":2}' |
		jq '.success or false')"
nats_ask 4222 '$JS.API.STREAM.CREATE.gap-lane-000' '{"name":"gap-lane-000","retention":"limits",
	"storage":"file","num_replicas":1,"subjects":["gap.lane.000"]}' | jq -e .config >"$WORK/gap"
relay_once --name gap --set stream=gap || fail "relay: $(cat "$WORK/once")"
expect_stream --set stream=gap
expect_eq "removing from a stream made by hand" true \
	"$(nats_ask 4222 '$JS.API.STREAM.MSG.DELETE.gap-lane-000' '{"seq":3}' | jq .success)"
expect_stopped "a gap" 'stream gap-lane-000 has a gap: 1 messages were removed' \
	relay_once --name gap --set stream=gap
expect_stopped "a gap, consumed" 'lane 0: after LSN [0-9]+ .* a gap: blocks were removed there' \
	"$BIN/doorbuster" consume --from $URL --set stream=gap

echo "a stream that forgets"
nats_ask 4222 '$JS.API.STREAM.CREATE.old-lane-000' '{"name":"old-lane-000","retention":"limits",
	"storage":"file","num_replicas":1,"discard":"old","max_msgs":5,
	"subjects":["old.lane.000"]}' | jq -e .config >"$WORK/old"
expect_stopped "a limit" \
	'stream old-lane-000 forgets what it acknowledged \(max_msgs with discard=old\)' \
	relay_once --name old --set stream=old

echo "a stream that acknowledges nothing, and one whose subject another takes"
nats_ask 4222 '$JS.API.STREAM.CREATE.mute-lane-000' '{"name":"mute-lane-000","retention":"limits",
	"storage":"file","num_replicas":1,"no_ack":true,"subjects":["mute.lane.000"]}' |
	jq -e .config >"$WORK/mute"
expect_stopped "no_ack" 'stream mute-lane-000 acknowledges nothing \(no_ack\)' \
	relay_once --name mute --set stream=mute
nats_ask 4222 '$JS.API.STREAM.CREATE.all' '{"name":"all","retention":"limits","storage":"file",
	"num_replicas":1,"subjects":["over.>"]}' | jq -e .config >"$WORK/all"
expect_stopped "an overlap" 'stream all takes its subject over.lane.000 already' \
	relay_once --name over --set stream=over
for name in mute over; do
	[ ! -e "$DATA/downstream-$name" ] || fail "a stream that was refused has a position"
done

echo "the same stream by another address; another stream of the same name"
relay_once --name who --set stream=who || fail "relay: $(cat "$WORK/once")"
relay_once --name who --set stream=who --to nats://localhost:4222,127.0.0.1:4222 ||
	fail "another address: $(cat "$WORK/once")"
expect_stream --set stream=who
nats_ask 4222 '$JS.API.STREAM.DELETE.who-lane-000' '' | jq -e .success >"$WORK/delete"
expect_stopped "a stream that was removed" \
	'stream who-lane-000 is not at nats://127.0.0.1:4222, and this relay filled it before' \
	relay_once --name who --set stream=who
nats_ask 4222 '$JS.API.STREAM.CREATE.who-lane-000' '{"name":"who-lane-000","retention":"limits",
	"storage":"file","num_replicas":1,"subjects":["who.lane.000"]}' | jq -e .config >"$WORK/who"
expect_stopped "a stream made anew" "is another one .* than the relay named 'who' served" \
	relay_once --name who --set stream=who
"$BIN/doorbuster" relay --data "$DATA" --forget --name who
relay_once --name who --set stream=who || fail "relay: $(cat "$WORK/once")"
expect_stream --set stream=who
