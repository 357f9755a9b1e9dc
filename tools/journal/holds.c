/*
 * holds: who holds what: the open holds of a journal by SKU and age, as the records say it. An
 * engine may run; what it has not put on disk yet is not seen.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/checkpoint/list.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "tools/common/cli.h"
#include "tools/common/record_print.h"
#include "tools/journal/hold_sums.h"
#include "tools/journal/journal_tool.h"

struct holds {
	const struct tool_options *options;
	struct data_dir dir;
	struct hold_sums *sums;
	struct error error;
};

static int add_lane(struct holds *holds, uint16_t lane)
{
	/* So that no prune or checkpoint removes a file meanwhile. */
	const int held = checkpoint_hold(&holds->dir, lane);
	struct recover_scan scan = {0};
	struct shard_size size;
	struct shard *shard = NULL;
	int rc = recover_scan(&holds->dir, lane, &scan, &holds->error);

	if (rc == 0) {
		recover_sizes(&scan, &size);
		rc = journal_tables(&holds->dir, lane, &size, &shard, &holds->error);
	}
	if (rc == 0)
		rc = recover_lane(&holds->dir, lane, &scan, shard, &holds->error);
	if (rc == 0 && hold_sums_add(holds->sums, shard, lane) != 0)
		rc = error_say(&holds->error, -ENOMEM, "lane %u: no memory for its holds", lane);
	shard_close(shard);
	recover_scan_free(&scan);
	if (held >= 0)
		close(held);
	return rc;
}

static void print_row(const struct hold_row *row)
{
	char oldest[40];

	print_instant(row->oldest.held_at_ns, oldest);
	printf("%4u  %20" PRIu64 "  %9" PRIu64 "  %9" PRIu64, row->lane, row->sku, row->all.holds,
	       row->all.units);
	for (unsigned age = 0; age < HOLD_AGES; age++)
		printf("  %9" PRIu64, row->ages[age].holds);
	printf("  %s\n", oldest);
}

