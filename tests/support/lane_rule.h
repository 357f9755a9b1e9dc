/*
 * lane_rule: what reading a lane must find, by engine/journal/JOURNAL.md alone: fields by the
 * offsets of its tables, checksums by its formulas, the end by its rule. Shares no code with the
 * engine except mix64, so that tests can compare the engine's reader with it.
 */
#ifndef DB_TESTS_SUPPORT_LANE_RULE_H
#define DB_TESTS_SUPPORT_LANE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/journal/journal.h"

/* A segment file as it is on the disk. */
struct rule_segment {
	const uint8_t *data; /* NULL: missing */
	uint64_t bytes;
};

struct rule_lane {
	const struct rule_segment *segments; /* 0 .. segment_cnt - 1 */
	uint64_t segment_cnt;
	uint64_t journal_id;
	uint16_t lane;
};

enum rule_end {
	RULE_CLEAN,
	RULE_TORN,
	RULE_CORRUPT,
};

struct rule_outcome {
	enum rule_end end;
	struct lane_tail tail; /* behind the last good block */
	uint64_t block_cnt;
};

/* Called for each record of a good block, in order; data: its 64 bytes. */
typedef void rule_record_fn(void *context, uint64_t lsn, const uint8_t *data);

/* record may be NULL. */
struct rule_outcome lane_rule(const struct rule_lane *lane, rule_record_fn *record, void *context);

/* The highest watermark of all blocks that are valid in their place; 0 if there is none. */
uint64_t lane_rule_watermark(const struct rule_lane *lane);

/* The highest LSN of a record in a block of a segment that is valid in its place; 0 if there is
 * none. */
uint64_t lane_rule_last_lsn(const struct rule_lane *lane, uint64_t segment);

#endif
