# kill -9 in the middle of a sale, several times; each restart goes on with it, and the buyers
# notice only a pause. Every acknowledged order is in the journal, nothing is sold twice, and a
# buyer that asks again gets the same answer.
# time limit: 240 s
. "$(dirname "$0")/lib.sh"

SALE="--scenario singles-day --skus 100"
TO="--server 127.0.0.1:7700 --keys $KEYS --timeout-ms 60000"

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $SALE --requests 160000 --catalog-out "$CATALOG"
start_engine
# shellcheck disable=SC2086
kill9_in_loads 4 20000 $SALE $TO --rate 10000

for n in $(seq $LOADS); do
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load $SALE $TO --requests 20000 --seed "$n" --json \
		--orders "$WORK/again" >"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load $n again: $(cat "$WORK/load.json" "$WORK/load.err")"
	cmp <(sort "$WORK/orders.$n") <(sort "$WORK/again") ||
		fail "different answers to the requests of load $n"
done
stop_engine
verify_agrees
expect_eq "orders of the engine" $ORDERS "$(drained orders)"
for n in $(seq $LOADS); do
	"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.$n" >"$WORK/verify" ||
		fail "verify --orders: $(cat "$WORK/verify")"
done
journal_orders | cut -d' ' -f1,3 | sort | uniq -d >"$WORK/twice"
expect_eq "requests committed twice" '' "$(head "$WORK/twice")"
