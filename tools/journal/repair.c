/*
 * repair: shows what is wrong with damaged lanes and what a cut would lose. It cuts only when asked
 * to, after the original bytes and a report of the loss are on disk in DATA/repaired-TIME. If one
 * of the lanes asked for cannot be repaired, none is touched.
 */
#include "tools/journal/repair.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/journal/lane_files.h"
#include "engine/recover/record_sizes.h"
#include "engine/repair/apply.h"
#include "engine/repair/originals.h"
#include "engine/repair/plan.h"
#include "tools/common/cli.h"

struct repair {
	const struct tool_options *options;
	struct data_dir dir;
	struct lane_case *cases; /* one for each lane asked for */
	uint16_t case_cnt;
	uint16_t damaged_cnt;
	bool stuck; /* one of them cannot be read, or cannot be cut with these options */
};

/* Plans a cut; the faults that were found before stay in the list. */
static int plan_cut(const struct repair *repair, struct lane_case *one, uint64_t cut_lsn)
{
	struct fault_list before = one->faults;
	int rc;

	plan_close(one->plan);
	one->plan = NULL;
	one->faults = (struct fault_list){0};
	rc = repair_plan(&one->plan, &repair->dir, one->lane, cut_lsn, &one->error);
	for (uint64_t i = 0; rc == 0 && i < one->plan->fault_cnt; i++)
		fault_list_add(&one->faults, &one->plan->faults[i]);
	fault_list_merge(&one->faults, before.faults, before.cnt);
	fault_list_free(&before);
	return rc;
}

/* Loads the state of the checkpoint that the lane begins after, if any, into tables that have room
 * for the good part too. */
static int load_base(const struct repair *repair, struct lane_case *one, struct shard **shard)
{
	const struct mended_files *files = one->plan->files;
	const struct damage *damage = one->plan->damage;
	struct shard_size size = damage->size;
	bool groups = damage->groups;
	struct checkpoint *checkpoint = NULL;
	int rc = 0;

	if (mended_files_has_base(files))
		rc = checkpoint_open(&checkpoint, &repair->dir, one->lane,
				     files->base.tail.next_lsn, &one->error);
	/* Good when the plan was made, and not any more: that says nothing of the lane's records.
	 */
	if (rc == -EBADMSG)
		rc = -ENOTSUP;
	if (checkpoint != NULL) {
		const struct checkpoint_header *header = checkpoint_header(checkpoint);

		size.offer_cnt += header->offer_cnt;
		size.order_cnt += header->order_cnt;
		size.hold_cnt += header->hold_cnt;
		size.change_cnt += header->change_cnt;
		size.placed_cnt += header->placed_cnt;
		size.link_cnt += header->link_cnt;
		record_sizes_add_prepared(&size, header->prepared_cnt);
		groups |= header->format == CHECKPOINT_FORMAT_HOLDS;
	}
	record_sizes_end(&size, groups);
	if (rc == 0)
		rc = journal_tables(&repair->dir, one->lane, &size, shard, &one->error);
	if (rc == 0 && checkpoint != NULL) {
		rc = checkpoint_load(checkpoint, *shard, &one->error);
		/* Its bytes are as they were written, yet a start would not use it. */
		if (rc == -EBADMSG) {
			error_add(&one->error, "; move it away and repair again");
			rc = -ENOTSUP;
		}
	}
	checkpoint_close(checkpoint);
	return rc;
}

