/*
 * scan: the first step of recovery, which makes of a lane the state that it came from. The server's
 * start and the offline tools run the same code:
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
#ifndef DB_ENGINE_RECOVER_SCAN_H
#define DB_ENGINE_RECOVER_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/lane_files.h"
#include "engine/recover/scan_result.h"
#include "engine/sale/shard.h"

/*
 * Reads the lane once from its newest good checkpoint on; a lane without segments is empty. If
 * `dir` holds the lock, it first waits for writes of a killed predecessor that are still on their
 * way. 0; -EBADMSG for a damaged lane, other -errno where it can't be read; the line in error names
 * segment and offset.
 */
int recover_scan(const struct data_dir *dir, uint16_t lane, struct recover_scan *out,
		 struct error *error);

/* The same from elsewhere: verify reads as much of the lane as there is. */
int recover_scan_from(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		      struct recover_scan *out, struct error *error);

/* Frees what a successful recover_scan took; a scan of all zeros is allowed. */
void recover_scan_free(struct recover_scan *scan);

/* Sizes that hold just what was scanned; a server adds what its catalog brings. */
void recover_sizes(const struct recover_scan *scan, struct shard_size *size);

/*
 * recover_scan over files of any kind, which are recovery's from then on, also after a failure.
 * locked: nobody else writes them, and what a predecessor still had on its way is waited for.
 */
int recover_scan_files(struct lane_files *files, uint64_t journal_id, uint16_t lane, bool locked,
		       struct recover_scan *out, struct error *error);

#endif
