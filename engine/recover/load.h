/*
 * load: the second step of recovery (scan.h): from checkpoint and lane to the state.
 */
#ifndef DB_ENGINE_RECOVER_LOAD_H
#define DB_ENGINE_RECOVER_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/format.h"
#include "engine/journal/lane_files.h"
#include "engine/recover/scan_result.h"
#include "engine/sale/shard.h"

/*
 * Loads the checkpoint and applies the lane after it to an empty shard, up to the scan's tail. If
 * the checkpoint's content is bad, the scan is changed to begin before it. Errors as recover_scan;
 * -EBADMSG also for a record that cannot follow from the state, -ENOSPC if the tables are too
 * small.
 */
int recover_lane(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, struct error *error);

/* The first part of recover_lane. */
int recover_load(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, struct error *error);

/* Applies a block's records; the first must be the next of the shard. As shard_apply, with a line.
 */
int recover_apply(struct shard *shard, const struct block_header *block,
		  const struct record *records, const char *lane_path, struct error *error);

/* The second part of recover_lane, for files of any kind: as recover_scan_files. */
int recover_lane_files(struct lane_files *files, uint64_t journal_id, uint16_t lane,
		       const struct recover_scan *scan, struct shard *shard, struct error *error);

/* Called after the records of each block were applied. 0 to go on; else -errno with a line. */
typedef int recover_block_fn(void *context, const struct block_header *block,
			     const struct record *records, struct error *error);

/* The same, with a look at each block. */
int recover_lane_files_seen(struct lane_files *files, uint64_t journal_id, uint16_t lane,
			    const struct recover_scan *scan, struct shard *shard,
			    recover_block_fn *seen, void *context, struct error *error);

#endif
