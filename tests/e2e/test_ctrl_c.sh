# Ctrl-C reaches an engine twice, from the terminal and from its parent. If the disk makes progress
# the second signal changes nothing: every order is answered, the exit code is 0.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

LOAD="--scenario singles-day --skus 500 --requests 1000000"

enough() {
	[ "$("$BIN/doorbuster" journal verify "$DATA" --json | jq .orders)" -gt 2000 ]
}

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
start_engine
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 2000 \
	--orders "$WORK/orders.csv" --json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
wait_for "some orders" enough
kill -INT "$ENGINE_PID"
kill -TERM "$ENGINE_PID"
stop_engine
kill -INT $load
wait $load || true
expect_eq "answers taken back" 0 "$(counted verdicts UNAVAILABLE)"
! grep 'giving up' "$ENGINE_OUT.err" || fail "the engine gave up on a good disk"
verify_agrees
"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" >/dev/null ||
	fail "the journal lacks orders that were told"
