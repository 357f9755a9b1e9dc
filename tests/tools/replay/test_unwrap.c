#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/frames.h"
#include "tools/replay/unwrap.h"

enum {
	ROOM = 8192,
	TYPE_FRAME = 0x6558, /* a whole Ethernet frame */
	UDP = 17,
	GRE = 47,
};

/* A packet that grows at its front. `type` is what an Ethernet header would say of its first one.
 */
struct pile {
	uint8_t room[ROOM];
	uint32_t begin;
	uint16_t type;
};

static uint8_t *push(struct pile *pile, uint32_t bytes)
{
	cr_assert_geq(pile->begin, bytes);
	pile->begin -= bytes;
	memset(pile->room + pile->begin, 0, bytes);
	return pile->room + pile->begin;
}

static uint32_t bytes_of(const struct pile *pile)
{
	return ROOM - pile->begin;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void push_ether(struct pile *pile)
{
	uint8_t *at = push(pile, 14);

	/* Begins as neither IP nor a control word does; in test_mpls others do. */
	memcpy(at, "\x12\xaa\0\0\0\2\2\xaa\0\0\0\1", 12);
	put16(at + 12, pile->type);
	pile->type = TYPE_FRAME;
}

static void push_ip(struct pile *pile, uint8_t version, uint8_t protocol)
{
	const uint32_t bytes = bytes_of(pile);
	uint8_t *at = push(pile, version == 4 ? 20 : 40);

	at[0] = version == 4 ? 0x45 : 0x60;
	put16(at + (version == 4 ? 2 : 4), bytes + (version == 4 ? 20 : 0));
	at[version == 4 ? 9 : 6] = protocol;
	at[version == 4 ? 8 : 7] = 64;
	pile->type = version == 4 ? 0x0800 : 0x86dd;
}

/* IPv6 with an option in front, as Linux's own tunnels have it (encapsulation limit). */
static void push_ip6_option(struct pile *pile, uint8_t protocol)
{
	push(pile, 8)[0] = protocol;
	push_ip(pile, 6, 60);
}

/* An option of four bytes. */
static void push_ip4_option(struct pile *pile, uint8_t protocol)
{
	const uint32_t bytes = bytes_of(pile);
	uint8_t *at = push(pile, 24);

	at[0] = 0x46;
	put16(at + 2, bytes + 24);
	at[9] = protocol;
	memset(at + 20, 1, 4);
	pile->type = 0x0800;
}

static void push_udp(struct pile *pile, uint16_t port)
{
	const uint32_t bytes = bytes_of(pile);
	uint8_t *at = push(pile, 8);

	put16(at, 49152);
	put16(at + 2, port);
	put16(at + 4, 8 + bytes);
}

static void push_mpls(struct pile *pile, bool control_word)
{
	if (control_word)
		push(pile, 4);
	push(pile, 4)[2] = pile->type == 0x8847 ? 0 : 1;
	pile->type = 0x8847;
}

static void push_pppoe(struct pile *pile)
{
	const uint32_t bytes = bytes_of(pile) + 2;
	uint8_t *at = push(pile, 8);

	at[0] = 0x11;
	put16(at + 4, bytes);
	put16(at + 6, pile->type == 0x0800 ? 0x0021 : pile->type == 0x86dd ? 0x0057 : 0x0281);
	pile->type = 0x8864;
}

static void push_snap(struct pile *pile)
{
	uint8_t *at = push(pile, 8);

	memcpy(at, "\xaa\xaa\x03", 3);
	put16(at + 6, pile->type);
	pile->type = (uint16_t)bytes_of(pile);
}

enum {
	OPTION = 1, /* added to an IP version: with an option in front */
};

/* One letter a header. Its bytes; where the type of what is inside goes, if it has one; its own
 * type, or what carries it. */
static const struct header {
	char name;
	uint8_t cnt;
	uint8_t type_at;
	uint8_t bytes[28];
	uint16_t type;
	uint16_t port;
	uint8_t protocol;
	uint8_t version;
} headers[] = {
	{'1', .cnt = 4, .type_at = 2, .type = 0x8100},
	{'a', .cnt = 4, .type_at = 2, .type = 0x88a8},
	{'9', .cnt = 4, .type_at = 2, .type = 0x9100},
	{'2', .cnt = 4, .type_at = 2, .type = 0x9200},
	{'n', .cnt = 6, .type_at = 4, .type = 0x8926},
	{'e', .cnt = 8, .type_at = 6, .type = 0x893f},
	{'s', .cnt = 8, .type_at = 6, .type = 0x8909},
	{'b', .cnt = 4, .type = 0x88e7},
	{'M', .protocol = 137, .version = 4},
	{'h', .cnt = 2, .bytes = {0x30}, .protocol = 97, .version = 4},
	{'g', .cnt = 4, .type_at = 2, .protocol = GRE, .version = 4},
	{'k', .cnt = 16, .bytes = {0xb0}, .type_at = 2, .protocol = GRE, .version = 6 + OPTION},
	{'u', .cnt = 8, .bytes = {0x20}, .type_at = 2, .port = 4754, .version = 6},
	{'x', .cnt = 4, .bytes = {0, 0, 0x88, 0xbe}, .protocol = GRE, .version = 4},
	{'y', 16, .bytes = {0x10, 0, 0x88, 0xbe, [8] = 0x10}, .protocol = GRE, .version = 4},
	{'Y', 16, .bytes = {0x10, 0, 0x88, 0xbe}, .protocol = GRE, .version = 4},
	{'q', 8, .bytes = {0x10, 0, 0x88, 0xbe}, .protocol = GRE, .version = 4},
	{'z', 20, .bytes = {0x10, 0, 0x22, 0xeb, [8] = 0x20}, .protocol = GRE, .version = 4},
	{'Z', 28, .bytes = {0x10, 0, 0x22, 0xeb, [8] = 0x20, [19] = 1}, .protocol = GRE,
	 .version = 4},
	{'v', .cnt = 8, .bytes = {0x08}, .port = 4789, .version = 4},
	{'V', .cnt = 8, .bytes = {0x08}, .port = 8472, .version = 6},
	{'X', .cnt = 8, .bytes = {0x0c, 0, 0, 3}, .port = 4790, .version = 4},
	{'G', .cnt = 8, .type_at = 2, .port = 6081, .version = 4},
	{'O', .cnt = 28, .bytes = {5}, .type_at = 2, .port = 6081, .version = 6},
	/* Padding, a field of three bytes, the end. */
	{'t', 11, .bytes = {1, 0, 0, 1, 0, 10, 3, 7, 7, 7, 1}, .port = 37008, .version = 4},
};

static void push_header(struct pile *pile, const struct header *header)
{
	uint8_t *at = push(pile, header->cnt);

	memcpy(at, header->bytes, header->cnt);
	if (header->type_at != 0)
		put16(at + header->type_at, pile->type);
	pile->type = header->type;
	if (header->port != 0)
		push_udp(pile, header->port);
	if (header->version == 6 + OPTION)
		push_ip6_option(pile, header->protocol);
	else if (header->version != 0)
		push_ip(pile, header->version, header->port != 0 ? UDP : header->protocol);
}

static void push_named(struct pile *pile, char name)
{
	const uint8_t ip_in_ip = pile->type == 0x0800 ? 4 : 41;
	const struct header *header = headers;

	switch (name) {
	case 'E':
		push_ether(pile);
		break;
	case 'l':
		push_snap(pile);
		break;
	case 'm':
	case 'w':
		push_mpls(pile, name == 'w');
		break;
	case 'p':
		push_pppoe(pile);
		break;
	case 'i':
		push_ip(pile, 4, ip_in_ip);
		break;
	case 'j':
		push_ip6_option(pile, ip_in_ip);
		break;
	case 'o':
		push_ip4_option(pile, ip_in_ip);
		break;
	default:
		while (header->name != name) {
			header++;
			cr_assert_lt(header - headers,
				     (ptrdiff_t)(sizeof(headers) / sizeof(headers[0])), "%c", name);
		}
		push_header(pile, header);
	}
}

/* A request to our first port, from the innermost header out. */
static void build(struct pile *pile, const char *names, uint8_t version, uint8_t cnt)
{
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = frame_datagram(datagram, cnt);

	pile->begin = ROOM;
	memcpy(push(pile, bytes), datagram, bytes);
	push_udp(pile, FRAME_PORT);
	push_ip(pile, version, UDP);
	for (size_t i = strlen(names); i > 0; i--)
		push_named(pile, names[i - 1]);
}

/* What unwrap and then captured_find make of it, in a block of its own. */
static enum skip look(const struct pile *pile, uint32_t bytes, struct captured *captured,
		      struct unwrapped *inside, bool *found)
{
	static uint8_t room[LINK_FRAME_BYTES_MAX];
	uint8_t *frame = malloc(bytes > 0 ? bytes : 1);
	uint32_t frame_bytes;
	enum drop drop;
	enum skip skip;

	memcpy(frame, pile->room + pile->begin, bytes);
	skip = unwrap(frame, bytes, FRAME_PORT, inside);
	*found = false;
	if (skip == SKIP_CNT) {
		link_put_ether(inside->ethertype, inside->network, inside->bytes, room,
			       &frame_bytes);
		*found =
			captured_find(room, frame_bytes, false, FRAME_PORT, captured, &drop, &skip);
	}
	free(frame);
	return skip;
}

static void expect_found(const struct pile *pile, const char *names, uint8_t cnt)
{
	struct captured captured;
	struct unwrapped inside;
	bool found;

	cr_expect_eq(look(pile, bytes_of(pile), &captured, &inside, &found), SKIP_CNT, "%s", names);
	cr_expect(found, "%s", names);
	if (found)
		cr_expect_eq(captured.bytes, wire_datagram_bytes(cnt), "%s", names);
}

#define BIT(name) (UINT32_C(1) << ENCAPSULATION_##name)

static const struct {
	const char *names;
	uint32_t seen;
} mirrors[] = {
	{"E", 0},
	{"E1", BIT(VLAN)},
	{"E9", BIT(VLAN)},
	{"E91", BIT(VLAN)},
	{"E21", BIT(VLAN)},
	{"E111", BIT(VLAN)},
	{"Ea9211", BIT(VLAN)},
	{"En", BIT(VN_TAG)},
	{"Ene1", BIT(VN_TAG) | BIT(E_TAG) | BIT(VLAN)},
	{"E1s", BIT(VLAN) | BIT(SGT)},
	{"EabE1", BIT(VLAN) | BIT(PBB)},
	{"El", BIT(LLC_SNAP)},
	{"E1l", BIT(VLAN) | BIT(LLC_SNAP)},
	{"Em", BIT(MPLS)},
	{"Emmm", BIT(MPLS)},
	{"EmE", BIT(MPLS) | BIT(MPLS_ETHERNET)},
	{"EmmE11", BIT(MPLS) | BIT(MPLS_ETHERNET) | BIT(VLAN)},
	{"EwE", BIT(MPLS) | BIT(MPLS_ETHERNET)},
	{"EmwE1l", BIT(MPLS) | BIT(MPLS_ETHERNET) | BIT(VLAN) | BIT(LLC_SNAP)},
	{"Ep", BIT(PPPOE)},
	{"E11p", BIT(PPPOE) | BIT(VLAN)},
	{"Epm", BIT(PPPOE) | BIT(MPLS)},
	{"Ei", BIT(IP_IN_IP)},
	{"Ej", BIT(IP_IN_IP)},
	{"Eo", BIT(IP_IN_IP)},
	{"Eiji", BIT(IP_IN_IP)},
	{"EMm", BIT(MPLS)},
	{"EhE1", BIT(ETHER_IP) | BIT(VLAN)},
	{"Eg", BIT(GRE)},
	{"Ek", BIT(GRE)},
	{"EgE", BIT(GRE)},
	{"EkE11", BIT(GRE) | BIT(VLAN)},
	{"Egm", BIT(GRE) | BIT(MPLS)},
	{"EuE", BIT(GRE)},
	{"ExE", BIT(ERSPAN_I)},
	{"EyE", BIT(ERSPAN_II)},
	{"EYE", BIT(ERSPAN_II)},
	{"EqE", BIT(ERSPAN_I)},
	{"E1yE1", BIT(ERSPAN_II) | BIT(VLAN)},
	{"EzE", BIT(ERSPAN_III)},
	{"EZE9", BIT(ERSPAN_III) | BIT(VLAN)},
	{"EvE", BIT(VXLAN)},
	{"EVE", BIT(VXLAN)},
	{"EXE", BIT(VXLAN)},
	{"E1vEa1", BIT(VXLAN) | BIT(VLAN)},
	{"EvEvE", BIT(VXLAN)},
	{"EGE", BIT(GENEVE)},
	{"EOE1", BIT(GENEVE) | BIT(VLAN)},
	{"EO", BIT(GENEVE)},
	{"EtE", BIT(TZSP)},
};

Test(unwrap, finds_the_request_in_every_mirror)
{
	static struct pile pile;

	for (size_t i = 0; i < sizeof(mirrors) / sizeof(mirrors[0]); i++) {
		for (unsigned version = 4; version <= 6; version += 2) {
			struct captured captured;
			struct unwrapped inside;
			bool found;

			build(&pile, mirrors[i].names, (uint8_t)version, 3);
			expect_found(&pile, mirrors[i].names, 3);
			look(&pile, bytes_of(&pile), &captured, &inside, &found);
			cr_expect_eq(inside.seen, mirrors[i].seen, "%s: %x", mirrors[i].names,
				     inside.seen);
		}
	}
}

/* In any order: each tunnel in each other, under tags, labels. */
Test(unwrap, finds_the_request_in_tunnels_in_tunnels)
{
	static const char *const outer[] = {"E",   "E1",  "Em",  "Ep",  "EmE", "Ei", "EgE", "EyE",
					    "EzE", "EvE", "EOE", "EtE", "EhE", "Ek", "El"};
	static struct pile pile;
	const size_t cnt = sizeof(outer) / sizeof(outer[0]);

	for (size_t i = 0; i < cnt * cnt * cnt; i++) {
		char names[16] = "";
		size_t len = 0;

		for (size_t rest = i, k = 0; k < 3; k++, rest /= cnt) {
			const char *part = outer[rest % cnt];

			/* After a whole frame its Ethernet header is there already. */
			if (len > 0 && names[len - 1] == 'E')
				part++;
			while (*part != '\0')
				names[len++] = *part++;
			/* PPPoE is for Ethernet alone, labels and tags have one within. */
			if (strchr("1mpil", names[len - 1]) != NULL)
				break;
			if (names[len - 1] == 'k')
				names[len++] = 'E';
		}
		build(&pile, names, 4, 1);
		expect_found(&pile, names, 1);
	}
}

/* MAC addresses that begin as IP, or as a control word. */
Test(unwrap, takes_no_address_for_what_it_is_not)
{
	static const uint8_t firsts[] = {0x00, 0x02, 0x44, 0x45, 0x46, 0x60, 0x6c};
	static struct pile pile;

	for (size_t i = 0; i < sizeof(firsts); i++) {
		for (unsigned control_word = 0; control_word < 2; control_word++) {
			build(&pile, "E", 4, 2);
			pile.room[pile.begin] = firsts[i];
			push_mpls(&pile, control_word != 0);
			push_ether(&pile);
			expect_found(&pile, "MPLS", 2);
		}
	}
}

/* Our own ports come first: 4789 is ours here, whatever else is there. */
Test(unwrap, leaves_packets_of_our_own_ports_alone)
{
	static struct pile pile;
	struct unwrapped inside;

	build(&pile, "EvE", 4, 1);
	cr_expect_eq(unwrap(pile.room + pile.begin, bytes_of(&pile), 4700, &inside), SKIP_CNT);
	cr_expect_eq(inside.seen, 0);
	cr_expect_eq(inside.foreign, DROP_NONE);
	cr_expect_eq(unwrap(pile.room + pile.begin, bytes_of(&pile), 49152, &inside), SKIP_CNT);
	cr_expect_eq(inside.seen, 0);
	cr_expect_eq(unwrap(pile.room + pile.begin, bytes_of(&pile), 4500, &inside), SKIP_CNT);
	cr_expect_eq(inside.seen, BIT(VXLAN));
}

Test(unwrap, ends_at_the_stated_depth)
{
	static struct pile pile;
	struct captured captured;
	struct unwrapped inside;
	char names[UNWRAP_HEADERS_MAX + 2] = "E";
	bool found;

	memset(names + 1, '1', UNWRAP_HEADERS_MAX);
	build(&pile, names, 4, 1);
	expect_found(&pile, names, 1);
	pile.begin += 14;
	pile.type = 0x8100;
	push_named(&pile, '1');
	push_ether(&pile);
	cr_expect_eq(look(&pile, bytes_of(&pile), &captured, &inside, &found), SKIP_TOO_DEEP);
}

static const struct {
	const char *names;
	uint32_t at; /* a byte that is changed */
	uint8_t value;
	enum skip skip;
} reasons[] = {
	{"EgE", 14 + 6, 0x20, SKIP_TUNNEL_FRAGMENT}, /* the first fragment, */
	{"EgE", 14 + 7, 0x10, SKIP_TUNNEL_FRAGMENT}, /* a later one */
	{"EvE", 14 + 6, 0x20, SKIP_TUNNEL_FRAGMENT},
	{"Ei", 14 + 7, 0x10, SKIP_TUNNEL_FRAGMENT},
	{"EgE", 34, 0x40, SKIP_TUNNEL_MALFORMED}, /* routing */
	{"EgE", 35, 0x02, SKIP_TUNNEL_MALFORMED}, /* version 2 */
	{"EzE", 42, 0x30, SKIP_TUNNEL_MALFORMED},
	{"EhE", 34, 0x40, SKIP_TUNNEL_MALFORMED},
	{"Ep", 14, 0x21, SKIP_TUNNEL_MALFORMED},
	{"Ep", 20, 0xc0, SKIP_TUNNEL_PROTOCOL}, /* LCP */
	{"EgE", 36, 0x88, SKIP_TUNNEL_PROTOCOL},
	{"EtE", 42 + 3, 0x12, SKIP_TUNNEL_PROTOCOL}, /* 802.11 */
	{"Em", 18, 0x15, SKIP_TUNNEL_PROTOCOL},
};

Test(unwrap, names_what_it_cannot_read)
{
	static struct pile pile;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct captured captured;
		struct unwrapped inside;
		bool found;

		build(&pile, reasons[i].names, 4, 1);
		pile.room[pile.begin + reasons[i].at] = reasons[i].value;
		cr_expect_eq(look(&pile, bytes_of(&pile), &captured, &inside, &found),
			     reasons[i].skip, "%s at %u", reasons[i].names, reasons[i].at);
	}
}

