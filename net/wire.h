/*
 * Wire format, version 1: the datagrams between buyers' gateways and the engine. WIRE.md is the
 * prose.
 *
 * Little-endian, fixed offsets, no padding. A datagram is a header, 1 to 29 entries, a date if the
 * header's flags say so, a tag. A reply has the size of its request, the same entries in the same
 * order, and the same key. The structs may be laid over a buffer of any alignment (packed), a reply
 * over its request (may_alias).
 */
#ifndef DB_NET_WIRE_H
#define DB_NET_WIRE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/mix64.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is laid over host memory");

enum {
	WIRE_MAGIC = 0xDB05,
	WIRE_VERSION = 1,

	WIRE_KIND_REQUEST = 1,
	WIRE_KIND_REPLY = 2,

	WIRE_FLAG_BASKET = 1 << 0,
	WIRE_FLAG_DATED = 1 << 1,         /* a wire_date is between the last entry and the tag */
	WIRE_FLAG_WHAT_THERE_IS = 1 << 2, /* with BASKET: each line for itself */
	WIRE_FLAGS_KNOWN = WIRE_FLAG_BASKET | WIRE_FLAG_DATED | WIRE_FLAG_WHAT_THERE_IS,

	/* Of an entry: the highest unit price is 0 indeed, and not "any". price_or_order is 0. */
	WIRE_ENTRY_AT_MOST_0 = 1 << 0,
	WIRE_ENTRY_WRITE_OFF = 1 << 1,    /* RETURN: the units are not for sale again */
	WIRE_ENTRY_BY_ORDER = 1 << 2,     /* LOOKUP: of the order that price_or_order names */
	WIRE_ENTRY_WHOLE_BASKET = 1 << 3, /* CONFIRM, RELEASE: every line of the basket whose first
					     order is named; quantity 0 */
	WIRE_ENTRY_FLAGS_KNOWN = WIRE_ENTRY_AT_MOST_0 | WIRE_ENTRY_WRITE_OFF | WIRE_ENTRY_BY_ORDER |
				 WIRE_ENTRY_WHOLE_BASKET,

	WIRE_HEADER_BYTES = 24,
	WIRE_ENTRY_BYTES = 48,
	WIRE_DATE_BYTES = 16,
	WIRE_TAG_BYTES = 16,
	WIRE_KEY_BYTES = 16,

	/* 1,448 bytes with a date: with IPv6 and UDP headers just inside an MTU of 1,500. */
	WIRE_ENTRY_CNT_MAX = 29,
	WIRE_DATAGRAM_BYTES_MIN = WIRE_HEADER_BYTES + WIRE_ENTRY_BYTES + WIRE_TAG_BYTES,
	WIRE_DATAGRAM_BYTES_MAX = WIRE_HEADER_BYTES + WIRE_ENTRY_CNT_MAX * WIRE_ENTRY_BYTES +
				  WIRE_DATE_BYTES + WIRE_TAG_BYTES,

	/* The longest life of a dated request: retries end long before, and a recording is soon
	 * worth nothing. */
	WIRE_VALID_MS_MAX = 600000,
	/* How far ahead of the engine's clock a request may be dated. Clocks under NTP are much
	 * closer. */
	WIRE_AHEAD_MS_MAX = 1000,

	/* Shard n listens on this UDP port + n unless configured otherwise. */
	WIRE_BASE_PORT = 7700,

	/* The shard-map version of an engine that never moved a shard. */
	WIRE_SHARD_MAP_VERSION = 1,
};

enum wire_op {
	WIRE_OP_BUY = 1,
	WIRE_OP_HOLD = 2,
	WIRE_OP_CONFIRM = 3,
	WIRE_OP_RELEASE = 4,
	WIRE_OP_LOOKUP = 5,
	WIRE_OP_PING = 6,
	WIRE_OP_EXTEND = 7,
	WIRE_OP_RETURN = 8,
	WIRE_OP_END,
};

