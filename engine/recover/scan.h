/*
 * scan: the first step of recovery, which makes the state again from a lane. The server's start and
 * the offline tools run the same code:
 *
 *	recover_scan	what is in the lane, so that its tables can be sized: the newest checkpoint
 *			says what the lane has up to it, the lane the rest
 *	shard_open
 *	recover_lane	load the checkpoint, apply every record after it up to the scan's tail
 *	recover_cut	server only: make the lane end at its tail, ready for a writer
 *	journal_open
 *
 * If a checkpoint is bad, an older one is used, and at last the whole lane. So a bad checkpoint
 * alone is never fatal; but where the lane's first segments were pruned, a good one is needed.
 *
 * Only recover_cut writes. A lane can be scanned and applied while an engine writes it: both stop
 * at the tail the scan found.
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
 * `dir` holds the lock, it first waits for writes of a killed predecessor that are still in flight.
 * 0; -EBADMSG for a damaged lane, other -errno if it can't be read. The line in error names segment
 * and offset.
 */
int recover_scan(const struct data_dir *dir, uint16_t lane, struct recover_scan *out,
		 struct error *error);

/* The same from another place: verify reads as much of the lane as there is. */
int recover_scan_from(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		      struct recover_scan *out, struct error *error);

/* Frees what a successful recover_scan allocated; a scan of all zeros is allowed. */
void recover_scan_free(struct recover_scan *scan);

/* Sizes for exactly what was scanned; a server adds what its catalog brings. */
void recover_sizes(const struct recover_scan *scan, struct shard_size *size);

/*
 * recover_scan for files of any kind. Takes over the files, also when it fails. locked: nobody else
 * writes them, and it waits for writes of a predecessor that are still in flight.
 */
int recover_scan_files(struct lane_files *files, uint64_t journal_id, uint16_t lane, bool locked,
		       struct recover_scan *out, struct error *error);

#endif
