# AF_XDP on a veth pair: engine in one network namespace, buyers in another, plain, over a VLAN and
# over IPv6. The kernel keeps ARP, ping and everything else.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"

make_keys
make_catalog 1,100,100,0,,,
make_veth

# AF_XDP does not see tags that the interface takes off.
ethtool -K engine0 rxvlan on
refused 'ethtool -K engine0 rxvlan off' --port af_xdp:engine0
ethtool -K engine0 rxvlan off

start_engine --port af_xdp:engine0
expect_match "ready line" 'port=af_xdp:engine0 ' "$(ready_line)"
in_buyers ping -c 1 -W 5 198.18.1.1 >/dev/null || fail "the kernel no longer answers ping"
in_buyers ping -6 -c 1 -W 5 2001:2:1::1 >/dev/null || fail "the kernel no longer answers ping -6"

expect_verdict ACCEPTED --to 198.18.1.1 sku=1,buyer=1,id=$(id 1)
expect_verdict ACCEPTED --to 2001:2:1::1 sku=1,buyer=2,id=$(id 2)
in_buyers "$BIN/doorbuster" buy --server 198.18.1.1:7700 --keys "$KEYS" --sku 1 --buyer 3 ||
	fail "buy over veth"

# Frames as a VLAN-aware sender puts them on the wire: tags in the packet and not beside it.
in_buyers "$BIN/tests/e2e/send_raw" --good "$KEYS" buyers0 198.18.1.2 198.18.1.1 \
	2001:2:1::2 2001:2:1::1 >"$WORK/good"
expect_eq "answered of the tagged" "$(awk '/^sent/ { print $3 }' "$WORK/good")" \
	"$(awk '/^answered/ { print $2 }' "$WORK/good")"

# The engine takes neither datagrams to other addresses, even if they are routed to it, nor
# broadcasts.
in_buyers ip route add default via 198.18.1.1
in_buyers ip -6 route add default via 2001:2:1::1
expect_no_answer --to 198.18.7.7 sku=1,buyer=4,id=$(id 4)
expect_no_answer --to 2001:2:7::7 sku=1,buyer=4,id=$(id 4)
expect_eq "datagrams to others that were executed" 97 \
	"$(field left "$(ask --to 198.18.1.1 sku=1,buyer=1,id=$(id 1) && ask --to 198.18.1.1 \
		op=lookup,sku=1,buyer=3,id=$(id 5))")"

# A killed engine leaves its XDP program; the next one takes it over.
kill9
ip -d link show engine0 | grep -q prog/xdp || fail "no XDP program after a kill"
start_engine --port af_xdp:engine0
expect_verdict ACCEPTED --to 198.18.1.1 sku=1,buyer=1,id=$(id 1)
stop_engine
expect_eq "orders" 3 "$(drained orders)"
! ip -d link show engine0 | grep prog/xdp || fail "an XDP program stayed on engine0"
in_buyers ping -c 1 -W 5 198.18.1.1 >/dev/null || fail "no ping after the drain"
verify_agrees
ip link del engine0
