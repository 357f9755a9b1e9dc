# kill -9 in the middle of a drop, several times; each restart goes on with the sale, and the buyers
# never notice but for a pause. Every acknowledged order is in the journal, nothing is sold twice.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"

KILLS=4

make_keys
"$BIN/doorbuster" load --scenario singles-day --skus 100 --catalog-out "$CATALOG"
start_engine
"$BIN/doorbuster" load --scenario singles-day --skus 100 --server 127.0.0.1:7700 --keys "$KEYS" \
	--seed 2 --requests 300000 --rate 20000 --timeout-ms 60000 --orders "$WORK/orders.csv" \
	--json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!

for n in $(seq 1 $KILLS); do
	sleep 0.$((3 + n))
	kill -0 $load 2>/dev/null || fail "the load ended before kill $n: $(cat "$WORK/load.err")"
	kill9
	start_engine
	expect_match "what kill $n left" 'recovered: [1-9][0-9]* records' \
		"$(cat "$ENGINE_OUT.err")"
done
wait $load || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
stop_engine
verify_agrees
expect_eq "orders of the engine" "$(json .orders "$WORK/verify.json")" "$(drained orders)"
"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" --json \
	>"$WORK/verify.json" || fail "verify --orders: $(cat "$WORK/verify.json")"
journal_orders | cut -d' ' -f1,3 | sort | uniq -d >"$WORK/twice"
expect_eq "requests committed twice" '' "$(head "$WORK/twice")"
