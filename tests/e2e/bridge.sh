# A bridge from an engine's memif to a tap, so that the kernel can talk to it. Sourced after lib.sh.
BRIDGE_PID=

start_bridge() { # SOCKET
	[ -c /dev/net/tun ] || skip "no /dev/net/tun: no tap to bridge memif to"
	dpdk-testpmd --no-huge -m 256 --file-prefix=bridge --no-pci --lcores '0@0,1@0' \
		--vdev "net_memif0,role=client,socket=$1,socket-abstract=no" \
		--vdev net_tap0,iface=tap0 -- --forward-mode=io --total-num-mbufs=8192 \
		--no-flush-rx --stats-period=3600 >"$WORK/bridge.out" 2>&1 &
	BRIDGE_PID=$!
	wait_for "the bridge's tap" ip link show tap0
	ip link set tap0 up
	ip addr add 198.18.0.2/24 dev tap0
	[ "$(cat /proc/sys/net/ipv6/conf/tap0/disable_ipv6)" = 1 ] ||
		ip addr add 2001:2::2/64 dev tap0 nodad
	wait_for "the bridge to forward" ping -c 1 -W 1 198.18.0.1
}

stop_bridge() {
	kill -INT "$BRIDGE_PID"
	wait "$BRIDGE_PID" || true
	BRIDGE_PID=
	# The EAL of another program leaves its runtime files.
	rm -rf /run/dpdk/bridge
	rmdir --ignore-fail-on-non-empty /run/dpdk
}
