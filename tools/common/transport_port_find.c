/*
 * transport_port_find: the server's MAC. Over memif by our own ARP, which the engine answers; on an
 * interface the kernel knows it, or asks.
 */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_arp.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "engine/base/error.h"
#include "tools/common/transport_port_state.h"

enum {
	DISCARD_PORT = 9,
	/* An engine whose workers have every CPU takes seconds to answer on a busy machine. */
	LINK_WAIT_MS = 15000,
	ARP_TRIES = 20,
	ARP_WAIT_MS = 100,
};

static void sleep_ms(unsigned ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

static bool send_arp_request(struct transport_port *self)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(self->pool);
	struct rte_ether_hdr *ether;
	struct rte_arp_hdr *arp;

	if (mbuf == NULL)
		return false;
	ether = (struct rte_ether_hdr *)rte_pktmbuf_append(mbuf, sizeof(*ether) + sizeof(*arp));
	if (ether == NULL) {
		rte_pktmbuf_free(mbuf);
		return false;
	}
	arp = (struct rte_arp_hdr *)(ether + 1);
	memset(&ether->dst_addr, 0xff, sizeof(ether->dst_addr));
	memcpy(&ether->src_addr, self->port.mac, sizeof(ether->src_addr));
	ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(rte_be32_t),
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
		.arp_data = {.arp_sha = ether->src_addr,
			     .arp_sip = self->address,
			     .arp_tip = self->server_address},
	};
	if (rte_eth_tx_burst(self->port.queues[0].port_id, 0, &mbuf, 1) == 1)
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

static bool take_arp_reply(struct transport_port *self)
{
	struct rte_mbuf *mbufs[BURST_CNT];
	const uint16_t got = rte_eth_rx_burst(self->port.queues[0].port_id, 0, mbufs, BURST_CNT);
	bool found = false;

	for (uint16_t i = 0; i < got; i++) {
		const struct rte_ether_hdr *ether =
			rte_pktmbuf_mtod(mbufs[i], const struct rte_ether_hdr *);
		const struct rte_arp_hdr *arp = (const struct rte_arp_hdr *)(ether + 1);

		if (rte_pktmbuf_data_len(mbufs[i]) < sizeof(*ether) + sizeof(*arp) ||
		    ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_ARP) ||
		    arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REPLY) ||
		    arp->arp_data.arp_sip != self->server_address)
			continue;
		self->server_mac = arp->arp_data.arp_sha;
		found = true;
	}
	rte_pktmbuf_free_bulk(mbufs, got);
	return found;
}

/* Reads the server's MAC from the kernel; a datagram makes the kernel ask. */
static bool read_neighbour(struct transport_port *self, int fd)
{
	const struct sockaddr_in server = {.sin_family = AF_INET,
					   .sin_port = RTE_BE16(DISCARD_PORT),
					   .sin_addr.s_addr = self->server_address};
	struct arpreq request = {0};

	(void)sendto(fd, "", 0, 0, (const struct sockaddr *)&server, sizeof(server));
	memcpy(&request.arp_pa, &server, sizeof(server));
	snprintf(request.arp_dev, sizeof(request.arp_dev), "%.15s", self->port.options.spec.where);
	if (ioctl(fd, SIOCGARP, &request) != 0 || (request.arp_flags & ATF_COM) == 0)
		return false;
	memcpy(&self->server_mac, request.arp_ha.sa_data, sizeof(self->server_mac));
	return true;
}

/* AF_XDP ports leave ARP to the kernel: its neighbour table has the answer. */
static int ask_kernel(struct transport_port *self, const struct transport_port_options *options,
		      struct error *error)
{
	const char *interface = self->port.options.spec.where;
	const struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = self->address};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = -EHOSTUNREACH;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof(own)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) !=
		    0) {
		rc = -errno;
		error_set(error,
			  "--address %s on %s: %s; name one that `ip address show dev %s` lists",
			  options->address, interface, strerror(-rc), interface);
		goto out;
	}
	for (unsigned ms = 0; rc != 0 && ms < ARP_TRIES * ARP_WAIT_MS; ms += ARP_WAIT_MS / 10) {
		if (read_neighbour(self, fd))
			rc = 0;
		else
			sleep_ms(ARP_WAIT_MS / 10);
	}
	if (rc != 0)
		error_set(error, "%s: the kernel found no MAC of %s; is it on the same link?",
			  options->port, options->server);
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Waits until every queue has a peer. */
static bool links_up(const struct transport_port *self)
{
	for (unsigned ms = 0; ms < LINK_WAIT_MS; ms++) {
		uint16_t up = 0;

		for (uint16_t i = 0; i < self->port.options.queue_cnt; i++) {
			struct rte_eth_link link = {0};

			(void)rte_eth_link_get_nowait(self->port.queues[i].port_id, &link);
			up += link.link_status == RTE_ETH_LINK_UP;
		}
		if (up == self->port.options.queue_cnt)
			return true;
		sleep_ms(1);
	}
	return false;
}

int transport_port_find_server(struct transport_port *self,
			       const struct transport_port_options *options, struct error *error)
{
	if (!links_up(self)) {
		return error_say(error, -ETIMEDOUT,
				 "%s: not every queue has a peer; --queues may be as many as "
				 "the engine has --cores",
				 options->port);
	}
	memset(&self->server_mac, 0xff, sizeof(self->server_mac));
	if (options->broadcast)
		return 0;
	if (!self->port.answers_neighbours)
		return ask_kernel(self, options, error);
	for (unsigned try = 0; try < ARP_TRIES; try++) {
		(void)send_arp_request(self);
		for (unsigned ms = 0; ms < ARP_WAIT_MS; ms++) {
			if (take_arp_reply(self))
				return 0;
			sleep_ms(1);
		}
	}
	return error_say(error, -EHOSTUNREACH,
			 "%s: no ARP answer from %s; is that the engine's --address?",
			 options->port, options->server);
}
