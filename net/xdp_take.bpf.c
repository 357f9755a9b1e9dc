// SPDX-License-Identifier: GPL-2.0
/*
 * xdp_take: takes UDP to our ports, at the interface's own addresses, for the engine's AF_XDP
 * sockets, and leaves all other traffic (ssh, ARP, forwarding, ...) to the kernel. It takes nothing
 * until the control thread has written the ports, and nothing that a packet buffer can't hold. It
 * also takes first fragments and packets with options or extension headers to our ports, so that
 * they are dropped and counted where all drops are counted.
 */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
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
	IPV6_FRAGMENT_OFFSET = 0xfff8,
	/* One of each kind and two more; the kernel keeps packets with more than that. */
	EXTENSIONS_MAX = 6,
	ADDRESSES_MAX = 1024,
};

/* DPDK's af_xdp driver looks for this name. */
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
	__u32 any_address; /* for lo: all packets there are for this machine */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct taken_ports);
} taken_ports SEC(".maps");

/* The interface's own addresses. Written by port_take_traffic. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ADDRESSES_MAX);
	__type(key, __be32);
	__type(value, __u8);
} own_ipv4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ADDRESSES_MAX);
	__type(key, struct in6_addr);
	__type(value, __u8);
} own_ipv6 SEC(".maps");

/* Frames to our ports that are too long for a packet buffer: dropped here, counted for
 * port_oversized. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} oversized SEC(".maps");

/* Frames to our ports on a queue without a socket: dropped here, counted for port_unserved. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} unserved SEC(".maps");

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

/* The fragment header of RFC 8200, 4.5. */
struct ipv6_fragment {
	__u8 nexthdr;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

/* A packet's headers; NULL for those that it does not have. */
struct headers {
	const struct iphdr *ipv4;
	const struct ipv6hdr *ipv6;
	const struct udphdr *udp;
};

/* Finds the UDP header after an IPv6 header and its extensions; NULL if there is none. */
static __always_inline void *skip_extensions(void *at, void *end, __u8 next)
{
	for (int i = 0; i < EXTENSIONS_MAX && next != IPPROTO_UDP; i++) {
		struct ipv6_opt_hdr *option = at;
		struct ipv6_fragment *fragment = at;

		if ((void *)(fragment + 1) > end) /* none of them is shorter */
			return NULL;
		if (next == IPPROTO_FRAGMENT) {
			if ((fragment->offset & bpf_htons(IPV6_FRAGMENT_OFFSET)) != 0)
				return NULL;
			at = fragment + 1;
		} else if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
			   next == IPPROTO_DSTOPTS) {
			at += (option->hdrlen + 1) * 8;
		} else {
			return NULL;
		}
		next = option->nexthdr;
	}
	return next == IPPROTO_UDP ? at : NULL;
}

/* Finds the headers; headers->udp stays NULL if the packet has no UDP header. */
static __always_inline void find_udp(void *data, void *end, struct headers *headers)
{
	struct ethhdr *ether = data;
	void *at = ether + 1;
	__be16 ethertype;

	if (at > end)
		return;
	ethertype = ether->h_proto;
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag = at;

		if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return;
		ethertype = tag->ethertype;
		at = tag + 1;
	}
	if (ethertype == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = at;

		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP || ip->ihl < 5 ||
		    (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)) != 0)
			return;
		headers->ipv4 = ip;
		at += ip->ihl * 4;
	} else if (ethertype == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;

		if ((void *)(ip + 1) > end)
			return;
		headers->ipv6 = ip;
		at = skip_extensions(ip + 1, end, ip->nexthdr);
	} else {
		return;
	}
	if (at != NULL && (void *)((struct udphdr *)at + 1) <= end)
		headers->udp = at;
}

static __always_inline int is_own_address(const struct headers *headers)
{
	if (headers->ipv4 != NULL) {
		const __be32 address = headers->ipv4->daddr;

		return bpf_map_lookup_elem(&own_ipv4, &address) != NULL;
	}
	if (headers->ipv6 != NULL) {
		const struct in6_addr address = headers->ipv6->daddr;

		return bpf_map_lookup_elem(&own_ipv6, &address) != NULL;
	}
	return 0;
}

static __always_inline int count_drop(void *map)
{
	const __u32 key = 0;
	__u64 *cnt = bpf_map_lookup_elem(map, &key);

	if (cnt != NULL)
		__sync_fetch_and_add(cnt, 1);
	return XDP_DROP;
}

SEC("xdp")
int doorbuster_take(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	const __u32 key = 0;
	const __u32 queue = context->rx_queue_index;
	const struct taken_ports *ports = bpf_map_lookup_elem(&taken_ports, &key);
	struct headers headers = {0};

	find_udp(data, end, &headers);
	if (headers.udp == NULL || ports == NULL)
		return XDP_PASS;

	const __u32 port = bpf_ntohs(headers.udp->dest);

	if (port < ports->first || port - ports->first >= ports->cnt)
		return XDP_PASS;
	if (!ports->any_address && !is_own_address(&headers))
		return XDP_PASS;
	if (end - data > FRAME_BYTES_MAX)
		return count_drop(&oversized);
	if (bpf_map_lookup_elem(&xsks_map, &queue) == NULL)
		return count_drop(&unserved);
	return bpf_redirect_map(&xsks_map, queue, XDP_DROP);
}

char LICENSE[] SEC("license") = "GPL";
