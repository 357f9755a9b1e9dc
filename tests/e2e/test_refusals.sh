# Every start that cannot work: one clear line with a remedy, exit code 2, and the machine, the data
# directory included, is as it was.
. "$(dirname "$0")/lib.sh"

# Files are compared by their bytes, not by their times: recovery writes a tail again as it was.
machine() {
	cat /proc/sys/net/ipv4/conf/lo/{route_localnet,accept_local}
	ip -o -d link show
	ls -lR --time-style=+ /run "$WORK" --ignore='refused*' --ignore='*.img'
	[ ! -d "$DATA" ] || find "$DATA" -type f -exec cksum {} +
}

# The command must end with exit code 2, and print one line that matches, the last one.
refused() { # PATTERN COMMAND...
	local pattern=$1 rc=0 before
	shift

	before=$(machine)
	timeout 300 "$@" >"$WORK/refused.out" 2>"$WORK/refused.err" || rc=$?
	[ "$rc" = 2 ] || cat "$WORK/refused.err"
	expect_eq "exit code of: $*" 2 "$rc"
	expect_match "last line of: $*" "^doorbuster-serve: .*$pattern" \
		"$(tail -n 1 "$WORK/refused.err")"
	expect_eq "lines of: $*" 1 "$(grep -c '^doorbuster-serve: ' "$WORK/refused.err")"
	expect_eq "ready line of: $*" '' "$(cat "$WORK/refused.out")"
	diff <(echo "$before") <(machine) >"$WORK/refused.diff" ||
		fail "machine after: $*: $(cat "$WORK/refused.diff")"
}

serve() { # PATTERN ARGS..., with data, catalog and keys as they should be
	local pattern=$1
	shift

	refused "$pattern" "$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" "$@"
}

make_keys
make_catalog 1,10,100,0,,, 2,10,100,0,,,

echo "flags"
refused '--data DIR is missing' "$SERVE" --catalog "$CATALOG" --keys "$KEYS"
refused '--catalog FILE is missing' "$SERVE" --data "$DATA" --keys "$KEYS"
refused '--keys FILE is missing' "$SERVE" --data "$DATA" --catalog "$CATALOG"
serve 'shards 0: expected a number from 1 to 256' --shards 0
serve 'shards 1x: expected' --shards 1x
serve 'shards 257: expected' --shards 257
serve 'ack maybe: expected durable or memory' --ack maybe
serve 'catalog-differs maybe: expected add, refuse or keep' --catalog-differs maybe
serve 'undated maybe: expected refuse or accept' --undated maybe
serve 'base-port 70000: expected' --base-port 70000
serve 'goes beyond port 65535; choose a lower' --base-port 65535 --shards 2
serve 'max-holds 0: expected a number from 1 to 1431655765' --max-holds 0
serve 'cores 4000: CPU 4000 isn.t there' --cores 4000
serve 'cores 0,0: a CPU is named twice' --cores 0,0 --shards 2
serve 'give at least as many shards' --cores 0,1
serve 'address nowhere: expected' --address nowhere
serve 'port eth0: expected lo, af_xdp:IFACE or memif:SOCKET' --port eth0
serve "'now' is not a flag" now
serve '' --no-such-flag
serve 'metrics address: 9464 is not an address to listen on: write ADDR:PORT' --metrics 9464
serve 'metrics address: .*not an address to listen on: write ADDR:PORT' --metrics localhost:9464
serve 'cannot listen on 192.0.2.1:9464: .*no interface here' --metrics 192.0.2.1:9464
refused 'cannot listen on 127.0.0.1:80: .*CAP_NET_BIND_SERVICE' \
	setpriv --bounding-set=-all --inh-caps=-all "$SERVE" --data "$DATA" --catalog "$CATALOG" \
	--keys "$KEYS" --port memif:"$WORK/socket" --metrics 127.0.0.1:80

echo "limits"
# Every number up to the one with which it starts: with some of them DPDK would panic. Below, the
# program is not even loaded.
limited() { # LIMIT PATTERN ARGS...
	local limit=$1 pattern=$2
	shift 2

	refused "$pattern" bash -c 'ulimit '"$limit"' && exec "$@"' limited "$@"
}
for files in 10 11 $(seq 16 20) 32 50; do
	limited "-n $files" 'may open [0-9]* files, and [0-9]* are needed.*ulimit -n' \
		"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS"
done
limited '-n 100' '1[0-9][0-9][0-9] are needed for --shards 256' \
	"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" --shards 256
# Threads are counted by user; root has no such limit.
mkdir "$WORK/poor"
chown 61234:61234 "$WORK/poor"
for threads in 1 3 6 9; do
	limited "-u $threads" 'can have [0-9]* more threads, and 11 are needed: .*ulimit -u' \
		setpriv --reuid=61234 --regid=61234 --clear-groups "$SERVE" --data "$WORK/poor/d" \
		--catalog "$CATALOG" --keys "$KEYS" --port memif:"$WORK/poor/socket"
