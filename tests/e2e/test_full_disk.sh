# The disk fills up during a sale: the operator is warned before the lane has to refuse, buyers get
# JOURNAL_FULL, and what was sold is remembered. With space again the lane continues by itself. An
# engine starts on a full disk, too.
# time limit: 180 s
. "$(dirname "$0")/lib.sh"

losetup -f >/dev/null 2>&1 || skip "no loop devices here"

DISK=$WORK/disk
LOAD="--scenario singles-day --skus 100 --requests 400000"

full() {
	[ "$(ask "sku=1,buyer=1,id=$(id $RANDOM$RANDOM)" | cut -d' ' -f1)" = JOURNAL_FULL ]
}

truncate -s 96M "$WORK/disk.img"
mkfs.ext4 -q -m 0 -O ^has_journal "$WORK/disk.img"
mkdir "$DISK"
mount -o loop "$WORK/disk.img" "$DISK"
DATA=$DISK/data
make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
start_engine --metrics $METRICS --segment-mib 4
expect_verdict ACCEPTED "sku=1,buyer=7,id=$(id 7)"
fallocate -l "$(($(df --output=avail -B1 "$DISK" | tail -n 1) - 1048576))" "$DISK/filler"

# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --server 127.0.0.1:7700 --keys "$KEYS" --orders "$WORK/orders.csv" \
	--timeout-ms 500 --json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
wait_while "JOURNAL_FULL" engine_writes full
kill -INT $load
wait $load || true
wait_for "the metric" metric_is 'doorbuster_lane_journal_full{lane="0"}' 1
expect_eq "why" 28 "$(metric 'doorbuster_lane_segment_error{lane="0"}')"
get /healthz
expect_eq "health" "503 lane 0: the journal is full: No space left on device" \
	"$HTTP_STATUS $(cat "$WORK/answer")"
expect_match "what the operator is told" 'lane 0: no further segment can be made in .*No space' \
	"$(cat "$ENGINE_OUT.err")"
wait_for "the line" grep -q '^lane 0: the journal in .* is full: No space left.*prune' \
	"$ENGINE_OUT.err"
expect_verdict ACCEPTED "sku=1,buyer=7,id=$(id 7)"

rm "$DISK/filler"
wait_for "space" grep -q 'lane 0: segments are made again' "$ENGINE_OUT.err"
wait_for "the line that it is over" grep -q '^lane 0: the journal has space again' \
	"$ENGINE_OUT.err"
expect_verdict ACCEPTED "sku=1,buyer=8,id=$(id 8)"
get /healthz
expect_eq "health" 200 "$HTTP_STATUS"
"$BIN/doorbuster" journal verify "$DATA" --orders "$WORK/orders.csv" >/dev/null ||
	fail "the journal lacks orders that were told"
stop_engine
verify_agrees

# Full again, this time before the start; a segment that is only zeros so far is in the way.
fallocate -l "$(($(df --output=avail -B1 "$DISK" | tail -n 1) - 65536))" "$DISK/filler"
start_engine
expect_verdict ACCEPTED "sku=1,buyer=8,id=$(id 8)"
expect_verdict NOT_FOUND "op=lookup,sku=1,id=$(id 9)"
stop_engine
umount "$DISK"
