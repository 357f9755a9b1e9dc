# The chaos of test_relay_cluster.sh and `make chaos`: three JetStream nodes with three replicas, a
# PostgreSQL, an engine that sells; relay, sink, nodes (mostly the leader), engine and database are
# killed or stopped at random moments. In the end lanes, streams and table must be the same: every
# committed order once, in order.
#
#   ROUNDS  loads of a second, with a blow in the middle of each
#   SEED    of the blows
#   LOSE    1: in the end nodes lose their last minutes
. "$(dirname "${BASH_SOURCE[0]}")/nats.sh"
. "$(dirname "${BASH_SOURCE[0]}")/nats_cluster.sh"
. "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"

# Over the kernel: a load over memif does not outlive its engine.
LOAD=(--scenario singles-day --skus 500 --server 127.0.0.1:7700 --keys "$KEYS")
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

# Kills a process and starts it again, or stops it for a while: mostly for less than a second, now
# and then for longer than others wait for it.
hit() { # PID restart-command...
	case $((RANDOM % 5)) in
	0 | 1)
		echo "    killed"
		end9 "$1"
		"${@:2}"
		;;
	2 | 3)
		echo "    stopped"
		kill -STOP "$1"
		sleep 0.$((RANDOM % 10))
		kill -CONT "$1"
		;;
	*)
		echo "    stopped for long"
		kill -STOP "$1"
		sleep $((RANDOM % 8 + 4))
		kill -CONT "$1"
		;;
	esac
}

# Two of three: no quorum.
hit_two() {
	local node=$((RANDOM % 3 + 1)) other
	other=$((node % 3 + 1))
	kill_node $node
	kill_node $other
	sleep $((RANDOM % 3))
	start_node $node
	start_node $other
}

restart_engine() {
	ENGINE_PID=
	start_engine --shards 2
}

restart_postgres() {
	kill9_postgres
	start_postgres
}

blow() {
	local node
	case $((RANDOM % 8)) in
	0) echo "  the relay"; hit $RELAY start_relay ;;
	1) echo "  the sink"; hit $SINK start_sink ;;
	2 | 3)
		node=$(leader_of doorbuster-lane-00$((RANDOM % 2)))
		echo "  node $node, the leader"
		hit "${NODE_PID[$node]}" start_node "$node"
		;;
	4)
		node=$((RANDOM % 3 + 1))
		echo "  node $node"
		hit "${NODE_PID[$node]}" start_node "$node"
		;;
	5) echo "  two nodes"; hit_two ;;
	6) echo "  the engine"; hit "$ENGINE_PID" restart_engine ;;
	7) echo "  the database"; restart_postgres ;;
	esac
}

finished() { # ORDERS
	kill -0 $RELAY 2>/dev/null || fail "the relay ended: $(tail -n 3 "$WORK/relay.err")"
	[ "$(sql 'SELECT count(*) FROM doorbuster.orders' 2>/dev/null)" = "$1" ]
}

sell() { # SEED; in the background, LOAD_PID
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests $REQUESTS --json \
		--rate $REQUESTS --timeout-ms 60000 >"$WORK/load.json" 2>"$WORK/load.err" &
	LOAD_PID=$!
	# In the middle of the sale, not before it has begun.
	wait_for "the sale" orders_reached $((SOLD + 1))
	SOLD=$((SOLD + REQUESTS))
}

sold() {
	wait $LOAD_PID || fail "seed $SEED: load: $(cat "$WORK/load.json" "$WORK/load.err")"
}

# A consumer must find all that was sold in the streams.
streamed() {
	[ "$("$BIN/doorbuster" consume --from $CLUSTER_URL --format csv 2>/dev/null | wc -l)" = \
		$((SOLD + 1)) ]
}

# One, two or all nodes lose their last minutes, as when machines lose power: their directories are
# put back to an older copy.
lose_minutes() {
	local nodes node
	nodes=$(shuf -i 1-3 -n $((RANDOM % 3 + 1)) --random-source=<(yes "$SEED"))
	for node in "${NODES[@]}"; do kill_node "$node"; done
	cp -a "$NATS_STORE" "$WORK/older"
	for node in "${NODES[@]}"; do start_node "$node"; done
	wait_for_cluster
	sell $((ROUNDS + 1))
	sold
	wait_for "the streams to have all" streamed
	for node in "${NODES[@]}"; do kill_node "$node"; done
	echo "  the last minutes of" $nodes
	for node in $nodes; do
		rm -r "$NATS_STORE/n$node"
		mv "$WORK/older/n$node" "$NATS_STORE/"
	done
	for node in "${NODES[@]}"; do start_node "$node"; done
	wait_for_cluster
	wait_for "the streams to have all again" streamed
}

# Lanes, streams and table, record by record.
compare() {
	local lane
	"$BIN/doorbuster" consume --from $CLUSTER_URL >"$WORK/stream" 2>"$WORK/err" ||
		fail "seed $SEED: consume: $(cat "$WORK/err")"
	for lane in 0 1; do
		cmp <(grep "^{\"lane\":$lane," "$WORK/stream") \
			<("$BIN/doorbuster" journal dump "$DATA" --lane $lane --json) ||
			fail "seed $SEED: the stream of lane $lane differs from the lane"
		# Not even a doubled block, which a consumer would ignore. All but the closing
		# block.
		expect_eq "messages of lane $lane, seed $SEED" \
			$(($(json ".lanes[$lane].blocks" "$WORK/verify.json") - 1)) \
			"$(stream_info 4231 doorbuster-lane-00$lane .state.messages)"
	done
	"$BIN/doorbuster" consume --from data:"$DATA" --format csv >"$WORK/lanes"
	sql "SELECT lane, lsn, order_id, at_ns, replace(request_id::text, '-', ''), buyer, sku,
		quantity, unit_price, max_price, channel FROM doorbuster.orders
		ORDER BY lane, lsn" | tr '|' , >"$WORK/table"
	cmp "$WORK/table" <(tail -n +2 "$WORK/lanes" | sort -t , -k 1,1n -k 2,2n) ||
		fail "seed $SEED: the table differs from the lanes"
}

chaos() {
	local round
	SEED=${SEED:-$RANDOM} RANDOM=$SEED SOLD=0
	# shellcheck disable=SC2034 # lib.sh's
	START_LIMIT_S=60
	make_keys
	"$BIN/doorbuster" load --scenario singles-day --skus 500 \
		--requests $(((ROUNDS + 2) * REQUESTS)) --catalog-out "$CATALOG"
	start_postgres
	start_cluster
	start_engine --shards 2
	start_relay
	wait_for "the streams" stream_there
	start_sink
	for round in $(seq 1 "$ROUNDS"); do
		sell "$round"
		sleep 0.$((RANDOM % 6))
		blow
		sold
		wait_for_cluster
	done
	[ "$LOSE" = 0 ] || lose_minutes
	stop_engine
	verify
	expect_eq "orders of the lanes, seed $SEED" $SOLD "$(json .orders "$WORK/verify.json")"
	wait_for "the table to have all, seed $SEED" finished $SOLD
	kill -TERM $RELAY
	wait $RELAY || fail "seed $SEED: relay: $(tail -n 3 "$WORK/relay.err")"
	kill -TERM $SINK
	wait $SINK || fail "seed $SEED: sink: $(tail -n 3 "$WORK/sink")"
	compare
	stop_postgres
	echo "seed $SEED: $SOLD orders, the same in lanes, streams and table"
}

stream_there() {
	[ "$(stream_info 4231 doorbuster-lane-001 .config.num_replicas)" = 3 ]
}
