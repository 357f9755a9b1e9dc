/*
 * client_udp: the client's datagrams over one kernel UDP socket, in bursts. An engine that is away
 * for a moment is not an error here: the client sends again what was lost.
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

enum {
	BURST_CNT = 64,
	SOCKET_BUFFER_BYTES = 8 << 20,
};

struct client_udp {
	struct client_transport transport; /* first */
	int fd;
	struct sockaddr_storage server; /* of shard 0 */
	socklen_t server_bytes;
	uint16_t base_port;
};

static uint16_t *port_of(struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
					      : &((struct sockaddr_in *)address)->sin_port;
}

/* Whether an error concerns one datagram only, and the socket still works. */
static bool is_passing(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == EINTR ||
	       error == ECONNREFUSED || error == ENETUNREACH || error == EHOSTUNREACH ||
	       error == ENETDOWN;
}

static int udp_send(struct client_transport *transport, const struct client_packet *packets,
		    int cnt)
{
	struct client_udp *udp = (struct client_udp *)transport;
	struct sockaddr_storage to[BURST_CNT];
	struct mmsghdr messages[BURST_CNT];
	struct iovec parts[BURST_CNT];
	int sent;

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
	sent = sendmmsg(udp->fd, messages, (unsigned)cnt, MSG_DONTWAIT);
	if (sent < 0)
		return is_passing(errno) ? 0 : -errno;
	return sent;
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

static int udp_receive(struct client_transport *transport, struct client_packet *packets, int cnt,
		       uint32_t timeout_us)
{
	struct client_udp *udp = (struct client_udp *)transport;
	struct sockaddr_storage from[BURST_CNT];
	struct mmsghdr messages[BURST_CNT];
	struct iovec parts[BURST_CNT];
	int kept = 0;
	int got;

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
		return is_passing(errno) ? 0 : -errno;
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
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char copy[300];
	char *host;
	char *port;
	int rc;

	if (server == NULL || strlen(server) >= sizeof(copy))
		return error_say(error, -EINVAL, "no server named; expected HOST:PORT");
	snprintf(copy, sizeof(copy), "%s", server);
	if (!split_server(copy, &host, &port)) {
		return error_say(error, -EINVAL,
				 "'%s' is not a server; expected HOST:PORT or [IPv6]:PORT", server);
	}
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0 || found->ai_addrlen > sizeof(udp->server)) {
		return error_say(error, -EINVAL, "'%s': %s; expected HOST:PORT or [IPv6]:PORT",
				 server, gai_strerror(rc));
	}
	memcpy(&udp->server, found->ai_addr, found->ai_addrlen);
	udp->server_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	udp->base_port = ntohs(*port_of(&udp->server));
	return 0;
}

int client_transport_udp(struct client_transport **out, const char *server, struct error *error)
{
	const int buffer_bytes = SOCKET_BUFFER_BYTES;
	struct client_udp *udp = calloc(1, sizeof(*udp));
	int rc;

	if (udp == NULL)
		return error_say(error, -ENOMEM, "no memory for a socket");
	udp->fd = -1;
	rc = resolve(udp, server, error);
	if (rc == 0) {
		udp->fd = socket(udp->server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (udp->fd < 0) {
			rc = -errno;
			error_set(error, "cannot make a socket: %s", strerror(-rc));
		}
	}
	if (rc != 0) {
		udp_close(&udp->transport);
		return rc;
	}
	/* As big as allowed: bursts of replies overflow a small buffer. */
	if (setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes)))
		(void)setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes,
				 sizeof(buffer_bytes));
	(void)setsockopt(udp->fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
	udp->transport = (struct client_transport){
		.send = udp_send, .receive = udp_receive, .close = udp_close};
	*out = &udp->transport;
	return 0;
}

void client_transport_udp_plain(struct client_transport *transport)
{
	const int on = 1;

	(void)setsockopt(((struct client_udp *)transport)->fd, SOL_SOCKET, SO_NO_CHECK, &on,
			 sizeof(on));
}
