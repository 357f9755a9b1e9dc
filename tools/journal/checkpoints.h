/*
 * checkpoints: what verify reports of the checkpoints of a lane: whether each is good by itself,
 * and whether the lane, applied up to it, gives the same state.
 */
#ifndef DB_TOOLS_JOURNAL_CHECKPOINTS_H
#define DB_TOOLS_JOURNAL_CHECKPOINTS_H

#include <jansson.h>

#include "engine/base/error.h"
#include "engine/checkpoint/survey.h"
#include "engine/recover/scan_result.h"
#include "tools/journal/conserve.h"

enum checkpoint_state {
	CHECKPOINT_GOOD,
	CHECKPOINT_UNUSED, /* good, but the segments after it were pruned */
	CHECKPOINT_DAMAGED,
	CHECKPOINT_FOREIGN, /* of another journal or lane */
	CHECKPOINT_UNREADABLE,
	CHECKPOINT_AHEAD, /* it has more than the lane, which lost that */
	CHECKPOINT_UNFIT, /* the lane has another block there, or another state */
};

struct lane_checkpoints {
	struct checkpoint_seen *seen; /* the newest first */
	enum checkpoint_state *states;
	int64_t cnt;
};

/* Checks each by itself. Called before the lane is scanned, because a follower may write more. 0 or
 * -errno. */
int lane_checkpoints_look(struct lane_checkpoints *list, const struct data_dir *dir, uint16_t lane);

/* As recover_lane; compares the state with each checkpoint when it reaches it, and proves with
 * *conserve, which is opened for it, that no block makes or loses a unit. */
int lane_checkpoints_apply(struct lane_checkpoints *list, const struct data_dir *dir, uint16_t lane,
			   struct recover_scan *scan, struct shard *shard,
			   struct conserve **conserve, struct error *error);

/* How many are wrong. */
uint64_t lane_checkpoints_bad(const struct lane_checkpoints *list);

/* A line for each, the oldest first. */
void lane_checkpoints_print(const struct lane_checkpoints *list, uint16_t lane, uint64_t last_lsn);
json_t *lane_checkpoints_json(const struct lane_checkpoints *list);

void lane_checkpoints_free(struct lane_checkpoints *list);

#endif
