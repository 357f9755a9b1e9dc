# kill -9 while a drop sells its 15,000 units: in the end exactly those are sold, each to another
# buyer, and every acknowledged order is in the journal.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
start_engine
"$BIN/doorbuster" load --scenario drop --server 127.0.0.1:7700 --keys "$KEYS" --seed 3 \
	--requests 20000 --rate 1500 --timeout-ms 60000 --orders "$WORK/orders.csv" \
	--json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!

for pause in 0.7 0.3 0.5; do
	sleep $pause
	kill -0 $load 2>/dev/null || fail "the load ended early: $(cat "$WORK/load.err")"
	kill9
	start_engine
	recovered=$(sed -n 's/^recovered: \([0-9]*\) .*/\1/p' "$ENGINE_OUT.err")
	echo "killed with $recovered records in the journal"
done
[ "$recovered" -lt 15000 ] || fail "the last kill came after the sale"
wait $load || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
stop_engine
expect_eq "units sold" 15000 "$(drained units)"
verify_agrees
"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" --json \
	>"$WORK/verify.json" || fail "verify --orders: $(cat "$WORK/verify.json")"
journal_orders >"$WORK/journal"
expect_eq "buyers in the journal" 15000 "$(cut -d' ' -f2 "$WORK/journal" | sort -u | wc -l)"
expect_eq "orders acknowledged" 15000 "$(($(wc -l <"$WORK/orders.csv") - 1))"
