/*
 * send_raw: frames as no client would send them, straight onto an interface. For each it knows the
 * reason under which the engine has to count it; prints `sent REASON COUNT` for each reason and
 * `answered N`, the frames that came back from the engine's port. With --good the frames are valid
 * ones (IPv4, IPv6; none, one and two VLAN tags), and every one has to be answered. The last frame
 * is a valid one in any case: its answer tells that the engine has seen those before it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "net/decode.h"
#include "net/keys.h"
#include "net/tag.h"
#include "net/wire.h"

enum {
	FRAME_BYTES_MAX = 2048,
	ENGINE_PORT = WIRE_BASE_PORT,
	OUR_PORT = 40000,
	/* More than the engine's answer takes, however busy the machine. */
	ANSWER_MS = 10000,
	/* Then for answers that nobody may give. */
	QUIET_MS = 100,
};

struct frame {
	uint8_t bytes[FRAME_BYTES_MAX];
	uint32_t len;
	uint32_t l3; /* offset of the IP header */
	uint32_t l4;
	uint32_t datagram;
	bool ipv6;
};

struct sender {
	int fd;
	bool loopback;
	struct key key;
	struct in_addr from4, to4;
	struct in6_addr from6, to6;
	uint64_t sent[DROP_CNT];
	uint64_t answered;
};

static void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void sign(const struct sender *sender, struct frame *frame)
{
	tag_sign(frame->bytes + frame->datagram, frame->len - frame->datagram, sender->key.bytes);
}

static uint32_t put_ether(struct frame *frame, bool ipv6, unsigned vlan_tags)
{
	uint32_t at = 12;

	memset(frame->bytes, 0, 12);
	for (unsigned i = 0; i < vlan_tags; i++) {
		put_be16(frame->bytes + at, i + 1 < vlan_tags ? 0x88a8 : 0x8100);
		put_be16(frame->bytes + at + 2, 100 + i);
		at += VLAN_TAG_BYTES;
	}
	put_be16(frame->bytes + at, ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	return at + 2;
}

static void put_ip(const struct sender *sender, struct frame *frame, uint32_t payload)
{
	uint8_t *ip = frame->bytes + frame->l3;

	if (frame->ipv6) {
		ip[0] = 6 << 4;
		put_be16(ip + 4, payload);
		ip[6] = IPPROTO_UDP;
		ip[7] = 64;
		memcpy(ip + 8, &sender->from6, 16);
		memcpy(ip + 24, &sender->to6, 16);
		return;
	}
	ip[0] = 4 << 4 | 5;
	put_be16(ip + 2, IPV4_HEADER_BYTES + payload);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &sender->from4, 4);
	memcpy(ip + 16, &sender->to4, 4);
}

/* A valid PING of one entry. */
static void make_good(const struct sender *sender, struct frame *frame, bool ipv6, unsigned vlans)
{
	const uint32_t datagram_bytes = wire_datagram_bytes(1);
	const struct wire_header header = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = 1,
		.key_id = sender->key.id,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
	};
	const struct wire_request request = {.id = {1, 1}, .op = WIRE_OP_PING};
	uint8_t *udp;

	memset(frame, 0, sizeof(*frame));
	frame->ipv6 = ipv6;
	frame->l3 = put_ether(frame, ipv6, vlans);
	frame->l4 = frame->l3 + (ipv6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
	frame->datagram = frame->l4 + UDP_HEADER_BYTES;
	frame->len = frame->datagram + datagram_bytes;
	put_ip(sender, frame, UDP_HEADER_BYTES + datagram_bytes);
	udp = frame->bytes + frame->l4;
	put_be16(udp, OUR_PORT);
	put_be16(udp + 2, ENGINE_PORT);
	put_be16(udp + 4, UDP_HEADER_BYTES + datagram_bytes);
	memcpy(frame->bytes + frame->datagram, &header, sizeof(header));
	memcpy(frame->bytes + frame->datagram + sizeof(header), &request, sizeof(request));
	sign(sender, frame);
}

/* Gives the datagram another length, in all headers, and signs it again if there is room. */
static void resize(const struct sender *sender, struct frame *frame, uint32_t datagram_bytes)
{
	frame->len = frame->datagram + datagram_bytes;
	put_ip(sender, frame, UDP_HEADER_BYTES + datagram_bytes);
	put_be16(frame->bytes + frame->l4 + 4, UDP_HEADER_BYTES + datagram_bytes);
	if (datagram_bytes >= WIRE_TAG_BYTES)
		sign(sender, frame);
}

