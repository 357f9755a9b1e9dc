# How much free space a start and a checkpoint require depends on the size of the segments. A
# follower on a full disk says so once, goes on, and writes its checkpoint when there is space; one
# that is ended before says that its last checkpoint is missing.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

losetup -f >/dev/null 2>&1 || skip "no loop devices here"

DISK=$WORK/disk
JOURNAL="$BIN/doorbuster journal"

follow() {
	$JOURNAL checkpoint "$DATA" --follow --every-orders 1 --json >"$WORK/follower" \
		2>"$WORK/follower.err" &
	FOLLOWER=$!
}

truncate -s 64M "$WORK/disk.img"
mkfs.ext4 -q -m 0 -O ^has_journal "$WORK/disk.img"
mkdir "$DISK"
mount -o loop "$WORK/disk.img" "$DISK"
DATA=$DISK/data
make_keys
make_catalog 1,1000,100,0,,,
rc=0
"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" --segment-mib 32 \
	>"$WORK/refused" 2>&1 || rc=$?
expect_eq "exit code without space for three segments" 2 $rc
expect_match "why" 'MiB are free, --shards 1 takes 96 MiB to begin, in segments of 32 MiB' \
	"$(cat "$WORK/refused")"
start_engine --segment-mib 1
expect_verdict ACCEPTED "sku=1,buyer=1,id=$(id 1)"
wait_for "it to be on disk" orders_reached 1
$JOURNAL checkpoint "$DATA" >"$WORK/checkpoint" 2>&1 || fail "$(cat "$WORK/checkpoint")"

fill_disk "$DISK"
follow
expect_verdict ACCEPTED "sku=1,buyer=2,id=$(id 2)"
wait_for "the follower to find the disk full" grep -q 'No space' "$WORK/follower.err"
sleep 2.5
expect_eq "times that it says so" 1 "$(grep -c 'No space' "$WORK/follower.err")"
rm "$DISK/filler"
wait_for "its checkpoint" grep -q '"written":true' "$WORK/follower"

fill_disk "$DISK"
expect_verdict ACCEPTED "sku=1,buyer=3,id=$(id 3)"
wait_for "the disk to be full again" eval '[ "$(grep -c "No space" "$WORK/follower.err")" = 2 ]'
kill -TERM $FOLLOWER
rc=0
wait $FOLLOWER || rc=$?
expect_eq "exit code of a follower that could not write" 2 $rc
rm "$DISK/filler"
stop_engine
verify_agrees
umount "$DISK"
