/*
 * repair_show: what is wrong with a lane and what a cut loses, as text and as lines of JSON. What
 * can't be told for certain isn't.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "engine/base/error.h"
#include "tools/common/cli.h"
#include "tools/common/record_print.h"
#include "tools/journal/repair.h"

enum {
	TEXT_RECORDS_MAX = 20,
};

static struct print out;

struct shown {
	uint16_t lane;
	uint64_t left; /* records to print */
	bool json;
};

static bool show_record(void *context, uint64_t lsn, const struct record *record)
{
	struct shown *shown = context;

	(shown->json ? print_record_json : print_record_text)(&out, shown->lane, lsn, record);
	return !out.failed && --shown->left > 0;
}

static uint64_t mended_cnt(const struct damage *damage)
{
	uint64_t cnt = 0;

	for (uint64_t i = 0; i < damage->lane->segment_cnt; i++)
		cnt += damage->lane->segments[i].wrong &&
		       damage->lane->segments[i].number >= damage->lane->first &&
		       damage->lane->segments[i].number <= damage->tail.segment;
	return cnt;
}

/* The last LSN of the checkpoint that the lane begins behind; 0: it begins with itself. */
static uint64_t base_lsn(const struct damage *damage)
{
	return damage->base.tail.offset > 0 ? damage->base.tail.next_lsn - 1 : 0;
}

static void show_kept(const struct damage *damage)
{
	char instant[40];

	if (damage->tail.next_lsn == 1) {
		printf("  kept    nothing: the lane begins anew\n");
		return;
	}
	print_instant(damage->tail.last_at_ns, instant);
	printf("  kept    LSN 1 to %" PRIu64 ", the last instant is %s\n",
	       damage->tail.next_lsn - 1, instant);
	if (base_lsn(damage) == 0)
		return;
	printf("          of these LSN 1 to %" PRIu64
	       " by a checkpoint, the rest by blocks; the blocks alone would keep %" PRIu64 "\n",
	       base_lsn(damage), damage->alone_lsn - 1);
	if (damage->trims)
		printf("  begin   behind that checkpoint, in segment %" PRIu64
		       "; what lies before is put aside\n",
		       damage->base.tail.segment);
}

static void show_faults(const struct mended_files *lane)
{
	for (uint64_t i = 0; i < lane->fault_cnt; i++) {
		const struct lane_fault *fault = &lane->faults[i];

		if (fault->segment == UINT64_MAX)
			printf("  aside   %s\n", fault->text);
		else
			printf("  damage  segment %" PRIu64 ", offset %" PRIu64 ": %s\n",
			       fault->segment, fault->offset, fault->text);
	}
}

static void show_records(struct lane_case *one)
{
	struct shown shown = {.lane = one->lane, .left = TEXT_RECORDS_MAX};
	const uint64_t cnt = one->damage->readable_cnt;

	fflush(stdout);
	out.file = stdout;
	print_columns(&out);
	if (damage_each(one->damage, show_record, &shown, &one->error) != 0)
		cli_wrong("%s", one->error.text);
	print_flush(&out);
	if (cnt > TEXT_RECORDS_MAX)
		printf("  ... and %" PRIu64 " more; --json lists all\n", cnt - TEXT_RECORDS_MAX);
}

static void show_lost(struct lane_case *one)
{
	const struct damage *damage = one->damage;
	const struct lost_records *lost = &one->lost;

	if (damage_lost(damage) == 0) {
		printf("  lost    nothing that any readable block or checkpoint tells of\n");
	} else {
		printf("  lost    LSN %" PRIu64 " to %" PRIu64 ": %" PRIu64 " records; %" PRIu64
		       " of them were on disk for certain, so acknowledged\n",
		       damage->tail.next_lsn, damage->last_lsn, damage_lost(damage),
		       damage_durable(damage));
		printf("          %" PRIu64 " can still be read, in %" PRIu64 " blocks: %" PRIu64
		       " orders over %" PRIu64 " units (%" PRIu64
		       " acknowledged for certain), %" PRIu64 " offers\n",
		       damage->readable_cnt, damage->block_cnt, lost->orders, lost->units,
		       lost->orders_durable, lost->offers);
		printf("          %" PRIu64 " cannot be read at all\n", damage_unreadable(damage));
		printf("          LSN %" PRIu64
		       " and later ones are given again: whoever reads downstream may have seen "
		       "them as other orders\n",
		       damage->tail.next_lsn);
	}
	if (damage->garbage_bytes > 0)
		printf("          %" PRIu64
		       " KiB behind the cut are neither empty nor a valid block\n",
		       damage->garbage_bytes >> 10);
	if (damage->readable_cnt > 0)
		show_records(one);
}

