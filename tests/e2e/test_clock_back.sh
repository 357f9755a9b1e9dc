# An engine sold with a clock that was a day ahead; its lanes are, too, and offers closed. With
# --clock-back they sell by the right time again, and no order is lost. Every reader knows it.
# time limit: 200 s
. "$(dirname "$0")/lib.sh"

DAY_S=86400
COPY=$WORK/copy
export ASAN_OPTIONS=verify_asan_link_order=0

at() { # DATE
	date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}
health_is() { # STATUS PATTERN
	get /healthz
	[ "$HTTP_STATUS" = "$1" ] && grep -qE "$2" "$WORK/answer"
}
# SKU 2 opens in an hour, 3 closes in an hour; a request for more than the stock is SOLD_OUT while
# the offer is open.
expect_hours() { # VERDICT-OF-2 VERDICT-OF-3
	expect_verdict "$1" --shard "$SHARD_2" "sku=2,buyer=1,quantity=100,id=$(id 2)"
	expect_verdict "$2" --shard "$SHARD_3" "sku=3,buyer=1,quantity=100,id=$(id 3)"
}
expect_right_time() { # ID
	local instant

	expect_verdict ACCEPTED --shard "$SHARD_3" "sku=3,buyer=1,id=$(id "$1")"
	instant=$(($(field instant "$REPLY_LINE") / 1000000000))
	[ $instant -le "$(date +%s)" ] && [ $instant -ge $(($(date +%s) - 30)) ] ||
		fail "the order's instant is $instant, it is $(date +%s)"
}
dump() {
	"$BIN/doorbuster" journal dump "$DATA" --json
}
clocks() { # LANE: CLOCK records of it
	dump | jq -r "select(.kind == \"clock\" and .lane == $1) |
		\"\(.lsn) \((.was_ns | tonumber) - (.at_ns | tonumber))\""
}
relay() {
	"$BIN/doorbuster-relay" --data "$DATA" --name copy --to file:"$COPY" --once \
		>"$WORK/relay" 2>&1 || fail "relay: $(cat "$WORK/relay")"
}
identity() { # DIR
	head -n 1 "$1/journal"
}
SHARDS=2
start() { # ARGS...
	start_engine --shards $SHARDS --metrics $METRICS "$@"
}

make_keys
make_catalog 2,90,100,0,"$(at '+1 hour')",, 3,90,100,0,,"$(at '+1 hour')",
LD_PRELOAD=$BIN/tests/e2e/preload_clock_ahead.so CLOCK_AHEAD_S=$DAY_S start
# Which shard has them.
SHARD_2=$(ask "sku=2,op=lookup,buyer=1,id=$(id 9)" | grep -q WRONG_SHARD && echo 1 || echo 0)
SHARD_3=$(ask "sku=3,op=lookup,buyer=1,id=$(id 9)" | grep -q WRONG_SHARD && echo 1 || echo 0)
expect_hours SOLD_OUT CLOSED
for n in $(seq 1 20); do
	expect_verdict ACCEPTED --shard "$SHARD_2" "sku=2,buyer=$n,id=$(id $((100 + n)))"
done
first=$REPLY_LINE
relay
expect_eq "the copy" "doorbuster-journal 3" "$(identity "$COPY")"
kill9

echo "without the flag"
start
expect_eq "warnings" 2 \
	"$(grep -c '^lane [01]: its clock is 86[34].*--clock-back' "$ENGINE_OUT.err")"
health_is 503 '^lane 1: its clock is 86[34].* ahead of' || fail "health: $(cat "$WORK/answer")"
expect_hours SOLD_OUT CLOSED
stop_engine
expect_eq "the identity" "doorbuster-journal 3" "$(identity "$DATA")"
expect_eq "CLOCK records" "" "$(clocks 0)$(clocks 1)"

echo "set back"
start --clock-back
expect_eq "lanes set back" 2 "$(grep -c "$ENGINE_OUT.err" \
	-e '^lane [01]: its clock was 86[34][0-9]*\.[0-9]* s ahead: set back, as LSN')"
expect_match "how many" 'clock: 2 of 2 lanes set back' "$(cat "$ENGINE_OUT.err")"
wait_for "all to be well" health_is 200 'every lane sells'
expect_hours NOT_OPEN SOLD_OUT
expect_right_time 300
expect_verdict ACCEPTED --shard "$SHARD_2" "op=lookup,sku=2,buyer=20,id=$(id 120)"
expect_eq "the answer to an order of before" "$(field order "$first")" \
	"$(field order "$REPLY_LINE")"
expect_eq "the identity" "doorbuster-journal 3" "$(identity "$DATA")"
kill9

echo "once, for good"
start --clock-back
expect_match "how many" 'clock: 0 of 2 lanes set back' "$(cat "$ENGINE_OUT.err")"
expect_hours NOT_OPEN SOLD_OUT
expect_right_time 301
stop_engine
verify_agrees
expect_eq "orders" 22 "$(json .orders "$WORK/verify.json")"
for lane in 0 1; do
	expect_match "CLOCK records of lane $lane" '^[0-9]+ 86[34][0-9]{11}$' "$(clocks $lane)"
	expect_eq "distance" 0 "$(json ".lanes[$lane].clock_ahead_ns" "$WORK/verify.json")"
done
expect_match "as text" ' clock +[0-9T:.-]*Z  set back from ' \
	"$("$BIN/doorbuster" journal dump "$DATA")"

echo "downstream"
relay
expect_eq "the copy" "doorbuster-journal 3" "$(identity "$COPY")"
cmp <("$BIN/doorbuster" journal dump "$COPY" --json) <(dump) || fail "the copy differs"
"$BIN/doorbuster-relay" --data "$DATA" --name lines --to - --format json --once >"$WORK/lines" \
	2>"$WORK/err" || fail "relay: $(cat "$WORK/err")"
kinds=$(python3 "$(dirname "$0")/check_schema.py" tools/downstream/record.schema.json \
	"$WORK/lines")
expect_eq "kinds" "clock offer order" "$kinds"
"$BIN/doorbuster" consume --from file:"$COPY" --out "$WORK/orders.csv" --format csv 2>"$WORK/err" ||
	fail "consume: $(cat "$WORK/err")"
expect_eq "orders consumed" 22 "$(($(wc -l <"$WORK/orders.csv") - 1))"
"$BIN/doorbuster" replay --from-journal "$DATA" --write "$WORK/orders.pcap" --keys "$KEYS" \
	--catalog-out "$WORK/again.csv" >"$WORK/out" 2>&1 || fail "replay: $(cat "$WORK/out")"
"$BIN/doorbuster" replay "$WORK/orders.pcap" --offline --catalog "$WORK/again.csv" --keys "$KEYS" \
	--shards $SHARDS --json >"$WORK/out" 2>&1 || fail "replay: $(cat "$WORK/out")"

echo "a checkpoint has it"
dump >"$WORK/before"
"$BIN/doorbuster" journal checkpoint "$DATA" >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
start
expect_match "a start from it" 'from checkpoints' "$(cat "$ENGINE_OUT.err")"
! grep -q 'its clock is' "$ENGINE_OUT.err" || fail "a lane is ahead: $(cat "$ENGINE_OUT.err")"
expect_hours NOT_OPEN SOLD_OUT
expect_right_time 302
stop_engine
verify_agrees
cmp <(dump | grep -v "$(id 302)") "$WORK/before" || fail "the dump differs"
