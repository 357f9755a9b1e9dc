/*
 * record_sizes: what a record takes in a shard's tables, for callers that size tables for records
 * that they have counted and not applied.
 */
#ifndef DB_ENGINE_RECOVER_RECORD_SIZES_H
#define DB_ENGINE_RECOVER_RECORD_SIZES_H

#include "engine/sale/record.h"
#include "engine/sale/shard.h"

/*
 * Adds a record, as much as it can take at most. All but buyer_cnt: record_sizes_end makes that of
 * the others.
 */
static inline void record_sizes_add(struct shard_size *size, const struct record *record)
{
	switch (record->kind) {
	case RECORD_OFFER:
		size->offer_cnt++;
		break;
	case RECORD_ORDER:
		size->order_cnt++;
		break;
	case RECORD_HOLD:
		size->hold_cnt++;
		break;
	case RECORD_RETURN:
		/* It may be the first of a bought order. */
		size->hold_cnt++;
		size->change_cnt++;
		break;
	case RECORD_CONFIRM:
	case RECORD_RELEASE:
	case RECORD_EXTEND:
		size->change_cnt++;
		break;
	case RECORD_PLACED:
		size->placed_cnt++;
		break;
	case RECORD_PREPARED:
		/* Room is kept for what it may become. */
		size->order_cnt += (record->flags & PREPARED_KIND_MASK) == RECORD_ORDER;
		size->hold_cnt += (record->flags & PREPARED_KIND_MASK) == RECORD_HOLD;
		size->change_cnt++;
		break;
	case RECORD_LINK:
		size->link_cnt++;
		break;
	default:
		break;
	}
}

/* The same for lines that wait when the records begin. */
static inline void record_sizes_add_prepared(struct shard_size *size, uint64_t cnt)
{
	size->order_cnt += cnt;
	size->hold_cnt += cnt;
	size->change_cnt += cnt;
}

/* groups: an offer has a group, so that a unit may count for its SKU and for that. */
static inline void record_sizes_end(struct shard_size *size, bool groups)
{
	size->buyer_cnt = (size->order_cnt + size->hold_cnt) * (groups ? 2 : 1);
}

#endif
