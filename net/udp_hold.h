/*
 * udp_hold: kernel sockets that keep UDP ports from other programs and receive nothing. The XDP
 * program takes datagrams before the kernel looks for a socket, so an engine on an AF_XDP port
 * works without any; but then every user of the machine could bind its ports, and would get the
 * gateways' signed datagrams as soon as the engine has ended.
 *
 * Also adopts sockets that were passed at the start (systemd's protocol: LISTEN_PID, LISTEN_FDS).
 * Those stay bound when the process ends. Start-up thread.
 */
#ifndef DB_NET_UDP_HOLD_H
#define DB_NET_UDP_HOLD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "engine/base/error.h"

/* Sockets that were passed: descriptors first to first + cnt - 1. */
struct udp_passed {
	int first;
	unsigned cnt;
};

/*
 * Takes over the sockets that were passed to this process, if any, and unsets the variables that
 * said so. From now on each UDP socket drops what arrives, also for others that hold it, and can't
 * be shared: systemd binds with SO_REUSEADDR, with which another user could bind the same port and
 * get its datagrams.
 */
void udp_passed_adopt(struct udp_passed *passed);

/* The UDP port of the i-th passed socket, 0: it is none. */
uint16_t udp_passed_port(const struct udp_passed *passed, unsigned i);

/*
 * Holds the port at an address (AF_INET or AF_INET6, its port is ignored) of an interface until the
 * process ends, or finds that a passed socket does. Waits while an engine that was killed has it. A
 * privileged port may stay free (if we lack the privilege to bind it, other users do, too), and so
 * may an IPv6 address where there is no IPv6. 0; -EADDRINUSE: another program has it, or shares it;
 * else -errno; with a line.
 */
int udp_hold(const struct udp_passed *passed, const struct sockaddr *address, const char *interface,
	     uint16_t port, struct error *error);

/* Raises the limit of open descriptors by cnt, as far as allowed. */
void udp_hold_expect(unsigned cnt);

#endif
