#!/bin/bash
# DPDK 22.11's net_af_xdp registers only a part of its own packet buffers with the kernel when there
# are no hugepages: the pool of rte_pktmbuf_pool_create then has one buffer a page, and the driver
# registers as many bytes as the buffers would take without gaps. The kernel drops what lies outside
# from the fill ring without an error, so the port hears less and less, and in the end nothing.
#
# Takes Debian 12's packages into a temporary folder, opens a port on a veth pair in a network
# namespace of its own, and compares what setsockopt(XDP_UMEM_REG) was given with where the buffers
# lie. Sends nothing. Seen: "DPDK 22.11.11: 32767 buffers in 1 chunk(s); 77592960 bytes registered;
# 13823 buffers outside". Exit code 0: as said; 1: this DPDK does otherwise; 2: could not try.
set -euo pipefail

VERSION=22.11.11-0+deb12u1
[ "$(id -u)" = 0 ] || { echo "needs root, for a network namespace and AF_XDP"; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
packages=(libdpdk-dev="$VERSION" libxdp1 libbpf1 libfdt1 libnuma1 libbsd0 libmd0 libelf1)
for name in eal ethdev mempool mempool-ring mbuf ring kvargs telemetry net meter bus-vdev \
	bus-pci pci net-af-xdp; do
	packages+=("librte-${name}23=$VERSION")
done
timeout 40 apt-get download "${packages[@]}" >apt.log 2>&1 || { tail -n 5 apt.log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
mkdir none # in the place of plugins that are installed
lib=$dir/root/usr/lib/x86_64-linux-gnu

cat >try.c <<'C'
#include <linux/if_xdp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_version.h>

static struct xdp_umem_reg registered;

int setsockopt(int fd, int level, int name, const void *value, socklen_t bytes)
{
	if (level == SOL_XDP && name == XDP_UMEM_REG)
		registered = *(const struct xdp_umem_reg *)value;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, bytes);
}

static void look(struct rte_mempool *pool, void *outside, void *buffer, unsigned idx)
{
	const uintptr_t begin = (uintptr_t)buffer - pool->header_size;

	(void)idx;
	if (begin < registered.addr || begin + registered.chunk_size >
	    registered.addr + registered.len)
		++*(unsigned *)outside;
}

int main(int argc, char **argv)
{
	const struct rte_eth_conf conf = {0};
	struct rte_mempool *pool;
	unsigned outside = 0;

	if (rte_eal_init(argc, argv) < 0)
		return 2;
	pool = rte_pktmbuf_pool_create("frames", 32767, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL || rte_eth_dev_configure(0, 1, 1, &conf) != 0)
		return 2;
	(void)rte_eth_rx_queue_setup(0, 0, 2048, SOCKET_ID_ANY, NULL, pool);
	if (registered.len == 0)
		return 2;
	rte_mempool_obj_iter(pool, look, &outside);
	printf("%s: %u buffers in %u chunk(s); %llu bytes registered; %u buffers outside\n",
	       rte_version(), pool->populated_size, pool->nb_mem_chunks,
	       (unsigned long long)registered.len, outside);
	fflush(stdout);
	_exit(outside == 0);
}
C
gcc -O2 -march=x86-64-v2 -I"$dir/root/usr/include" -I"$dir/root/usr/include/dpdk" \
	-I"$dir/root/usr/include/x86_64-linux-gnu/dpdk" -include rte_config.h try.c -o try \
	-L"$lib" -Wl,--export-dynamic,--allow-shlib-undefined -Wl,--no-as-needed \
	-l:librte_eal.so.23 -l:librte_ethdev.so.23 -l:librte_mempool.so.23 -l:librte_mbuf.so.23 \
	-l:librte_ring.so.23 -l:librte_mempool_ring.so.23 -l:librte_bus_vdev.so.23 \
	-l:librte_net_af_xdp.so.23 || exit 2
rc=0
LD_LIBRARY_PATH=$lib:$lib/dpdk/pmds-23.0 timeout 15 unshare --net --mount sh -c '
	plugins=/usr/lib/x86_64-linux-gnu/dpdk
	[ ! -d $plugins ] || mount --bind none $plugins || exit 2
	mount -t sysfs sysfs /sys && ip link add finding0 type veth peer name finding1 &&
		ip link set finding0 up && exec ./try "$@"' try -l 0 --no-huge -m 256 --no-pci \
	--no-telemetry --file-prefix="finding-$$" --log-level=error \
	--vdev net_af_xdp0,iface=finding0 2>try.err || rc=$?
rm -rf "/var/run/dpdk/finding-$$"
[ $rc -lt 2 ] || cat try.err
exit $rc
