# SIGTERM in the middle of a sale, on two workers of which one gets all questions: every buyer whose
# order is in the journal has the answer.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "one CPU: two workers need two"

LOAD="--scenario singles-day --skus 500 --requests 1000000"

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
start_engine --port memif:"$WORK/memif" --cores 0,1 --shards 2
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --server 198.18.0.1:7700 --port memif:"$WORK/memif" --queues 1 \
	--keys "$KEYS" --fill 1 --in-flight 500 --timeout-ms 2000 --orders "$WORK/orders.csv" \
	--json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!

enough() {
	[ "$("$BIN/doorbuster" journal verify "$DATA" --json | jq .orders)" -gt 2000 ]
}
wait_for "some orders" enough
stop_engine
kill -INT $load
wait $load || true
[ "$(drained orders)" -gt 2000 ] || fail "only $(drained orders) orders"
expect_eq "orders told" "$(drained orders)" "$(json .orders "$WORK/load.json")"
verify_agrees
"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" >/dev/null ||
	fail "the journal lacks orders that were told"
