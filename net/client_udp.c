/*
 * client_udp: the client's datagrams over one kernel UDP socket, in bursts. An engine that is away
 * for a moment, or a network that takes nothing for a moment, is not an error here: the client
 * sends again what was lost. The socket forbids fragments, which the engine would drop.
 *
 * A renewal makes a new socket, and so a new source port: address translators on the way hold the
 * old one to where the engine was, for as long as we send. It asks the name's next address, and has
 * the name resolved again meanwhile.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "net/client.h"
#include "net/resolve.h"

enum {
	BURST_CNT = 64,
	SOCKET_BUFFER_BYTES = 8 << 20,
	IPV4_UDP_BYTES = 20 + 8,
	IPV6_UDP_BYTES = 40 + 8,
};

struct client_udp {
	struct client_transport transport; /* first */
	int fd;
	bool plain;                     /* no UDP checksums over IPv4 */
	struct sockaddr_storage server; /* of shard 0 */
	socklen_t server_bytes;
	uint16_t base_port;
	struct resolved found; /* of the name; server is one of them, or was */
	uint32_t found_idx;
	struct resolve *resolving; /* the name once more; NULL: not now */
	char host[300];
	char port[16];
};

static uint16_t *port_of(struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
					      : &((struct sockaddr_in *)address)->sin_port;
}

/* What the kernel has no room for now; the packet is tried again at once. */
static bool is_full(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == EINTR ||
	       error == ENOMEM;
}

/* Whether the socket is of no use any more. All other errors say that the network does not take
 * this packet now: no route, a firewall being loaded, a full connection table, an address or an
 * interface that went and comes back. */
static bool is_final(int error)
{
	return error == EBADF || error == ENOTSOCK || error == EFAULT || error == EAFNOSUPPORT ||
	       error == EOPNOTSUPP || error == ENOSYS || error == EISCONN;
}

static int udp_send(struct client_transport *transport, const struct client_packet *packets,
		    int cnt)
{
	struct client_udp *udp = (struct client_udp *)transport;
	struct sockaddr_storage to[BURST_CNT];
	struct mmsghdr messages[BURST_CNT];
	struct iovec parts[BURST_CNT];
	int sent = 0;

	if (cnt > BURST_CNT)
		cnt = BURST_CNT;
	for (int i = 0; i < cnt; i++) {
		to[i] = udp->server;
		*port_of(&to[i]) = htons((uint16_t)(udp->base_port + packets[i].shard));
		parts[i] = (struct iovec){.iov_base = packets[i].bytes, .iov_len = packets[i].len};
		messages[i] = (struct mmsghdr){
			.msg_hdr = {.msg_name = &to[i],
				    .msg_namelen = udp->server_bytes,
				    .msg_iov = &parts[i],
				    .msg_iovlen = 1},
		};
	}
	while (sent < cnt) {
		const int rc =
			sendmmsg(udp->fd, messages + sent, (unsigned)(cnt - sent), MSG_DONTWAIT);

		if (rc > 0) {
			sent += rc;
			continue;
		}
		if (rc == 0 || is_full(errno))
			break;
		if (errno == EMSGSIZE || is_final(errno))
			return sent > 0 ? sent : -errno;
		transport->send_errno = errno;
		if (transport->sends_once)
			break;
		/* Others of the burst may go to a shard that is not refused. */
		sent++;
	}
	return sent;
}

/* Of a socket that is connected, because only for such a one the kernel says it. */
static uint32_t udp_path_bytes(struct client_transport *transport)
{
	struct client_udp *udp = (struct client_udp *)transport;
	const bool ipv6 = udp->server.ss_family == AF_INET6;
	const int fd = socket(udp->server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int header_bytes = ipv6 ? IPV6_UDP_BYTES : IPV4_UDP_BYTES;
	int mtu_bytes = 0;
	socklen_t bytes = sizeof(mtu_bytes);

	if (fd < 0)
		return 0;
	if (connect(fd, (struct sockaddr *)&udp->server, udp->server_bytes) != 0 ||
	    getsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_MTU : IP_MTU, &mtu_bytes,
		       &bytes) != 0)
		mtu_bytes = 0;
	close(fd);
	return mtu_bytes > header_bytes ? (uint32_t)(mtu_bytes - header_bytes) : 0;
}

