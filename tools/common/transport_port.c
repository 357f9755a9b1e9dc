#include "tools/common/transport_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "net/checksum.h"
#include "tools/common/cli.h"
#include "tools/common/transport_port_state.h"

enum {
	SOURCE_PORT = 40000,
	EAL_ARGS_MAX = 64,
	/* The AF_XDP driver refuses less. */
	RECEIVE_POOL_CNT = 16383,
	SEND_POOL_CNT = 8191,
	SEND_POOL_CACHE_CNT = 256,
	/* Polls between two reads of the clock, which say whether it is time to check the queues.
	 */
	POLLS_PER_LOOK = 256,
	TTL = 64,
};

/* The headers of an empty datagram to shard 0, and the sum of its IP header. */
static void make_headers(struct transport_port *self)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)self->headers;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ether->dst_addr = self->server_mac;
	memcpy(&ether->src_addr, self->port.mac, sizeof(ether->src_addr));
	ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.time_to_live = TTL,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = self->address,
		.dst_addr = self->server_address,
	};
	self->ip_sum = checksum_add(0, (const uint8_t *)ip, sizeof(*ip));
	*udp = (struct rte_udp_hdr){.src_port = RTE_BE16(SOURCE_PORT)};
}

/* Headers in front of a datagram. The engine never reads the UDP checksum: the tag covers more. */
static void build_headers(const struct transport_port *self, uint8_t *frame, uint32_t bytes,
			  uint16_t shard)
{
	const uint16_t ip_bytes = (uint16_t)(IPV4_HEADER_BYTES + UDP_HEADER_BYTES + bytes);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + ETHER_HEADER_BYTES);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	memcpy(frame, self->headers, sizeof(self->headers));
	ip->total_length = rte_cpu_to_be_16(ip_bytes);
	ip->hdr_checksum = checksum_fold(checksum_add_be16(self->ip_sum, ip_bytes));
	udp->dst_port = rte_cpu_to_be_16((uint16_t)(self->server_port + shard));
	udp->dgram_len = rte_cpu_to_be_16((uint16_t)(UDP_HEADER_BYTES + bytes));
}

static int port_send(struct client_transport *transport, const struct client_packet *packets,
		     int cnt)
{
	struct transport_port *self = (struct transport_port *)transport;
	const uint32_t headers = ETHER_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES;
	struct rte_mbuf *mbufs[BURST_CNT];
	int sent = 0;

	if (cnt > BURST_CNT)
		cnt = BURST_CNT;
	if (rte_pktmbuf_alloc_bulk(self->pool, mbufs, (unsigned)cnt) != 0)
		return 0;
	for (int i = 0; i < cnt; i++) {
		uint8_t *frame = (uint8_t *)rte_pktmbuf_append(
			mbufs[i], (uint16_t)(headers + packets[i].len));

		CHECK(frame != NULL); /* a fresh buffer holds the largest datagram */
		build_headers(self, frame, packets[i].len, packets[i].shard);
		memcpy(frame + headers, packets[i].bytes, packets[i].len);
	}
	/* Runs of one queue go out together. */
	while (sent < cnt) {
		const uint16_t queue = packets[sent].shard % self->port.options.queue_cnt;
		int end = sent + 1;

		while (end < cnt && packets[end].shard % self->port.options.queue_cnt == queue)
			end++;
		if (transport_port_is_closed(self, queue))
			break;

		const int taken = rte_eth_tx_burst(self->port.queues[queue].port_id,
						   self->port.queues[queue].queue_id, mbufs + sent,
						   (uint16_t)(end - sent));

		sent += taken;
		if (sent < end)
			break;
	}
	rte_pktmbuf_free_bulk(mbufs + sent, (unsigned)(cnt - sent));
	return sent;
}

/* The datagram of a frame from the server to us; false for any other frame. */
static bool unpack(const struct transport_port *self, const struct rte_mbuf *mbuf,
		   struct client_packet *packet)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const struct rte_ipv4_hdr *ip;
	const struct rte_udp_hdr *udp;
	struct frame_view view;
	uint16_t port;

	if (mbuf->nb_segs != 1 ||
	    decode_frame(frame, rte_pktmbuf_data_len(mbuf), SOURCE_PORT, 1, &view) != DROP_NONE ||
	    view.ip_version != 4 || view.payload_bytes > WIRE_DATAGRAM_BYTES_MAX)
		return false;
	ip = (const struct rte_ipv4_hdr *)(frame + view.l3_offset);
	udp = (const struct rte_udp_hdr *)(frame + view.l4_offset);
	port = rte_be_to_cpu_16(udp->src_port);
	if (ip->src_addr != self->server_address || port < self->server_port ||
	    port - self->server_port >= SHARDS_MAX)
		return false;
	memcpy(packet->bytes, frame + view.payload_offset, view.payload_bytes);
	packet->len = view.payload_bytes;
	packet->shard = (uint16_t)(port - self->server_port);
	return true;
}

