# An interface that does not have as many receive queues as there are workers is refused. A frame
# that still arrives on a queue without a worker is dropped and counted, not left to the kernel.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/veth.sh"

make_keys
make_catalog 1,100,100,0,,,
make_veth 4
[ "$(find /sys/class/net/engine0/queues -name 'rx-*' | wc -l)" = 4 ] || skip "no veth with queues"
refused 'engine0 has 4 receive queue.*ethtool -L engine0 combined 1' --port af_xdp:engine0
ip addr flush dev engine0
in_buyers ethtool -L buyers0 tx 1
ethtool -L engine0 rx 1
refused 'engine0 has no IP address.*ip address add' --port af_xdp:engine0
ip addr add 198.18.1.1/24 dev engine0

start_engine --port af_xdp:engine0
expect_match "ready line" ' zero-copy=no ' "$(ready_line)"
expect_verdict ACCEPTED --to 198.18.1.1 sku=1,buyer=1,id=$(id 1)

# Makes queue 0 look as if it had no worker. Takes the map from this engine's program, as map ids
# are the whole machine's.
program=$(ip -d link show engine0 | sed -n 's/.*prog\/xdp id \([0-9]*\).*/\1/p')
for map in $(bpftool -j prog show id "$program" | jq '.map_ids[]'); do
	[ "$(bpftool -j map show id "$map" | jq -r .name)" != xsks_map ] ||
		bpftool map delete id "$map" key 0 0 0 0
done
icmp_before=$(grep ^Icmp: /proc/net/snmp)
for n in 2 3 4; do
	expect_no_answer --to 198.18.1.1 sku=1,buyer=$n,id=$(id $n)
done
expect_eq "ICMP of this machine" "$icmp_before" "$(grep ^Icmp: /proc/net/snmp)"
stop_engine
expect_eq "counted" 3 "$(counted drops NO_WORKER)"
verify_agrees
ip link del engine0