/* Whether a datagram came from the server's address and one of its ports. */
static bool from_server(struct client_udp *udp, struct sockaddr_storage *from, uint16_t *shard)
{
	const uint16_t port = ntohs(*port_of(from));

	if (from->ss_family != udp->server.ss_family || port < udp->base_port ||
	    port - udp->base_port >= SHARDS_MAX)
		return false;
	*shard = (uint16_t)(port - udp->base_port);
	if (from->ss_family == AF_INET6)
		return memcmp(&((struct sockaddr_in6 *)from)->sin6_addr,
			      &((struct sockaddr_in6 *)&udp->server)->sin6_addr,
			      sizeof(struct in6_addr)) == 0;
	return ((struct sockaddr_in *)from)->sin_addr.s_addr ==
	       ((struct sockaddr_in *)&udp->server)->sin_addr.s_addr;
}

static void set_plain(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on));
}

/* A socket that never sends fragments; -1 with errno. */
static int make_socket(const struct client_udp *udp, int family)
{
	const int buffer_bytes = SOCKET_BUFFER_BYTES;
	const int forbid = IP_PMTUDISC_DO;
	const int forbid6 = IPV6_PMTUDISC_DO;
	const int on = 1;
	const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* As big as allowed: bursts of replies overflow a small buffer. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
	if (family == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &forbid6, sizeof(forbid6));
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof(on));
	} else {
		(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &forbid, sizeof(forbid));
	}
	if (udp->plain)
		set_plain(fd);
	return fd;
}

/* Asks this one of the addresses, from a port that was not used before. -errno: as it was. */
static int use_address(struct client_udp *udp, uint32_t idx)
{
	const int fd = make_socket(udp, udp->found.at[idx].address.ss_family);

	if (fd < 0)
		return -errno;
	/* Only now: the kernel gives no port twice as long as the former socket is there. */
	if (udp->fd >= 0) {
		const struct sockaddr_storage any = {.ss_family =
							     udp->found.at[idx].address.ss_family};

		(void)bind(fd, (const struct sockaddr *)&any, udp->found.at[idx].bytes);
		close(udp->fd);
	}
	udp->fd = fd;
	udp->found_idx = idx;
	udp->server = udp->found.at[idx].address;
	udp->server_bytes = udp->found.at[idx].bytes;
	udp->base_port = ntohs(*port_of(&udp->server));
	return 0;
}

/* Takes what the name resolves to now, once that is known. An address that it no longer has is left
 * at once; one that it still has stays. */
static void take_resolved(struct client_udp *udp)
{
	struct resolved found;
	int rc;

	if (udp->resolving == NULL || !resolve_take(udp->resolving, &found, &rc))
		return;
	udp->resolving = NULL;
	if (rc != 0)
		return;
	udp->found = found;
	for (uint32_t i = 0; i < found.cnt; i++) {
		if (resolve_same(&found.at[i].address, &udp->server)) {
			udp->found_idx = i;
			return;
		}
	}
	for (uint32_t i = 0; i < found.cnt && use_address(udp, i) != 0; i++)
		;
}

