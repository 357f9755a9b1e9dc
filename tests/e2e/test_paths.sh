# The way between client and engine: it carries less than a full datagram, takes nothing for a
# while, or leads to where the engine was. A router is between them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"

in_router() {
	ip netns exec router "$@"
}

# engine0 - router0 (router) router1 - buyers0 (buyers)
make_way() {
	ip netns add router
	ip netns add buyers
	ip link add engine0 type veth peer name router0 netns router
	in_router ip link add router1 type veth peer name buyers0 netns buyers
	ethtool -K engine0 rxvlan off
	in_router ethtool -K router0 rxvlan off txvlan off
	in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	address '' engine0 198.18.1.1/24 2001:2:1::1/64
	address '' engine0 198.18.1.9/24 2001:2:1::9/64
	address in_router router0 198.18.1.254/24 2001:2:1::fe/64
	address in_router router1 198.18.2.254/24 2001:2:2::fe/64
	address in_buyers buyers0 198.18.2.2/24 2001:2:2::2/64
	ip route add 198.18.2.0/24 via 198.18.1.254
	ip route add 2001:2:2::/64 via 2001:2:1::fe
	in_buyers ip route add default via 198.18.2.254
	in_buyers ip -6 route add default via 2001:2:2::fe
	in_buyers ip link set lo up
}

address() { # IN LINK IPV4 IPV6
	$1 ip addr add "$3" dev "$2"
	$1 ip -6 addr add "$4" dev "$2" nodad
	$1 ip link set "$2" up
}

# The buyers' kernel forgets what routers reported.
forget_reports() {
	in_buyers ip route flush cache
	in_buyers ip -6 route flush cache
}

load() { # SERVER ARGS...
	local server=$1
	shift
	in_buyers "$BIN/doorbuster" load --scenario drop --server "$server" --keys "$KEYS" "$@"
}

# A load in full datagrams of which every request must be answered, whatever the path carries.
expect_load() { # WHAT SERVER PATTERN
	load "$2" --requests 600 --json >"$WORK/load.json" 2>"$WORK/load.err" ||
		fail "$1: $(cat "$WORK/load.json" "$WORK/load.err")"
	expect_eq "$1: not answered" 0 "$(json .unanswered "$WORK/load.json")"
	expect_match "$1: what is said" "$3" "$(cat "$WORK/load.err")"
	expect_eq "$1: said" 1 "$(grep -c 'the path carries' "$WORK/load.err")"
}

make_keys
"$BIN/doorbuster" load --scenario drop --catalog-out "$CATALOG"
make_way
start_engine --port af_xdp:engine0 --ack memory
wait_for "the way" in_buyers ping -c 1 -W 1 198.18.1.1
wait_for "the way over IPv6" in_buyers ping -6 -c 1 -W 1 2001:2:1::1

# A tunnel of 1,420 bytes, and the least that IPv6 allows: the router reports it.
in_router ip link set router0 mtu 1420
expect_load "1,420 bytes" 198.18.1.1:7700 'at most 1392 bytes; sending 27 requests .* of 29'
in_router ip link set router0 mtu 1280
expect_load "IPv6, 1,280 bytes" '[2001:2:1::1]:7700' 'at most 1232 bytes; sending 24 requests'

# Datagrams that are made beforehand cannot be split, and say so.
rc=0
load 198.18.1.1:7700 --prepared --requests 600 >"$WORK/prepared.out" 2>&1 || rc=$?
expect_eq "exit code of prepared datagrams that are too long" 2 $rc
expect_match "what is said" 'prepared ones are not split: give --fill 27' \
	"$(cat "$WORK/prepared.out")"
load 198.18.1.1:7700 --prepared --requests 600 --fill 24 --json >"$WORK/load.json"

# A sender of fragments is told to the operator.
expect_eq "answers to fragments" 3 "$(
	ask --to 198.18.1.1 --timeout-ms 300 --undated $(for i in $(seq 29); do
		echo "op=ping,id=$(id "$i")"; done) >/dev/null; echo $?)"

