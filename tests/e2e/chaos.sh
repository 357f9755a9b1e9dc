# The chaos of test_relay_cluster.sh and `make chaos`: three JetStream nodes with three replicas, a
# PostgreSQL, an engine that sells; relay, sink, nodes (mostly the leader) and engine are killed or
# stopped at random moments. In the end lanes, streams and table must be the same: every committed
# order once, in order.
#
#   ROUNDS  loads, with a blow in the middle of each
#   SEED    of the blows
. "$(dirname "${BASH_SOURCE[0]}")/nats.sh"
. "$(dirname "${BASH_SOURCE[0]}")/nats_cluster.sh"
. "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"

PORT=memif:$WORK/memif
LOAD=(--scenario singles-day --skus 500 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS")
REQUESTS=20000

start_relay() {
	"$BIN/doorbuster-relay" --data "$DATA" --to $CLUSTER_URL --set replicas=3 \
		>>"$WORK/relay.out" 2>>"$WORK/relay.err" &
	RELAY=$!
}

start_sink() {
	"$BIN/doorbuster-sink" --from $CLUSTER_URL --to "$PG_URL" --follow >>"$WORK/sink" 2>&1 &
	SINK=$!
}

hit() { # PID restart-command...
	if [ $((RANDOM % 2)) = 0 ]; then
		kill -9 "$1"
		wait "$1" 2>/dev/null || true
		"${@:2}"
	else
		kill -STOP "$1"
		sleep 0.$((RANDOM % 10))
		kill -CONT "$1"
	fi
}

blow() {
	local what=$((RANDOM % 6)) node
	case $what in
	0) echo "  the relay"; hit $RELAY start_relay ;;
	1) echo "  the sink"; hit $SINK start_sink ;;
	2 | 3)
		node=$(leader_of doorbuster-lane-000)
		echo "  node $node, the leader"
		hit "${NODE_PID[$node]}" start_node "$node"
		;;
	4)
		node=$((RANDOM % 3 + 1))
		echo "  node $node"
		hit "${NODE_PID[$node]}" start_node "$node"
		;;
	5)
		echo "  the engine"
		kill9
		start_engine --port "$PORT" --shards 2
		;;
	esac
}

finished() { # KIND
	kill -0 $RELAY 2>/dev/null || fail "the relay ended: $(tail -n 3 "$WORK/relay.err")"
	[ "$(sql 'SELECT count(*) FROM doorbuster.orders' 2>/dev/null)" = "$1" ]
}

chaos() {
	local round load orders lane seed=${SEED:-$RANDOM}
	RANDOM=$seed
	# shellcheck disable=SC2034 # lib.sh's
	START_LIMIT_S=60
	make_keys
	"$BIN/doorbuster" load --scenario singles-day --skus 500 --catalog-out "$CATALOG"
	start_postgres
	start_cluster
	start_engine --port "$PORT" --shards 2
	start_relay
	wait_for "the streams" stream_there
	start_sink
	for round in $(seq 1 "$ROUNDS"); do
		"$BIN/doorbuster" load "${LOAD[@]}" --seed "$round" --requests $REQUESTS --json \
			>"$WORK/load.json" 2>"$WORK/load.err" &
		load=$!
		sleep 0.$((RANDOM % 6))
		blow
		wait $load || fail "seed $seed: load: $(cat "$WORK/load.json" "$WORK/load.err")"
		wait_for "all nodes" cluster_ready
	done
	stop_engine
	verify
	orders=$(json .orders "$WORK/verify.json")
	expect_eq "orders of the lanes, seed $seed" $((ROUNDS * REQUESTS)) "$orders"
	wait_for "the table to have all, seed $seed" finished "$orders"
	kill -TERM $RELAY
	wait $RELAY || fail "seed $seed: relay: $(tail -n 3 "$WORK/relay.err")"
	kill -TERM $SINK
	wait $SINK || fail "seed $seed: sink: $(tail -n 3 "$WORK/sink")"
	"$BIN/doorbuster" consume --from $CLUSTER_URL --format csv >"$WORK/stream" 2>"$WORK/err" ||
		fail "seed $seed: consume: $(cat "$WORK/err")"
	"$BIN/doorbuster" consume --from data:"$DATA" --format csv >"$WORK/lanes"
	for lane in 0 1; do
		cmp <(grep "^$lane," "$WORK/stream") <(grep "^$lane," "$WORK/lanes") ||
			fail "seed $seed: the stream of lane $lane differs from the lane"
	done
	sql "SELECT lane, lsn, order_id, at_ns, replace(request_id::text, '-', ''), buyer, sku,
		quantity, unit_price, max_price, channel FROM doorbuster.orders
		ORDER BY lane, lsn" | tr '|' , >"$WORK/table"
	cmp "$WORK/table" <(tail -n +2 "$WORK/lanes" | sort -t , -k 1,1n -k 2,2n) ||
		fail "seed $seed: the table differs from the lanes"
	stop_postgres
	echo "seed $seed: $orders orders, the same in lanes, streams and table"
}

stream_there() {
	[ "$(stream_info 4231 doorbuster-lane-001 .config.num_replicas)" = 3 ]
}
