# Replies that wait for a stalled disk hold more than 20,000 packet buffers of an AF_XDP port at
# once. When the disk goes on, every buffer goes back to the kernel: datagrams flow as before, more
# of them than there are buffers. On lo and on a veth pair, on normal pages and on reserved
# hugepages. The engine does not take a stalled disk for a deaf port.
# alone: it reserves hugepages of the machine
# time limit: 300 s
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"
. "$(dirname "$0")/hold.sh"

HELD=20500
# Buffers of the port. If more datagrams than that are answered, they must have come back.
BUFFERS=32767
FIRST=100

# Every datagram that is sent gets an answer.
flows() { # ASK-ARGS...
	local answered=0 round got

	for round in $(seq 30); do
		got=$(ask "$@" --shard $((round % 2)) --copies 4000 --timeout-ms 300 \
			"op=ping,id=$(id 7)") || fail "no answer any more after $answered: $got"
		answered=$((answered + $(field answered "$got")))
		[ $answered -le $BUFFERS ] || return 0
	done
	fail "only $answered of $((30 * 4000)) datagrams were answered"
}

try_port() { # PORT ASK-ARGS...
	local port=$1
	shift

	start_engine --shards 2 --undated accept --port "$port" --metrics $METRICS
	if [ -n "$HUGEPAGES_BEFORE" ]; then
		[ "$(hugepages_mib)" -ge 128 ] || fail "no hugepages below the packet buffers"
	else
		[ "$(hugepages_mib)" -lt 128 ] || fail "hugepages are used that nobody reserved"
	fi
	find_skus "$@"
	fsfreeze -f "$DISK"
	hold_many $HELD $FIRST "$@"
	wait_for "the stall to be told" grep -q 'has made no progress for 2 s' "$ENGINE_OUT.err"
	thaw
	wait_for "the replies" nobody_waits
	flows "$@"
	! grep ': deaf' "$ENGINE_OUT.err" || fail "a stalled disk was taken for a deaf port"
	stop_engine
	FIRST=$((FIRST + 2))
}

make_disk 700
make_keys
make_catalog $(for sku in $(seq 100 120); do echo "$sku,1000,10,0,,,"; done)
make_veth
plain_ask() {
	"$BIN/tests/e2e/ask" --keys "$KEYS" "$@"
}

for pages in normal huge; do
	if [ $pages = huge ] && ! reserve_hugepages 220; then
		echo "no hugepages to be had: only normal pages were tried"
		break
	fi
	echo "$pages pages, lo"
	ask() { plain_ask "$@"; }
	try_port lo
	echo "$pages pages, veth"
	ask() { in_buyers "$BIN/tests/e2e/ask" --keys "$KEYS" "$@"; }
	try_port af_xdp:engine0 --to 198.18.1.1
done
release_hugepages
expect_eq "orders" $((FIRST - 100)) "$(drained orders)"
verify_agrees
ip link del engine0
umount "$DISK"
