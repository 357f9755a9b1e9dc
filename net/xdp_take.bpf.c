// SPDX-License-Identifier: GPL-2.0
/*
 * xdp_take: takes UDP to our ports for the engine's AF_XDP sockets and leaves all other traffic
 * (ssh, ARP,
 * ...) to the kernel. Takes nothing until the control thread has written the ports, and nothing
 * that a packet buffer can't hold. Takes first fragments and packets with options to our ports too,
 * so that they are dropped and counted where all drops are counted.
 */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	QUEUES_MAX = 64, /* as WORKERS_MAX */
	VLAN_TAGS_MAX = 2,
	/* What the smallest AF_XDP buffer holds beside its headroom. */
	FRAME_BYTES_MAX = 1600,
	IPV4_FRAGMENT_OFFSET = 0x1fff,
};

/* The name DPDK's af_xdp driver looks for. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* The UDP ports to take, host order; cnt 0: none. Written by port_take_traffic. */
struct taken_ports {
	__u32 first;
	__u32 cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct taken_ports);
} taken_ports SEC(".maps");

/* Frames to our ports that no packet buffer holds: dropped here, counted for port_oversized. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} oversized SEC(".maps");

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

/* The UDP header if there is one to be seen, else NULL. */
static __always_inline struct udphdr *find_udp(void *data, void *end)
{
	struct ethhdr *ether = data;
	void *at = ether + 1;
	__be16 ethertype;

	if (at > end)
		return NULL;
	ethertype = ether->h_proto;
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag = at;

		if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return NULL;
		ethertype = tag->ethertype;
		at = tag + 1;
	}
	if (ethertype == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = at;

		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP || ip->ihl < 5 ||
		    (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)) != 0)
			return NULL;
		at += ip->ihl * 4;
	} else if (ethertype == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;

		if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_UDP)
			return NULL;
		at = ip + 1;
	} else {
		return NULL;
	}
	return (void *)((struct udphdr *)at + 1) > end ? NULL : at;
}

SEC("xdp")
int doorbuster_take(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	const struct udphdr *udp = find_udp(data, end);
	const __u32 key = 0;
	const struct taken_ports *ports = bpf_map_lookup_elem(&taken_ports, &key);

	if (udp == NULL || ports == NULL)
		return XDP_PASS;

	const __u32 port = bpf_ntohs(udp->dest);

	if (port < ports->first || port - ports->first >= ports->cnt)
		return XDP_PASS;
	if (end - data > FRAME_BYTES_MAX) {
		__u64 *cnt = bpf_map_lookup_elem(&oversized, &key);

		if (cnt != NULL)
			__sync_fetch_and_add(cnt, 1);
		return XDP_DROP;
	}
	return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char LICENSE[] SEC("license") = "GPL";
