/*
 * acknowledged: the one place that says when an answer may leave, by the record that it rests on.
 */
#ifndef DB_ENGINE_LANE_ACKNOWLEDGED_H
#define DB_ENGINE_LANE_ACKNOWLEDGED_H

#include <stdint.h>

#include "engine/base/check.h"
#include "engine/lane/lane.h"

/* Answers that rest on records up to this LSN may leave. The lane's thread. */
static inline uint64_t acknowledged_lsn(const struct lane *lane)
{
	/* No record is durable before it is committed. */
	DCHECK(journal_durable_lsn(lane->journal) < journal_next_lsn(lane->journal));
	switch (lane->ack) {
	case ACK_MEMORY:
	case ACK_ON_PAPER:
		return journal_next_lsn(lane->journal) - 1;
	case ACK_DURABLE:
		break;
	}
	return journal_durable_lsn(lane->journal);
}

/*
 * The same for the answer to a command, which says that its record is on disk, also with --ack
 * memory. On paper there is no disk to wait for.
 */
static inline uint64_t command_acknowledged_lsn(const struct lane *lane)
{
	return lane->ack == ACK_ON_PAPER ? acknowledged_lsn(lane)
					 : journal_durable_lsn(lane->journal);
}

/* How durable an answer is that rests on this LSN and leaves now; lsn 0: on no record. */
static inline enum durability acknowledged_durability(const struct lane *lane, uint64_t lsn)
{
	if (lsn == 0)
		return DURABILITY_NONE;
	DCHECK(lsn < journal_next_lsn(lane->journal));
	if (lane->ack == ACK_MEMORY && lsn > journal_durable_lsn(lane->journal))
		return DURABILITY_MEMORY;
	return DURABILITY_DURABLE;
}

#endif
