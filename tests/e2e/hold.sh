# An engine of two shards on a disk that can be stopped, and how many of its packet buffers are
# held by replies that wait for the disk. Sourced after lib.sh and veth.sh.

DISK=$WORK/disk
HUGEPAGES=/proc/sys/vm/nr_hugepages
HUGEPAGES_BEFORE=

thaw() {
	fsfreeze -u "$DISK" 2>/dev/null || true
}

put_back() {
	thaw
	[ -z "$HUGEPAGES_BEFORE" ] || echo "$HUGEPAGES_BEFORE" >$HUGEPAGES
}
trap 'put_back; on_exit $?' EXIT

make_disk() { # MIB
	losetup -f >/dev/null 2>&1 || skip "no loop devices here"
	truncate -s "$1M" "$WORK/disk.img"
	mkfs.ext4 -q -m 0 "$WORK/disk.img"
	mkdir "$DISK"
	mount -o loop "$WORK/disk.img" "$DISK"
	export DATA=$DISK/data
}

# Reserves COUNT more 2 MiB pages; false if there are not enough.
reserve_hugepages() { # COUNT
	HUGEPAGES_BEFORE=$(cat $HUGEPAGES)
	echo $((HUGEPAGES_BEFORE + $1)) >$HUGEPAGES
	[ "$(cat $HUGEPAGES)" = $((HUGEPAGES_BEFORE + $1)) ]
}

release_hugepages() {
	[ -z "$HUGEPAGES_BEFORE" ] || echo "$HUGEPAGES_BEFORE" >$HUGEPAGES
	HUGEPAGES_BEFORE=
}

# MiB of the engine's memory on reserved hugepages.
hugepages_mib() {
	awk '/^(Private|Shared)_Hugetlb:/ { kib += $2 } END { print int(kib / 1024) }' \
		"/proc/$ENGINE_PID/smaps"
}

# Puts a SKU of each shard, from 100 on, into SKUS.
find_skus() { # ASK-ARGS...
	SKUS=()
	for shard in 0 1; do
		SKUS[shard]=100
		while [[ $(ask "$@" --shard $shard "op=lookup,sku=${SKUS[shard]},id=$(id 9)") == \
			WRONG_SHARD* ]]; do
			SKUS[shard]=$((SKUS[shard] + 1))
		done
	done
}

# Packet buffers that replies hold.
held() {
	get /metrics
	echo $(($(metric 'doorbuster_lane_replies_waiting{lane="0"}') +
		$(metric 'doorbuster_lane_replies_waiting{lane="1"}')))
}

# Sends copies of one purchase a shard until COUNT of them wait for the stopped disk. Fails when
# more copies change nothing any more. The engine must accept undated purchases.
hold_many() { # COUNT FIRST-ID ASK-ARGS...
	local wanted=$1 first=$2 before=-1 now=0 idle=0
	shift 2

	while [ "$now" -lt "$wanted" ]; do
		for shard in 0 1; do
			ask "$@" --shard $shard --copies 3000 --timeout-ms 1 --undated \
				"sku=${SKUS[shard]},buyer=$((first + shard)),id=$(id \
				$((first + shard)))" >/dev/null || true
		done
		now=$(held)
		[ "$now" -gt "$before" ] && idle=0 || idle=$((idle + 1))
		[ $idle -lt 10 ] || fail "the port is deaf: $now datagrams wait and no more come in"
		before=$now
	done
	echo "$now datagrams hold their buffers"
}

nobody_waits() {
	[ "$(held)" = 0 ]
}
