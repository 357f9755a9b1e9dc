/*
 * make_capture: writes a capture of signed requests on stdout, made from the formats alone, not by
 * libpcap or the replay's own code, so that each checks the other. The same arguments give the same
 * bytes. Requests come from `--buyers` buyers for `--skus` SKUs 1, 2, ... by a seeded generator.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tag.h"
#include "net/wire.h"

static const char usage[] =
	"usage: make_capture [--requests N] [--entries N] [--buyers N] [--skus N] [--seed N]\n"
	"    [--quantity-max N] [--channels N] [--gap-ns N] [--start-s N] [--key-id N --key HEX32] "
	"[--link NAME] "
	"[--us] [--swapped] [--dated SALE]\n"
	"    [--ipv6] [--vlan] [--snaplen N]\n"
	"links: ether, sll, sll2, raw, null\n";

enum {
	LINK_ETHER = 1,
	LINK_SLL = 113,
	LINK_SLL2 = 276,
	LINK_RAW = 101,
	LINK_NULL = 0,
	FRAME_BYTES_MAX = 2048,
	PORT = 7700,
	SOURCE_PORT = 40000,
};

struct make {
	uint64_t requests;
	uint64_t entries;
	uint64_t buyers;
	uint64_t skus;
	uint64_t seed;
	uint64_t quantity_max;
	uint64_t channels;
	uint64_t gap_ns;
	uint64_t start_s;
	uint64_t key_id;
	uint64_t snaplen;
	uint64_t dated; /* the sale; 0: no dates */
	uint32_t link;
	bool us;
	bool swapped;
	bool ipv6;
	bool vlan;
	uint8_t key[WIRE_KEY_BYTES];
	uint64_t state;
	uint64_t next;
};

static void refuse(const char *what)
{
	fprintf(stderr, "make_capture: %s\n%s", what, usage);
	exit(2);
}

static uint64_t draw(struct make *make)
{
	make->state += UINT64_C(0x9e3779b97f4a7c15);
	return mix64(make->state);
}

static void put_u32(const struct make *make, uint32_t value)
{
	if (make->swapped)
		value = __builtin_bswap32(value);
	fwrite(&value, sizeof(value), 1, stdout);
}

static void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The header in front of the network packet; returns its bytes. */
static uint32_t put_link(const struct make *make, uint8_t *at)
{
	const uint32_t type = make->ipv6 ? 0x86dd : 0x0800;
	uint32_t bytes = 12;

	memset(at, 0, 24);
	switch (make->link) {
	case LINK_ETHER:
		at[0] = at[6] = 2;
		if (make->vlan) {
			put_be16(at + bytes, 0x8100);
			put_be16(at + bytes + 2, 100);
			bytes += 4;
		}
		put_be16(at + bytes, type);
		return bytes + 2;
	case LINK_SLL:
		put_be16(at + 2, 1);
		put_be16(at + 14, type);
		return 16;
	case LINK_SLL2:
		put_be16(at, type);
		return 20;
	case LINK_NULL:
		at[0] = make->ipv6 ? 30 : 2;
		return 4;
	default:
		return 0;
	}
}

/* IP and UDP headers; checksums stay 0, as nobody asks them. Returns their bytes. */
static uint32_t put_network(const struct make *make, uint8_t *at, uint32_t bytes)
{
	uint8_t *udp = at + (make->ipv6 ? 40 : 20);

	memset(at, 0, 48);
	if (make->ipv6) {
		at[0] = 0x60;
		put_be16(at + 4, 8 + bytes);
		at[6] = 17;
		at[7] = 64;
		at[23] = 2;
		at[39] = 1;
	} else {
		at[0] = 0x45;
		put_be16(at + 2, 28 + bytes);
		at[8] = 64;
		at[9] = 17;
		at[12] = at[16] = 10;
		at[15] = 2;
		at[19] = 1;
	}
	put_be16(udp, SOURCE_PORT);
	put_be16(udp + 2, PORT);
	put_be16(udp + 4, 8 + bytes);
	return (uint32_t)(udp + 8 - at);
}

static uint32_t put_datagram(struct make *make, uint8_t *at, uint32_t cnt, uint64_t at_ns)
{
	uint32_t bytes = wire_datagram_bytes(cnt);
	struct wire_request *requests = (struct wire_request *)(at + WIRE_HEADER_BYTES);

	*(struct wire_header *)at = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = (uint8_t)cnt,
		.key_id = (uint32_t)make->key_id,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = make->next,
	};
	for (uint32_t i = 0; i < cnt; i++) {
		make->next++;
		requests[i] = (struct wire_request){
			.id = {make->next, make->seed + 1},
			.buyer = draw(make) % make->buyers,
			.sku = 1 + draw(make) % make->skus,
			.quantity = (uint16_t)(1 + draw(make) % make->quantity_max),
			.channel = (uint32_t)(draw(make) % make->channels),
			.op = WIRE_OP_BUY,
		};
	}
	if (make->dated != 0) {
		/* 1 ms before it was captured, good for a second. */
		const struct wire_date date = {at_ns - 1000000, 1000, (uint32_t)make->dated};

		at[offsetof(struct wire_header, flags)] = WIRE_FLAG_DATED;
		memcpy(at + bytes - WIRE_TAG_BYTES, &date, sizeof(date));
		bytes += WIRE_DATE_BYTES;
	}
	tag_sign(at, bytes, make->key);
	return bytes;
}

