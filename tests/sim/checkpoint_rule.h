/*
 * checkpoint_rule: what a checkpoint is by engine/journal/JOURNAL.md alone, as lane_rule is for a
 * lane: whether a file is good, and whether it agrees with the truth.
 */
#ifndef DB_TESTS_SIM_CHECKPOINT_RULE_H
#define DB_TESTS_SIM_CHECKPOINT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/truth.h"

struct rule_checkpoint {
	const uint8_t *data;
	uint64_t bytes;
	uint64_t journal_id;
	uint16_t lane;
	uint16_t shards;
};

/* Whether every checksum and size is right; gives its segment and next LSN. */
bool checkpoint_rule(const struct rule_checkpoint *file, uint64_t *next_lsn, uint64_t *segment);

/* Checks the content of a good one: all records of the truth before its next LSN, in order, all of
 * them on disk, and the hash of their state. */
void checkpoint_rule_check(const struct rule_checkpoint *file, struct truth *truth);

#endif
