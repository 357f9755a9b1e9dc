#include "tests/sim/beside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/checkpoint/prune.h"
#include "engine/recover/follower.h"
#include "tests/sim/checkpoint_rule.h"

enum {
	RESUMES_MAX = 24,
	RESTART_PAUSES = 30,
	KEEP_CNT_MAX = 3,
	EVERY_ORDERS_MAX = 40,
};

static struct rule_checkpoint rule_file(const struct sim_engine *engine,
					const struct sim_lane *lane, const struct sim_file *file)
{
	return (struct rule_checkpoint){
		.data = file->data,
		.bytes = file->size,
		.journal_id = engine->dir.journal_id,
		.lane = lane->buyers.lane,
		.shards = lane->buyers.shards,
	};
}

bool beside_checkpoint_good(const struct sim_engine *engine, const struct sim_lane *lane,
			    const struct sim_file *file, uint64_t *next_lsn, uint64_t *segment)
{
	const struct rule_checkpoint rule = rule_file(engine, lane, file);

	return checkpoint_rule(&rule, next_lsn, segment);
}

/* Only errors of the disk may stop it, never what it reads. */
static bool went_well(struct beside *beside, int rc, const char *error)
{
	const struct sim_engine *engine = beside->engine;

	if (rc == 0 || beside->process.dead || engine->disk.rotten)
		return rc == 0;
	if (rc != -ENOSPC && rc != -EIO)
		fprintf(stderr, "%s: %s\n", strerror(-rc), error);
	CHECK(rc == -ENOSPC || rc == -EIO);
	return false;
}

/* A checkpoint that was written is safe from then on, and is right. */
static void check_saved(const struct beside *beside, const struct follower *follower)
{
	struct sim_engine *engine = beside->engine;
	struct sim_lane *lane = &engine->lanes[follower->lane];
	const struct sim_dir *dir = &engine->fs.dirs[follower->lane];
	char name[SIM_NAME_BYTES];
	uint64_t next_lsn;
	uint64_t segment;

	snprintf(name, sizeof(name), "ckpt-%015" PRIu64, follower->saved_lsn);

	const struct sim_file *file = sim_fs_find(dir, name);

	CHECK(file != NULL && sim_file_is_safe(dir, name));
	CHECK(beside_checkpoint_good(engine, lane, file, &next_lsn, &segment));
	CHECK(next_lsn == follower->saved_lsn && segment == follower->position.tail.place.segment);
	if (!engine->disk.rotten) {
		const struct rule_checkpoint rule = rule_file(engine, lane, file);

		checkpoint_rule_check(&rule, &lane->truth);
	}
}

static unsigned temporaries(const struct sim_dir *dir)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < dir->names.cnt; i++)
		cnt += strncmp(dir->names.all[i].text, "ckpt-", 5) == 0 &&
		       strstr(dir->names.all[i].text, ".new") != NULL;
	return cnt;
}

static bool save(struct beside *beside, struct follower *follower)
{
	struct tally *tally = beside->engine->tally;
	const unsigned keep_cnt =
		2 + (unsigned)random_below(beside->engine->random, KEEP_CNT_MAX - 1);
	const unsigned left = temporaries(&beside->engine->fs.dirs[follower->lane]);
	struct error error;
	unsigned removed = 0;
	uint64_t bytes = 0;
	const int rc = follower_save(follower, keep_cnt, &bytes, &removed, &error);

	if (beside->process.dead)
		return false;
	tally->cnt[TALLY_RETIRED] += removed;
	if (!went_well(beside, rc, error.text))
		return rc == -ENOSPC;
	tally->cnt[TALLY_CHECKPOINT]++;
	tally->cnt[TALLY_TEMPORARY_GONE] += left;
	check_saved(beside, follower);
	return true;
}

/* Follows each lane until one can't be followed. */
static void follow_lanes(struct beside *beside, struct follower *followers)
{
	struct sim_engine *engine = beside->engine;
	struct error error;
	bool good = true;

	for (unsigned i = 0; i < engine->lane_cnt && good; i++)
		good = went_well(beside,
				 follower_open(&followers[i], &beside->dir, (uint16_t)i, &error),
				 error.text);
	while (good && !beside->process.dead) {
		struct follower *follower =
			&followers[random_below(engine->random, engine->lane_cnt)];

		sim_task_pause();
		good = went_well(beside, follower_catch_up(follower, &error), error.text);
		if (good && follower_unsaved(follower) >= beside->every_orders)
			good = save(beside, follower);
	}
}

