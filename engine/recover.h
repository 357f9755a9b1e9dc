/*
 * recover: from a lane back to the state it came from. The server's start and the offline tools run
 * the same code:
 *
 *	recover_scan	what is in the lane, so that its tables can be sized
 *	shard_open
 *	recover_lane	apply every record up to the scan's tail
 *	recover_cut	server only: make the lane end at its tail, ready for a writer
 *	journal_open
 *
 * Only recover_cut writes. A lane that a running engine writes meanwhile can be scanned and
 *applied: both stop at the tail the scan found.
 */
#ifndef DB_ENGINE_RECOVER_H
#define DB_ENGINE_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/data_dir.h"
#include "engine/journal.h"
#include "engine/journal_format.h"
#include "engine/lane_files.h"
#include "engine/shard.h"

/* What a lane holds. */
struct recover_scan {
	struct record *offers; /* its OFFER records in lane order; owned, recover_scan_free */
	uint64_t offer_cnt;
	uint64_t order_cnt;
	uint64_t units_ordered;
	uint64_t block_cnt; /* closing blocks included */
	bool torn;          /* something behind the tail was never acknowledged */
	struct lane_tail tail;
};

/*
 * Reads the lane once; a lane without segments is empty. If `dir` holds the lock, it
 * first waits for writes of a killed predecessor that are still on their way. 0; -EBADMSG for a
 * damaged lane, other -errno where it can't be read; the line in error names segment and offset.
 */
int recover_scan(const struct data_dir *dir, uint16_t lane, struct recover_scan *out, char *error,
		 size_t error_bytes);

/* Frees what a successful recover_scan took; a scan of all zeros is allowed. */
void recover_scan_free(struct recover_scan *scan);

/* Sizes that hold just what was scanned; a server adds what its catalog brings. */
void recover_sizes(const struct recover_scan *scan, struct shard_size *size);

/*
 * Applies the lane to a fresh shard with shard_apply, up to the scan's tail. Errors as above;
 * -EBADMSG also for a record that cannot follow from the state, -ENOSPC for tables too small.
 */
int recover_lane(const struct data_dir *dir, uint16_t lane, const struct recover_scan *scan,
		 struct shard *shard, char *error, size_t error_bytes);

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
