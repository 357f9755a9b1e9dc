/*
 * recover: from a lane back to the state it came from. The server's start and the offline tools run
 * the same code:
 *
 *	recover_scan	what is in the lane, so that its tables can be sized: the newest checkpoint
 *			tells of the lane up to it, the lane of the rest
 *	shard_open
 *	recover_lane	load the checkpoint, apply every record behind it up to the scan's tail
 *	recover_cut	server only: make the lane end at its tail, ready for a writer
 *	journal_open
 *
 * A checkpoint that is no good is passed over for an older one, and at last for the whole lane: it
 * is never fatal by itself, but where the lane's first segments were pruned one is needed.
 *
 * Only recover_cut writes. A lane that a running engine writes meanwhile can be scanned and
 * applied: both stop at the tail the scan found.
 */
#ifndef DB_ENGINE_RECOVER_RECOVER_H
#define DB_ENGINE_RECOVER_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/journal/data_dir.h"
#include "engine/journal/format.h"
#include "engine/journal/journal.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_reader.h"
#include "engine/sale/shard.h"

enum {
	RECOVER_NOTE_BYTES = 1024,
};

/* Where to begin. */
enum recover_from {
	RECOVER_FROM_NEWEST, /* the newest checkpoint that is good */
	RECOVER_FROM_OLDEST, /* the beginning of the lane; if it was pruned, the oldest one */
};

/* What a prune and a follower beside a recovery change of a lane. */
struct recover_glance {
	uint64_t first_segment;
	uint64_t newest_lsn; /* next LSN of the newest checkpoint; 0: there is none */
};

/* What a lane holds, what lies in its checkpoint included. */
struct recover_scan {
	struct record *offers; /* its OFFER records in lane order; owned, recover_scan_free */
	uint64_t offer_cnt;
	uint64_t order_cnt;
	uint64_t units_ordered;
	uint64_t block_cnt; /* closing blocks included */
	int unread;         /* -errno of a checkpoint that could not be read, or 0 */
	bool torn;          /* something behind the tail was never acknowledged */
	struct lane_tail tail;
	uint64_t watermark_lsn;     /* of the last block: up to here all of it is on disk */
	struct lane_position from;  /* behind the checkpoint; all zeros: there is none */
	uint64_t from_block_cnt;    /* blocks before it */
	struct recover_glance seen; /* when this was begun */
	/* Why a newer checkpoint isn't used, a line for the operator; "": none was passed over. */
	char note[RECOVER_NOTE_BYTES];
};

/* The last LSN that came from a checkpoint; 0: none did. */
static inline uint64_t recover_checkpoint_lsn(const struct recover_scan *scan)
{
	return scan->from.tail.next_lsn > 0 ? scan->from.tail.next_lsn - 1 : 0;
}

/*
 * Reads the lane once from its newest good checkpoint on; a lane without segments is empty. If
 * `dir` holds the lock, it first waits for writes of a killed predecessor that are still on their
 * way. 0; -EBADMSG for a damaged lane, other -errno where it can't be read; the line in error names
 * segment and offset.
 */
int recover_scan(const struct data_dir *dir, uint16_t lane, struct recover_scan *out, char *error,
		 size_t error_bytes);

/* The same from elsewhere: verify reads as much of the lane as there is. */
int recover_scan_from(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		      struct recover_scan *out, char *error, size_t error_bytes);

/* Frees what a successful recover_scan took; a scan of all zeros is allowed. */
void recover_scan_free(struct recover_scan *scan);

/* Sizes that hold just what was scanned; a server adds what its catalog brings. */
void recover_sizes(const struct recover_scan *scan, struct shard_size *size);

/*
 * Loads the checkpoint and applies the lane behind it to a fresh shard, up to the scan's tail. If
 * what is in the checkpoint is no good, the scan is changed to begin before it. Errors as above;
 * -EBADMSG also for a record that cannot follow from the state, -ENOSPC for tables too small.
 */
int recover_lane(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, char *error, size_t error_bytes);

/* The first part of recover_lane. */
int recover_load(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, char *error, size_t error_bytes);

/* Applies a block's records, of which the first must be the next. As shard_apply, with a line. */
int recover_apply(struct shard *shard, const struct block_header *block,
		  const struct record *records, const char *lane_path, char *error,
		  size_t error_bytes);

/*
 * Makes the lane end at the tail a scan found: zeros behind it, no later segment with anything in
 * it (empty ones stay, they were prepared ahead), all of it synced. What it removes was never
 * acknowledged. Only under the lock. 0 or -errno with a line in error.
 */
int recover_cut(const struct data_dir *dir, uint16_t lane, const struct lane_tail *tail,
		char *error, size_t error_bytes);

/*
 * The same over files of any kind, which are recovery's from then on, also after a failure. locked:
 * nobody else writes them, and what a predecessor still had on its way is waited for.
 */
int recover_scan_files(struct lane_files *files, uint64_t journal_id, uint16_t lane, bool locked,
		       struct recover_scan *out, char *error, size_t error_bytes);
int recover_lane_files(struct lane_files *files, uint64_t journal_id, uint16_t lane,
		       const struct recover_scan *scan, struct shard *shard, char *error,
		       size_t error_bytes);
int recover_cut_files(struct lane_files *files, const struct lane_tail *tail, char *error,
		      size_t error_bytes);

#endif
