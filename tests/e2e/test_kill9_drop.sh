# kill -9 while a drop sells its 15,000 units: in the end exactly those are sold, each to a
# different buyer, and every acknowledged order is in the journal.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

DROP="--scenario drop --server 127.0.0.1:7700 --keys $KEYS --timeout-ms 60000"

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
start_engine
# At most 6 loads of 2,000: the sale cannot end before the last kill.
# shellcheck disable=SC2086
kill9_in_loads 3 2000 $DROP --rate 1500

last=$((LOADS + 1))
# shellcheck disable=SC2086
"$BIN/doorbuster" load $DROP --requests 20000 --seed $last --orders "$WORK/orders.$last" --json \
	>"$WORK/load.json" 2>"$WORK/load.err" ||
	fail "the last load: $(cat "$WORK/load.json" "$WORK/load.err")"
stop_engine
expect_eq "units sold" 15000 "$(drained units)"
verify_agrees
for n in $(seq $last); do
	"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.$n" >"$WORK/verify" ||
		fail "verify --orders: $(cat "$WORK/verify")"
done
journal_orders >"$WORK/journal"
expect_eq "buyers in the journal" 15000 "$(cut -d' ' -f2 "$WORK/journal" | sort -u | wc -l)"
expect_eq "orders acknowledged" 15000 \
	"$(grep -hv '^order_id' "$WORK"/orders.[0-9]* | cut -d, -f1 | sort -u | wc -l)"
