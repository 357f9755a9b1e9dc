# AF_XDP on a veth pair: engine in one network namespace, buyers in another, plain, over a VLAN and
# over IPv6. The kernel keeps ARP, ping and everything else. An interface that is down, without
# carrier, without the XDP program or gone is reported; one that comes back is used again.
# time limit: 90 s
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

link_is() { # VALUE: in the metrics, and 503 or 200
	get /metrics
	[ "$(metric 'doorbuster_port_link_up{worker="0"}')" = "$1" ] || return 1
	get /healthz
}
lost() { # COMMAND... LOG-TEXT: what ends the link, and how that is called
	local text=${*: -1}

	"${@:1:$# - 1}"
	wait_for "a line: $text" grep -q "^port af_xdp:engine0: $text: no request" \
		"$ENGINE_OUT.err"
	link_is 0 || fail "the link counts as up: $text"
	expect_eq "health" "503 port af_xdp:engine0: $text" "$HTTP_STATUS $(cat "$WORK/answer")"
}
back() { # COMMAND...
	local cnt

	cnt=$(grep -c 'the interface is up again' "$ENGINE_OUT.err" || true)
	"$@"
	wait_for "the link" link_is 1
	expect_eq "health" "200 every lane sells" "$HTTP_STATUS $(cat "$WORK/answer")"
	expect_eq "lines" $((cnt + 1)) "$(grep -c 'the interface is up again' "$ENGINE_OUT.err")"
}
in_metrics() {
	start_engine --port af_xdp:engine0 --metrics $METRICS
	link_is 1 || fail "the link is not up at the start"
}
in_metrics
lost ip link set engine0 down 'the interface is down'
back ip link set engine0 up
expect_verdict ACCEPTED --to 198.18.1.1 sku=1,buyer=11,id=$(id 11)
lost in_buyers ip link set buyers0 down 'the interface has no carrier'
back in_buyers ip link set buyers0 up
expect_verdict ACCEPTED --to 198.18.1.1 sku=1,buyer=12,id=$(id 12)
lost ip link set dev engine0 xdp off 'the interface has lost its XDP program'
stop_engine
in_metrics
lost ip link del engine0 'the interface is gone'
get /metrics
expect_eq "links lost" 1 "$(metric doorbuster_port_link_lost_total)"
ip link add engine0 type veth peer name other0
wait_for "a line of the new one" grep -q 'another has its name' "$ENGINE_OUT.err"
stop_engine
verify_agrees
