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

enum {
	SNAPSHOT_ORDER_BYTES = 64,
	QUANTITY_BITS = 16,
};

/* An order. With the number of its lane it gives the lane's record again. */
struct snapshot_order {
	uint64_t request_id[2];
	uint64_t buyer;
	uint64_t max_price;
	uint64_t unit_price;
	uint64_t at_ns;
	uint64_t lsn_quantity; /* LSN << 16 | units */
	uint32_t offer; /* which of the snapshot's offers, from 0 on, without CLOCK records */
	uint32_t channel;
};
static_assert(sizeof(struct snapshot_order) == SNAPSHOT_ORDER_BYTES, "order size");
static_assert(offsetof(struct snapshot_order, buyer) == 16, "stored as it is");
static_assert(offsetof(struct snapshot_order, at_ns) == 40, "stored as it is");
static_assert(offsetof(struct snapshot_order, lsn_quantity) == 48, "stored as it is");
static_assert(offsetof(struct snapshot_order, channel) == 60, "stored as it is");
static_assert(QUANTITY_MAX < 1 << QUANTITY_BITS, "a quantity fits");
static_assert(ORDER_ID_LSN_BITS + (int)QUANTITY_BITS == 64, "an LSN fits");

#endif
