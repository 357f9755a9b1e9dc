# A drop, small: 200,000 buyers for 15,000 units over lo. Every unit is sold, each to another buyer,
# and load, engine and journal say the same.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
start_engine
"$BIN/doorbuster" load --scenario drop --server 127.0.0.1:7700 --keys "$KEYS" --seed 1 \
	--requests 200000 --timeout-ms 60000 --orders "$WORK/orders.csv" --json \
	>"$WORK/load.json" || fail "load: $(cat "$WORK/load.json")"
stop_engine
expect_eq "orders of the engine" 15000 "$(drained orders)"
expect_eq "units of the engine" 15000 "$(drained units)"
verify_agrees

"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" --json \
	>"$WORK/verify.json" || fail "verify --orders: $(cat "$WORK/verify.json")"
journal_orders >"$WORK/journal"
expect_eq "orders in the journal" 15000 "$(wc -l <"$WORK/journal")"
expect_eq "buyers in the journal" 15000 "$(cut -d' ' -f2 "$WORK/journal" | sort -u | wc -l)"
expect_eq "orders acknowledged" 15000 "$(($(wc -l <"$WORK/orders.csv") - 1))"
