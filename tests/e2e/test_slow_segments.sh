# Segments are made too slowly although the disk writes: the lane uses up those that it has, then
# the engine reports it, and buyers get JOURNAL_FULL instead of no answer; LOOKUP goes on. When
# there are segments again the lane sells on by itself, and it can be ended while they are missing.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

LOAD="--scenario singles-day --skus 100 --requests 400000"
STUCK=$WORK/stuck

full() {
	[[ $(ask "sku=1,buyer=1,id=$(id $RANDOM$RANDOM)") == JOURNAL_FULL* ]]
}

make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
# From the start on, so that there is only the first segment.
touch "$STUCK"
LD_PRELOAD=$BIN/tests/e2e/preload_stuck_segments.so STUCK_WHILE=$STUCK \
	ASAN_OPTIONS=verify_asan_link_order=0 start_engine --segment-mib 4
expect_verdict ACCEPTED "sku=1,buyer=7,id=$(id 7)"
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --server 127.0.0.1:7700 --keys "$KEYS" --timeout-ms 500 --json \
	>"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
wait_while "JOURNAL_FULL" engine_writes full
kill -INT $load
wait $load || true
wait_for "the stall to be said" \
	grep -q 'lane 0: the disk of .* has made no progress for 2 s' "$ENGINE_OUT.err"
expect_verdict ACCEPTED "sku=1,buyer=7,id=$(id 7)"
expect_verdict NOT_FOUND "op=lookup,sku=1,id=$(id 8)"

rm "$STUCK"
wait_for "segments" grep -q 'lane 0: the disk of .* makes progress again' "$ENGINE_OUT.err"
expect_verdict ACCEPTED "sku=1,buyer=8,id=$(id 8)"
stop_engine
verify_agrees
