/*
 * checkpoint_rule: what a checkpoint is by engine/journal/JOURNAL.md alone, as lane_rule is for a
 * lane: whether a file is good, and whether it tells what the truth tells.
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

/* Every checksum and size is right; segment and next LSN as it tells. */
bool checkpoint_rule(const struct rule_checkpoint *file, uint64_t *next_lsn, uint64_t *segment);

/* Checks what is in a good one: all records of the truth before its next LSN, in order, all of them
 * down, and the hash of their state. */
void checkpoint_rule_check(const struct rule_checkpoint *file, struct truth *truth);

#endif
