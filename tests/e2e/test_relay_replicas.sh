# A JetStream of three nodes whose followers are restarted after a time without sales that is longer
# than the stream's window of de-duplication. They have forgotten the ids of their messages then.
# What the relay sends next must be on them too, not only on the leader: when it is gone, the others
# have every record that was acknowledged.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nats.sh"
. "$(dirname "$0")/nats_cluster.sh"

PORT=memif:$WORK/memif
LOAD=(--scenario singles-day --skus 50 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS")
STREAM=doorbuster-lane-000

sell() { # SEED REQUESTS
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "$2" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.err")"
}

acknowledged() { # LSN
	tail -n 1 "$WORK/relay.out" | jq -e ".lanes[0].lsn >= $1" >/dev/null
}

last_lsn() {
	"$BIN/doorbuster" journal dump "$DATA" --json | wc -l
}

# The leader calls all others current.
followers_current() {
	stream_info "423$1" $STREAM \
		'[.cluster.replicas[] | .current and (.lag // 0) == 0] | all and length == 2' |
		grep -qx true
}

led_by_another() {
	local leader
	leader=$(leader_of $STREAM)
	[ "$leader" != "$LEADER" ] &&
		[ "$(stream_info "423$leader" $STREAM .cluster.leader)" = "n$leader" ]
}

# With the stream's leader the cluster's may have gone.
consumed() {
	"$BIN/doorbuster" consume --from "${others%,}" >"$WORK/stream" 2>"$WORK/err"
}

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 50 --requests 4000 \
	--catalog-out "$CATALOG"
start_cluster
# Two minutes by default.
nats_ask 4231 "\$JS.API.STREAM.CREATE.$STREAM" "{\"name\":\"$STREAM\",\"retention\":\"limits\",
	\"storage\":\"file\",\"num_replicas\":3,\"discard\":\"new\",\"duplicate_window\":500000000,
	\"subjects\":[\"doorbuster.lane.000\"]}" | jq -e .config >"$WORK/config" ||
	fail "no stream: $(cat "$WORK/config")"
wait_for "a leader" leader_of $STREAM
LEADER=$(leader_of $STREAM)
start_engine --port "$PORT"
"$BIN/doorbuster-relay" --data "$DATA" --to "nats://127.0.0.1:423$LEADER" --json \
	>"$WORK/relay.out" 2>"$WORK/relay.err" &
RELAY=$!
sell 1 200
wait_for "the first sale to be acknowledged" acknowledged "$(last_lsn)"
sleep 0.6
for node in "${NODES[@]}"; do
	[ "$node" != "$LEADER" ] || continue
	kill -TERM "${NODE_PID[$node]}"
	wait "${NODE_PID[$node]}" || true
	start_node "$node"
	wait_for "node $node to be current" followers_current "$LEADER"
done
expect_eq "the leader, after the others were restarted" "$LEADER" "$(leader_of $STREAM)"
sell 2 200
wait_for "the second sale to be acknowledged" acknowledged "$(last_lsn)"
acked=$(tail -n 1 "$WORK/relay.out" | jq '.lanes[0].lsn')
end9 $RELAY
# Gone, not asked to step down: then it would hand over what the others lack.
kill_node "$LEADER"
stop_engine
wait_for "another leader" led_by_another
for node in "${NODES[@]}"; do
	[ "$node" = "$LEADER" ] || others=${others:-nats://}127.0.0.1:423$node,
done
wait_for "the others to be read" consumed
expect_eq "records that were acknowledged, and are on the nodes that are left" "$acked" \
	"$(head -n "$acked" "$WORK/stream" | wc -l)"
# The relay knows it again under another leader.
"$BIN/doorbuster-relay" --data "$DATA" --to "${others%,}" --once 2>"$WORK/relay.err" ||
	fail "the relay, under another leader: $(cat "$WORK/relay.err")"
cmp "$WORK/stream" <("$BIN/doorbuster" journal dump "$DATA" --json | head -n "$acked") ||
	fail "the stream differs from the lane"
