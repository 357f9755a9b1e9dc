/*
 * real_lane: lane 0 of a journal on a real disk, opened as the server opens it: lock, scan, apply,
 * cut, segments, io_uring, journal.
 */
#ifndef DB_TESTS_SUPPORT_REAL_LANE_H
#define DB_TESTS_SUPPORT_REAL_LANE_H

#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/disk.h"
#include "engine/journal/journal.h"
#include "engine/journal/segments.h"
#include "engine/recover/scan_result.h"
#include "engine/sale/shard.h"

struct real_lane {
	struct data_dir dir;
	struct recover_scan scan;
	struct shard *shard;
	struct disk *disk;
	struct segment_preparer *preparer;
	struct segment_source *source;
	struct journal *journal;
	void *buffers;
	uint64_t requests; /* asked so far, over all lives: each has another id */
	uint16_t shards;   /* set before it is opened; 0: 1 */
	struct error error;
};

/* 0, or what went wrong with lane->error. Shard 0. */
int real_lane_open(struct real_lane *lane, const char *path, uint64_t segment_bytes);

/* Puts SKU 1 on sale if it isn't, then sells cnt units to as many buyers; all durable after it. */
void real_lane_sell(struct real_lane *lane, uint32_t cnt);

/* Sells with holds as random_holds does (holds.h), or as random_spanning where there are more
 * shards, on a lane that sells nothing else; all durable after it. */
void real_lane_trade(struct real_lane *lane, uint64_t seed, uint32_t cnt);

/* Seals and waits. */
void real_lane_seal(struct real_lane *lane);

/* Closes everything, as a drain does. */
void real_lane_close(struct real_lane *lane);

#endif
