/*
 * snapshot: the entries in which a shard's state is saved and loaded (shard_save_*, shard_load_*).
 * A checkpoint stores them as they are here. Little-endian, no padding. An offer's entry is its
 * OFFER record, a clock's its CLOCK record.
 */
#ifndef DB_ENGINE_SALE_SNAPSHOT_H
#define DB_ENGINE_SALE_SNAPSHOT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "engine/sale/record.h"

enum {
	SNAPSHOT_ORDER_BYTES = 64,
	QUANTITY_BITS = 16,
};

/* An order, or a change of one: CONFIRM, RELEASE, EXTEND, RETURN, whose max_price is the LSN of the
 * order. With the number of its lane it gives the lane's record again. */
struct snapshot_order {
	uint64_t request_id[2];
	uint64_t buyer;
	uint64_t max_price;
	uint64_t unit_price;
	uint64_t at_ns;
	uint64_t lsn_quantity; /* LSN << 16 | units */
	/* Which of the snapshot's offers, from 0 on, without CLOCK records, in the lower
	 * SNAPSHOT_OFFER_BITS; above them what made it (4 bits: 0 an ORDER record, else RECORD_HOLD
	 * to RECORD_RETURN), then SNAPSHOT_* (4 bits). */
	uint32_t offer;
	uint32_t channel;
};

enum {
	SNAPSHOT_OFFER_BITS = 24,
	SNAPSHOT_KIND_SHIFT = 24,
	SNAPSHOT_FLAGS_SHIFT = 28,
	/* The first two bits are the record's flags; of a hold: those of its CONFIRM. */
	SNAPSHOT_WAS_PREPARED = 1 << 0, /* of a bought order: RECORD_WAS_PREPARED */
	/* Of a CONFIRM the third bit is the record's, too. */
	SNAPSHOT_CHANGED = 1 << 2, /* a bought order of which there is also a snapshot_hold */
	SNAPSHOT_BASKET_GOES_ON = 1 << 3,
};

enum hold_state {
	HOLD_OPEN = 1, /* units are held until ends_at_ns */
	HOLD_SOLD,     /* confirmed, in time or late; or a bought order of which units came back */
	HOLD_GONE,     /* released */
	HOLD_RAN_OUT,  /* ended without a payment; a late one is still to be decided */
	HOLD_REFUNDED, /* ended, and a payment came too late: final */
	HOLD_STATE_END,
};

/* An order that was held, or a bought one of which units came back: as it was committed, and what
 * has become of it since. */
struct snapshot_hold {
	struct snapshot_order order;
	uint64_t ends_at_ns; /* 0: it was never held */
	uint64_t since_lsn;  /* of its HOLD or latest EXTEND; 0: it was never held */
	uint64_t last_lsn;   /* of the record that changed it last */
	uint16_t held;       /* units: HOLD_OPEN */
	uint16_t sold;       /* HOLD_SOLD: units that are with the buyer */
	uint16_t returned;   /* came back for sale */
	uint16_t written_off;
	uint16_t ran_out; /* HOLD_RAN_OUT, HOLD_REFUNDED: what was held at its end */
	uint8_t state;    /* enum hold_state */
	uint8_t extensions;
	uint32_t reserved_32; /* 0 */
	uint64_t sold_at_ns;  /* HOLD_SOLD: when it was confirmed, or bought */
	uint64_t reserved[2]; /* 0 */
};
static_assert(sizeof(struct snapshot_hold) == 2 * SNAPSHOT_ORDER_BYTES, "two entries");

/* A line that waits for other shards. */
struct snapshot_prepared {
	struct record record; /* its PREPARED record */
	uint64_t lsn;
	uint64_t reserved[7]; /* 0 */
};
static_assert(sizeof(struct snapshot_prepared) == 2 * SNAPSHOT_ORDER_BYTES, "two entries");

/* A line of a basket that another shard has: a LINK record. */
struct snapshot_link {
	uint64_t request_id[2];
	uint64_t buyer;
	uint64_t first_lsn; /* of the basket's first line */
	uint64_t sku;
	uint64_t at_ns;
	uint64_t lsn;
	uint16_t shard;    /* that has the line */
	uint16_t goes_on;  /* 1: the next record is of the same basket, too */
	uint32_t reserved; /* 0 */
};
static_assert(sizeof(struct snapshot_link) == SNAPSHOT_ORDER_BYTES, "an entry");

/* The LINK record that it stands for. */
static inline struct record record_of_link(const struct snapshot_link *link)
{
	return (struct record){
		.kind = RECORD_LINK,
		.flags = link->goes_on != 0 ? RECORD_BASKET_GOES_ON : 0,
		.quantity = link->shard,
		.at_ns = link->at_ns,
		.sku = link->sku,
		.change = {.request_id = {link->request_id[0], link->request_id[1]},
			   .buyer = link->buyer,
			   .order_lsn = link->first_lsn},
	};
}

/* The same back, of the record with this LSN. */
static inline struct snapshot_link link_of_record(const struct record *record, uint64_t lsn)
{
	DCHECK(record->kind == RECORD_LINK);
	return (struct snapshot_link){
		.request_id = {record->change.request_id[0], record->change.request_id[1]},
		.buyer = record->change.buyer,
		.first_lsn = record->change.order_lsn,
		.sku = record->sku,
		.at_ns = record->at_ns,
		.lsn = lsn,
		.shard = record->quantity,
		.goes_on = (record->flags & RECORD_BASKET_GOES_ON) != 0,
	};
}
static_assert(offsetof(struct snapshot_hold, ends_at_ns) == 64, "stored as it is");
static_assert(offsetof(struct snapshot_hold, held) == 88, "stored as it is");
static_assert(offsetof(struct snapshot_hold, state) == 98, "stored as it is");
static_assert(OFFERS_MAX <= 1 << SNAPSHOT_OFFER_BITS, "an offer's number fits");

static_assert(sizeof(struct snapshot_order) == SNAPSHOT_ORDER_BYTES, "order size");
static_assert(offsetof(struct snapshot_order, buyer) == 16, "stored as it is");
static_assert(offsetof(struct snapshot_order, at_ns) == 40, "stored as it is");
static_assert(offsetof(struct snapshot_order, lsn_quantity) == 48, "stored as it is");
static_assert(offsetof(struct snapshot_order, channel) == 60, "stored as it is");
static_assert(QUANTITY_MAX < 1 << QUANTITY_BITS, "a quantity fits");
static_assert(ORDER_ID_LSN_BITS + (int)QUANTITY_BITS == 64, "an LSN fits");

#endif
