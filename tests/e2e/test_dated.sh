# A recorded request is worth nothing when it is sent again: not after the opening that it was too
# early for, not after its life, not in the next sale under the same key. All copies of a datagram
# get the same answer. Clients without dates work where the operator lets them.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

# As start_engine, so many seconds later by the engine's clock.
start_later() { # SECONDS ARGS...
	local ahead=$1
	shift

	LD_PRELOAD=$BIN/tests/e2e/preload_clock_ahead.so CLOCK_AHEAD_S=$ahead \
		ASAN_OPTIONS=verify_asan_link_order=0 start_engine "$@"
}
buy() { # EXIT-CODE ARGS...
	local rc=0 expected=$1
	shift

	BOUGHT=$("$BIN/doorbuster" buy --server 127.0.0.1:7700 --keys "$KEYS" "$@") || rc=$?
	expect_eq "exit code of buy $*: $BOUGHT" "$expected" $rc
}

cd "$WORK" || exit
make_keys
make_catalog 1,10,100,0,,, \
	2,10,100,0,"$(date -u -d '+300 seconds' +%Y-%m-%dT%H:%M:%SZ)",,

echo "before the opening"
start_engine
expect_verdict NOT_OPEN --record early --valid-ms 600000 "sku=2,buyer=1,id=$(id 1)"
expect_verdict NOT_OPEN --record short --valid-ms 10000 "sku=2,buyer=1,id=$(id 2)"
expect_verdict ACCEPTED --record sold --valid-ms 600000 "sku=1,buyer=1,id=$(id 3)"
order=$(field order "$REPLY_LINE")
expect_verdict STALE --undated "sku=1,buyer=1,id=$(id 4)"
expect_verdict STALE --age-ms 20000 "sku=1,buyer=1,id=$(id 5)"
expect_verdict STALE --age-ms -20000 --record ahead "sku=1,buyer=1,id=$(id 6)"
expect_verdict STALE --sale 1 "sku=1,buyer=1,id=$(id 7)"
expect_verdict STALE --valid-ms 0 "sku=1,buyer=1,id=$(id 8)"
# Committed orders are answered again all the same, dated or not, and so are lookups.
expect_verdict ACCEPTED --undated "sku=1,buyer=1,id=$(id 3)"
expect_verdict CONFLICT --sale 1 "sku=1,buyer=2,id=$(id 3)"
expect_verdict ACCEPTED --undated "op=lookup,sku=1,id=$(id 3)"
expect_verdict NOT_FOUND --undated "op=lookup,sku=1,id=$(id 5)"
expect_verdict PONG --undated "op=ping,id=$(id 9)"
sale=$(field order "$REPLY_LINE")
[ "$sale" -gt 0 ] || fail "a PONG without a sale: $REPLY_LINE"
stop_engine
expect_eq "stale ones" 5 "$(counted verdicts STALE)"
expect_eq "orders" 1 "$(drained orders)"

echo "after the opening, by somebody who has no key"
start_later 310
expect_verdict NOT_OPEN --again early
expect_verdict STALE --again short
expect_verdict ACCEPTED --again sold
expect_eq "order of the copy" "$order" "$(field order "$REPLY_LINE")"
expect_verdict NOT_FOUND "op=lookup,sku=2,id=$(id 1)"
expect_verdict ACCEPTED "sku=2,buyer=1,id=$(id 1)"
stop_engine
expect_eq "orders" 2 "$(drained orders)"
start_later 700
expect_verdict STALE --again short
expect_verdict ACCEPTED --again early
expect_verdict PONG "op=ping,id=$(id 9)"
expect_eq "sale after two restarts" "$sale" "$(field order "$REPLY_LINE")"
stop_engine
expect_eq "orders" 2 "$(drained orders)"

echo "the next sale, under the same key"
DATA=$WORK/next start_engine
for record in early short sold ahead; do
	expect_verdict STALE --again $record
done
expect_verdict NOT_FOUND "op=lookup,sku=1,id=$(id 3)"
buy 0 --sku 1 --buyer 1 --json
expect_eq "of the client" ACCEPTED "$(jq -r .verdict <<<"$BOUGHT")"
[ "$(jq -r .not_after_ns <<<"$BOUGHT")" -gt "$(date +%s)000000000" ] || fail "its end: $BOUGHT"
buy 1 --sku 1 --buyer 1 --undated
expect_match "of a client without dates" '^too old, .*the date or the sale is another' "$BOUGHT"
stop_engine
expect_eq "orders of the next sale" 1 "$(drained orders)"
DATA=$WORK/next verify_agrees

echo "a copy of the journal is the same sale"
cp -r "$DATA" "$WORK/copy"
DATA=$WORK/copy start_engine
expect_verdict PONG "op=ping,id=$(id 9)"
expect_eq "its sale" "$sale" "$(field order "$REPLY_LINE")"
stop_engine

echo "clients of before, where the operator lets them"
start_engine --undated accept
expect_verdict ACCEPTED --undated "sku=1,buyer=1,id=$(id 20)"
buy 0 --sku 1 --buyer 1 --undated
buy 0 --sku 1 --buyer 1
expect_verdict STALE --sale 1 "sku=1,buyer=1,id=$(id 21)"
stop_engine