/* What a row changes in a valid frame. */
enum change {
	SET_ETHER,    /* a byte of the Ethernet header, counted from its ethertype */
	SET_L3,       /* a byte of the IP header */
	SET_L4,       /* a byte of the UDP header */
	SET_DATAGRAM, /* a byte of the datagram, signed again */
	FLIP,         /* a bit in a byte of the datagram, not signed again */
	RESIZE,       /* the datagram's length */
	CUT,          /* the frame's length, headers as they were; `at` counts from l3 */
	KEY,          /* the key id */
	OPTION,       /* four bytes of IPv4 options, of which nothing is wrong */
	EXTENSION,    /* an IPv6 extension header of this kind, of which nothing is wrong */
};

/* `lo`: the XDP program takes the frame too; the others it leaves to the kernel. */
static const struct bad {
	enum drop reason;
	bool ipv6;
	bool lo;
	enum change change;
	uint32_t at;
	uint32_t value;
} rows[] = {
	{DROP_FRAME_TRUNCATED, false, false, CUT, 0, 0},
	{DROP_FRAME_TRUNCATED, false, false, CUT, 19, 0},
	{DROP_FRAME_TRUNCATED, false, true, CUT, 60, 0},
	{DROP_FRAME_TRUNCATED, true, false, CUT, 39, 0},
	{DROP_FRAME_TRUNCATED, true, true, CUT, 60, 0},
	{DROP_NOT_IP, false, false, SET_ETHER, 0, 0x88},
	{DROP_IP_MALFORMED, false, true, SET_L3, 0, 5 << 4 | 5},
	{DROP_IP_MALFORMED, false, false, SET_L3, 0, 4 << 4 | 4},
	{DROP_IP_MALFORMED, true, true, SET_L3, 0, 4 << 4},
	{DROP_IP_OPTIONS, false, true, OPTION, 0, 0},
	{DROP_IP_OPTIONS, true, true, EXTENSION, 0, IPPROTO_HOPOPTS},
	{DROP_IP_OPTIONS, true, true, EXTENSION, 0, IPPROTO_ROUTING},
	{DROP_IP_OPTIONS, true, true, EXTENSION, 0, IPPROTO_DSTOPTS},
	{DROP_IP_OPTIONS, true, false, SET_L3, 6, IPPROTO_HOPOPTS},
	{DROP_IP_OPTIONS, true, false, SET_L3, 6, IPPROTO_DSTOPTS},
	{DROP_FRAGMENT, false, true, SET_L3, 6, 0x20},
	{DROP_FRAGMENT, false, false, SET_L3, 7, 1},
	{DROP_FRAGMENT, true, false, SET_L3, 6, IPPROTO_FRAGMENT},
	{DROP_FRAGMENT, true, true, EXTENSION, 0, IPPROTO_FRAGMENT},
	{DROP_NOT_OUR_ADDRESS, false, false, SET_L3, 19, 77},
	{DROP_NOT_OUR_ADDRESS, true, false, SET_L3, 39, 77},
	{DROP_NOT_UDP, false, false, SET_L3, 9, IPPROTO_TCP},
	{DROP_NOT_UDP, true, false, SET_L3, 6, IPPROTO_TCP},
	{DROP_NOT_OUR_PORT, false, false, SET_L4, 2, 0},
	{DROP_NOT_OUR_PORT, true, false, SET_L4, 3, (ENGINE_PORT + 1) & 0xff},
	{DROP_UDP_MALFORMED, false, true, SET_L4, 5, 7},
	{DROP_UDP_MALFORMED, false, true, SET_L4, 4, 9},
	{DROP_UDP_MALFORMED, true, true, SET_L4, 5, 0},
	{DROP_TOO_SHORT, false, true, RESIZE, 0, 0},
	{DROP_TOO_SHORT, false, true, RESIZE, 0, WIRE_DATAGRAM_BYTES_MIN - 1},
	{DROP_TOO_SHORT, true, true, RESIZE, 0, WIRE_HEADER_BYTES},
	{DROP_TOO_LONG, false, true, RESIZE, 0, WIRE_DATAGRAM_BYTES_MAX + 1},
	/* As long as an MTU of 1,500 lets it be. */
	{DROP_TOO_LONG, true, true, RESIZE, 0, WIRE_DATAGRAM_BYTES_MAX + 4},
	{DROP_BAD_MAGIC, false, true, SET_DATAGRAM, 0, 6},
	{DROP_BAD_MAGIC, true, true, SET_DATAGRAM, 1, 0},
	{DROP_BAD_VERSION, false, true, SET_DATAGRAM, 2, 0},
	{DROP_BAD_VERSION, true, true, SET_DATAGRAM, 2, 2},
	{DROP_BAD_KIND, false, true, SET_DATAGRAM, 3, 0},
	{DROP_BAD_KIND, false, true, SET_DATAGRAM, 3, WIRE_KIND_REPLY},
	{DROP_BAD_COUNT, false, true, SET_DATAGRAM, 4, 0},
	{DROP_BAD_COUNT, false, true, SET_DATAGRAM, 4, 2},
	{DROP_BAD_COUNT, true, true, SET_DATAGRAM, 4, 255},
	{DROP_BAD_COUNT, false, true, RESIZE, 0, WIRE_DATAGRAM_BYTES_MIN + 1},
	{DROP_BAD_COUNT, false, true, SET_DATAGRAM, 5, WIRE_FLAG_DATED},
	{DROP_BAD_COUNT, true, true, RESIZE, 0, WIRE_DATAGRAM_BYTES_MIN + WIRE_DATE_BYTES},
	{DROP_BAD_FLAGS, false, true, SET_DATAGRAM, 5, 4},
	{DROP_BAD_FLAGS, true, true, SET_DATAGRAM, 5, 0x81},
	{DROP_UNKNOWN_KEY, false, true, KEY, 0, 77},
	{DROP_UNKNOWN_KEY, true, true, KEY, 0, UINT32_MAX},
	{DROP_BAD_TAG, false, true, FLIP, WIRE_DATAGRAM_BYTES_MIN - 1, 1},
	{DROP_BAD_TAG, false, true, FLIP, WIRE_DATAGRAM_BYTES_MIN - WIRE_TAG_BYTES, 0x80},
	{DROP_BAD_TAG, true, true, FLIP, WIRE_HEADER_BYTES, 1},
	{DROP_BAD_TAG, true, true, FLIP, 16, 1},
};