# Nobody reports what the next hop does not take: the engine's side of the link drops it.
in_router ip link set router0 mtu 1500
ip link set engine0 mtu 1280
forget_reports
expect_load "black hole" 198.18.1.1:7700 'at most 1256 bytes; sending 25 requests'
expect_load "black hole over IPv6" '[2001:2:1::1]:7700' 'at most 1208 bytes; sending 24 requests'
ip link set engine0 mtu 1500

# A recorded request is as long as it was.
in_buyers tcpdump -i buyers0 -w "$WORK/full.pcap" -c 1 'udp dst port 7700 and greater 1400' \
	2>"$WORK/tcpdump.err" &
tcpdump=$!
wait_for "tcpdump" grep -q 'listening on' "$WORK/tcpdump.err"
load 198.18.1.1:7700 --requests 29 --json >"$WORK/load.json"
wait $tcpdump
in_buyers ip route add 198.18.1.1/32 via 198.18.2.254 mtu 1420
rc=0
in_buyers "$BIN/doorbuster" replay "$WORK/full.pcap" --to 198.18.1.1:7700 --flat-out --wait-ms 50 \
	>"$WORK/replay.out" 2>"$WORK/replay.err" || rc=$?
expect_eq "exit code of a replay over a path that is too narrow" 2 $rc
expect_match "what is said" 'at most 1392 bytes, .* cannot be split' "$(cat "$WORK/replay.err")"
in_buyers ip route del 198.18.1.1/32

# A route that prohibits (EACCES), as a firewall that is being loaded: it passes.
in_buyers ip route add prohibit 198.18.1.1/32
load 198.18.1.1:7700 --requests 600 --json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
sleep 0.5
kill -0 $load || fail "load ended: $(cat "$WORK/load.err")"
in_buyers ip route del prohibit 198.18.1.1/32
wait $load || fail "after a prohibited route: $(cat "$WORK/load.err")"
expect_eq "not answered after that" 0 "$(json .unanswered "$WORK/load.json")"

# The engine moves to another machine, and its name with it. First all addresses of the name are
# tried: the first has no engine.
printf '198.18.1.77 engine.test\n198.18.1.1 engine.test\n' >"$WORK/hosts"
mount --bind "$WORK/hosts" /etc/hosts
in_buyers "$BIN/doorbuster" buy --server engine.test:7700 --keys "$KEYS" --sku 1 --buyer 3 \
	--timeout-ms 30000 >"$WORK/buy.out" ||
	fail "two addresses: $(cat "$WORK/buy.out")"
echo '198.18.1.1 engine.test' >"$WORK/hosts"
received() {
	cat /sys/class/net/engine0/statistics/rx_packets
}
has_received() { # COUNT
	[ "$(received)" -ge "$1" ]
}
before=$(received)
load engine.test:7700 --rate 25 --requests 150 --json >"$WORK/load.json" 2>"$WORK/load.err" &
load=$!
wait_for "the load to begin" has_received $((before + 5))
in_router ip route add blackhole 198.18.1.1/32
echo '198.18.1.9 engine.test' >"$WORK/hosts"
wait $load || fail "after the engine moved: $(cat "$WORK/load.json" "$WORK/load.err")"
expect_eq "not answered by the engine that moved" 0 "$(json .unanswered "$WORK/load.json")"
expect_match "what is said" 'no answer for 3 s; asking ' "$(cat "$WORK/load.err")"
expect_match "what is said then" 'answers again' "$(cat "$WORK/load.err")"
umount /etc/hosts

stop_engine
expect_eq "lines on fragments" 1 "$(grep -c '^drops FRAGMENT: a client sends' "$ENGINE_OUT.err")"
[ "$(counted drops FRAGMENT)" -gt 0 ] || fail "no fragment was counted"
verify_agrees
ip link del engine0