void repair_show_text(struct lane_case *one)
{
	const struct damage *damage = one->damage;
	const struct mended_files *lane = damage->lane;

	if (!lane_case_damaged(one)) {
		printf("lane %u: good up to LSN %" PRIu64 "%s\n", one->lane,
		       damage->tail.next_lsn - 1,
		       damage->torn ? "; the torn tail behind it was never acknowledged, the next "
				      "start cuts it"
				    : "");
		return;
	}
	printf("lane %u: DAMAGED, %s\n", one->lane, lane->files.path);
	show_faults(lane);
	show_kept(damage);
	printf("  cut     at segment %" PRIu64 ", offset %" PRIu64 "%s\n", damage->tail.segment,
	       damage->tail.offset,
	       one->bad_lsn > 0 ? "; only with --cut-at, as the blocks are whole" : "");
	if (mended_cnt(damage) > 0)
		printf("  mended  header and size of %" PRIu64
		       " segments before the cut, without a loss\n",
		       mended_cnt(damage));
	show_lost(one);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *faults_json(const struct mended_files *lane)
{
	json_t *faults = json_array();

	for (uint64_t i = 0; i < lane->fault_cnt; i++) {
		json_t *fault = json_object();

		if (lane->faults[i].segment == UINT64_MAX) {
			json_object_set_new(fault, "checkpoint",
					    number(lane->faults[i].offset - 1));
		} else {
			json_object_set_new(fault, "segment", number(lane->faults[i].segment));
			json_object_set_new(fault, "offset", number(lane->faults[i].offset));
		}
		json_object_set_new(fault, "what", json_string(lane->faults[i].text));
		json_array_append_new(faults, fault);
	}
	return faults;
}

static json_t *lane_json(const struct lane_case *one)
{
	const struct damage *damage = one->damage;
	const bool loses = damage_lost(damage) > 0;
	json_t *root = json_object();

	json_object_set_new(root, "lane", number(one->lane));
	json_object_set_new(root, "kind", json_string("lane"));
	json_object_set_new(root, "damaged", json_boolean(lane_case_damaged(one)));
	json_object_set_new(root, "torn", json_boolean(damage->torn));
	json_object_set_new(root, "faults", faults_json(damage->lane));
	json_object_set_new(root, "bad_lsn", one->bad_lsn > 0 ? number(one->bad_lsn) : json_null());
	json_object_set_new(root, "kept_last_lsn", number(damage->tail.next_lsn - 1));
	json_object_set_new(root, "kept_last_at_ns", number(damage->tail.last_at_ns));
	json_object_set_new(root, "kept_by_checkpoint_lsn", number(base_lsn(damage)));
	json_object_set_new(root, "kept_by_blocks_alone_lsn", number(damage->alone_lsn - 1));
	json_object_set_new(root, "begins_anew", json_boolean(damage->trims));
	json_object_set_new(root, "checkpoints_put_aside", number(damage->aside_cnt));
	json_object_set_new(root, "cut_segment", number(damage->tail.segment));
	json_object_set_new(root, "cut_offset", number(damage->tail.offset));
	json_object_set_new(root, "mended_segments", number(mended_cnt(damage)));
	json_object_set_new(root, "lost_first_lsn",
			    loses ? number(damage->tail.next_lsn) : json_null());
	json_object_set_new(root, "lost_last_lsn", loses ? number(damage->last_lsn) : json_null());
	json_object_set_new(root, "lost", number(damage_lost(damage)));
	json_object_set_new(root, "lost_acknowledged", number(damage_durable(damage)));
	json_object_set_new(root, "readable", number(damage->readable_cnt));
	json_object_set_new(root, "readable_blocks", number(damage->block_cnt));
	json_object_set_new(root, "readable_orders", number(one->lost.orders));
	json_object_set_new(root, "readable_orders_acknowledged", number(one->lost.orders_durable));
	json_object_set_new(root, "readable_units", number(one->lost.units));
	json_object_set_new(root, "readable_offers", number(one->lost.offers));
	json_object_set_new(root, "unreadable", number(damage_unreadable(damage)));
	json_object_set_new(root, "garbage_bytes", number(damage->garbage_bytes));
	return root;
}

int repair_show_json(struct lane_case *one, FILE *file)
{
	struct shown shown = {.lane = one->lane, .left = UINT64_MAX, .json = true};
	json_t *root = lane_json(one);
	int rc = 0;

	out.file = file;
	out.failed = json_dumpf(root, file, JSON_COMPACT) != 0 || fputc('\n', file) == EOF;
	json_decref(root);
	if (lane_case_damaged(one))
		rc = damage_each(one->damage, show_record, &shown, &one->error);
	print_flush(&out);
	if (rc == 0 && out.failed) {
		rc = errno != 0 ? -errno : -EIO;
		error_set(&one->error, "not all could be written: %s", strerror(-rc));
	}
	return rc;
}