static void print_text(const struct hold_sums *sums)
{
	const struct hold_row *total = &sums->total;
	char oldest[40];

	if (sums->row_cnt > 0)
		printf("lane                   SKU      holds      units    < 1 min    < 5 min"
		       "   < 15 min      older      ended  oldest since (UTC)\n");
	for (uint64_t i = 0; i < sums->row_cnt; i++)
		print_row(&sums->rows[i]);
	printf("%sopen     %" PRIu64 " holds over %" PRIu64 " units of %" PRIu64 " SKUs\n",
	       sums->row_cnt > 0 ? "\n" : "", total->all.holds, total->all.units, sums->row_cnt);
	if (total->ages[HOLD_ENDED].holds > 0)
		printf("ended    %" PRIu64 " of these over %" PRIu64
		       " units: their time is over, and no record says so yet. An engine that "
		       "runs\n"
		       "         gives them back at once, one that is started at its start\n",
		       total->ages[HOLD_ENDED].holds, total->ages[HOLD_ENDED].units);
	if (total->all.holds > 0) {
		print_instant(total->oldest.held_at_ns, oldest);
		printf("oldest   since %s: order %" PRIu64 ", SKU %" PRIu64 ", buyer %" PRIu64 "\n",
		       oldest, total->oldest.order_id, total->oldest.sku, total->oldest.buyer);
	}
	if (sums->prepared.holds > 0)
		printf("waiting  %" PRIu64 " lines of baskets over several shards, over %" PRIu64
		       " units that count as held, too: %" PRIu64 " held in all.\n"
		       "         An engine that runs decides them at once, one that is started at "
		       "its start\n",
		       sums->prepared.holds, sums->prepared.units,
		       total->all.units + sums->prepared.units);
	printf("in all   %" PRIu64 " were held: %" PRIu64 " open, %" PRIu64 " paid, %" PRIu64
	       " released, %" PRIu64 " ran out, %" PRIu64 " ran out and refunded\n",
	       sums->held_cnt, sums->states[HOLD_OPEN], sums->states[HOLD_SOLD],
	       sums->states[HOLD_GONE], sums->states[HOLD_RAN_OUT], sums->states[HOLD_REFUNDED]);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* What may be 2^53 or above: a string, if not asked otherwise. */
static json_t *wide(uint64_t value)
{
	char text[24];

	if (print_json_has_numbers())
		return number(value);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_string(text);
}

static json_t *count_json(const struct hold_count *count)
{
	json_t *object = json_object();

	json_object_set_new(object, "holds", number(count->holds));
	json_object_set_new(object, "units", number(count->units));
	return object;
}

static json_t *row_json(const struct hold_row *row)
{
	json_t *object = json_object();
	json_t *ages = json_object();
	json_t *oldest = json_null();

	for (unsigned age = 0; age < HOLD_AGES; age++)
		json_object_set_new(ages, hold_age_names[age], count_json(&row->ages[age]));
	if (row->all.holds > 0) {
		oldest = json_object();
		json_object_set_new(oldest, "order_id", wide(row->oldest.order_id));
		json_object_set_new(oldest, "sku", wide(row->oldest.sku));
		json_object_set_new(oldest, "buyer", wide(row->oldest.buyer));
		json_object_set_new(oldest, "held_at_ns", wide(row->oldest.held_at_ns));
		json_object_set_new(oldest, "ends_at_ns", wide(row->oldest.ends_at_ns));
	}
	json_object_set_new(object, "holds", number(row->all.holds));
	json_object_set_new(object, "units", number(row->all.units));
	json_object_set_new(object, "by_age", ages);
	json_object_set_new(object, "oldest", oldest);
	return object;
}

static void print_json(const struct hold_sums *sums)
{
	json_t *root = row_json(&sums->total);
	json_t *rows = json_array();
	json_t *prepared = json_object();

	for (uint64_t i = 0; i < sums->row_cnt; i++) {
		json_t *row = row_json(&sums->rows[i]);

		json_object_set_new(row, "lane", number(sums->rows[i].lane));
		json_object_set_new(row, "sku", wide(sums->rows[i].sku));
		json_array_append_new(rows, row);
	}
	json_object_set_new(root, "at_ns", wide(sums->now_ns));
	json_object_set_new(root, "held_in_all", number(sums->held_cnt));
	json_object_set_new(root, "paid", number(sums->states[HOLD_SOLD]));
	json_object_set_new(root, "released", number(sums->states[HOLD_GONE]));
	json_object_set_new(root, "ran_out", number(sums->states[HOLD_RAN_OUT]));
	json_object_set_new(root, "refunded", number(sums->states[HOLD_REFUNDED]));
	json_object_set_new(prepared, "lines", number(sums->prepared.holds));
	json_object_set_new(prepared, "units", number(sums->prepared.units));
	json_object_set_new(root, "prepared", prepared);
	json_object_set_new(root, "skus", rows);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

int journal_holds(const struct tool_options *options)
{
	struct holds holds = {.options = options};
	int result = CLI_EXIT_GOOD;

	if (!journal_open_dir(&holds.dir, options->path, options->lane))
		return CLI_EXIT_FAILED;
	holds.sums = hold_sums_open(clock_wall_ns());
	CHECK(holds.sums != NULL);
	for (uint16_t lane = 0; lane < holds.dir.shards && result == CLI_EXIT_GOOD; lane++) {
		int rc;

		if (options->lane != EVERY_LANE && options->lane != lane)
			continue;
		rc = add_lane(&holds, lane);
		/* Sums over a part would pass for all. */
		if (rc != 0) {
			cli_wrong("%s", holds.error.text);
			result = rc == -EBADMSG ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
		}
	}
	if (result == CLI_EXIT_GOOD)
		(options->json ? print_json : print_text)(holds.sums);
	hold_sums_close(holds.sums);
	return result;
}