/* Checks that the good part gives a state. Sets one->bad_lsn if a record cannot follow. */
static int check_records(const struct repair *repair, struct lane_case *one)
{
	struct shard *shard = NULL;
	struct lane_fault fault = {0};
	const char *why = "";
	uint64_t lsn = 0;
	int rc = load_base(repair, one, &shard);

	if (rc == 0)
		rc = damage_apply(one->plan->damage, shard, &lsn, &why, &one->error);
	shard_close(shard);
	if (rc != -EBADMSG)
		return rc;
	one->bad_lsn = lsn;
	rc = plan_cut(repair, one, lsn);
	if (rc != 0)
		return rc;
	fault.place = one->plan->damage->tail.place;
	snprintf(fault.text, sizeof(fault.text),
		 "the block of LSN %" PRIu64
		 " is whole, but its record cannot follow from those before it: %s. An engine of "
		 "another version may be able to read it",
		 lsn, why);
	fault_list_add(&one->faults, &fault);
	return 0;
}

static bool count_lost(void *context, uint64_t lsn, const struct record *record)
{
	struct lane_case *one = context;
	struct lost_records *lost = &one->lost;

	const bool durable = lsn <= one->plan->loss.watermark_lsn;

	switch (record->kind) {
	case RECORD_OFFER:
		lost->offers++;
		break;
	case RECORD_ORDER:
		lost->orders++;
		lost->units += record->quantity;
		lost->orders_durable += durable;
		break;
	case RECORD_HOLD:
		lost->holds++;
		lost->units_held += record->quantity;
		break;
	case RECORD_CONFIRM:
		lost->payments++;
		lost->payments_durable += durable;
		break;
	case RECORD_RELEASE:
	case RECORD_EXTEND:
	case RECORD_RETURN:
		lost->changes++;
		break;
	case RECORD_LINK:
		lost->links++;
		break;
	case RECORD_PREPARED:
	case RECORD_ABORTED:
		lost->prepared++;
		break;
	default:
		break;
	}
	return true;
}

static int apply_cut_at(const struct repair *repair, struct lane_case *one)
{
	const uint64_t cut_at = repair->options->cut_at;
	const uint64_t last = one->bad_lsn > 0 ? one->bad_lsn : one->plan->damage->tail.next_lsn;

	if (!lane_case_damaged(one)) {
		return error_say(&one->error, -EINVAL,
				 "--cut-at: lane %u is good, and repair cuts only damaged lanes",
				 one->lane);
	}
	if (cut_at > last) {
		return error_say(&one->error, -EINVAL,
				 "--cut-at %" PRIu64 ": lane %u is good up to LSN %" PRIu64
				 " only: %" PRIu64 " at most",
				 cut_at, one->lane, last - 1, last);
	}
	return plan_cut(repair, one, cut_at);
}

static void forget(struct lane_case *one)
{
	plan_close(one->plan);
	one->plan = NULL;
	fault_list_free(&one->faults);
}

static void diagnose(struct repair *repair, struct lane_case *one)
{
	one->rc = plan_cut(repair, one, 0);
	if (one->rc == 0)
		one->rc = check_records(repair, one);
	if (one->rc == 0 && repair->options->cut_at > 0)
		one->rc = apply_cut_at(repair, one);
	if (one->rc == 0)
		one->rc = damage_each_lost(one->plan->damage, count_lost, one, &one->error);
	if (one->rc == 0) {
		repair->damaged_cnt += lane_case_damaged(one);
		repair->stuck |= one->bad_lsn > 0 && repair->options->cut_at == 0;
		return;
	}
	repair->stuck = true;
	forget(one);
}

/* Shows each lane; false if something could not be shown. */
static bool show(struct repair *repair)
{
	bool all = true;

	for (uint16_t i = 0; i < repair->case_cnt; i++) {
		struct lane_case *one = &repair->cases[i];
		int rc = one->rc;

		if (rc == 0 && repair->options->json)
			rc = repair_show_json(one, stdout);
		else if (rc == 0)
			repair_show_text(one);
		if (rc != 0)
			all = cli_wrong("%s", one->error.text);
	}
	return all;
}

