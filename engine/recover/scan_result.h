/*
 * scan_result: what a scan found in a lane: start.h begins one, scan.h completes it, load.h makes a
 * state of it.
 */
#ifndef DB_ENGINE_RECOVER_SCAN_RESULT_H
#define DB_ENGINE_RECOVER_SCAN_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/lane_reader.h"
#include "engine/sale/record.h"

/* Where to begin. */
enum recover_from {
	RECOVER_FROM_NEWEST, /* the newest checkpoint that is good */
	RECOVER_FROM_OLDEST, /* the beginning of the lane; if it was pruned, the oldest one */
};

/* The parts of a lane that a prune and a follower may change during a recovery. */
struct recover_glance {
	uint64_t first_segment;
	uint64_t newest_lsn; /* next LSN of the newest checkpoint; 0: there is none */
};

/* What a lane holds, with its checkpoint. */
struct recover_scan {
	struct record *offers; /* its OFFER records in lane order; owned, recover_scan_free */
	uint64_t offer_cnt;
	uint64_t order_cnt;     /* bought */
	uint64_t hold_cnt;      /* HOLD records, and RETURNs: each may be of another bought order */
	uint64_t change_cnt;    /* CONFIRM, RELEASE, EXTEND and RETURN records */
	uint64_t placed_cnt;    /* PLACED records */
	uint64_t link_cnt;      /* LINK records */
	uint64_t prepared_cnt;  /* PREPARED records, and lines that waited at the checkpoint */
	uint64_t aborted_cnt;   /* ABORTED records */
	uint64_t units_ordered; /* bought and confirmed, without those that were returned */
	uint64_t units_written_off;
	uint64_t block_cnt; /* closing blocks included */
	int unread;         /* -errno of a checkpoint that could not be read, or 0 */
	bool torn;          /* there is something after the tail, never acknowledged */
	struct lane_tail tail;
	uint64_t watermark_lsn;     /* of the last block: all records up to here are on disk */
	struct lane_position from;  /* after the checkpoint; all zeros: there is none */
	uint64_t from_block_cnt;    /* blocks before it */
	struct recover_glance seen; /* when the scan began */
	/* Why a newer checkpoint isn't used, a line for the operator; "" if the newest is used. */
	struct error note;
};

/* The last LSN that came from a checkpoint; 0: none did. */
static inline uint64_t recover_checkpoint_lsn(const struct recover_scan *scan)
{
	return scan->from.tail.next_lsn > 0 ? scan->from.tail.next_lsn - 1 : 0;
}

#endif
