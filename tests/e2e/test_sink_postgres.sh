# The sink with a real PostgreSQL through a real PgBouncer: sink and server are killed at any moment
# beside a sale, and the table has every order of the lanes once, with the same fields. What passes
# is tried again, what does not is final and named. A lane that was cut is refused.
# time limit: 400 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

LOAD_ORDERS=3000
PORT=memif:$WORK/memif
LOAD=(--scenario singles-day --skus 500 --server 198.18.0.1:7700 --port "$PORT" --keys "$KEYS")

sell() { # SEED REQUESTS
	"$BIN/doorbuster" load "${LOAD[@]}" --seed "$1" --requests "$2" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" || fail "load: $(cat "$WORK/load.err")"
}

sink() { # ARGS...
	"$BIN/doorbuster-sink" --from data:"$DATA" --to "$TO" "$@" >"$WORK/sink" 2>&1
}

sink_beside() { # LOG
	"$BIN/doorbuster-sink" --from data:"$DATA" --to "$TO" --follow >>"$WORK/$1" 2>&1 &
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

expect_refused() { # WHAT PATTERN SINK-ARGS...
	local what=$1 pattern=$2 rc=0
	shift 2

	sink "$@" || rc=$?
	expect_eq "exit code with $what" 1 $rc
	expect_eq "lines about $what" 1 "$(wc -l <"$WORK/sink")"
	expect_match "what it says of $what" "$pattern" "$(cat "$WORK/sink")"
}

# The schema's tables as their owner makes them, and what the test adds.
make_tables() { # SCHEMA SQL
	{ "$BIN/doorbuster" sink --print-sql --schema "$1"; printf '%s\n' "$2"; } | sql
}

# A trigger raises each code once: all are tried again, and all orders are there.
expect_passes() { # SCHEMA CODE...
	local schema=$1 cases='' n=0 code
	shift

	for code in "$@"; do
		n=$((n + 1))
		cases+=" WHEN $n THEN '$code'"
	done
	make_tables "$schema" "CREATE SEQUENCE $schema.fuse;
		CREATE FUNCTION $schema.burn() RETURNS trigger LANGUAGE plpgsql AS \$\$
		DECLARE code text := CASE nextval('$schema.fuse') $cases END;
		BEGIN
			IF code IS NOT NULL THEN
				RAISE EXCEPTION 'burnt' USING ERRCODE = code;
			END IF;
			RETURN NULL;
		END \$\$;
		CREATE TRIGGER burn AFTER INSERT ON $schema.orders EXECUTE FUNCTION $schema.burn()"
	sink --schema "$schema" || fail "sink: $(cat "$WORK/sink")"
	for code in "$@"; do
		grep -q "cannot store orders: burnt (SQLSTATE $code); trying again" "$WORK/sink" ||
			fail "no line about $code: $(cat "$WORK/sink")"
	done
	expect_eq "orders after $*" "$ORDERS" "$(sql "SELECT count(*) FROM $schema.orders")"
}

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 500 --requests 40000 \
	--catalog-out "$CATALOG"
start_postgres
start_pgbouncer nobody shop guest
TO="$PGBOUNCER_URL user=nobody"
start_engine --port "$PORT" --shards 2

echo "sink and server killed beside the sale, with PgBouncer and without"
sink_beside beside
for n in 1 2 3 4 5; do
	sell $n $LOAD_ORDERS &
	load=$!
	wait_for "some of it to be stored" stored $((LOAD_ORDERS * (n - 1) + 1))
	if [ $((n % 2)) = 1 ]; then
		end9 $SINK
		[ $n = 3 ] && TO="$PGBOUNCER_URL user=nobody" || TO=$PG_URL
		sink_beside beside
	else
		kill9_postgres
		start_postgres
	fi
	wait $load
done
stop_engine
kill -TERM $SINK
wait $SINK || fail "sink: $(cat "$WORK/beside")"
TO="$PGBOUNCER_URL user=nobody"
sink || fail "sink: $(cat "$WORK/sink")"
expect_table
expect_eq "orders" "$(drained orders)" "$(wc -l <"$WORK/table")"
sink || fail "sink: $(cat "$WORK/sink")"
expect_eq "what is left to do" 'stored orders=0 changes=0' "$(cat "$WORK/sink")"

ORDERS=$(drained orders)
expect_eq "orders whose at is not at_ns" 0 "$(sql "SELECT count(*) FROM doorbuster.orders
	WHERE at IS DISTINCT FROM timestamptz 'epoch' + at_ns / 1000 * interval '1 microsecond'")"
sql "SELECT sku, stock, unit_price, limit_per_buyer, opens_at IS NULL, closes_at IS NULL,
	hold_seconds FROM doorbuster.offers ORDER BY sku" | tr '|' , >"$WORK/offers"
tail -n +2 "$CATALOG" | sort -t , -k 1,1n |
	awk -F , -v OFS=, '{ $5 = $5 ? "f" : "t"; $6 = $6 ? "f" : "t"; $7 += 0; print }' \
		>"$WORK/catalog"
cmp "$WORK/offers" "$WORK/catalog" || fail "the table of offers differs from the catalog"
indexes='offers_pkey offers_sku orders_buyer orders_held orders_order_id orders_pkey'
expect_eq "indexes" "$indexes orders_request_id" \
	"$(sql "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes
		WHERE schemaname = 'doorbuster' AND tablename <> 'lanes'")"

echo "nothing is left on the pooled connections"
expect_eq "locks" 0 "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")"
expect_eq "temporary tables" 0 "$(sql "SELECT count(*) FROM pg_class WHERE relpersistence = 't'")"
for _ in 1 2 3 4; do
	"$PG_BIN/psql" -X -d "$TO" -Atqc \
		'SELECT current_setting($$search_path$$), current_setting($$client_min_messages$$)'