static int write_report(struct repair *repair, const struct originals *keep, struct error *error)
{
	char path[sizeof(keep->part_path) + 16];
	int rc = 0;

	snprintf(path, sizeof(path), "%s/report", keep->part_path);

	FILE *file = safe_fmake_anew(path);

	if (file == NULL)
		rc = -errno;
	for (uint16_t i = 0; rc == 0 && i < repair->case_cnt; i++) {
		if (lane_case_damaged(&repair->cases[i]))
			rc = repair_show_json(&repair->cases[i], file);
	}
	if (rc == 0 && (fflush(file) != 0 || fsync(fileno(file)) != 0))
		rc = -errno;
	if (file != NULL && fclose(file) != 0 && rc == 0)
		rc = -errno;
	if (rc != 0)
		error_set(error, "%s cannot be written: %s; nothing was changed", path,
			  safe_strerror(rc));
	return rc;
}

/* Writes the original bytes and the report to the disk. */
static int keep_originals(struct repair *repair, struct originals *keep, struct error *error)
{
	int rc = originals_begin(keep, &repair->dir, (uint64_t)time(NULL), error);

	if (rc != 0)
		return rc;
	if (keep->removed > 0)
		fprintf(stderr,
			"removed %" PRIu64
			" unfinished copies of repairs that were killed; those repairs had "
			"changed nothing\n",
			keep->removed);
	for (uint16_t i = 0; rc == 0 && i < repair->case_cnt; i++) {
		if (lane_case_damaged(&repair->cases[i]))
			rc = originals_lane(keep, repair->cases[i].plan, error);
	}
	if (rc == 0)
		rc = write_report(repair, keep, error);
	if (rc == 0)
		rc = originals_end(keep, error);
	if (rc != 0)
		originals_abandon(keep);
	return rc;
}

static uint64_t lost_cnt(const struct repair *repair)
{
	uint64_t cnt = 0;

	for (uint16_t i = 0; i < repair->case_cnt; i++) {
		if (lane_case_damaged(&repair->cases[i]))
			cnt += loss_cnt(&repair->cases[i].plan->loss);
	}
	return cnt;
}

/* Whether a lane begins after a checkpoint now, and what was before is removed. */
static bool needs_checkpoint(const struct repair *repair)
{
	bool needs = false;

	for (uint16_t i = 0; i < repair->case_cnt; i++)
		needs |= lane_case_damaged(&repair->cases[i]) && repair->cases[i].plan->trims;
	return needs;
}

static int cut_one(const struct repair *repair, const struct lane_case *one, struct error *error)
{
	struct lane_files *real = NULL;
	int rc = data_dir_open_lane(&repair->dir, one->lane, &real, error);

	if (rc != 0)
		return rc;
	rc = repair_apply(&repair->dir, real, one->plan, error);
	real->ops->close(real);
	if (rc == 0)
		rc = repair_check(&repair->dir, one->plan, error);
	return rc;
}

static int cut_all(struct repair *repair)
{
	const char *path = repair->options->path;
	struct error error;
	struct originals keep;
	int rc = keep_originals(repair, &keep, &error);

	for (uint16_t i = 0; rc == 0 && i < repair->case_cnt; i++) {
		const struct lane_case *one = &repair->cases[i];

		if (lane_case_damaged(one))
			rc = cut_one(repair, one, &error);
	}
	if (rc != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	fflush(stdout);
	fprintf(stderr,
		"repaired %u lanes; they can be read again. The original bytes are in %s; its file "
		"report says what was lost.\n",
		repair->damaged_cnt, keep.path);
	if (lost_cnt(repair) > 0)
		fprintf(stderr,
			"The units of lost orders are free again, and their order ids will be "
			"given again. Sell what can be read again, in order and under the old "
			"request ids, as soon as the engine sells:\n"
			"`doorbuster buy --server HOST:PORT --keys FILE --again %s/report`. "
			"Settle the rest first.\n",
			keep.path);
	if (needs_checkpoint(repair))
		fprintf(stderr,
			"A lane that begins after a checkpoint cannot be read without one, and "
			"perhaps only one is left: when it has sold on, write another\n"
			"(`doorbuster journal checkpoint %s`).\n",
			path);
	fprintf(stderr, "next: doorbuster journal verify %s\n", path);
	return CLI_EXIT_GOOD;
}

/* Names what earlier repairs left. */
static void show_earlier(const struct repair *repair)
{
	DIR *dir = safe_opendir(repair->options->path);
	const struct dirent *entry;

	fflush(stdout);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "repaired-", 9) == 0)
			fprintf(stderr, "an earlier repair left %s/%s%s\n", repair->options->path,
				entry->d_name,
				strstr(entry->d_name, ".part") == NULL
					? ""
					: ", and was killed before it changed anything");
	}
	if (dir != NULL)
		closedir(dir);
}

