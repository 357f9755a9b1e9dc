# Relay and consumer on a Kafka cluster (librdkafka's mock, over TCP): a broker goes down; requests
# fail as Kafka's do, some with a fatal error, after which the idempotent producer must be made
# anew; relay and engine are killed beside a sale. The topic gives every record of the lanes once,
# in order.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

# Over kernel sockets, as a load over memif does not outlive its engine.
LOAD=(--scenario singles-day --skus 200 --server 127.0.0.1:7700 --keys "$KEYS" \
	--timeout-ms 60000)

mkfifo "$WORK/mock.in"
"$BIN/tests/e2e/kafka_mock" <"$WORK/mock.in" >"$WORK/mock.out" &
exec 7>"$WORK/mock.in"
wait_for "the cluster" test -s "$WORK/mock.out"
URL=kafka://$(head -n 1 "$WORK/mock.out")

relay_beside() {
	rm -f "$WORK/relay.err"
	"$BIN/doorbuster-relay" --data "$DATA" --to "$URL" 2>>"$WORK/relay.err" &
	RELAY=$!
	wait_for "the relay" grep -q 'lane 1: continues after' "$WORK/relay.err"
}

sell() { # SEED REQUESTS LOAD-ARGS...
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "${@:2}" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
}

# The topic must give what the lanes have, each record once.
expect_topic() {
	local lane
	"$BIN/doorbuster-relay" --data "$DATA" --to "$URL" --once 2>"$WORK/once.err" ||
		fail "relay: $(cat "$WORK/once.err")"
	"$BIN/doorbuster-consume" --from "$URL" >"$WORK/topic" 2>"$WORK/err" ||
		fail "consume: $(cat "$WORK/err")"
	for lane in 0 1; do
		cmp <("$BIN/doorbuster" journal dump "$DATA" --lane $lane --json) \
			<(grep "^{\"lane\":$lane," "$WORK/topic") ||
			fail "lane $lane of the topic differs"
	done
}

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 200 --requests 40000 \
	--catalog-out "$CATALOG"
start_engine --shards 2
relay_beside
# -195 transport, 7 timed out, 6 not leader, 19 not enough replicas, 45 out of order sequence
# (fatal), 47 invalid producer epoch (fatal).
for blow in "produce-errors 7 6 19 -195" "down 1" "produce-errors 45 45" \
	kill-relay "produce-errors 47" kill-engine "down 2"; do
	echo "  $blow"
	# The mock keeps 5 MB of a partition, and a slow sale has small blocks.
	rate=()
	[ "$blow" != kill-engine ] || rate=(--rate 4000)
	sell "${#blow}" 3000 "${rate[@]}" &
	load=$!
	case $blow in
	kill-relay)
		end9 $RELAY
		relay_beside
		;;
	kill-engine)
		# Not before the buyers are there.
		wait_for "more orders" orders_reached $(("$(orders_on_disk)" + 500))
		kill9
		start_engine --shards 2
		;;
	*) echo "$blow" >&7 ;;
	esac
	wait $load
	sleep 0.5
	printf 'up 1\nup 2\n' >&7
	kill -0 $RELAY 2>/dev/null || fail "the relay ended: $(cat "$WORK/relay.err")"
done
stop_engine
verify
kill -TERM $RELAY
wait $RELAY || fail "relay: $(cat "$WORK/relay.err")"
grep -q 'downstream is away' "$WORK/relay.err" || fail "no producer was made anew"
expect_topic
expect_eq "orders" "$(drained orders)" "$(grep -c '"kind":"order"' "$WORK/topic")"

echo "a broker that says it has a block already (46), and has not"
# This does not distinguish the relay's two checks of an offset: it passes without either of them.
start_engine --shards 2
relay_beside
echo "produce-errors 46" >&7
sell 77 1
wait_for "the relay to notice" grep -q 'did not come; trying again' "$WORK/relay.err"
wait_for "it to go on" grep -q 'downstream is back' "$WORK/relay.err"
! grep 'lost what it had acknowledged' "$WORK/relay.err" || fail "it was taken for acknowledged"
stop_engine
kill -TERM $RELAY
wait $RELAY || fail "relay: $(cat "$WORK/relay.err")"
expect_topic

echo "a topic that forgets is refused by name, before anything is sent or kept"
grep -q 'topic doorbuster: its retention and compaction are not checked' "$WORK/relay.err" ||
	fail "the mock knows what a topic is set to"
# Runs a relay with a name on a broker of a cluster whose topic has settings.
relay_to() { # NAME CLUSTER KEY=VALUE...
	rm -f "$WORK/broker"
	python3 tests/e2e/kafka_configs.py "$2" doorbuster "${@:3}" >"$WORK/broker" &
	BROKER=$!
	wait_for "the broker" test -s "$WORK/broker"
	rc=0
	"$BIN/doorbuster-relay" --data "$DATA" --name "$1" --once \
		--to "kafka://$(cat "$WORK/broker")" 2>"$WORK/err" || rc=$?
	kill $BROKER
	wait $BROKER || true
	expect_eq "exit code with ${*:2}" 1 $rc
}
relay_to fussy c1 cleanup.policy=compact retention.ms=-1
expect_match "why" 'topic doorbuster \(cleanup.policy=compact\) is compacted' "$(cat "$WORK/err")"
relay_to fussy c1 cleanup.policy=delete retention.bytes=-1 retention.ms=604800000
expect_match "why" 'topic doorbuster \(retention.ms=604800000\) loses blocks by their age' \
	"$(cat "$WORK/err")"

echo "a topic of the same name in another cluster; a broker that is not there"
relay_to kafka c2 cleanup.policy=delete retention.ms=-1
expect_match "why" "is another one \(cluster-c2\) than the relay named 'kafka' served" \
	"$(cat "$WORK/err")"
rc=0
"$BIN/doorbuster-relay" --data "$DATA" --name nowhere --to kafka://127.0.0.1:1 --once \
	--timeout 1 2>"$WORK/err" || rc=$?
expect_eq "exit code of --timeout" 1 $rc
expect_match "why" 'took nothing for 1 s \(--timeout\), the last error: topic doorbuster: ' \
	"$(cat "$WORK/err")"
for name in fussy nowhere; do
	[ ! -e "$DATA/downstream-$name" ] || fail "$name has a position"
done