/* Polls without waiting: the caller's loop comes back at once. The queues take turns in being the
 * first, so that none waits for another. */
static int port_receive(struct client_transport *transport, struct client_packet *packets, int cnt,
			uint32_t timeout_us)
{
	struct transport_port *self = (struct transport_port *)transport;
	struct rte_mbuf *mbufs[BURST_CNT];
	const uint16_t queue_cnt = self->port.options.queue_cnt;
	int kept = 0;

	for (uint16_t i = 0; i < queue_cnt && kept < cnt; i++) {
		const uint16_t queue = (uint16_t)((self->receive_first + i) % queue_cnt);
		const int room = cnt - kept < BURST_CNT ? cnt - kept : BURST_CNT;
		uint16_t got;

		if (transport_port_is_closed(self, queue))
			continue;
		got = rte_eth_rx_burst(self->port.queues[queue].port_id,
				       self->port.queues[queue].queue_id, mbufs, (uint16_t)room);
		self->watch.queues[queue].reads++;
		self->watch.queues[queue].frames += got;
		for (uint16_t k = 0; k < got; k++)
			kept += unpack(self, mbufs[k], &packets[kept]);
		rte_pktmbuf_free_bulk(mbufs, got);
	}
	if (++self->receive_first >= queue_cnt)
		self->receive_first = 0;
	if (++self->watch.polls % POLLS_PER_LOOK == 0)
		transport_port_look(self);
	if (kept == 0 && timeout_us > 0 && self->shares_core)
		sched_yield();
	return kept;
}

static void port_transport_close(struct client_transport *transport)
{
	struct transport_port *self = (struct transport_port *)transport;

	port_close(&self->port);
	if (self->eal_running && !self->port.abandoned)
		rte_eal_cleanup();
	port_sweep(&self->port);
	free(self);
}

static int start_eal(struct transport_port *self, const struct transport_port_options *options,
		     const struct port_options *port_options, struct error *error)
{
	static char lcores[16];
	const char *argv[EAL_ARGS_MAX + 1] = {
		"doorbuster",
		"--lcores",
		lcores,
		"--log-level=warning",
		"--log-level=lib.telemetry:error",
		"--no-telemetry",
	};
	int argc = 6;
	int rc;

	snprintf(lcores, sizeof(lcores), "0@%u", options->core);
	rc = port_eal_args(&self->port, port_options, argv, &argc, EAL_ARGS_MAX, error);
	if (rc != 0)
		return rc;
	for (int i = 0; i < options->eal_arg_cnt && argc < EAL_ARGS_MAX; i++)
		argv[argc++] = options->eal_args[i];
	argv[argc] = NULL;
	if (rte_eal_init(argc, (char **)argv) < 0)
		return error_say(error, -EIO, "the DPDK environment does not start");
	self->eal_running = true;
	rc = port_open(&self->port, error);
	if (rc != 0)
		return rc;
	self->pool = rte_pktmbuf_pool_create("requests", SEND_POOL_CNT, SEND_POOL_CACHE_CNT, 0,
					     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (self->pool == NULL)
		return error_say(error, -ENOMEM, "no memory for packets");
	return port_take_traffic(&self->port, true, error);
}

/* ADDRESS:PORT of an IPv4 server. */
static bool parse_server(struct transport_port *self, const char *text)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	return inet_pton(AF_INET, host, &self->server_address) == 1 &&
	       cli_u16("--server", colon + 1, 1, UINT16_MAX, &self->server_port);
}

int transport_port_open(struct client_transport **out, const struct transport_port_options *options,
			struct error *error)
{
	struct transport_port *self = calloc(1, sizeof(*self));
	struct port_options port_options = {
		.udp_port_first = SOURCE_PORT,
		.udp_port_cnt = 1,
		.queue_cnt = options->queue_cnt,
		.queue_first = options->queue_first,
		.client = true,
		.mbuf_cnt = RECEIVE_POOL_CNT,
	};
	int rc = -EINVAL;

	if (self == NULL)
		return error_say(error, -ENOMEM, "no memory");
	if (!parse_server(self, options->server) ||
	    inet_pton(AF_INET, options->address, &self->address) != 1)
		error_set(error, "over --port, --server is IPv4:PORT and --address IPv4");
	else
		rc = port_parse(options->port, &port_options.spec, error);
	if (rc == 0)
		rc = port_check(&port_options, error);
	if (rc != 0) {
		free(self);
		return rc;
	}
	rc = start_eal(self, options, &port_options, error);
	if (rc == 0)
		rc = transport_port_find_server(self, options, error);
	if (rc != 0) {
		port_transport_close(&self->transport);
		return rc;
	}
	make_headers(self);
	self->name = options->port;
	self->shares_core = options->shares_core;
	self->transport = (struct client_transport){
		.send = port_send, .receive = port_receive, .close = port_transport_close};
	*out = &self->transport;
	return 0;
}
