# Two shards, one worker, a disk that stops answering: one shard gets more orders than its journal
# can hold, and waits for the disk. The other one still answers every request that needs no record.
# When the disk goes on, the shard that waited goes on too, and nothing is lost or sold twice.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

losetup -f >/dev/null 2>&1 || skip "no loop devices here"

DISK=$WORK/disk
LOAD="--scenario singles-day --skus 1 --requests 40000"
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
"$BIN/doorbuster" load $LOAD --catalog-out "$CATALOG"
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
umount "$DISK"