/* Moves all from l4 on. */
static void make_room(struct frame *frame, uint32_t bytes)
{
	memmove(frame->bytes + frame->l4 + bytes, frame->bytes + frame->l4, frame->len - frame->l4);
	frame->len += bytes;
}

static void put_extension(struct frame *frame, uint8_t kind)
{
	/* A PadN of 6 bytes; routing of an experimental type with no segments left; the first
	 * fragment of several. */
	static const uint8_t pad[8] = {IPPROTO_UDP, 0, 1, 4};
	static const uint8_t routing[8] = {IPPROTO_UDP, 0, 253, 0};
	static const uint8_t fragment[8] = {IPPROTO_UDP, 0, 0, 1};
	const uint8_t *header = kind == IPPROTO_ROUTING    ? routing
				: kind == IPPROTO_FRAGMENT ? fragment
							   : pad;

	make_room(frame, 8);
	memcpy(frame->bytes + frame->l4, header, 8);
	frame->bytes[frame->l3 + 6] = kind;
	put_be16(frame->bytes + frame->l3 + 4, frame->len - frame->l4);
}

static void spoil(const struct sender *sender, struct frame *frame, const struct bad *bad)
{
	uint8_t *datagram = frame->bytes + frame->datagram;
	const uint32_t key_id = bad->value;

	switch (bad->change) {
	case SET_ETHER:
		frame->bytes[frame->l3 - 2 + bad->at] = (uint8_t)bad->value;
		break;
	case SET_L3:
		frame->bytes[frame->l3 + bad->at] = (uint8_t)bad->value;
		break;
	case SET_L4:
		frame->bytes[frame->l4 + bad->at] = (uint8_t)bad->value;
		break;
	case SET_DATAGRAM:
		datagram[bad->at] = (uint8_t)bad->value;
		sign(sender, frame);
		break;
	case FLIP:
		datagram[bad->at] ^= (uint8_t)bad->value;
		break;
	case RESIZE:
		resize(sender, frame, bad->value);
		break;
	case CUT:
		frame->len = frame->l3 + bad->at;
		break;
	case KEY:
		memcpy(datagram + offsetof(struct wire_header, key_id), &key_id, sizeof(key_id));
		sign(sender, frame);
		break;
	case OPTION:
		make_room(frame, 4);
		memset(frame->bytes + frame->l4, IPOPT_NOP, 4);
		frame->bytes[frame->l3] = 4 << 4 | 6;
		put_be16(frame->bytes + frame->l3 + 2, frame->len - frame->l3);
		break;
	case EXTENSION:
		put_extension(frame, (uint8_t)bad->value);
		break;
	}
}

