/*
 * record: what a shard's state is made of. A lane stores records as they are here, 64 bytes each;
 * engine/journal/JOURNAL.md is the prose. Little-endian, no padding.
 */
#ifndef DB_ENGINE_SALE_RECORD_H
#define DB_ENGINE_SALE_RECORD_H

#include <assert.h>
#include <stdbool.h>
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

	/* From here on, and with any flag: only in blocks of JOURNAL_FORMAT_HOLDS. */
	RECORD_HOLD = 4,    /* units set aside for a buyer, at the price of this instant */
	RECORD_CONFIRM = 5, /* a payment came for a hold: sold, in time or late, or a refund */
	RECORD_RELEASE = 6, /* units of a hold given back */
	RECORD_EXTEND = 7,  /* a hold lengthened */
	RECORD_RETURN = 8,  /* units of a sold order given back */
	RECORD_EXPIRE = 9,  /* holds that ran out: a run of one SKU's, or one buyer's */
	RECORD_PLACED = 10, /* a SKU that this shard's number names is sold by another shard */
	/* Baskets over several shards (engine/lane/baskets.h). */
	RECORD_PREPARED = 11, /* a line that waits for the other shards: its units are set aside */
	RECORD_ABORTED = 12,  /* such a line comes to nothing */
	RECORD_LINK = 13,     /* a basket that begins here has a line in another shard */
	RECORD_KIND_END,

	RECORD_BYTES = 64,
};

/* record.flags: what a bit means depends on the kind; bits without a meaning are 0. */
enum {
	OFFER_PLACED = 1 << 0,      /* OFFER: the catalog put it into this shard */
	CONFIRM_LATE = 1 << 0,      /* the hold had run out, and the units were taken again */
	CONFIRM_REFUND = 1 << 1,    /* it had run out, and they could not be: final */
	CONFIRM_OF_BASKET = 1 << 2, /* with REFUND: another line of its basket could not be sold */
	RELEASE_ALL = 1 << 0,       /* the request named no quantity: all that is held */
	RETURN_WRITE_OFF = 1 << 0,  /* the units are not for sale again */
	EXPIRE_EXTENDED = 1 << 0,   /* the run is of holds that were lengthened */
	EXPIRE_ONE = 1 << 1,        /* no run: one hold, by the LSN of its order */
	/* PREPARED: the kind of record that it is to become; RELEASE: no quantity was named. */
	PREPARED_KIND_MASK = 0xf,
	PREPARED_ALL = 1 << 4,
	PREPARED_LATE = 1 << 5, /* CONFIRM: the hold had run out, and its units were taken again */
	/* ORDER, HOLD, CONFIRM, RELEASE: a PREPARED record of this request came before it. */
	RECORD_WAS_PREPARED = 1 << 6,
	/* ORDER, HOLD, CONFIRM, RELEASE, LINK: the next record of the lane is of the same basket,
	 * and in the same block. */
	RECORD_BASKET_GOES_ON = 1 << 7,
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
	uint8_t flags;
	/* ORDER, HOLD, CONFIRM, RELEASE, RETURN, PREPARED: units, 1..; EXTEND: as the request
	 * said; PLACED, LINK: the shard; OFFER: the limit of its group. */
	uint16_t quantity;
	uint32_t channel; /* of the request; OFFER: its group, 0: none */
	uint64_t at_ns;   /* lane clock at the decision, ns since the epoch; falls at a CLOCK record
			     only */
	uint64_t sku;
	uint64_t unit_price; /* minor units; of a change: the order's */
	union {
		struct { /* ORDER and HOLD; of the others the first three */
			uint64_t request_id[2];
			uint64_t buyer;
			uint64_t max_price; /* as the request said, 0: any, PRICE_AT_MOST_0: 0;
					       part of its content */
		} order;
		/* CONFIRM, RELEASE, EXTEND, RETURN: what happened to an order. ABORTED, LINK: the
		 * line's request. */
		struct {
			uint64_t request_id[2];
			uint64_t buyer;
			/* Of this lane; of an ABORTED the PREPARED record, of a LINK the basket's
			 * first line. */
			uint64_t order_lsn;
		} change;
		struct {
			/* A run: all open holds of the SKU (EXPIRE_EXTENDED: those that were
			 * lengthened, else the others) whose latest HOLD or EXTEND is at most this
			 * LSN. EXPIRE_ONE: of the order that was held. */
			uint64_t up_to_lsn;
			uint32_t holds; /* how many these are, and their units: 1.. */
			uint32_t units;
			uint64_t reserved[2];
		} expire;
		struct {
			uint32_t stock;           /* units put on sale */
			uint32_t limit_per_buyer; /* 0: none */
			uint64_t opens_at_ns;     /* 0: open now */
			uint64_t closes_at_ns;    /* INSTANT_NEVER: never */
			uint32_t hold_seconds;    /* how long a hold lasts; 0: no holds */
			/* What an EXTEND gives from its instant on, << EXTENSIONS_BITS | how often;
			 * 0: none. */
			uint32_t extend;
		} offer;
		struct {
			uint64_t was_ns; /* the lane's clock before it, later than at_ns */
			uint64_t reserved[3];
		} clock;
	};
};

enum {
	EXTENSIONS_BITS = 8,
	EXTENSIONS_MAX = (1 << EXTENSIONS_BITS) - 1,
	EXTEND_SECONDS_MAX = (1 << 24) - 1, /* 194 days */
	HOLD_SECONDS_MAX = (1 << 24) - 1,
	GROUP_LIMIT_MAX = UINT16_MAX,
	GROUP_MAX = INT32_MAX, /* so that it is told apart from an offer's number */
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
static_assert(offsetof(struct record, offer.extend) == 60, "stored as it is");
static_assert(offsetof(struct record, clock.was_ns) == 32, "stored as it is");
static_assert(offsetof(struct record, change.buyer) == offsetof(struct record, order.buyer),
	      "one buyer");
static_assert(offsetof(struct record, change.order_lsn) == 56, "stored as it is");
static_assert(offsetof(struct record, expire.up_to_lsn) == 32, "stored as it is");
static_assert(offsetof(struct record, expire.holds) == 40, "stored as it is");
static_assert(SHARDS_MAX <= 1 << (64 - ORDER_ID_LSN_BITS), "a lane's number fits above an LSN");

static inline uint64_t order_id_of(uint16_t lane, uint64_t lsn)
{
	/* A greater LSN would name an order of another lane. */
	DCHECK(lsn <= LSN_MAX);
	return (uint64_t)lane << ORDER_ID_LSN_BITS | lsn;
}

/* Whether a record may only stand in a block of JOURNAL_FORMAT_HOLDS. */
static inline bool record_is_new(const struct record *record)
{
	return record->kind >= RECORD_HOLD || record->flags != 0 ||
	       (record->kind == RECORD_OFFER &&
		(record->quantity | record->channel | record->offer.extend) != 0);
}

#endif