static void udp_renew(struct client_transport *transport, struct error *what)
{
	struct client_udp *udp = (struct client_udp *)transport;
	char host[NI_MAXHOST] = "?";
	char port[NI_MAXSERV] = "?";

	take_resolved(udp);
	if (udp->resolving == NULL)
		udp->resolving = resolve_start(udp->host, udp->port);
	for (uint32_t i = 1; i <= udp->found.cnt; i++) {
		if (use_address(udp, (udp->found_idx + i) % udp->found.cnt) == 0)
			break;
	}
	(void)getnameinfo((struct sockaddr *)&udp->server, udp->server_bytes, host, sizeof(host),
			  port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	error_set(what, "asking %s port %s now, from another port of ours", host, port);
}

static uint32_t udp_address_cnt(struct client_transport *transport)
{
	return ((struct client_udp *)transport)->found.cnt;
}

static int udp_receive(struct client_transport *transport, struct client_packet *packets, int cnt,
		       uint32_t timeout_us)
{
	struct client_udp *udp = (struct client_udp *)transport;
	struct sockaddr_storage from[BURST_CNT];
	struct mmsghdr messages[BURST_CNT];
	struct iovec parts[BURST_CNT];
	int kept = 0;
	int got;

	take_resolved(udp);
	if (timeout_us > 0) {
		struct pollfd wanted = {.fd = udp->fd, .events = POLLIN};
		const struct timespec timeout = {.tv_sec = timeout_us / 1000000,
						 .tv_nsec = timeout_us % 1000000 * 1000L};

		if (ppoll(&wanted, 1, &timeout, NULL) < 0 && errno != EINTR)
			return -errno;
	}
	if (cnt > BURST_CNT)
		cnt = BURST_CNT;
	for (int i = 0; i < cnt; i++) {
		from[i].ss_family = AF_UNSPEC;
		parts[i] = (struct iovec){.iov_base = packets[i].bytes,
					  .iov_len = WIRE_DATAGRAM_BYTES_MAX};
		messages[i] = (struct mmsghdr){
			.msg_hdr = {.msg_name = &from[i],
				    .msg_namelen = sizeof(from[i]),
				    .msg_iov = &parts[i],
				    .msg_iovlen = 1},
		};
	}
	got = recvmmsg(udp->fd, messages, (unsigned)cnt, MSG_DONTWAIT, NULL);
	if (got < 0)
		return is_final(errno) ? -errno : 0;
	for (int i = 0; i < got && i < cnt; i++) {
		uint16_t shard;

		if (!from_server(udp, &from[i], &shard) ||
		    (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
			continue;
		packets[kept].bytes = parts[i].iov_base;
		packets[kept].len = messages[i].msg_len;
		packets[kept].shard = shard;
		kept++;
	}
	return kept;
}

static void udp_close(struct client_transport *transport)
{
	struct client_udp *udp = (struct client_udp *)transport;

	resolve_abandon(udp->resolving);
	if (udp->fd >= 0)
		close(udp->fd);
	free(udp);
}

/* HOST:PORT or [IPv6]:PORT, split in place. */
static bool split_server(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL || colon == text || colon[1] == '\0')
		return false;
	*colon = '\0';
	*port = colon + 1;
	*host = text;
	if (text[0] == '[') {
		if (colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		(*host)++;
		return true;
	}
	/* An IPv6 address needs brackets: without them it is unclear which colon begins the port.
	 */
	return strchr(text, ':') == NULL;
}

static int resolve(struct client_udp *udp, const char *server, struct error *error)
{
	char copy[300];
	char *host;
	char *port;
	int rc;

	if (server == NULL || strlen(server) >= sizeof(copy))
		return error_say(error, -EINVAL, "no server named; expected HOST:PORT");
	snprintf(copy, sizeof(copy), "%s", server);
	if (!split_server(copy, &host, &port) || strlen(port) >= sizeof(udp->port)) {
		return error_say(error, -EINVAL,
				 "'%s' is not a server; expected HOST:PORT or [IPv6]:PORT", server);
	}
	snprintf(udp->host, sizeof(udp->host), "%s", host);
	snprintf(udp->port, sizeof(udp->port), "%s", port);
	rc = resolve_lookup(host, port, &udp->found);
	if (rc != 0) {
		return error_say(error, -EINVAL, "'%s': %s; expected HOST:PORT or [IPv6]:PORT",
				 server, gai_strerror(rc));
	}
	return 0;
}

int client_transport_udp(struct client_transport **out, const char *server, struct error *error)
{
	struct client_udp *udp = calloc(1, sizeof(*udp));
	int rc;

	if (udp == NULL)
		return error_say(error, -ENOMEM, "no memory for a socket");
	udp->fd = -1;
	rc = resolve(udp, server, error);
	/* A machine without IPv6 has no socket for the IPv6 addresses of a name. */
	for (uint32_t i = 0; rc == 0 && udp->fd < 0 && i < udp->found.cnt; i++)
		(void)use_address(udp, i);
	if (rc == 0 && udp->fd < 0)
		rc = error_say(error, -errno, "cannot make a socket: %s", strerror(errno));
	if (rc != 0) {
		udp_close(&udp->transport);
		return rc;
	}
	udp->transport = (struct client_transport){
		.send = udp_send,
		.receive = udp_receive,
		.close = udp_close,
		.path_bytes = udp_path_bytes,
		.renew = udp_renew,
		.address_cnt = udp_address_cnt,
	};
	*out = &udp->transport;
	return 0;
}

void client_transport_udp_plain(struct client_transport *transport)
{
	struct client_udp *udp = (struct client_udp *)transport;

	udp->plain = true;
	set_plain(udp->fd);
}