/* Whether a received frame, its VLAN tags taken off by the kernel or not, is from the engine. */
static bool is_answer(const uint8_t *frame, ssize_t bytes)
{
	uint32_t at = 12;
	uint32_t l4;

	while (at + 4 < (uint32_t)bytes && (frame[at] == 0x81 || frame[at] == 0x88))
		at += VLAN_TAG_BYTES;
	l4 = at + 2 + (frame[at] == 0x86 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
	return l4 + UDP_HEADER_BYTES <= (uint32_t)bytes && frame[l4] == ENGINE_PORT >> 8 &&
	       frame[l4 + 1] == (ENGINE_PORT & 0xff);
}

/* Counts answers until as many came as there must be, and it has been quiet for a while. */
static void listen_for_answers(struct sender *sender, unsigned expected)
{
	struct pollfd wait = {.fd = sender->fd, .events = POLLIN};
	uint8_t bytes[FRAME_BYTES_MAX];

	while (poll(&wait, 1, sender->answered < expected ? ANSWER_MS : QUIET_MS) > 0) {
		struct sockaddr_ll from = {0};
		socklen_t from_bytes = sizeof(from);
		const ssize_t got = recvfrom(sender->fd, bytes, sizeof(bytes), 0,
					     (struct sockaddr *)&from, &from_bytes);

		if (got > 0 && from.sll_pkttype != PACKET_OUTGOING && is_answer(bytes, got))
			sender->answered++;
	}
}

static void send_frame(const struct sender *sender, const struct frame *frame)
{
	if (send(sender->fd, frame->bytes, frame->len, 0) == (ssize_t)frame->len)
		return;
	fprintf(stderr, "send_raw: %u bytes: %s\n", frame->len, strerror(errno));
	exit(EXIT_FAILURE);
}

static void send_bad(struct sender *sender)
{
	struct frame frame;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (sender->loopback && !rows[i].lo)
			continue;
		make_good(sender, &frame, rows[i].ipv6, 0);
		spoil(sender, &frame, &rows[i]);
		send_frame(sender, &frame);
		sender->sent[rows[i].reason]++;
	}
	make_good(sender, &frame, false, 0);
	send_frame(sender, &frame);
	listen_for_answers(sender, 1);
	for (unsigned reason = 0; reason < DROP_CNT; reason++) {
		if (sender->sent[reason] > 0)
			printf("sent %s %lu\n", drop_name(reason), sender->sent[reason]);
	}
}

static void send_good(struct sender *sender)
{
	unsigned sent = 0;
	struct frame frame;

	for (unsigned vlans = 0; vlans <= VLAN_TAGS_MAX; vlans++) {
		for (unsigned ipv6 = 0; ipv6 <= 1; ipv6++, sent++) {
			make_good(sender, &frame, ipv6 != 0, vlans);
			send_frame(sender, &frame);
		}
	}
	listen_for_answers(sender, sent);
	printf("sent good %u\n", sent);
}

static void open_socket(struct sender *sender, const char *interface)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface),
	};

	sender->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (sender->fd >= 0 &&
	    bind(sender->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return;
	fprintf(stderr, "send_raw: %s: %s\n", interface, strerror(errno));
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	static struct sender sender;
	const bool good = argc > 1 && strcmp(argv[1], "--good") == 0;
	char **args = argv + 1 + good;
	struct key_ring *ring = NULL;
	struct error error;

	if (argc - good != 7) {
		fputs("usage: send_raw [--good] KEYS INTERFACE FROM4 TO4 FROM6 TO6\n", stderr);
		return EXIT_FAILURE;
	}
	if (keys_load(args[0], &ring, &error) != 0) {
		fprintf(stderr, "send_raw: %s\n", error.text);
		return EXIT_FAILURE;
	}
	sender.key = ring->keys[0];
	keys_free(ring);
	sender.loopback = strcmp(args[1], "lo") == 0;
	if (inet_pton(AF_INET, args[2], &sender.from4) != 1 ||
	    inet_pton(AF_INET, args[3], &sender.to4) != 1 ||
	    inet_pton(AF_INET6, args[4], &sender.from6) != 1 ||
	    inet_pton(AF_INET6, args[5], &sender.to6) != 1) {
		fputs("send_raw: an address is none\n", stderr);
		return EXIT_FAILURE;
	}
	open_socket(&sender, args[1]);
	if (good)
		send_good(&sender);
	else
		send_bad(&sender);
	printf("answered %lu\n", sender.answered);
	return EXIT_SUCCESS;
}