enum verdict {
	VERDICT_NONE = 0,
#define VERDICT(name, value, text) VERDICT_##name = (value),
#include "net/verdict.def"
#undef VERDICT
	VERDICT_REFUSAL_FIRST = 32,
	VERDICT_FAILURE_FIRST = 64,
	VERDICT_END = 96,
};

enum durability {
	DURABILITY_NONE = 0,
	DURABILITY_MEMORY = 1,
	DURABILITY_DURABLE = 2,
	DURABILITY_REPLICATED = 3,
};

struct wire_header {
	uint16_t magic;
	uint8_t version;
	uint8_t kind;
	uint8_t count; /* entries, 1..WIRE_ENTRY_CNT_MAX */
	uint8_t flags;
	uint16_t shard; /* request: the shard addressed; reply: the shard that answered */
	uint32_t key_id;
	uint32_t shard_map_version;
	uint64_t echo; /* opaque, returned as it came */
} __attribute__((packed, may_alias));

struct wire_request {
	uint64_t id[2]; /* 16 opaque bytes, not all zero; compared as bytes */
	uint64_t buyer;
	uint64_t sku;
	uint64_t price_or_order; /* BUY, HOLD: highest unit price, 0 = any, or 0 with
				    WIRE_ENTRY_AT_MOST_0; CONFIRM, RELEASE, EXTEND, RETURN:
				    order id; LOOKUP: that, with WIRE_ENTRY_BY_ORDER */
	uint32_t channel;
	uint16_t quantity;
	uint8_t op;
	uint8_t flags; /* WIRE_ENTRY_...; the other bits are 0 */
} __attribute__((packed, may_alias));

struct wire_reply {
	uint64_t id[2];
	uint64_t order_id; /* 0 = none; PONG: the sale, 0 = the engine knows none */
	uint64_t unit_price;
	uint64_t instant_ns; /* ns since the epoch, meaning by verdict */
	uint32_t stock_left; /* saturating, informational */
	uint16_t quantity;
	uint8_t verdict;
	uint8_t durability;
} __attribute__((packed, may_alias));

/* When a request was made, and for which sale. */
struct wire_date {
	uint64_t
		issued_at_ns; /* ns since the epoch, by the engine's clock; reply: that clock now */
	uint32_t valid_ms;    /* request: its life from then on, not 0; reply: as it came */
	uint32_t sale;        /* request: of which sale, as PONG said; reply: the engine's own */
} __attribute__((packed, may_alias));

