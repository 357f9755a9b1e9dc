#include "tests/sim/damage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/beside.h"

enum {
	FLIPS_CNT = 3,
	STAYS_PER_MILLE = 300,
};

static void count(struct sim_engine *engine, enum tally_row row)
{
	engine->tally->cnt[row]++;
}

static uint64_t watermark_of(const struct sim_engine *engine, const struct sim_lane *lane)
{
	static struct rule_segment segments[SEGMENTS_MAX];
	const struct rule_lane image = engine_image(engine, lane, segments);

	return lane_rule_watermark(&image);
}

/* Checks that a start does one of the things that it may. True: it starts. */
static bool judge(struct sim_engine *engine, struct sim_lane *lane, struct recover_scan *scan)
{
	const uint64_t watermark_lsn = watermark_of(engine, lane);
	uint64_t told_lsn = 0;
	const int rc = engine_scan(engine, lane, RECOVER_FROM_NEWEST, scan);
	const uint64_t last_lsn = scan->tail.next_lsn - 1;

	if (rc != 0) {
		CHECK(rc == -EBADMSG && strstr(engine->error.text, SIM_ROOT) != NULL);
		count(engine, TALLY_CORRUPT);
		return false;
	}
	for (uint32_t i = 0; i < lane->buyers.wish_cnt; i++) {
		const struct wish *wish = &lane->buyers.wishes[i];
		const uint64_t lsn = wish->answer.order_id & LSN_MAX;

		if (wish->answer.durability == DURABILITY_DURABLE && lsn > told_lsn)
			told_lsn = lsn;
	}
	CHECK(last_lsn >= watermark_lsn);
	count(engine, last_lsn < told_lsn ? TALLY_UNKNOWABLE : TALLY_HARMLESS);
	return true;
}

void damage_judge(struct sim_engine *engine, struct sim_lane *lane)
{
	struct recover_scan scan = {0};
	const bool starts = judge(engine, lane, &scan);
	/* Only now: the scan waited for writes that a killed engine had in flight. */
	const struct rule_outcome outcome = engine_rule(engine, lane);

	/* After a checkpoint the scan reads less of the lane, but checks the checkpoint's own block
	 * more closely. */
	if (recover_checkpoint_lsn(&scan) == 0 && starts)
		CHECK(outcome.end != RULE_CORRUPT && scan.tail.next_lsn == outcome.tail.next_lsn);
	recover_scan_free(&scan);
}

static bool is_segment(const struct sim_name *name)
{
	return strncmp(name->text, "seg-", 4) == 0 && strchr(name->text, '.') == NULL;
}

static bool is_checkpoint(const struct sim_name *name)
{
	return strncmp(name->text, "ckpt-", 5) == 0 && strchr(name->text, '.') == NULL;
}

/* Some file of a kind, or NULL if there is none. */
static const struct sim_name *any_file(struct sim_engine *engine, const struct sim_lane *lane,
				       bool (*is_kind)(const struct sim_name *name))
{
	const struct sim_dir *dir = &engine->fs.dirs[lane->buyers.lane];
	const struct sim_name *found = NULL;
	uint64_t seen = 0;

	for (unsigned i = 0; i < dir->names.cnt; i++) {
		if (is_kind(&dir->names.all[i]) && random_below(engine->random, ++seen) == 0)
			found = &dir->names.all[i];
	}
	return found;
}

/* Whether a place is before the point where a scan began after a checkpoint: the scan does not need
 * it, as long as a block follows. */
static bool is_before(const struct recover_scan *scan, uint64_t segment, uint64_t at)
{
	const struct lane_position *from = &scan->from;

	if (recover_checkpoint_lsn(scan) == 0)
		return false;
	return segment < from->tail.place.segment ||
	       (segment == from->tail.place.segment && at >= BLOCK_ALIGN_BYTES &&
		at < from->tail.place.offset);
}

