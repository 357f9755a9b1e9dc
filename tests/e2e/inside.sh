#!/bin/bash
# Runs one end-to-end test inside the namespaces that tests/run made for it, then checks what it
# left: a process, an XDP program, a changed sysctl of lo or a file under /run is a failure.
set -u

# Private: /run and /tmp for the engine and the EAL, and /sys as this network namespace sees it.
mount -t tmpfs tmpfs /run && mount -t sysfs sysfs /sys || exit 1
# Not below a tree that lies in /tmp itself.
case $PWD/:$DB_WORK/ in
/tmp/*|*:/tmp/*) own_tmp= ;;
*) own_tmp=1 && mount -t tmpfs -o mode=1777 tmpfs /tmp || exit 1 ;;
esac
ip link set lo up || exit 1

# Tests look for lines by their beginning. test_log.sh sees them as operators do.
DOORBUSTER_LOG=plain bash "$1"
rc=$?
[ "$rc" = 0 ] || exit "$rc"

# Process 1 of this namespace is this shell; the glob starts no other.
for dir in /proc/[0-9]*; do
	[ "$dir" = /proc/1 ] && continue
	echo "left running: $(tr '\0' ' ' <"$dir/cmdline")"
	rc=1
done
if ip -d link show | grep -q 'prog/xdp'; then
	echo "left behind: an XDP program"
	rc=1
fi
for name in route_localnet accept_local; do
	if [ "$(cat /proc/sys/net/ipv4/conf/lo/$name)" != 0 ]; then
		echo "left behind: net.ipv4.conf.lo.$name"
		rc=1
	fi
done
for file in /run/doorbuster /run/dpdk ${own_tmp:+/tmp/doorbuster-eal-*}; do
	if [ -e "$file" ]; then
		echo "left behind: $file"
		rc=1
	fi
done
exit "$rc"