done | sort -u >"$WORK/settings"
expect_eq "settings" '"$user", public|notice' "$(cat "$WORK/settings")"

echo "two sinks do what one does"
sql 'DROP SCHEMA doorbuster CASCADE'
sink_beside two.1
first=$SINK
sink_beside two.2
wait_for "all orders" stored "$ORDERS"
sql 'BEGIN; LOCK doorbuster.lanes; SELECT pg_sleep(0.2); COMMIT' >/dev/null
kill -TERM $first $SINK
wait $first || fail "sink: $(cat "$WORK/two.1")"
wait $SINK || fail "sink: $(cat "$WORK/two.2")"
expect_table
expect_match "what one of them said" 'another sink fills schema doorbuster: stop that one' \
	"$(cat "$WORK/two.1" "$WORK/two.2")"

echo "a role that owns the schema, not the database, with the shop's own columns"
sql "REVOKE ALL ON DATABASE postgres FROM PUBLIC; GRANT CONNECT ON DATABASE postgres TO PUBLIC;
	CREATE ROLE shop LOGIN; CREATE ROLE guest LOGIN; CREATE SCHEMA shop AUTHORIZATION shop"
TO="$PGBOUNCER_URL user=shop" sink --schema shop || fail "sink: $(cat "$WORK/sink")"
expect_eq "orders" "$ORDERS" "$(sql 'SELECT count(*) FROM shop.orders')"
sql "TRUNCATE shop.orders, shop.offers, shop.lanes;
	ALTER TABLE shop.orders ADD shipped boolean NOT NULL DEFAULT false, ADD note text;
	ALTER TABLE shop.lanes ADD note text"
TO="$PGBOUNCER_URL user=shop" sink --schema shop || fail "sink: $(cat "$WORK/sink")"
expect_eq "what differs" 0 "$(sql "SELECT count(*) FROM (
	SELECT lane, lsn, order_id, at, at_ns, request_id, buyer, sku, quantity, unit_price,
		max_price, channel, false, NULL FROM doorbuster.orders
	EXCEPT SELECT lane, lsn, order_id, at, at_ns, request_id, buyer, sku, quantity, unit_price,
		max_price, channel, shipped, note FROM shop.orders) d")"

echo "tables of the earlier version"
sql "CREATE SCHEMA old; CREATE TABLE old.orders (
	 lane smallint, lsn bigint, order_id bigint NOT NULL, at_ns bigint NOT NULL,
	 request_id uuid NOT NULL, buyer numeric(20) NOT NULL, sku numeric(20) NOT NULL,
	 quantity integer NOT NULL, unit_price numeric(20) NOT NULL,
	 max_price numeric(20) NOT NULL, channel bigint NOT NULL, PRIMARY KEY (lane, lsn));
	CREATE TABLE old.lanes (
	 lane smallint PRIMARY KEY, journal_id text NOT NULL, next_lsn bigint NOT NULL,
	 segment bigint NOT NULL, block_offset bigint NOT NULL, checksum text NOT NULL,
	 extra bigint NOT NULL);
	INSERT INTO old.orders SELECT lane, lsn, order_id, at_ns, request_id, buyer, sku, quantity,
	 unit_price, max_price, channel FROM doorbuster.orders WHERE lsn < 9000"