done

echo "files"
chmod 644 "$KEYS"
serve "$KEYS.*chmod 600"
chmod 640 "$KEYS"
chgrp 61234 "$KEYS"
serve "$KEYS: group 61234 can read it .*chmod 600.*fsGroup"
chgrp 0 "$KEYS"
chmod 600 "$KEYS"
refused 'no-keys' "$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$WORK/no-keys"
refused 'no-catalog' "$SERVE" --data "$DATA" --catalog "$WORK/no-catalog" --keys "$KEYS"
make_catalog 1,10,100,0,,, 2,ten,100,0,,,
serve 'catalog.csv:3: column 2 .stock.: .ten. is not a whole number'
make_catalog 1,10,100,0,,, 1,10,100,0,,,
serve 'catalog.csv:3:.*1'
make_catalog x,10,100,0,,, 1,10,1.50,0,,,
serve 'catalog.csv: 2 faults; the first: .*catalog.csv:2: column 1 .sku.'
expect_match "every fault" 'catalog.csv:3: column 3 .unit_price.: .1.50. has a decimal mark' \
	"$(cat "$WORK/refused.err")"
make_catalog 1,10,100,0,yesterday,,
serve 'catalog.csv:2: column 5 .opens_at.'
make_catalog 1,4000000000,100,0,,,
serve "MiB.*(lower the stock|--max-orders)"
[ ! -e "$DATA" ] || fail "a refused start left $DATA"
make_catalog 1,10,100,0,,, 2,10,100,0,,,

echo "ports"
serve 'interface no0 isn.t there' --port af_xdp:no0
serve 'the loopback interface is --port lo' --port af_xdp:lo
ip link add down0 type veth peer name down1
serve 'interface down0 is down; .ip link set dev down0 up.' --port af_xdp:down0
ip link del down0
serve 'lo has 1 receive queue.* for 2 workers' --shards 2 --cores 0,1
serve 'no comma or bracket' --port memif:"$WORK/a[1]"
serve 'no-dir' --port memif:"$WORK/no-dir/socket"
serve 'not a socket' --port memif:"$KEYS"
refused 'needs CAP_NET_ADMIN; run as root, or use --port memif' \
	setpriv --bounding-set=-all --inh-caps=-all \
	"$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS"

echo "data directories"
mkdir "$WORK/full"
echo text >"$WORK/full/file"
refused 'is neither empty nor a journal' \
	"$SERVE" --data "$WORK/full" --catalog "$CATALOG" --keys "$KEYS"
refused 'no directory' "$SERVE" --data "$KEYS" --catalog "$CATALOG" --keys "$KEYS"
refused 'lies in memory' "$SERVE" --data /run/data --catalog "$CATALOG" --keys "$KEYS"
ln -s "$WORK/nowhere" "$WORK/link"
refused 'appears and disappears, or is a link to nothing|cannot be' \
	"$SERVE" --data "$WORK/link" --catalog "$CATALOG" --keys "$KEYS"
start_engine --metrics $METRICS
# From now on it writes nothing until somebody buys.
wait_for "the segments made ahead" test -e "$DATA/lane-000/seg-000000000002"
serve 'is in use by another doorbuster' --port memif:"$WORK/socket"
refused "cannot listen on $METRICS: .*choose another port" "$SERVE" --data "$WORK/other" \
	--catalog "$CATALOG" --keys "$KEYS" --port memif:"$WORK/socket" --metrics $METRICS
refused 'another doorbuster serves lo' \
	"$SERVE" --data "$WORK/other" --catalog "$CATALOG" --keys "$KEYS"
stop_engine
serve 'was written with 1 shards, --shards says 2' --shards 2
make_catalog 1,11,100,0,,, 2,10,100,0,,,
serve 'catalog.csv: of the SKUs on sale 1 have other terms and 0 are missing, see above'
expect_match "what differs" 'catalog.csv:2: SKU 1 is on sale with stock 10, the file says 11' \
	"$(cat "$WORK/refused.err")"
# The offers of a refused start are not on sale.
make_catalog 1,10,100,0,,, 2,10,100,0,,, 3,10,1,0,,,
serve '' -- -m 30
make_catalog 1,10,100,0,,, 2,10,100,0,,, 3,10,2,0,,,
start_engine
stop_engine
make_catalog 1,10,100,0,,, 2,10,100,0,,,
sed -i 's/^doorbuster-journal 3/doorbuster-journal 9/' "$DATA/journal"
serve 'journal format 9' && sed -i 's/journal 9/journal 1/' "$DATA/journal"
# What an older program wrote goes on, and says 3 from then on.
start_engine --catalog-differs keep
stop_engine
expect_match "the raised format" 'its format is 3 from now on, not 1' "$(cat "$ENGINE_OUT.err")"
expect_eq "the identity" "doorbuster-journal 3" "$(head -n 1 "$DATA/journal")"

