# Two shards, one worker, a disk that stops answering: one shard gets more orders than its journal
# can hold, and waits for the disk. The other one still answers every request that needs no record.
# When the disk goes on, the shard that waited goes on too, and nothing is lost or sold twice. Of
# datagrams that are sent once, those are lost that no longer fit in the backlog, and counted; a
# load of the bench harness has no more in flight than fit.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

losetup -f >/dev/null 2>&1 || skip "no loop devices here"

DISK=$WORK/disk
LOAD="--scenario singles-day --skus 1 --units-max 1 --requests 40000"
thaw() {
	fsfreeze -u "$DISK" 2>/dev/null || true
}
trap 'thaw; on_exit $?' EXIT

other_answers() {
	REPLY_LINE=$(ask --timeout-ms 500 --shard "$other" "op=lookup,sku=$other_sku,id=$(id 9)")
	[[ $REPLY_LINE == NOT_FOUND* ]]
}

truncate -s 600M "$WORK/disk.img"
mkfs.ext4 -q -m 0 "$WORK/disk.img"
mkdir "$DISK"
mount -o loop "$WORK/disk.img" "$DISK"
export DATA=$DISK/data
make_keys
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --requests 100000 --limit 100 --catalog-out "$CATALOG"
for sku in $(seq 2 20); do
	echo "$sku,5,100,0,,,"
done >>"$CATALOG"
start_engine --shards 2

# SKU 1 is what the load buys; some other SKU belongs to the other shard.
other=0
[[ $(ask --shard 0 "op=lookup,sku=1,id=$(id 9)") == WRONG_SHARD* ]] || other=1
other_sku=2
while [[ $(ask --shard $other "op=lookup,sku=$other_sku,id=$(id 9)") == WRONG_SHARD* ]]; do
	other_sku=$((other_sku + 1))
done

fsfreeze -f "$DISK"
# shellcheck disable=SC2086
"$BIN/doorbuster" load $LOAD --server 127.0.0.1:7700 --keys "$KEYS" --in-flight 1200 \
	--timeout-ms 60000 --json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
wait_for "the stall to be told" grep -q 'has made no progress for 2 s' "$ENGINE_OUT.err"
for _ in 1 2 3; do
	other_answers || fail "the other shard does not answer while one waits for the disk"
done
expect_no_answer --shard $((1 - other)) "op=lookup,sku=1,id=$(id 9)"
thaw
wait $load || fail "load: $(cat "$WORK/load.json" "$WORK/load.err")"
stop_engine
expect_eq "orders" 40000 "$(drained orders)"
verify_agrees

# Whether so many datagrams are in the engine, which with memory ack wait to be decided.
wait_in_engine() { # COUNT
	get /metrics
	[ $(($(metric 'doorbuster_datagrams_total{worker="0"}') -
		$(metric 'doorbuster_replies_total{worker="0"}'))) = "$1" ]
}

# Starts a load that asks once while the disk stands still, and lets the disk go on.
sell_once() { # SEED DATAGRAMS-IN-FLIGHT WAIT-COMMAND...
	fsfreeze -f "$DISK"
	# shellcheck disable=SC2086
	"$BIN/doorbuster" load $LOAD --prepared --seed "$1" --in-flight "$2" --timeout-ms 60000 \
		--port "$PORT" --server 198.18.0.1:7700 --keys "$KEYS" --json \
		>"$WORK/load.json" 2>"$WORK/load.err" &
	load=$!
	wait_for "the lane to wait" "${@:3}"
	thaw
}

dropped='doorbuster_drops_total{reason="BACKLOG_FULL"}'
backlog=$(sed -n 's/^\tBACKLOG_MAX = \([0-9]*\),$/\1/p' engine/base/limits.h)
in_flight=$(python3 -c 'from bench.harness import workers; print(workers.IN_FLIGHT)')
PORT=memif:$WORK/memif
start_engine --shards 2 --ack memory --metrics $METRICS --port "$PORT"
sell_once 2 "$in_flight" wait_in_engine "$in_flight"
wait $load || fail "a load as the bench harness makes it: $(cat "$WORK/load.json")"
get /metrics
expect_eq "what the backlog had no room for" 0 "$(metric "$dropped")"
replies=$(metric 'doorbuster_replies_total{worker="0"}')
sell_once 3 $((backlog + 100)) metric_is "$dropped" 100
wait_for "the others' answers" metric_is 'doorbuster_replies_total{worker="0"}' \
	$((2 * replies - 100))
# It would wait for them for a minute.
kill -INT $load
wait $load || true
[ "$(json .lost "$WORK/load.json")" -ge $((100 * 29)) ] || fail "lost: $(cat "$WORK/load.json")"
stop_engine
verify_agrees
umount "$DISK"
