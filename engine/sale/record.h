/*
 * record: what a shard's state is made of. A lane stores records as they are here, 64 bytes each;
 * engine/journal/JOURNAL.md is the prose. Little-endian, no padding.
 */
#ifndef DB_ENGINE_SALE_RECORD_H
#define DB_ENGINE_SALE_RECORD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"

enum {
	RECORD_ORDER = 1, /* a committed purchase */
	RECORD_OFFER = 2, /* an offer put on sale from the catalog */
	/* The lane's clock, set back by the operator. at_ns is its new time, and may be earlier
	 * than at_ns of the records before. Always the first record of its block. */
	RECORD_CLOCK = 3,

	RECORD_BYTES = 64,
};

/* max_price of an order whose buyer said "at most 0". Its unit price is 0. What an older buyer says
 * as "at most 2^64 - 1" is the same number; both are kept by a price of 0. */
#define PRICE_AT_MOST_0 UINT64_MAX

/*
 * A record. Its LSN is the block's first_lsn plus its index; LSNs of a lane are 1, 2, 3, ...
 * without a gap. The id of an order is order_id(lane, lsn).
 */
struct record {
	uint8_t kind;
	uint8_t flags;     /* 0 */
	uint16_t quantity; /* ORDER: units, 1.. */
	uint32_t channel;  /* ORDER */
	uint64_t at_ns; /* lane clock at the decision, ns since the epoch; falls at a CLOCK record
			   only */
	uint64_t sku;
	uint64_t unit_price; /* minor units */
	union {
		struct {
			uint64_t request_id[2];
			uint64_t buyer;
			uint64_t max_price; /* as the request said, 0: any, PRICE_AT_MOST_0: 0;
					       part of its content */
		} order;
		struct {
			uint32_t stock;           /* units put on sale */
			uint32_t limit_per_buyer; /* 0: none */
			uint64_t opens_at_ns;     /* 0: open now */
			uint64_t closes_at_ns;    /* INSTANT_NEVER: never */
			uint32_t hold_seconds;
			uint32_t reserved;
		} offer;
		struct {
			uint64_t was_ns; /* the lane's clock before it, later than at_ns */
			uint64_t reserved[3];
		} clock;
	};
};

static_assert(sizeof(struct record) == RECORD_BYTES, "record size");
static_assert(offsetof(struct record, at_ns) == 8, "stored as it is");
static_assert(offsetof(struct record, sku) == 16, "stored as it is");
static_assert(offsetof(struct record, unit_price) == 24, "stored as it is");
static_assert(offsetof(struct record, order) == 32, "order part");
static_assert(offsetof(struct record, order.buyer) == 48, "stored as it is");
static_assert(offsetof(struct record, order.max_price) == 56, "stored as it is");
static_assert(offsetof(struct record, offer.opens_at_ns) == 40, "stored as it is");
static_assert(offsetof(struct record, offer.hold_seconds) == 56, "stored as it is");
static_assert(offsetof(struct record, clock.was_ns) == 32, "stored as it is");
static_assert(SHARDS_MAX <= 1 << (64 - ORDER_ID_LSN_BITS), "a lane's number fits above an LSN");

static inline uint64_t order_id_of(uint16_t lane, uint64_t lsn)
{
	/* A greater LSN would name an order of another lane. */
	DCHECK(lsn <= LSN_MAX);
	return (uint64_t)lane << ORDER_ID_LSN_BITS | lsn;
}

#endif