sink --schema old || fail "sink: $(cat "$WORK/sink")"
expect_match "what it says" 'old: the schema is of an earlier version' "$(cat "$WORK/sink")"
expect_eq "what differs" 0 "$(sql "SELECT count(*) FROM (SELECT lane, lsn, order_id, at, buyer,
	state, sold FROM doorbuster.orders EXCEPT SELECT lane, lsn, order_id, at, buyer, state, sold
	FROM old.orders) d")"
sink --schema old || fail "sink: $(cat "$WORK/sink")"
expect_eq "what is left to do" 'stored orders=0 changes=0' "$(cat "$WORK/sink")"

expect_eq "bought orders that are not sold" 0 "$(sql "SELECT count(*) FROM old.orders
	WHERE state <> 'sold' OR sold <> quantity OR held <> 0")"

echo "holds, each in the state in which the lane ends"
(umask 077; echo "1 000102030405060708090a0b0c0d0e0f" >"$WORK/golden.keys")
GOLDEN=$(cd "$(dirname "$0")/golden" && pwd)
"$BIN/doorbuster" replay "$GOLDEN/holds.pcap.gz" --offline --keys "$WORK/golden.keys" \
	--catalog "$GOLDEN/holds.csv" --journal "$WORK/holds" --json >"$WORK/replay.json"
"$BIN/doorbuster-sink" --from data:"$WORK/holds" --to "$PG_URL" --schema held >"$WORK/sink" 2>&1 ||
	fail "sink: $(cat "$WORK/sink")"
expect_match "what is stored" '^stored orders=291 changes=[1-9]' "$(cat "$WORK/sink")"
jq -r '.sales[0] | .holds as $h | "expired \($h.ran_out)", "refunded \($h.refunded)",
	"released \($h.released)", "sold or returned \($h.paid + $h.paid_late)",
	"units \(.units) \(.units_held) \($h.units_returned) \($h.units_written_off)"' \
	"$WORK/replay.json" >"$WORK/wanted"
states() { # SCHEMA
	sql "SELECT 'units ' || sum(sold) || ' ' || sum(held) || ' ' || sum(returned) || ' ' ||
			sum(written_off) FROM $1.orders
		UNION ALL SELECT CASE WHEN state IN ('sold', 'returned') THEN 'sold or returned'
			ELSE state END || ' ' || count(*) FROM $1.orders
			GROUP BY CASE WHEN state IN ('sold', 'returned') THEN 'sold or returned'
				ELSE state END ORDER BY 1"
}
diff <(sort "$WORK/wanted") <(states held | sort) || fail "the states differ"
expect_eq "holds without an end, or with units nobody knows of" 0 "$(sql "SELECT count(*)
	FROM held.orders WHERE ends_at IS NULL OR since_lsn IS NULL OR extended <> EXISTS (
		SELECT FROM held.orders x WHERE x.lsn = orders.lsn AND x.since_lsn <> x.lsn)
	OR held + sold + returned + written_off > quantity")"
# Stored again from the beginning, nothing counts twice.
sql "CREATE TABLE held.before AS SELECT * FROM held.orders;
	UPDATE held.lanes SET next_lsn = 0, segment = 0, block_offset = 0, checksum = '0'"
"$BIN/doorbuster-sink" --from data:"$WORK/holds" --to "$PG_URL" --schema held >"$WORK/sink" 2>&1 ||
	fail "sink: $(cat "$WORK/sink")"
expect_eq "orders that are another now" 0 "$(sql "SELECT count(*) FROM (
	SELECT * FROM held.orders EXCEPT SELECT * FROM held.before) d")"

echo "a lane whose clock was set back: open holds end earlier by that"
SOLD=$DATA
DATA=$WORK/back
sink_back() { # SCHEMA
	"$BIN/doorbuster-sink" --from data:"$DATA" --to "$PG_URL" --schema "$1" \
		>"$WORK/sink" 2>&1 || fail "sink: $(cat "$WORK/sink")"
}
make_catalog 1,9,100,0,,,3600
ASAN_OPTIONS=verify_asan_link_order=0 CLOCK_AHEAD_S=86400 \
	LD_PRELOAD=$BIN/tests/e2e/preload_clock_ahead.so start_engine