static void put_packet(struct make *make, uint64_t at_ns)
{
	uint8_t frame[FRAME_BYTES_MAX];
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	const uint64_t left = make->requests - make->next;
	const uint32_t cnt = (uint32_t)(left < make->entries ? left : make->entries);
	const uint32_t datagram_bytes = put_datagram(make, datagram, cnt, at_ns);
	uint32_t bytes = put_link(make, frame);
	uint32_t kept;

	bytes += put_network(make, frame + bytes, datagram_bytes);
	memcpy(frame + bytes, datagram, datagram_bytes);
	bytes += datagram_bytes;
	kept = bytes < make->snaplen ? bytes : (uint32_t)make->snaplen;
	put_u32(make, (uint32_t)(at_ns / 1000000000));
	put_u32(make, (uint32_t)(at_ns % 1000000000 / (make->us ? 1000 : 1)));
	put_u32(make, kept);
	put_u32(make, bytes);
	fwrite(frame, 1, kept, stdout);
}

static void put_file(struct make *make)
{
	uint64_t at_ns = make->start_s * 1000000000;

	put_u32(make, make->us ? 0xa1b2c3d4 : 0xa1b23c4d);
	put_u32(make, make->swapped ? 2 << 16 | 4 : 4 << 16 | 2);
	put_u32(make, 0);
	put_u32(make, 0);
	put_u32(make, (uint32_t)make->snaplen);
	put_u32(make, make->link);
	while (make->next < make->requests) {
		put_packet(make, at_ns);
		at_ns += make->gap_ns;
	}
}

static uint32_t link_of(const char *name)
{
	static const struct {
		const char *name;
		uint32_t link;
	} links[] = {{"ether", LINK_ETHER},
		     {"sll", LINK_SLL},
		     {"sll2", LINK_SLL2},
		     {"raw", LINK_RAW},
		     {"null", LINK_NULL}};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (strcmp(links[i].name, name) == 0)
			return links[i].link;
	}
	refuse("no such --link");
	return 0;
}

static void read_key(struct make *make, const char *hex)
{
	for (unsigned i = 0; i < WIRE_KEY_BYTES; i++) {
		const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
		char *end;

		make->key[i] = (uint8_t)strtoul(digits, &end, 16);
		if (end != digits + 2)
			refuse("--key is 32 hex digits");
	}
}

static bool read_switch(struct make *make, const char *flag)
{
	if (strcmp(flag, "--us") == 0)
		return make->us = true;
	if (strcmp(flag, "--swapped") == 0)
		return make->swapped = true;
	if (strcmp(flag, "--ipv6") == 0)
		return make->ipv6 = true;
	if (strcmp(flag, "--vlan") == 0)
		return make->vlan = true;
	return false;
}

static void read_value(struct make *make, const char *flag, const char *text)
{
	const struct {
		const char *flag;
		uint64_t *value;
	} numbers[] = {
		{"--requests", &make->requests}, {"--entries", &make->entries},
		{"--buyers", &make->buyers},     {"--skus", &make->skus},
		{"--seed", &make->seed},         {"--gap-ns", &make->gap_ns},
		{"--start-s", &make->start_s},   {"--key-id", &make->key_id},
		{"--snaplen", &make->snaplen},   {"--quantity-max", &make->quantity_max},
		{"--channels", &make->channels}, {"--dated", &make->dated},
	};

	if (strcmp(flag, "--link") == 0) {
		make->link = link_of(text);
		return;
	}
	if (strcmp(flag, "--key") == 0 && strlen(text) == 2 * (size_t)WIRE_KEY_BYTES) {
		read_key(make, text);
		return;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(numbers[i].flag, flag) == 0) {
			*numbers[i].value = strtoull(text, NULL, 10);
			return;
		}
	}
	refuse(flag);
}

int main(int argc, char **argv)
{
	struct make make = {
		.requests = 1000,
		.entries = 5,
		.buyers = 500,
		.skus = 4,
		.seed = 1,
		.quantity_max = 2,
		.channels = 3,
		.gap_ns = 100000,
		.start_s = 1800000000,
		.key_id = 1,
		.snaplen = 262144,
		.link = LINK_ETHER,
	};

	for (int i = 1; i < argc; i++) {
		if (read_switch(&make, argv[i]))
			continue;
		if (i + 1 == argc)
			refuse(argv[i]);
		read_value(&make, argv[i], argv[i + 1]);
		i++;
	}
	if (make.entries < 1 || make.entries > WIRE_ENTRY_CNT_MAX || make.buyers == 0 ||
	    make.skus == 0 || make.quantity_max == 0 || make.channels == 0)
		refuse("out of range");
	make.state = make.seed;
	put_file(&make);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