static void *follow(void *argument)
{
	struct beside *beside = argument;

	while (!beside->process.dead) {
		struct follower followers[SIM_LANES_MAX] = {0};

		follow_lanes(beside, followers);
		for (unsigned i = 0; i < SIM_LANES_MAX; i++)
			follower_close(&followers[i]);
		/* As an operator who starts it again. */
		for (unsigned i = 0; i < RESTART_PAUSES && !beside->process.dead; i++)
			sim_task_pause();
	}
	return NULL;
}

static void *prune(void *argument)
{
	struct beside *beside = argument;
	struct tally *tally = beside->engine->tally;
	struct prune_result result;
	struct error error;
	const int rc = prune_lane(&beside->dir, (uint16_t)beside->lane, beside->downstream_lsn,
				  &result, &error);

	tally->cnt[TALLY_PRUNED] += result.end - result.first;
	tally->cnt[TALLY_PRUNE_HELD] += result.held;
	if (rc == -ENODATA)
		tally->cnt[TALLY_PRUNE_REFUSED]++;
	else
		(void)went_well(beside, rc, error.text);
	return NULL;
}

/* A segment may be removed only if downstream has a record of a later one, and there are two good
 * checkpoints after it. */
void beside_pruned(struct sim_engine *engine, unsigned lane_idx, uint64_t segment,
		   const struct sim_file *file)
{
	struct sim_lane *lane = &engine->lanes[lane_idx];
	const struct sim_dir *dir = &engine->fs.dirs[lane_idx];
	struct rule_segment *kept = &lane->archive[segment];
	unsigned behind = 0;

	for (unsigned i = 0; i < dir->names.cnt; i++) {
		const struct sim_name *name = &dir->names.all[i];
		uint64_t next_lsn;
		uint64_t goes_on;

		if (strncmp(name->text, "ckpt-", 5) == 0 && strchr(name->text, '.') == NULL &&
		    beside_checkpoint_good(engine, lane, name->file, &next_lsn, &goes_on))
			behind += goes_on > segment;
	}
	if (engine->disk.rotten)
		return;
	CHECK(segment < SEGMENTS_MAX && behind >= 2);
	free((void *)kept->data);

	uint8_t *copy = malloc(file->size);

	CHECK(copy != NULL);
	memcpy(copy, file->data, file->size);
	*kept = (struct rule_segment){copy, file->size};

	static struct rule_segment segments[SEGMENTS_MAX];
	const struct rule_lane image = engine_image(engine, lane, segments);

	CHECK(lane_rule_last_lsn(&image, segment) < lane->downstream_lsn);
}

void beside_start(struct beside *beside, struct sim_engine *engine, enum sim_role role,
		  unsigned crash_in_steps)
{
	struct sim_random *random = engine->random;

	*beside = (struct beside){
		.engine = engine,
		.process = {.role = role, .crash_in_steps = crash_in_steps},
		.dir = engine->dir,
		.every_orders = 1 + random_below(random, EVERY_ORDERS_MAX),
		.lane = (unsigned)random_below(random, engine->lane_cnt),
	};
	beside->dir.lock_fd = -1;
	if (role == ROLE_PRUNE) {
		struct sim_lane *lane = &engine->lanes[beside->lane];
		const uint64_t more = lane->truth.down_lsn - lane->downstream_lsn;

		/* Downstream has made progress since. */
		if (lane->truth.down_lsn > lane->downstream_lsn && random_chance(random, 600))
			lane->downstream_lsn += random_below(random, more + 1);
		beside->downstream_lsn = lane->downstream_lsn;
	}
	beside->task = sim_task_open(&beside->process, role == ROLE_PRUNE ? prune : follow, beside);
}

bool beside_resume(struct beside *beside)
{
	bool runs = beside->task != NULL;

	if (!runs)
		return true;
	for (uint64_t i = random_below(beside->engine->random, RESUMES_MAX);
	     i > 0 && runs && !beside->process.dead; i--)
		runs = sim_task_resume(beside->task);
	if (runs && !beside->process.dead)
		return true;
	sim_task_close(beside->task);
	beside->task = NULL;
	sim_fs_kill(&beside->engine->fs, &beside->process);
	return false;
}

void beside_kill(struct beside *beside)
{
	beside->process.dead = true;
	(void)beside_resume(beside);
}
