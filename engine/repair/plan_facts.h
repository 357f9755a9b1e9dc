/*
 * plan_facts: turns what was found of a lane into the values by which the tables of plan_table
 * decide.
 *
 * Pure.
 */
#ifndef DB_ENGINE_REPAIR_PLAN_FACTS_H
#define DB_ENGINE_REPAIR_PLAN_FACTS_H

#include <stdint.h>

#include "engine/checkpoint/survey.h"
#include "engine/recover/start.h"
#include "engine/repair/damage.h"
#include "engine/repair/fault_list.h"
#include "engine/repair/plan_table.h"

/* The newest good one of cnt checkpoints, the newest first; cnt: none is good. */
int64_t plan_newest_good(const struct checkpoint_seen *seen, int64_t cnt);

enum plan_checkpoints plan_checkpoints_of(int64_t cnt, int64_t newest_good);

/* Whether the lane has its own beginning, so that its blocks can be read from there. */
bool plan_has_beginning(const struct lane_beginning *beginning, int64_t checkpoint_cnt);

/* alone: the lane from its own beginning; NULL: that is gone. newest_lsn: the next LSN of the
 * newest good checkpoint; 0: there is none. */
enum plan_own plan_own_of(const struct damage *alone, uint64_t newest_lsn);

/* cut_lsn: 0 if the operator does not ask for a cut. */
enum plan_cut plan_cut_of(uint64_t cut_lsn, uint64_t newest_lsn);

/* Only for a lane that begins after a checkpoint. */
enum plan_base plan_base_of(const struct damage *damage);

/* first: the segment that the lane begins in. */
enum plan_before plan_before_of(const struct fault_list *faults, uint64_t first);

enum checkpoint_state checkpoint_state_of(const struct checkpoint_seen *seen);

/* Indexes count from the newest checkpoint, which is 0. base: the checkpoint that the lane begins
 * after, or a higher index than any if it begins with itself. */
enum checkpoint_age checkpoint_age_of(int64_t idx, int64_t base);

enum checkpoint_segment checkpoint_segment_of(const struct checkpoint_seen *seen,
					      const struct lane_beginning *beginning);

#endif