static void flip_segment(struct sim_engine *engine, struct sim_lane *lane)
{
	const struct sim_name *name = any_file(engine, lane, is_segment);
	const struct rule_outcome before = engine_rule(engine, lane);
	struct recover_scan scan = {0};

	if (name == NULL || name->file->size == 0)
		return;

	struct sim_file *file = name->file;
	const uint8_t flip = (uint8_t)(1U << random_below(engine->random, 8));
	uint64_t at = random_below(engine->random, file->size);

	/* Mostly in the first bytes of a block or segment, where there is content. */
	if (random_chance(engine->random, 700))
		at = at / BLOCK_ALIGN_BYTES * BLOCK_ALIGN_BYTES + at % 256;
	file->data[at] ^= flip;
	count(engine, TALLY_BIT_FLIP);

	const struct rule_outcome after = engine_rule(engine, lane);

	if (judge(engine, lane, &scan)) {
		const uint64_t segment = strtoull(name->text + 4, NULL, 10);
		const struct rule_outcome *want = is_before(&scan, segment, at) ? &before : &after;

		CHECK(want->end != RULE_CORRUPT);
		CHECK(scan.tail.next_lsn == want->tail.next_lsn &&
		      scan.tail.place.segment == want->tail.place.segment &&
		      scan.tail.place.offset == want->tail.place.offset);
		CHECK(scan.torn == (want->end == RULE_TORN));
	} else {
		/* The last block before a checkpoint is known to have been there. */
		CHECK(after.end == RULE_CORRUPT || any_file(engine, lane, is_checkpoint) != NULL);
	}
	recover_scan_free(&scan);
	file->data[at] ^= flip;
}

void damage_segments(struct sim_engine *engine, struct sim_lane *lane)
{
	const struct sim_faults faults = engine->fs.faults;

	engine->fs.faults = (struct sim_faults){0};
	for (unsigned i = 0; i < FLIPS_CNT; i++)
		flip_segment(engine, lane);
	engine->fs.faults = faults;
}

static uint64_t first_segment(const struct sim_dir *dir)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < dir->names.cnt; i++) {
		const struct sim_name *name = &dir->names.all[i];

		if (is_segment(name) && strtoull(name->text + 4, NULL, 10) < first)
			first = strtoull(name->text + 4, NULL, 10);
	}
	return first;
}

/* Whether the lane can still be recovered: it begins at segment 0, or it continues after a good
 * checkpoint. */
static bool has_way_back(const struct sim_engine *engine, const struct sim_lane *lane)
{
	const struct sim_dir *dir = &engine->fs.dirs[lane->buyers.lane];
	const uint64_t first = first_segment(dir);
	uint64_t next_lsn;
	uint64_t segment;

	for (unsigned i = 0; i < dir->names.cnt && first > 0; i++) {
		const struct sim_name *name = &dir->names.all[i];

		if (is_checkpoint(name) &&
		    beside_checkpoint_good(engine, lane, name->file, &next_lsn, &segment) &&
		    segment >= first)
			return true;
	}
	return first == 0;
}

/* A start says what is wrong and changes nothing. */
static void check_stranded(struct sim_engine *engine, struct sim_lane *lane)
{
	struct recover_scan scan = {0};
	struct shard *shard = NULL;
	int rc = engine_scan(engine, lane, RECOVER_FROM_NEWEST, &scan);

	if (rc == 0) {
		shard = engine_new_shard(lane);
		rc = recover_lane(&engine->dir, lane->buyers.lane, &scan, shard, &engine->error);
	}
	CHECK(rc == -EBADMSG && strstr(engine->error.text, SIM_ROOT) != NULL);
	count(engine, TALLY_STRANDED);
	shard_close(shard);
	recover_scan_free(&scan);
}

