/*
 * What the engine reads of a lane on the simulated disk, compared with the rule of JOURNAL.md and
 * the truth: engine_image, engine_scan, engine_read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/engine.h"

struct rule_lane engine_image(const struct sim_engine *engine, const struct sim_lane *lane,
			      struct rule_segment *segments)
{
	const struct sim_dir *dir = &engine->fs.dirs[lane->buyers.lane];
	uint64_t end = 0;

	for (uint64_t i = 0; i < SEGMENTS_MAX; i++) {
		segments[i] = lane->archive[i];
		end = segments[i].data != NULL ? i + 1 : end;
	}
	for (unsigned i = 0; i < dir->names.cnt; i++) {
		const struct sim_name *name = &dir->names.all[i];
		const struct sim_file *file = name->file;
		char *rest;

		if (strncmp(name->text, "seg-", 4) != 0)
			continue;

		const uint64_t segment = strtoull(name->text + 4, &rest, 10);

		if (*rest != '\0')
			continue;
		CHECK(segment < SEGMENTS_MAX);
		segments[segment] = (struct rule_segment){file->data, file->size};
		end = segment + 1 > end ? segment + 1 : end;
	}
	return (struct rule_lane){
		.segments = segments,
		.segment_cnt = end,
		.journal_id = engine->dir.journal_id,
		.lane = lane->buyers.lane,
	};
}

/* The rule and the reader must say the same of what is on the disk. */
static int check_reading(int rc, const struct rule_outcome *outcome,
			 const struct recover_scan *scan)
{
	CHECK((rc == -EBADMSG) == (outcome->end == RULE_CORRUPT));
	if (rc != 0)
		return rc;
	CHECK(scan->torn == (outcome->end == RULE_TORN));
	CHECK(scan->block_cnt == outcome->block_cnt);
	CHECK(scan->tail.next_lsn == outcome->tail.next_lsn);
	CHECK(scan->tail.place.segment == outcome->tail.place.segment);
	CHECK(scan->tail.place.offset == outcome->tail.place.offset);
	CHECK(scan->tail.prev_checksum == outcome->tail.prev_checksum);
	CHECK(scan->tail.last_at_ns == outcome->tail.last_at_ns);
	return 0;
}

struct rule_outcome engine_rule(const struct sim_engine *engine, const struct sim_lane *lane)
{
	static struct rule_segment segments[SEGMENTS_MAX];
	const struct rule_lane image = engine_image(engine, lane, segments);

	return truth_read(&lane->truth, &image);
}

int engine_scan(struct sim_engine *engine, struct sim_lane *lane, enum recover_from from,
		struct recover_scan *scan)
{
	const int rc =
		recover_scan_from(&engine->dir, lane->buyers.lane, from, scan, &engine->error);

	/* With EIO only the reading failed. */
	if (rc != 0 && rc != -EBADMSG && rc != -EIO)
		fprintf(stderr, "%s: %s\n", strerror(-rc), engine->error.text);
	CHECK(rc == 0 || rc == -EBADMSG || rc == -EIO);
	return rc;
}

/* A checkpoint may be passed over only if it is bad, could not be read, or was removed by a
 * follower meanwhile. */
static void check_from(struct sim_engine *engine, const struct sim_lane *lane,
		       const struct recover_scan *scan)
{
	const bool passed = error_is_set(&scan->note);
	const bool has_one = recover_checkpoint_lsn(scan) > 0;

	CHECK(!passed || lane->checkpoint_damaged || engine->fs.faults.read_eio > 0 ||
	      strstr(scan->note.text, strerror(ENOENT)) != NULL);
	engine->tally->cnt[has_one ? (passed ? TALLY_FROM_OLDER : TALLY_FROM_NEWEST)
				   : (passed ? TALLY_FROM_WHOLE : TALLY_FROM_NONE)]++;
}

static void check_state(struct sim_lane *lane, const struct recover_scan *scan,
			const struct shard *shard)
{
	const struct shard_hash hash = shard_hash(shard);
	const struct shard_hash want = truth_hash(&lane->truth, scan->tail.next_lsn - 1,
						  lane->buyers.lane, lane->buyers.shards);
	struct shard_totals totals;

	CHECK(shard_next_lsn(shard) == scan->tail.next_lsn);
	CHECK(hash.low == want.low && hash.high == want.high);
	shard_totals(shard, &totals);
	CHECK(totals.offers_broken == 0);
	CHECK(totals.orders == scan->order_cnt && totals.units_sold == scan->units_ordered);
	CHECK(totals.holds <= scan->hold_cnt && totals.changes == scan->change_cnt);
	CHECK(totals.units_written_off == scan->units_written_off);
}

struct shard *engine_new_shard(const struct sim_lane *lane)
{
	struct shard *shard = NULL;

	CHECK(shard_open(&shard, lane->buyers.lane, lane->buyers.shards, &lane->size) == 0);
	return shard;
}

int engine_read(struct sim_engine *engine, struct sim_lane *lane, enum recover_from from,
		struct recover_scan *scan, struct shard **shard)
{
	const uint16_t idx = lane->buyers.lane;
	int rc = engine_scan(engine, lane, from, scan);

	*shard = NULL;
	if (rc == -EIO)
		return rc;

	/* Only now: writes that a killed engine had in flight arrived before that reading. */
	const struct rule_outcome outcome = engine_rule(engine, lane);

	rc = check_reading(rc, &outcome, scan);
	if (rc != 0)
		return rc;
	*shard = engine_new_shard(lane);
	rc = recover_lane(&engine->dir, idx, scan, *shard, &engine->error);
	if (rc != 0 && rc != -EIO)
		fprintf(stderr, "%s: %s\n", strerror(-rc), engine->error.text);
	if (rc == 0) {
		check_state(lane, scan, *shard);
		check_from(engine, lane, scan);
		return 0;
	}
	CHECK(rc == -EIO || (rc == -EBADMSG && lane->checkpoint_damaged));
	shard_close(*shard);
	*shard = NULL;
	recover_scan_free(scan);
	return rc;
}
