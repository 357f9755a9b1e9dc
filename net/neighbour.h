/*
 * neighbour: what a host must answer besides its service, on ports that bypass the kernel
 * completely: ARP, ICMP echo, IPv6 neighbour solicitation, ICMPv6 echo. Answers only for our own
 * addresses, in place, never longer than the question. No DPDK.
 */
#ifndef DB_NET_NEIGHBOUR_H
#define DB_NET_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

struct neighbour_address {
	uint8_t mac[6];
	uint8_t ipv4[4];  /* network order */
	uint8_t ipv6[16]; /* network order */
};

/*
 * True if the frame was one of the four, for us, and is now its answer: *bytes is the answer's
 * length, at most the question's. False: untouched.
 */
bool neighbour_answer(const struct neighbour_address *self, uint8_t *frame, uint32_t *bytes);

/* True if an IPv4/IPv6 frame accepted by decode_frame is for our address. */
bool neighbour_is_ours(const struct neighbour_address *self, const uint8_t *ip_header,
		       uint8_t ip_version);

#endif