/* Puts a name back, or removes it, on the disk, too. */
static void set_name(struct sim_engine *engine, struct sim_dir *dir, const struct sim_name *name,
		     bool there)
{
	struct sim_change change = {.names = {*name}, .cnt = 1};

	if (!there)
		change.names[0].file = NULL;
	sim_fs_change(dir, &change);
	sim_fs_sync_dir(&engine->fs, dir, true);
}

/* A start with the damage; true if it may stay. */
static bool try_damaged(struct sim_engine *engine, struct sim_lane *lane)
{
	const bool was_damaged = lane->checkpoint_damaged;
	struct recover_scan scan = {0};
	struct shard *shard = NULL;

	if (!has_way_back(engine, lane)) {
		check_stranded(engine, lane);
		return false;
	}
	lane->checkpoint_damaged = true;
	CHECK(engine_read(engine, lane, RECOVER_FROM_NEWEST, &scan, &shard) == 0);
	shard_close(shard);
	recover_scan_free(&scan);
	if (random_chance(engine->random, STAYS_PER_MILLE))
		return true;
	lane->checkpoint_damaged = was_damaged;
	return false;
}

void damage_checkpoint(struct sim_engine *engine, struct sim_lane *lane)
{
	const struct sim_faults faults = engine->fs.faults;
	struct sim_dir *dir = &engine->fs.dirs[lane->buyers.lane];
	const struct sim_name *found = any_file(engine, lane, is_checkpoint);

	if (found == NULL || found->file->size == 0)
		return;

	const struct sim_name name = *found;
	struct sim_file *file = name.file;
	const uint64_t size = file->size;
	const uint64_t at = random_below(engine->random, size);
	const uint8_t flip = (uint8_t)(1U << random_below(engine->random, 8));
	const uint64_t kind = random_below(engine->random, 10);

	engine->fs.faults = (struct sim_faults){0};
	if (kind == 0)
		set_name(engine, dir, &name, false);
	else if (kind == 1)
		file->size = at;
	else
		file->data[at] ^= flip;
	count(engine, kind == 0   ? TALLY_CHECKPOINT_GONE
		      : kind == 1 ? TALLY_CHECKPOINT_SHORT
				  : TALLY_CHECKPOINT_FLIP);
	if (try_damaged(engine, lane)) {
		file->stable_size = file->size;
		file->stable[at] = file->data[at];
	} else if (kind == 0) {
		set_name(engine, dir, &name, true);
	} else if (kind == 1) {
		file->size = size;
	} else {
		file->data[at] ^= flip;
	}
	engine->fs.faults = faults;
}

/* Flips a bit of each; a second time puts them back. */
static unsigned flip_all(const struct sim_dir *dir)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < dir->names.cnt; i++) {
		struct sim_file *file = dir->names.all[i].file;

		if (!is_checkpoint(&dir->names.all[i]) || file->size == 0)
			continue;
		file->data[file->size - 1] ^= 1;
		cnt++;
	}
	return cnt;
}

void damage_all_checkpoints(struct sim_engine *engine, struct sim_lane *lane)
{
	const struct sim_faults faults = engine->fs.faults;
	const struct sim_dir *dir = &engine->fs.dirs[lane->buyers.lane];
	const bool was_damaged = lane->checkpoint_damaged;
	const unsigned cnt = flip_all(dir);
	struct recover_scan scan = {0};
	struct shard *shard = NULL;

	engine->fs.faults = (struct sim_faults){0};
	lane->checkpoint_damaged = true;
	if (cnt > 0 && first_segment(dir) > 0) {
		check_stranded(engine, lane);
	} else if (cnt > 0) {
		CHECK(engine_read(engine, lane, RECOVER_FROM_NEWEST, &scan, &shard) == 0);
		CHECK(recover_checkpoint_lsn(&scan) == 0);
		recover_scan_free(&scan);
		shard_close(shard);
	}
	lane->checkpoint_damaged = was_damaged;
	engine->fs.faults = faults;
	(void)flip_all(dir);
}
