#include "net/neighbour.h"

#include <string.h>

#include "net/checksum.h"
#include "net/decode.h"

enum {
	MAC_BYTES = 6,
	IPV4_BYTES = 4,
	IPV6_BYTES = 16,

	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_QINQ = 0x88a8,

	/* RFC 826, for Ethernet and IPv4 */
	ARP_BYTES = 28,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,

	PROTOCOL_ICMP = 1,
	PROTOCOL_ICMPV6 = 58,
	ICMP_BYTES_MIN = 8,
	ICMP_ECHO = 8,
	ICMP_ECHO_REPLY = 0,
	ICMPV6_ECHO = 128,
	ICMPV6_ECHO_REPLY = 129,

	/* RFC 4861 */
	ICMPV6_SOLICITATION = 135,
	ICMPV6_ADVERTISEMENT = 136,
	SOLICITATION_BYTES = 24,
	LINK_LAYER_OPTION_BYTES = 8,
	OPTION_TARGET_LINK_LAYER = 2,
	FLAGS_SOLICITED_OVERRIDE = 0x60,
	HOP_LIMIT_ON_LINK = 255,

	TTL = 64,
};

static uint16_t read_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void write_be16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The answer goes back to the sender of the question. */
static void turn_ether(const struct neighbour_address *self, uint8_t *frame)
{
	memcpy(frame, frame + MAC_BYTES, MAC_BYTES);
	memcpy(frame + MAC_BYTES, self->mac, MAC_BYTES);
}

static bool answer_arp(const struct neighbour_address *self, uint8_t *frame, uint32_t offset,
		       uint32_t *bytes)
{
	static const uint8_t ethernet_ipv4[] = {0, 1, 8, 0, MAC_BYTES, IPV4_BYTES};
	uint8_t *arp = frame + offset;
	uint8_t *sender = arp + 8;
	uint8_t *target = sender + MAC_BYTES + IPV4_BYTES;

	if (*bytes < offset + ARP_BYTES || memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0 ||
	    read_be16(arp + 6) != ARP_REQUEST ||
	    memcmp(target + MAC_BYTES, self->ipv4, IPV4_BYTES) != 0)
		return false;
	turn_ether(self, frame);
	write_be16(arp + 6, ARP_REPLY);
	memcpy(target, sender, MAC_BYTES + IPV4_BYTES);
	memcpy(sender, self->mac, MAC_BYTES);
	memcpy(sender + MAC_BYTES, self->ipv4, IPV4_BYTES);
	return true;
}

static bool answer_icmp(const struct neighbour_address *self, uint8_t *frame, uint32_t offset,
			uint32_t *bytes)
{
	uint8_t *ip = frame + offset;
	uint8_t *icmp = ip + IPV4_HEADER_BYTES;

	if (*bytes < offset + IPV4_HEADER_BYTES + ICMP_BYTES_MIN || ip[0] != 0x45 ||
	    ip[9] != PROTOCOL_ICMP || memcmp(ip + 16, self->ipv4, IPV4_BYTES) != 0 ||
	    (read_be16(ip + 6) & 0x3fff) != 0)
		return false;

	const uint32_t total_bytes = read_be16(ip + 2);

	if (total_bytes < IPV4_HEADER_BYTES + ICMP_BYTES_MIN || offset + total_bytes > *bytes ||
	    icmp[0] != ICMP_ECHO || icmp[1] != 0)
		return false;
	turn_ether(self, frame);
	memcpy(ip + 16, ip + 12, IPV4_BYTES);
	memcpy(ip + 12, self->ipv4, IPV4_BYTES);
	ip[8] = TTL;
	memset(ip + 10, 0, 2);
	checksum_store(ip + 10, checksum_add(0, ip, IPV4_HEADER_BYTES));
	icmp[0] = ICMP_ECHO_REPLY;
	memset(icmp + 2, 0, 2);
	checksum_store(icmp + 2, checksum_add(0, icmp, total_bytes - IPV4_HEADER_BYTES));
	*bytes = offset + total_bytes;
	return true;
}

/* ICMPv6 with its pseudo-header (RFC 4443). */
static void store_icmpv6_checksum(const uint8_t *ip, uint8_t *icmp, uint16_t icmp_bytes)
{
	uint64_t sum = checksum_add_be16(0, icmp_bytes);

	sum = checksum_add_be16(sum, PROTOCOL_ICMPV6);
	sum = checksum_add(sum, ip + 8, 2 * IPV6_BYTES);
	memset(icmp + 2, 0, 2);
	checksum_store(icmp + 2, checksum_add(sum, icmp, icmp_bytes));
}

/* Whether it is our address, or the multicast group in which hosts ask for it (RFC 4291: the last
 * 24 bits). */