echo "a damaged journal"
# A byte in the first block, which a later watermark covers.
printf x | dd of="$DATA/lane-000/seg-000000000000" bs=1 seek=4176 conv=notrunc status=none
serve 'lane-000.*seg-000000000000'

echo "what is read-only"
mkdir "$WORK/ro"
mount --bind "$DATA" "$WORK/ro"
mount -o remount,bind,ro "$WORK/ro"
refused "lock cannot be locked: .*mounted at $WORK/ro .* is read-only: mount it read-write" \
	"$SERVE" --data "$WORK/ro" --catalog "$CATALOG" --keys "$KEYS"
refused "cannot be made: .*mounted at $WORK/ro .* is read-only: .*volume" \
	"$SERVE" --data "$WORK/ro/new" --catalog "$CATALOG" --keys "$KEYS"
serve "memif:.*mounted at $WORK/ro .* is read-only" --port memif:"$WORK/ro/socket"
umount "$WORK/ro"
mount -o remount,ro /run
serve 'mounted at /run .tmpfs. is read-only: mount a tmpfs at /run .docker'
mount -o remount,rw /run

echo "disks that are none"
refused_on() { # PATTERN DIR [EAL-ARGS...]
	local pattern=$1 dir=$2
	shift 2

	refused "$pattern" "$SERVE" --data "$dir/data" --catalog "$CATALOG" --keys "$KEYS" "$@"
}
overlay() { # UPPER-AND-WORK OPTIONS
	mkdir -p "$WORK/lower" "$WORK/merged" "$1/upper" "$1/work"
	mount -t overlay overlay "$WORK/merged" \
		-o "lowerdir=$WORK/lower,upperdir=$1/upper,workdir=$1/work$2"
}
mkdir "$WORK/tmpfs" "$WORK/layers"
mount -t tmpfs tmpfs "$WORK/tmpfs"
overlay "$WORK/tmpfs" ''
refused_on 'lies in memory .overlay on tmpfs.*volume' "$WORK/merged"
# As in a container: the layers are where it can't see them.
umount -l "$WORK/tmpfs"
refused_on 'lies in memory .overlay on tmpfs or the like' "$WORK/merged"
umount "$WORK/merged"
overlay "$WORK/layers" ,volatile
refused_on 'volatile .*merged.*Mount it without' "$WORK/merged"
umount "$WORK/merged"
rm -rf "$WORK/layers"
mkdir "$WORK/layers"
# A true disk below: only what follows refuses the start.
overlay "$WORK/layers" ''
refused_on 'packet buffers' "$WORK/merged" -- -m 30
! grep "container's own layer" "$WORK/refused.err" || fail "the layer was in sight"
mv "$WORK/layers" "$WORK/moved"
refused_on 'packet buffers' "$WORK/merged" -- -m 30
grep -q "container's own layer" "$WORK/refused.err" || fail "a layer out of sight was not said"
umount "$WORK/merged"
# A lane that lies elsewhere than its directory.
mount -t tmpfs tmpfs "$DATA/lane-000"
serve '/lane-000 lies in memory .tmpfs'
umount "$DATA/lane-000"

if ! losetup -f >/dev/null 2>&1; then
	echo "a full disk: not tried, no loop devices here"
	exit 0
fi
mount -t tmpfs tmpfs "$WORK/tmpfs"
truncate -s 300M "$WORK/tmpfs/disk.img"
mkfs.ext4 -q "$WORK/tmpfs/disk.img"
mkdir "$WORK/disk"
mount -o loop "$WORK/tmpfs/disk.img" "$WORK/disk"
refused_on 'lies in memory .ext4 on loop[0-9]* on tmpfs' "$WORK/disk"
umount "$WORK/disk"
umount "$WORK/tmpfs"
truncate -s 300M "$WORK/disk.img"
mkfs.ext4 -q "$WORK/disk.img"
mount -o loop,nobarrier "$WORK/disk.img" "$WORK/disk"
refused_on 'without barriers.*mount -o remount,barrier=1' "$WORK/disk"
mount -o remount,barrier=1 "$WORK/disk"
refused_on 'packet buffers' "$WORK/disk" -- -m 30
umount "$WORK/disk"
rm "$WORK/disk.img"
echo "a full disk"
truncate -s 64M "$WORK/disk.img"
mkfs.ext4 -q "$WORK/disk.img"
mount -o loop "$WORK/disk.img" "$WORK/disk"
refused 'MiB are free, --shards 1 takes [0-9]+ MiB to begin' \
	"$SERVE" --data "$WORK/disk/data" --catalog "$CATALOG" --keys "$KEYS"
umount "$WORK/disk"