static int refuse_cut(const struct repair *repair)
{
	for (uint16_t i = 0; i < repair->case_cnt; i++) {
		const struct lane_case *one = &repair->cases[i];

		if (one->rc != 0)
			cli_wrong("lane %u cannot be repaired, see above: nothing was changed; if "
				  "its disk cannot be read, copy the disk first (ddrescue); repair "
				  "other lanes by themselves with --lane",
				  one->lane);
		else if (one->bad_lsn > 0 && repair->options->cut_at == 0)
			cli_wrong("lane %u: nothing was changed: its blocks are whole, and a cut "
				  "loses good ones; if no other version of the engine can read it, "
				  "say --lane %u --cut --cut-at %" PRIu64,
				  one->lane, one->lane, one->bad_lsn);
	}
	return repair->damaged_cnt > 0 ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

static int decide(struct repair *repair)
{
	const char *path = repair->options->path;
	bool unreadable = !show(repair);

	for (uint16_t i = 0; i < repair->case_cnt; i++)
		unreadable |= repair->cases[i].rc != 0;
	show_earlier(repair);
	if (repair->options->cut && repair->stuck)
		return unreadable ? (refuse_cut(repair), CLI_EXIT_FAILED) : refuse_cut(repair);
	if (unreadable)
		return CLI_EXIT_FAILED;
	if (repair->damaged_cnt == 0) {
		fflush(stdout);
		fprintf(stderr, "nothing is to be repaired\n");
		return CLI_EXIT_GOOD;
	}
	if (repair->options->cut)
		return cut_all(repair);
	fflush(stdout);
	fprintf(stderr,
		"nothing was changed. If there is a copy of the lane, put that back. If not: "
		"`doorbuster journal repair %s --cut`\nkeeps the original bytes and a report in "
		"%s/repaired-TIME, then cuts.\n",
		path, path);
	return CLI_EXIT_BAD;
}

static int open_dir(struct repair *repair)
{
	const struct tool_options *options = repair->options;
	struct error error;

	if (!journal_open_dir(&repair->dir, options->path, options->lane))
		return CLI_EXIT_FAILED;
	if (data_dir_lock(&repair->dir, &error) != 0)
		return cli_wrong("%s", error.text), CLI_EXIT_FAILED;
	return CLI_EXIT_GOOD;
}

int journal_repair(const struct tool_options *options)
{
	struct repair repair = {.options = options};
	int result = open_dir(&repair);

	if (result != CLI_EXIT_GOOD)
		return result;
	repair.cases = calloc(repair.dir.shards, sizeof(*repair.cases));
	CHECK(repair.cases != NULL);
	for (uint16_t lane = 0; lane < repair.dir.shards; lane++) {
		if (options->lane != EVERY_LANE && options->lane != lane)
			continue;
		repair.cases[repair.case_cnt].lane = lane;
		diagnose(&repair, &repair.cases[repair.case_cnt++]);
	}
	result = decide(&repair);
	for (uint16_t i = 0; i < repair.case_cnt; i++)
		forget(&repair.cases[i]);
	free(repair.cases);
	data_dir_withdraw(&repair.dir);
	return result;
}
