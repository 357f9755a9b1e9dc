# More replies at once than port and rings hold: they wait, none is thrown away. Over memif, one
# request a datagram; then with everything coming in on the queue of one of two workers.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

LOAD="--scenario singles-day --skus 500 --requests 100000"

check() { # ENGINE-ARGS...
	rm -rf "$DATA"
	start_engine --port memif:"$WORK/memif" "$@"
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load $LOAD --server 198.18.0.1:7700 --port memif:"$WORK/memif" \
		--keys "$KEYS" --fill 1 --in-flight 4000 --timeout-ms 60000 --json \
		>"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
	stop_engine
	expect_eq "orders" 100000 "$(drained orders)"
	expect_eq "replies dropped" 0 "$(counted drops TX_FULL)"
	verify_agrees
}

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
check
[ "$(nproc)" -ge 2 ] || skip "the rest: one CPU, two workers need two"
check --shards 2 --cores 0,1
