# The sink with a real PostgreSQL: sink and server are killed at any moment beside a sale, and the
# table has every order of the lanes once, with the same fields. A second sink and a lane that was
# cut are refused.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

PORT=memif:$WORK/memif
LOAD=(--scenario singles-day --skus 500 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS")

sell() { # SEED REQUESTS
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "$2" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.err")"
}

sink() { # ARGS...
	"$BIN/doorbuster-sink" --from data:"$DATA" --to "$PG_URL" "$@" >"$WORK/sink" 2>&1
}

sink_beside() {
	"$BIN/doorbuster-sink" --from data:"$DATA" --to "$PG_URL" --follow >>"$WORK/beside" 2>&1 &
	SINK=$!
}

# Compares table and lanes field by field, in lane order.
expect_table() {
	sql "SELECT lane, lsn, order_id, at_ns, replace(request_id::text, '-', ''), buyer, sku,
		quantity, unit_price, max_price, channel FROM doorbuster.orders
		ORDER BY lane, lsn" | tr '|' , >"$WORK/table"
	"$BIN/doorbuster" consume --from data:"$DATA" --format csv | tail -n +2 |
		sort -t , -k 1,1n -k 2,2n >"$WORK/lanes"
	cmp "$WORK/table" "$WORK/lanes" || fail "the table differs from the lanes"
}

stored() { # COUNT
	[ "$(sql 'SELECT count(*) FROM doorbuster.orders' 2>/dev/null || echo 0)" -ge "$1" ]
}

locked() {
	[ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 1 ]
}

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 500 --catalog-out "$CATALOG"
start_postgres
start_engine --port "$PORT" --shards 2

echo "sink and server killed beside the sale"
sink_beside
for n in 1 2 3 4 5; do
	sell $n 20000 &
	load=$!
	wait_for "some of it to be stored" stored $((20000 * (n - 1) + 1))
	if [ $((n % 2)) = 1 ]; then
		kill -9 $SINK
		wait $SINK || true
		sink_beside
	else
		kill9_postgres
		start_postgres
	fi
	wait $load
done
stop_engine
kill -TERM $SINK
wait $SINK || fail "sink: $(cat "$WORK/beside")"
sink || fail "sink: $(cat "$WORK/sink")"
expect_table
expect_eq "orders" "$(drained orders)" "$(wc -l <"$WORK/table")"
sink || fail "sink: $(cat "$WORK/sink")"
expect_eq "what is left to do" 'stored orders=0' "$(cat "$WORK/sink")"

echo "two sinks"
sink_beside
wait_for "the sink's lock" locked
rc=0
sink || rc=$?
expect_eq "exit code of the second" 2 $rc
expect_match "why" 'another sink fills schema doorbuster' "$(cat "$WORK/sink")"
kill -TERM $SINK
wait $SINK || fail "sink: $(cat "$WORK/beside")"

echo "an LSN with another order"
sql "UPDATE doorbuster.orders SET request_id = gen_random_uuid() WHERE lane = 1 AND lsn = 5000;
	UPDATE doorbuster.lanes SET next_lsn = 0, segment = 0, block_offset = 0, checksum = '0'"
rc=0
sink || rc=$?
expect_eq "exit code" 1 $rc
expect_match "why" 'has 1 of these LSNs with other orders: the lane was cut' "$(cat "$WORK/sink")"
rc=0
"$BIN/doorbuster" sink --from data:"$DATA" --to 'host=/nonexistent' 2>"$WORK/err" || rc=$?
expect_eq "exit code without a server" 2 $rc
stop_postgres
