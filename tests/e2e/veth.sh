# A veth pair: engine0 here, buyers0 in the network namespace `buyers`. Sourced after lib.sh.

# The kernel of the buyers puts VLAN tags into the packet, as on a wire; on our side they stay in
# it.
make_veth() { # [QUEUES]
	ip netns add buyers
	ip link add engine0 numrxqueues "${1:-1}" numtxqueues "${1:-1}" type veth \
		peer name buyers0 numrxqueues "${1:-1}" numtxqueues "${1:-1}" netns buyers
	ethtool -K engine0 rxvlan off
	in_buyers ethtool -K buyers0 rxvlan off txvlan off
	ip addr add 198.18.1.1/24 dev engine0
	ip addr add 2001:2:1::1/64 dev engine0 nodad
	ip link set engine0 up
	in_buyers ip addr add 198.18.1.2/24 dev buyers0
	in_buyers ip addr add 2001:2:1::2/64 dev buyers0 nodad
	in_buyers ip link set buyers0 up
	in_buyers ip link set lo up
}

in_buyers() {
	ip netns exec buyers "$@"
}

ask() {
	in_buyers "$BIN/tests/e2e/ask" --keys "$KEYS" "$@"
}

# A start that must be refused, with a reason that matches.
refused() { # PATTERN SERVE-ARGS...
	local pattern=$1 rc=0
	shift

	timeout 300 "$SERVE" --data "$DATA" --catalog "$CATALOG" --keys "$KEYS" "$@" \
		>/dev/null 2>"$WORK/refused.err" || rc=$?
	expect_eq "exit code of $*" 2 "$rc"
	expect_match "last line of $*" "$pattern" "$(tail -n 1 "$WORK/refused.err")"
}