static bool is_for_solicited(const struct neighbour_address *self, const uint8_t *destination)
{
	static const uint8_t group[] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	if (memcmp(destination, self->ipv6, IPV6_BYTES) == 0)
		return true;
	return memcmp(destination, group, sizeof(group)) == 0 &&
	       memcmp(destination + sizeof(group), self->ipv6 + sizeof(group),
		      IPV6_BYTES - sizeof(group)) == 0;
}

/* Turns a solicitation into an advertisement; it is as long as the question has room for. */
static bool advertise(const struct neighbour_address *self, uint8_t *ip, uint16_t *icmp_bytes)
{
	static const uint8_t unspecified[IPV6_BYTES];
	uint8_t *icmp = ip + IPV6_HEADER_BYTES;

	if (*icmp_bytes < SOLICITATION_BYTES || icmp[1] != 0 || ip[7] != HOP_LIMIT_ON_LINK ||
	    !is_for_solicited(self, ip + 24) || memcmp(icmp + 8, self->ipv6, IPV6_BYTES) != 0 ||
	    memcmp(ip + 8, unspecified, IPV6_BYTES) == 0)
		return false;
	icmp[0] = ICMPV6_ADVERTISEMENT;
	memset(icmp + 4, 0, 4);
	icmp[4] = FLAGS_SOLICITED_OVERRIDE;
	if (*icmp_bytes >= SOLICITATION_BYTES + LINK_LAYER_OPTION_BYTES) {
		uint8_t *option = icmp + SOLICITATION_BYTES;

		option[0] = OPTION_TARGET_LINK_LAYER;
		option[1] = 1; /* in units of 8 bytes */
		memcpy(option + 2, self->mac, MAC_BYTES);
		*icmp_bytes = SOLICITATION_BYTES + LINK_LAYER_OPTION_BYTES;
	} else {
		*icmp_bytes = SOLICITATION_BYTES;
	}
	return true;
}

static bool answer_icmpv6(const struct neighbour_address *self, uint8_t *frame, uint32_t offset,
			  uint32_t *bytes)
{
	uint8_t *ip = frame + offset;
	uint8_t *icmp = ip + IPV6_HEADER_BYTES;

	if (*bytes < offset + IPV6_HEADER_BYTES + ICMP_BYTES_MIN || ip[0] >> 4 != 6 ||
	    ip[6] != PROTOCOL_ICMPV6)
		return false;

	uint16_t icmp_bytes = read_be16(ip + 4);

	if (icmp_bytes < ICMP_BYTES_MIN || offset + IPV6_HEADER_BYTES + icmp_bytes > *bytes)
		return false;
	if (icmp[0] == ICMPV6_ECHO && icmp[1] == 0 &&
	    memcmp(ip + 24, self->ipv6, IPV6_BYTES) == 0) {
		icmp[0] = ICMPV6_ECHO_REPLY;
		ip[7] = TTL;
	} else if (icmp[0] != ICMPV6_SOLICITATION || !advertise(self, ip, &icmp_bytes)) {
		return false;
	}
	turn_ether(self, frame);
	memcpy(ip + 24, ip + 8, IPV6_BYTES);
	memcpy(ip + 8, self->ipv6, IPV6_BYTES);
	write_be16(ip + 4, icmp_bytes);
	store_icmpv6_checksum(ip, icmp, icmp_bytes);
	*bytes = offset + IPV6_HEADER_BYTES + icmp_bytes;
	return true;
}

bool neighbour_answer(const struct neighbour_address *self, uint8_t *frame, uint32_t *bytes)
{
	uint32_t offset = ETHER_HEADER_BYTES;
	uint16_t ethertype;

	if (*bytes < offset)
		return false;
	ethertype = read_be16(frame + offset - 2);
	for (unsigned tags = 0; ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ;
	     tags++) {
		offset += VLAN_TAG_BYTES;
		if (tags == VLAN_TAGS_MAX || *bytes < offset)
			return false;
		ethertype = read_be16(frame + offset - 2);
	}
	switch (ethertype) {
	case ETHERTYPE_ARP:
		return answer_arp(self, frame, offset, bytes);
	case ETHERTYPE_IPV4:
		return answer_icmp(self, frame, offset, bytes);
	case ETHERTYPE_IPV6:
		return answer_icmpv6(self, frame, offset, bytes);
	default:
		return false;
	}
}

bool neighbour_is_ours(const struct neighbour_address *self, const uint8_t *ip_header,
		       uint8_t ip_version)
{
	if (ip_version == 4)
		return memcmp(ip_header + 16, self->ipv4, IPV4_BYTES) == 0;
	return memcmp(ip_header + 24, self->ipv6, IPV6_BYTES) == 0;
}
