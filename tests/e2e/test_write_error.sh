# A write that fails on a real disk is final for its lane: its buyers get UNAVAILABLE, the engine
# reports it, and the lane on the other disk sells on. That stays so when the bad disk would take
# writes again. A restart reads what is on the disk and goes on.
# time limit: 120 s
. "$(dirname "$0")/lib.sh"

losetup -f >/dev/null 2>&1 || skip "no loop devices here"

UNDER=$WORK/under
BAD=$WORK/bad

# Prints a SKU of a shard.
sku_of() { # SHARD
	local sku

	for sku in $(seq 1 40); do
		[[ $(ask --shard "$1" "op=lookup,sku=$sku,id=$(id 1)") == WRONG_SHARD* ]] || break
	done
	echo "$sku"
}

make_keys
make_catalog $(seq -f '%.0f,50,100,0,,,' 1 40)
start_engine --shards 2 --segment-mib 1
good=$(sku_of 0)
bad=$(sku_of 1)
expect_verdict ACCEPTED --shard 1 "sku=$bad,buyer=1,id=$(id 1)"
stop_engine

# A disk for lane 1 alone, in a file that has holes where the disk has zeros. Without space for the
# file, the kernel fails every write to a hole.
mkdir "$UNDER" "$BAD"
truncate -s 64M "$WORK/under.img"
mkfs.ext4 -q -m 0 -b 4096 -O ^has_journal "$WORK/under.img"
mount -o loop "$WORK/under.img" "$UNDER"
truncate -s 32M "$UNDER/disk.img"
mkfs.ext4 -q -m 0 -b 4096 -O ^has_journal "$UNDER/disk.img"
mount -o loop "$UNDER/disk.img" "$BAD"
cp -a "$DATA/lane-001/." "$BAD"
mount --bind "$BAD" "$DATA/lane-001"
start_engine --shards 2 --segment-mib 1
expect_verdict ACCEPTED --shard 1 "sku=$bad,buyer=1,id=$(id 1)"
expect_verdict ACCEPTED --shard 1 "sku=$bad,buyer=2,id=$(id 2)"
# What makes segments ahead must not write while holes are dug.
wait_for "the segments ahead" test -e "$BAD/seg-000000000002"
sync -f "$BAD"
fallocate --dig-holes "$UNDER/disk.img"
fill_disk "$UNDER"

expect_verdict UNAVAILABLE --shard 1 "sku=$bad,buyer=3,id=$(id 3)"
wait_for "what the operator is told" grep -q 'lane 1: .*journal write failed' "$ENGINE_OUT.err"
expect_verdict ACCEPTED --shard 0 "sku=$good,buyer=3,id=$(id 13)"
# Nothing is tried again: not even a SKU that was on sale before can be sold.
rm "$UNDER/filler"
expect_verdict UNAVAILABLE --shard 1 "sku=$bad,buyer=4,id=$(id 4)"
expect_verdict ACCEPTED --shard 0 "sku=$good,buyer=4,id=$(id 14)"

kill -TERM "$ENGINE_PID"
rc=0
wait "$ENGINE_PID" || rc=$?
ENGINE_PID=
expect_eq "exit code of an engine with a failed lane" 1 "$rc"

start_engine --shards 2
expect_verdict ACCEPTED --shard 1 "sku=$bad,buyer=1,id=$(id 1)"
expect_verdict ACCEPTED --shard 1 "sku=$bad,buyer=2,id=$(id 2)"
expect_verdict ACCEPTED --shard 1 "sku=$bad,buyer=3,id=$(id 3)"
expect_verdict ACCEPTED --shard 1 "sku=$bad,buyer=4,id=$(id 4)"
expect_verdict ACCEPTED --shard 0 "sku=$good,buyer=3,id=$(id 13)"
stop_engine
expect_eq "orders" 6 "$(drained orders)"
verify_agrees
umount "$DATA/lane-001" "$BAD" "$UNDER"
