/* The kernel's UDP socket as the client's transport: what the network refuses, names of several
 * addresses, and engines that move. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/clock.h"
#include "net/client.h"
#include "net/resolve.h"

enum {
	PACKET_BYTES = 100
};

/* ---- a kernel that refuses what is sent to one port, and nothing else ---- */

static int refuse_errno;
static uint16_t refuse_port; /* 0: all */

/* In place of the C library's. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned cnt, int flags)
{
	unsigned clear;

	for (clear = 0; clear < cnt && refuse_errno != 0; clear++) {
		const struct sockaddr_in *to = messages[clear].msg_hdr.msg_name;

		if (refuse_port == 0 || ntohs(to->sin_port) == refuse_port)
			break;
	}
	if (refuse_errno != 0 && clear == 0) {
		errno = refuse_errno;
		return -1;
	}
	return (int)syscall(SYS_sendmmsg, fd, messages, refuse_errno != 0 ? clear : cnt, flags);
}

/* ---- servers on 127.0.0.x, at one port ---- */

static uint16_t server_port;

/* A socket that listens on 127.0.0.last; the first picks the port. */
static int listen_on(uint8_t last)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(server_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last),
	};
	socklen_t bytes = sizeof(address);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, bind(fd, (struct sockaddr *)&address, bytes), 0));
	cr_assert(eq(int, getsockname(fd, (struct sockaddr *)&address, &bytes), 0));
	server_port = ntohs(address.sin_port);
	return fd;
}

/* Takes a datagram that is there and returns the port that it came from; 0: none is there. */
static uint16_t take(int fd, struct sockaddr_in *from)
{
	socklen_t bytes = sizeof(*from);
	uint8_t room[WIRE_DATAGRAM_BYTES_MAX];

	memset(from, 0, sizeof(*from));
	return recvfrom(fd, room, sizeof(room), MSG_DONTWAIT, (struct sockaddr *)from, &bytes) > 0
		       ? ntohs(from->sin_port)
		       : 0;
}

/* ---- a resolver that knows what the test says ---- */

static atomic_uint resolved_last[2]; /* 127.0.0.x, in this order; 0: none */
static atomic_uint lookups;

static int fake_lookup(const char *host, const char *port, struct resolved *out)
{
	cr_assert(eq(str, (char *)host, (char *)"engine"));
	out->cnt = 0;
	for (unsigned i = 0; i < 2; i++) {
		const unsigned last = atomic_load(&resolved_last[i]);
		struct sockaddr_in address = {
			.sin_family = AF_INET,
			.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last),
		};

		if (last == 0)
			continue;
		memcpy(&out->at[out->cnt].address, &address, sizeof(address));
		out->at[out->cnt++].bytes = sizeof(address);
	}
	atomic_fetch_add(&lookups, 1);
	return out->cnt > 0 ? 0 : EAI_NONAME;
}

static void name_is(unsigned first, unsigned second)
{
	resolve_lookup = fake_lookup;
	atomic_store(&resolved_last[0], first);
	atomic_store(&resolved_last[1], second);
}

/* ---- */

static struct client_transport *transport;
static uint8_t bytes[WIRE_DATAGRAM_BYTES_MAX];

static void open_named(void)
{
	char server[40];
	struct error error;

	snprintf(server, sizeof(server), "engine:%u", server_port);
	cr_assert(eq(int, client_transport_udp(&transport, server, &error), 0), "%s", error.text);
}

static int send_to(uint16_t shard)
{
	const struct client_packet packet = {bytes, PACKET_BYTES, shard};

	return transport->send(transport, &packet, 1);
}

static void close_all(void)
{
	transport->close(transport);
	transport = NULL;
	refuse_errno = 0;
}