#define WIRE_AT(type, member, offset)                                                              \
	static_assert(offsetof(struct type, member) == (offset), "wire offset of " #member)
static_assert(sizeof(struct wire_header) == WIRE_HEADER_BYTES, "header size");
WIRE_AT(wire_header, magic, 0);
WIRE_AT(wire_header, version, 2);
WIRE_AT(wire_header, kind, 3);
WIRE_AT(wire_header, count, 4);
WIRE_AT(wire_header, flags, 5);
WIRE_AT(wire_header, shard, 6);
WIRE_AT(wire_header, key_id, 8);
WIRE_AT(wire_header, shard_map_version, 12);
WIRE_AT(wire_header, echo, 16);
static_assert(sizeof(struct wire_request) == WIRE_ENTRY_BYTES, "request entry size");
WIRE_AT(wire_request, id, 0);
WIRE_AT(wire_request, buyer, 16);
WIRE_AT(wire_request, sku, 24);
WIRE_AT(wire_request, price_or_order, 32);
WIRE_AT(wire_request, channel, 40);
WIRE_AT(wire_request, quantity, 44);
WIRE_AT(wire_request, op, 46);
WIRE_AT(wire_request, flags, 47);
static_assert(sizeof(struct wire_reply) == WIRE_ENTRY_BYTES, "reply entry size");
WIRE_AT(wire_reply, id, 0);
WIRE_AT(wire_reply, order_id, 16);
WIRE_AT(wire_reply, unit_price, 24);
WIRE_AT(wire_reply, instant_ns, 32);
WIRE_AT(wire_reply, stock_left, 40);
WIRE_AT(wire_reply, quantity, 44);
WIRE_AT(wire_reply, verdict, 46);
WIRE_AT(wire_reply, durability, 47);
static_assert(sizeof(struct wire_date) == WIRE_DATE_BYTES, "date size");
WIRE_AT(wire_date, issued_at_ns, 0);
WIRE_AT(wire_date, valid_ms, 8);
WIRE_AT(wire_date, sale, 12);
static_assert(WIRE_DATAGRAM_BYTES_MAX == 1448, "largest datagram");

/* Bytes of an undated datagram of `count` entries. */
static inline uint32_t wire_datagram_bytes(uint32_t count)
{
	return WIRE_HEADER_BYTES + count * WIRE_ENTRY_BYTES + WIRE_TAG_BYTES;
}

/* Bytes of a dated one. */
static inline uint32_t wire_dated_bytes(uint32_t count)
{
	return wire_datagram_bytes(count) + WIRE_DATE_BYTES;
}

/* Entries of a datagram of at most `bytes`, dated or not; 0: not even one fits. */
static inline uint32_t wire_entries_within(uint32_t bytes, bool dated)
{
	const uint32_t rest_bytes = dated ? wire_dated_bytes(0) : wire_datagram_bytes(0);
	const uint32_t cnt = bytes > rest_bytes ? (bytes - rest_bytes) / WIRE_ENTRY_BYTES : 0;

	return cnt < WIRE_ENTRY_CNT_MAX ? cnt : WIRE_ENTRY_CNT_MAX;
}

/* Bytes of a datagram as its header's count and flags say; count 1..WIRE_ENTRY_CNT_MAX. */
static inline uint32_t wire_bytes(const uint8_t *datagram)
{
	const struct wire_header *header = (const struct wire_header *)datagram;

	static_assert((int)WIRE_DATE_BYTES == WIRE_FLAG_DATED * 8, "no branch");
	return wire_datagram_bytes(header->count) + (header->flags & WIRE_FLAG_DATED) * 8U;
}

static inline bool wire_is_dated(const uint8_t *datagram)
{
	return (((const struct wire_header *)datagram)->flags & WIRE_FLAG_DATED) != 0;
}

/* The date of a dated datagram, by its header's count. */
static inline struct wire_date *wire_date(uint8_t *datagram)
{
	const struct wire_header *header = (const struct wire_header *)datagram;

	return (struct wire_date *)(datagram + WIRE_HEADER_BYTES +
				    header->count * WIRE_ENTRY_BYTES);
}

/* The same, for a datagram that is only read. */
static inline struct wire_date wire_date_of(const uint8_t *datagram)
{
	return *wire_date((uint8_t *)datagram);
}

/* How many entries a datagram says it has. */
static inline uint8_t wire_count(const uint8_t *datagram)
{
	return ((const struct wire_header *)datagram)->count;
}

/* The entries of a datagram: what is asked, and in a reply what is answered. */
static inline struct wire_request *wire_requests(uint8_t *datagram)
{
	return (struct wire_request *)(datagram + WIRE_HEADER_BYTES);
}

static inline struct wire_reply *wire_replies(uint8_t *datagram)
{
	return (struct wire_reply *)(datagram + WIRE_HEADER_BYTES);
}

/* The shard that owns a SKU; shards >= 1. */
static inline uint16_t wire_shard_of(uint64_t sku, uint16_t shards)
{
	return (uint16_t)(((unsigned __int128)mix64(sku) * shards) >> 64);
}

/* The identity of the sale that a journal is; never 0. A restart, a copy and a restore are the same
 * sale, another journal is another. */
static inline uint32_t wire_sale_of(uint64_t journal_id)
{
	const uint64_t mixed = mix64(journal_id);
	const uint32_t folded = (uint32_t)(mixed >> 32) ^ (uint32_t)mixed;

	return folded != 0 ? folded : 1;
}

/* Text and name of a verdict; "unknown verdict" and "UNKNOWN" for a value of no row. Any thread. */
const char *verdict_text(uint8_t verdict);
const char *verdict_name(uint8_t verdict);
const char *durability_name(uint8_t durability);

#endif
