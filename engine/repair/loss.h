/*
 * loss: what a cut of a lane loses, in LSNs. As LSNs have no gaps, all LSNs are lost for certain
 * from the cut up to the highest that a block or a checkpoint says was given.
 */
#ifndef DB_ENGINE_REPAIR_LOSS_H
#define DB_ENGINE_REPAIR_LOSS_H

#include <stdint.h>

#include "engine/base/check.h"

struct loss {
	uint64_t next_lsn;      /* the first after the cut */
	uint64_t last_lsn;      /* the highest that was given for certain; next_lsn - 1: none */
	uint64_t watermark_lsn; /* up to here all was on disk once; may lie before the cut */
	uint64_t readable_cnt;  /* of lost LSNs that a block still has */
};

static inline uint64_t loss_cnt(const struct loss *loss)
{
	CHECK(loss->next_lsn > 0 && loss->last_lsn >= loss->next_lsn - 1);
	return loss->last_lsn - (loss->next_lsn - 1);
}

/* Lost LSNs that were on disk, as the watermark says, and so may have been acknowledged. */
static inline uint64_t loss_durable_cnt(const struct loss *loss)
{
	CHECK(loss->next_lsn > 0);
	return loss->watermark_lsn < loss->next_lsn ? 0
						    : loss->watermark_lsn - (loss->next_lsn - 1);
}

/* Lost LSNs that no block has any more. */
static inline uint64_t loss_unreadable_cnt(const struct loss *loss)
{
	CHECK(loss->readable_cnt <= loss_cnt(loss));
	return loss_cnt(loss) - loss->readable_cnt;
}

/* The same loss, if something else says that all up to this LSN was on disk once. */
static inline struct loss loss_with(struct loss loss, uint64_t durable_lsn)
{
	if (durable_lsn > loss.last_lsn)
		loss.last_lsn = durable_lsn;
	if (durable_lsn > loss.watermark_lsn)
		loss.watermark_lsn = durable_lsn;
	CHECK(loss.last_lsn >= loss.next_lsn - 1);
	return loss;
}

#endif
