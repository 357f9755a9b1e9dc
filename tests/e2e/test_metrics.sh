# --metrics: what an engine of two lanes reports while it sells agrees with the load's own count and
# with the engine's report at the end; Prometheus can read the text; garbage and silent peers
# disturb neither the sale nor other clients; a lane that failed is named, and the other sells on.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

LOAD="--scenario singles-day --skus 200 --requests 60000"
FAIL=$WORK/fail

# Checks that every family has HELP and TYPE once, before its samples; that no series is there
# twice; that a histogram's buckets never fall and end with its count.
well_formed() {
	awk '
		function bad(what) { printf "%d: %s: %s\n", FNR, what, $0; wrong = 1 }
		/^# HELP [a-z_]+ ./ { if ($3 in help) bad("HELP twice"); help[$3] = 1; next }
		/^# TYPE [a-z_]+ (counter|gauge|histogram)$/ {
			if (!($3 in help) || $3 in type) bad("TYPE without HELP, or twice")
			type[$3] = $4; family = $3; next
		}
		!/^[a-z_]+({([a-z]+="([^"\\]|\\.)*",?)+})? [-+0-9.e]+(Inf)?$/ {
			bad("no sample"); next
		}
		{
			name = $0; sub(/[{ ].*/, "", name)
			series = $0; sub(/ [^ ]*$/, "", series); value = $NF
			if (series in seen) bad("series twice")
			seen[series] = 1
			if (name != family && (type[family] != "histogram" ||
			    name !~ "^" family "_(bucket|sum|count)$")) bad("sample of no family")
			if (type[family] == "counter" && name !~ /_total$/) bad("counter")
			if (name ~ /_bucket$/) {
				if (value < last) bad("bucket falls")
				last = value
			} else if (name ~ /_count$/) {
				if (value != last) bad("count is not the last bucket")
				last = 0
			}
		}
		END { exit wrong }' "$1" >"$WORK/wrong" || fail "metrics: $(cat "$WORK/wrong")"
	grep -q '^doorbuster_' "$1" || fail "no metrics: $(cat "$1")"
}

# The sum of a family over its labels.
total() { # NAME
	awk -v name="$1" '$1 ~ "^" name "([{]|$)" { sum += $NF } END { print sum + 0 }' \
		"$WORK/answer"
}

make_keys

echo "a start that takes long"
mkfifo "$WORK/slow.csv"
ENGINE_OUT=$WORK/engine.slow
"$SERVE" --data "$WORK/slow" --catalog "$WORK/slow.csv" --keys "$KEYS" --metrics $METRICS \
	--max-orders 1 --max-holds 1 >"$ENGINE_OUT" 2>"$ENGINE_OUT.err" &
ENGINE_PID=$!
answers() {
	(exec 7<>"/dev/tcp/${METRICS/://}")
}
wait_for "somebody who answers" answers
get /healthz
expect_match "health" '^503 starting: catalog, [0-9]+ s so far$' \
	"$HTTP_STATUS $(cat "$WORK/answer")"