Test(client_udp, what_the_network_refuses_is_as_good_as_lost)
{
	/* A firewall, a route that prohibits, a full connection table, no way there. */
	static const int passing[] = {EPERM,        EACCES,       EINVAL,   ENETUNREACH,
				      EHOSTUNREACH, ECONNREFUSED, ENETDOWN, EADDRNOTAVAIL,
				      ENODEV,       EIO,          EPROTO};
	struct sockaddr_in from;
	const int fd = listen_on(1);

	name_is(1, 0);
	open_named();
	for (unsigned i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		/* Shard 1 is refused; its neighbours in the burst are not. */
		const struct client_packet burst[] = {
			{bytes, PACKET_BYTES, 1},
			{bytes, PACKET_BYTES, 0},
			{bytes, PACKET_BYTES, 1},
			{bytes, PACKET_BYTES, 0},
		};

		refuse_errno = passing[i];
		refuse_port = server_port + 1;
		cr_assert(eq(int, transport->send(transport, burst, 4), 4), "%s",
			  strerror(passing[i]));
		cr_assert(eq(int, transport->send_errno, passing[i]));
		cr_assert(ne(u16, take(fd, &from), 0));
		cr_assert(ne(u16, take(fd, &from), 0));
		cr_assert(eq(u16, take(fd, &from), 0));
	}
	/* A sender that has only one try learns of it. */
	transport->sends_once = true;
	refuse_errno = EPERM;
	cr_assert(eq(int, send_to(1), 0));
	cr_assert(eq(int, errno, EPERM));
	close_all();
	close(fd);
}

Test(client_udp, what_is_full_is_tried_again)
{
	static const int full[] = {EAGAIN, ENOBUFS, EINTR, ENOMEM};
	const int fd = listen_on(1);

	name_is(1, 0);
	open_named();
	refuse_port = 0;
	for (unsigned i = 0; i < sizeof(full) / sizeof(full[0]); i++) {
		refuse_errno = full[i];
		cr_assert(eq(int, send_to(0), 0));
	}
	refuse_errno = EBADF;
	cr_assert(eq(int, send_to(0), -EBADF));
	refuse_errno = EMSGSIZE;
	cr_assert(eq(int, send_to(0), -EMSGSIZE));
	close_all();
	close(fd);
}

/* The loopback interface carries everything; the kernel says so. */
Test(client_udp, path_is_known_from_the_kernel)
{
	const int fd = listen_on(1);

	name_is(1, 0);
	open_named();
	cr_assert(gt(u32, transport->path_bytes(transport), WIRE_DATAGRAM_BYTES_MAX));
	close_all();
	close(fd);
}

Test(client_udp, renewal_takes_another_port_and_the_next_address)
{
	const int first = listen_on(1);
	const int second = listen_on(2);
	struct sockaddr_in from;
	struct error what;
	uint16_t port;

	name_is(1, 2);
	open_named();
	cr_assert(eq(u32, transport->address_cnt(transport), 2));
	cr_assert(eq(int, send_to(0), 1));
	port = take(first, &from);
	cr_assert(ne(u16, port, 0));
	transport->renew(transport, &what);
	cr_assert(ne(ptr, strstr(what.text, "asking 127.0.0.2 port "), NULL), "%s", what.text);
	cr_assert(eq(int, send_to(0), 1));
	cr_assert(eq(u16, take(first, &from), 0));
	cr_assert(ne(u16, take(second, &from), 0));
	cr_assert(ne(u16, ntohs(from.sin_port), port));
	close_all();

	/* The only address stays, the port does not. */
	name_is(1, 0);
	open_named();
	for (unsigned i = 0; i < 20; i++) {
		cr_assert(eq(int, send_to(0), 1));
		cr_assert(ne(u16, take(first, &from), 0));
		cr_assert(all(ne(u16, ntohs(from.sin_port), port), gt(u16, port, 0)));
		port = ntohs(from.sin_port);
		transport->renew(transport, &what);
	}
	close_all();
	close(first);
	close(second);
}

/* The name has another address now: it is asked as soon as that is known. */
Test(client_udp, renewal_resolves_the_name_again, .timeout = 60)
{
	const int first = listen_on(1);
	const int second = listen_on(3);
	struct client_packet packet = {bytes, 0, 0};
	struct sockaddr_in from;
	struct error what;

	name_is(1, 0);
	open_named();
	name_is(3, 0);
	transport->renew(transport, &what);
	/* Each receive looks whether the lookup has ended. */
	while (take(second, &from) == 0) {
		cr_assert(ge(int, transport->receive(transport, &packet, 0, 1000), 0));
		cr_assert(eq(int, send_to(0), 1));
	}
	cr_assert(eq(u32, atomic_load(&lookups), 2));
	/* A name server that is away takes nothing from us. */
	name_is(0, 0);
	transport->renew(transport, &what);
	while (atomic_load(&lookups) < 3)
		(void)transport->receive(transport, &packet, 0, 1000);
	cr_assert(ge(int, transport->receive(transport, &packet, 0, 1000), 0));
	cr_assert(eq(int, send_to(0), 1));
	cr_assert(ne(u16, take(second, &from), 0));
	close_all();
	close(first);
	close(second);
}