expect_verdict HELD "sku=1,op=hold,buyer=1,id=$(id 1)"
expect_verdict HELD "sku=1,op=hold,buyer=2,id=$(id 2)"
stop_engine
sink_back back
start_engine --clock-back
expect_verdict HELD "sku=1,op=hold,buyer=3,id=$(id 3)"
stop_engine
sink_back back
sink_back back_at_once
"$BIN/doorbuster" journal dump "$DATA" --json >"$WORK/dump"
jq -rs 'map(select(.kind == "clock")) as $clocks | map(select(.kind == "hold")) | .[] |
	[.lsn, .at_ns, (.lsn < $clocks[0].lsn), $clocks[0].was_ns, $clocks[0].at_ns] |
	map(tostring) | join(" ")' "$WORK/dump" |
	while read -r lsn at before was now; do
		[ "$before" = true ] && at=$((at - was + now))
		echo "$lsn|held|$((at + 3600000000000))"
	done >"$WORK/wanted"
for schema in back back_at_once; do
	sql "SELECT lsn, state, ends_at_ns FROM $schema.orders ORDER BY lsn" >"$WORK/ends"
	diff "$WORK/wanted" "$WORK/ends" || fail "ends of holds in $schema"
done
expect_eq "holds" 3 "$(wc -l <"$WORK/wanted")"
DATA=$SOLD

echo "what passes"
expect_passes passes 25006 57014 40P01 40001
expect_passes passes_too 53100 53300 55P03 25P03
expect_passes passes_three 57P01 08006 40003 57P03
sql 'ALTER SYSTEM SET default_transaction_read_only = on'
sql 'SELECT pg_reload_conf()' >/dev/null
wait_for "the server to be read-only" eval \
	'[ "$(sql "SHOW default_transaction_read_only")" = on ]'
echo 'SET default_transaction_read_only = off;
	TRUNCATE doorbuster.orders, doorbuster.offers, doorbuster.lanes' | sql
sink_beside beside
wait_for "the refusal" grep -q 'SQLSTATE 25006); trying again until it is back' "$WORK/beside"
sql 'ALTER SYSTEM RESET default_transaction_read_only'
sql 'SELECT pg_reload_conf()' >/dev/null
wait_for "all orders" stored "$ORDERS"
kill -TERM $SINK
wait $SINK || fail "sink: $(cat "$WORK/beside")"
expect_table

echo "what does not pass"
TO="$PGBOUNCER_URL user=guest" expect_refused "a role without rights" \
	'SQLSTATE 42501\); let this role have USAGE and CREATE on schema "doorbuster"'
make_tables owned 'ALTER TABLE owned.orders DROP since_lsn; GRANT USAGE ON SCHEMA owned TO guest;
	GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA owned TO guest'
rc=0
TO="$PGBOUNCER_URL user=guest" sink --schema owned || rc=$?
expect_eq "exit code where only the owner can make columns" 1 $rc
expect_match "what it says" "let the table's owner run: ALTER TABLE \"owned\".orders ADD COLUMN" \
	"$(cat "$WORK/sink")"
make_tables needs 'ALTER TABLE needs.orders ADD shop text NOT NULL'
expect_refused "a column without default" 'SQLSTATE 23502\); a column that is not' --schema needs
make_tables checks 'ALTER TABLE checks.orders ADD CHECK (buyer < 0)'
expect_refused "a constraint" 'SQLSTATE 23514\); a constraint that is not' --schema checks
make_tables narrow 'ALTER TABLE narrow.orders ALTER order_id TYPE integer'
expect_refused "ids out of range" 'SQLSTATE 22003\);.* ALTER order_id TYPE numeric' \
	--schema narrow
make_tables lacks 'ALTER TABLE lacks.orders DROP CONSTRAINT orders_pkey'
expect_refused "no primary key" 'SQLSTATE 42P10\); the table lacks its PRIMARY KEY' --schema lacks
make_tables drops "CREATE FUNCTION drops.none() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN RETURN CASE WHEN NEW.lsn < 600 THEN NULL ELSE NEW END; END';
	CREATE TRIGGER none BEFORE INSERT ON drops.orders FOR EACH ROW
		EXECUTE FUNCTION drops.none()"
expect_refused "a trigger that drops rows" 'leaves out [0-9]+ of [0-9]+ new rows: a trigger' \
	--schema drops
rc=0
"$BIN/doorbuster" sink --from data:"$DATA" --to 'dbname=none user=nobody host='"$PG_DIR" --follow \
	>"$WORK/sink" 2>&1 || rc=$?
expect_eq "exit code without the database" 2 $rc
expect_match "why" '3D000: .*; make the database' "$(cat "$WORK/sink")"

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
stop_pgbouncer
stop_postgres