get /readyz
expect_eq "readiness" 503 "$HTTP_STATUS"
get /livez
expect_eq "life" "200 alive" "$HTTP_STATUS $(cat "$WORK/answer")"
get /metrics
expect_eq "starting" 1 "$(metric doorbuster_starting)"
exec 7<>"/dev/tcp/${METRICS/://}"
printf 'HEAD /healthz HTTP/1.0\r\n\r\n' >&7
head=$(tr -d '\r' <&7)
exec 7>&-
expect_match "HEAD" '^HTTP/1.[01] 503 .*Content-Length: [1-9]' "$head"
[[ $head != *starting:* ]] || fail "HEAD was answered with a body: $head"
wait_for "a line" grep -q '^still starting: catalog, [0-9]* s so far$' "$ENGINE_OUT.err"
printf '%s\n' "$CATALOG_HEADER" 1,2,100,0,,, 2,9,100,0,,,600 >"$WORK/slow.csv"
wait_for "the engine's ready line" grep -q '^ready ' "$ENGINE_OUT"
get /healthz
expect_eq "health" "200 every lane sells" "$HTTP_STATUS $(cat "$WORK/answer")"
get /metrics
expect_eq "starting" 0 "$(metric doorbuster_starting)"
! grep -q db-start "/proc/$ENGINE_PID"/task/*/comm || fail "a thread of the start stayed"
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 1)"
expect_verdict TABLE_FULL "sku=1,buyer=2,id=$(id 2)"
expect_verdict HELD "op=hold,sku=2,buyer=1,quantity=3,id=$(id 3)"
expect_verdict TABLE_FULL "op=hold,sku=2,buyer=2,id=$(id 4)"
wait_for "a line" grep -q '^lane 0: .*room for more orders.*TABLE_FULL' "$ENGINE_OUT.err"
get /healthz
expect_eq "health" "503 lane 0: no room for more orders (--max-orders)
lane 0: no room for more holds (--max-holds)" "$HTTP_STATUS $(cat "$WORK/answer")"
wait_for "a line" grep -q '^lane 0: .*room for more holds.*TABLE_FULL' "$ENGINE_OUT.err"
get /metrics
for figure in holds_open=1 holds=1 holds_max=1 holds_full=1 hold_changes=0 hold_changes_max=3 \
	links=0 links_max=0 links_full=0 prepared=0 \
	units_stocked=11 units_free=7 units_held=3 units_sold=1 units_written_off=0; do
	expect_eq "${figure%=*}" "${figure#*=}" \
		"$(metric "doorbuster_lane_${figure%=*}{lane=\"0\"}")"
done
stop_engine

# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
LD_PRELOAD=$BIN/tests/e2e/preload_failing_lane.so FAIL_WHILE=$FAIL \
	ASAN_OPTIONS=verify_asan_link_order=0 start_engine --shards 2 --metrics $METRICS
expect_eq "where it says it answers" $METRICS "$(field metrics "$(ready_line)")"
get /healthz
expect_eq "health" "200 every lane sells" "$HTTP_STATUS $(cat "$WORK/answer")"

echo "beside a load: silent peers, garbage, and who asks properly"
for _ in 1 2 3 4 5; do
	sleep 60 <>"/dev/tcp/${METRICS/://}" &
done
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 60000 --json \
	>"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
for garbage in '\x16\x03\x01\x00\xff' 'GET /metrics\r\n' \
	'DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n'; do
	# shellcheck disable=SC2059
	(exec 7<>"/dev/tcp/${METRICS/://}"; printf "$garbage" >&7 2>/dev/null) || true
	get /metrics
	expect_eq "status" 200 "$HTTP_STATUS"
	well_formed "$WORK/answer"
done
wait $load || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"

echo "the same as the load counted"
# The closing blocks are on disk too.
settled() {
	get /metrics
	[ "$(total doorbuster_lane_blocks_total)" = "$(total doorbuster_lane_write_seconds_count)" ]
}
wait_for "the closing blocks" settled
well_formed "$WORK/answer"
expect_eq "orders" "$(json .orders "$WORK/load.json")" "$(total doorbuster_lane_orders_total)"
expect_eq "units" "$(total doorbuster_lane_units_stocked)" \
	"$(($(total doorbuster_lane_units_free) + $(total doorbuster_lane_units_sold)))"
expect_eq "SKUs" 200 "$(total doorbuster_lane_offers)"
expect_eq "requests by verdict" "$(total doorbuster_requests_total)" \
	"$(total doorbuster_verdicts_total)"
two_ahead() { # LANE
	get /metrics
	[ "$(metric "doorbuster_lane_segments_ready{lane=\"$1\"}")" = 2 ]
}
for lane in 0 1; do
	expect_eq "lane $lane sells" 1 "$(metric "doorbuster_lane_sells{lane=\"$lane\"}")"
	expect_eq "durable LSN of lane $lane" \
		"$(metric "doorbuster_lane_committed_lsn{lane=\"$lane\"}")" \
		"$(metric "doorbuster_lane_durable_lsn{lane=\"$lane\"}")"
	expect_eq "records of lane $lane" \
		"$(metric "doorbuster_lane_records_total{lane=\"$lane\"}")" \
		"$(metric "doorbuster_lane_block_records_sum{lane=\"$lane\"}")"
	# They are made beside the sale; that takes a while on a slow disk.
	wait_for "two segments ahead of lane $lane" two_ahead $lane
done
expect_eq "bytes the worker allocated" 0 "$(total doorbuster_worker_allocated_bytes_total)"
# One busy turn in 62 is measured.
timed() {
	expect_verdict PONG op=ping,id=$(id 7)
	get /metrics
	[ "$(total doorbuster_worker_timed_turns_total)" -gt 0 ]
}
wait_for "a turn that is timed" timed
[ "$(metric 'doorbuster_worker_stage_cycles_total{worker="0",stage="decide"}')" -gt 0 ] ||
	fail "no cycles"
cp "$WORK/answer" "$WORK/sold"

echo "a lane fails"
touch "$FAIL"
# The first SKU of lane 1 whose write fails.
for sku in $(seq 1 200); do
	verdict=$(ask "sku=$sku,buyer=1,id=$(id "$sku")" | cut -d' ' -f1)
	[ "$verdict" = WRONG_SHARD ] || continue
	expect_verdict UNAVAILABLE --shard 1 "sku=$sku,buyer=1,id=$(id "$sku")"
	break
done
wait_for "the metric" metric_is 'doorbuster_lane_sells{lane="1"}' 0
expect_eq "error of lane 1" 9 "$(metric 'doorbuster_lane_error{lane="1"}')"
expect_eq "error of lane 0" 0 "$(metric 'doorbuster_lane_error{lane="0"}')"
expect_eq "lane 0" 1 "$(metric 'doorbuster_lane_sells{lane="0"}')"
get /healthz
expect_eq "health" "503 lane 1: a journal write failed: Bad file descriptor" \
	"$HTTP_STATUS $(cat "$WORK/answer")"
for sku in $(seq 1 200); do
	verdict=$(ask "sku=$sku,buyer=2,id=$(id $((1000 + sku)))" | cut -d' ' -f1)
	[ "$verdict" = WRONG_SHARD ] || break
done
expect_eq "verdict of the lane that sells on" ACCEPTED "$verdict"

echo "the same as it says at the end"
get /metrics
well_formed "$WORK/answer"
kill -TERM "$ENGINE_PID"
rc=0
wait "$ENGINE_PID" || rc=$?
ENGINE_PID=
expect_eq "exit code of an engine with a failed lane" 1 "$rc"
traffic=$(grep '^traffic ' "$ENGINE_OUT")
for name in frames datagrams requests replies; do
	expect_eq "$name" "$(field $name "$traffic")" "$(total doorbuster_${name}_total)"
done
for verdict in $(awk '/^verdicts / { print $2 }' "$ENGINE_OUT"); do
	expect_eq "verdicts $verdict" "$(counted verdicts "$verdict")" \
		"$(metric "doorbuster_verdicts_total{verdict=\"$verdict\"}")"
done
for lane in 0 1; do
	line=$(grep "^lane $lane " "$ENGINE_OUT")
	expect_eq "orders of lane $lane" "$(field orders "$line")" \
		"$(metric "doorbuster_lane_orders_total{lane=\"$lane\"}")"
	expect_eq "units of lane $lane" "$(field units "$line")" \
		"$(metric "doorbuster_lane_units_sold{lane=\"$lane\"}")"
	expect_eq "free of lane $lane" "$(field free "$line")" \
		"$(metric "doorbuster_lane_units_free{lane=\"$lane\"}")"
	expect_eq "durable LSN of lane $lane" "$(field durable_lsn "$line")" \
		"$(metric "doorbuster_lane_durable_lsn{lane=\"$lane\"}")"
done
! (exec 7<>"/dev/tcp/${METRICS/://}") 2>/dev/null || fail "still answers"