/* A part of a packet holds no request, and is not read beyond its end: AddressSanitizer sees that.
 */
Test(unwrap, finds_nothing_in_parts)
{
	static struct pile pile;

	for (size_t i = 0; i < sizeof(mirrors) / sizeof(mirrors[0]); i++) {
		build(&pile, mirrors[i].names, 4, 1);
		for (uint32_t bytes = 0; bytes < bytes_of(&pile); bytes++) {
			struct captured captured;
			struct unwrapped inside;
			bool found;

			(void)look(&pile, bytes, &captured, &inside, &found);
			cr_expect_not(found, "%s, %u bytes", mirrors[i].names, bytes);
		}
	}
}

/* A mirror that cut the packet says so; a cut packet of somebody else is known as such. */
Test(unwrap, tells_cut_and_foreign_packets)
{
	static struct pile pile;
	struct unwrapped inside;

	build(&pile, "EyE", 4, 1);
	pile.room[pile.begin + 42 + 2] = 0x04;
	cr_expect_eq(unwrap(pile.room + pile.begin, bytes_of(&pile), FRAME_PORT, &inside),
		     SKIP_CNT);
	cr_expect(inside.cut);
	build(&pile, "EvE", 4, 1);
	cr_expect_eq(unwrap(pile.room + pile.begin, 50 + 14 + 20 + 4, 9000, &inside), SKIP_CNT);
	cr_expect_eq(inside.foreign, DROP_NONE); /* the port is not there any more */
	cr_expect_eq(unwrap(pile.room + pile.begin, 50 + 14 + 20 + 8, 9000, &inside), SKIP_CNT);
	cr_expect_eq(inside.foreign, DROP_NOT_OUR_PORT);
	pile.room[pile.begin + 50 + 14 + 9] = 6;
	cr_expect_eq(unwrap(pile.room + pile.begin, 50 + 14 + 20, FRAME_PORT, &inside), SKIP_CNT);
	cr_expect_eq(inside.foreign, DROP_NOT_UDP);
}
