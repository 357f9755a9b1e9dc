# Four shards on two workers over memif: a load that uses both workers' queues, and one that uses
# only the first worker's, so that half of the requests and their answers are handed over.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "one CPU: two workers need two"

LOAD="--scenario singles-day --skus 500 --requests 30000"

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
for queues in 2 1; do
	rm -rf "$DATA"
	start_engine --port memif:"$WORK/memif" --shards 4 --cores 0,1
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load $LOAD --server 198.18.0.1:7700 --port memif:"$WORK/memif" \
		--queues $queues --keys "$KEYS" --timeout-ms 60000 --json \
		--orders "$WORK/orders.csv" \
		>"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load over $queues queues: $(cat "$WORK/load.json" "$WORK/load.err")"
	expect_eq "orders told" 30000 "$(json .orders "$WORK/load.json")"
	stop_engine
	expect_eq "orders" 30000 "$(drained orders)"
	handed_over=$(field handed_over "$(grep ^traffic "$ENGINE_OUT")")
	if [ $queues = 2 ]; then
		expect_eq "frames handed over" 0 "$handed_over"
	else
		[ "$handed_over" -gt 100 ] || fail "only $handed_over frames were handed over"
	fi
	verify_agrees
	"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" >/dev/null ||
		fail "the journal lacks orders that were reported"
done
