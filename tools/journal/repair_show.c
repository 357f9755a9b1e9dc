/*
 * repair_show: shows what is wrong with a lane and what a cut loses, as text and as lines of JSON.
 * It shows only what is certain.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

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

static uint64_t mended_cnt(const struct plan *plan)
{
	const struct mended_files *files = plan->files;
	uint64_t cnt = 0;

	for (uint64_t i = 0; i < files->segment_cnt; i++)
		cnt += files->segments[i].wrong && files->segments[i].number >= files->first &&
		       files->segments[i].number <= plan->damage->tail.place.segment;
	return cnt;
}

/* The last LSN of the checkpoint that the lane begins after; 0: it begins with itself. */
static uint64_t base_lsn(const struct plan *plan)
{
	return mended_files_has_base(plan->files) ? plan->files->base.tail.next_lsn - 1 : 0;
}

static void show_kept(const struct plan *plan)
{
	const struct lane_tail *tail = &plan->damage->tail;
	char instant[40];

	if (tail->next_lsn == 1) {
		printf("  kept    nothing: the lane begins anew\n");
		return;
	}
	print_instant(tail->last_at_ns, instant);
	printf("  kept    LSN 1 to %" PRIu64 ", the last instant is %s\n", tail->next_lsn - 1,
	       instant);
	if (base_lsn(plan) == 0)
		return;
	printf("          of these LSN 1 to %" PRIu64
	       " by a checkpoint, the rest by blocks; the blocks alone would keep %" PRIu64 "\n",
	       base_lsn(plan), plan->alone_lsn - 1);
	if (plan->trims)
		printf("  begin   after that checkpoint, in segment %" PRIu64
		       "; what is before it is put aside\n",
		       plan->files->base.tail.place.segment);
}

static void show_faults(const struct fault_list *faults)
{
	for (uint64_t i = 0; i < faults->cnt; i++) {
		const struct lane_fault *fault = &faults->faults[i];

		if (fault->place.segment == UINT64_MAX)
			printf("  aside   %s\n", fault->text);
		else
			printf("  damage  segment %" PRIu64 ", offset %" PRIu64 ": %s\n",
			       fault->place.segment, fault->place.offset, fault->text);
	}
}

static void show_records(struct lane_case *one)
{
	struct shown shown = {.lane = one->lane, .left = TEXT_RECORDS_MAX};
	const uint64_t cnt = one->plan->loss.readable_cnt;

	fflush(stdout);
	out.file = stdout;
	print_columns(&out);
	if (damage_each_lost(one->plan->damage, show_record, &shown, &one->error) != 0)
		cli_wrong("%s", one->error.text);
	print_flush(&out);
	if (cnt > TEXT_RECORDS_MAX)
		printf("  ... and %" PRIu64 " more; --json lists all\n", cnt - TEXT_RECORDS_MAX);
}

/* What lost holds, payments and returns mean: the state is that of before them. */
static void show_lost_holds(const struct lost_records *lost)
{
	if (lost->holds + lost->payments + lost->changes == 0)
		return;
	printf("          and %" PRIu64 " holds over %" PRIu64 " units, %" PRIu64
	       " payments (%" PRIu64 " acknowledged for certain), %" PRIu64
	       " releases, extensions and returns\n",
	       lost->holds, lost->units_held, lost->payments, lost->payments_durable,
	       lost->changes);
	if (lost->payments > 0)
		printf("          until they are asked again, the hold of a lost payment is open "
		       "or "
		       "runs out: an answer to it\n"
		       "          may be another one then. Refund what ends as HOLD_EXPIRED\n");
}

/* What the other lanes make of a lost decision, they alone say. */
static void show_lost_baskets(const struct lost_records *lost)
{
	if (lost->links + lost->prepared == 0)
		return;
	printf("          and of baskets over several shards %" PRIu64
	       " links to lines in other lanes, %" PRIu64 " lines that waited\n",
	       lost->links, lost->prepared);
	if (lost->links > 0)
		printf("          what another lane has sold of such a basket stays sold; a line "
		       "that waits there comes\n"
		       "          to nothing at the next start. The lines of this lane are sold "
		       "again one by one\n");
}

static void show_lost(struct lane_case *one)
{
	const struct damage *damage = one->plan->damage;
	const struct loss *loss = &one->plan->loss;
	const struct lost_records *lost = &one->lost;

	if (loss_cnt(loss) == 0) {
		printf("  lost    nothing, as far as readable blocks and checkpoints say\n");
	} else {
		printf("  lost    LSN %" PRIu64 " to %" PRIu64 ": %" PRIu64 " records; %" PRIu64
		       " of them were on disk for certain, and so acknowledged\n",
		       loss->next_lsn, loss->last_lsn, loss_cnt(loss), loss_durable_cnt(loss));
		printf("          %" PRIu64 " can still be read, in %" PRIu64 " blocks: %" PRIu64
		       " orders over %" PRIu64 " units (%" PRIu64
		       " acknowledged for certain), %" PRIu64 " offers\n",
		       loss->readable_cnt, damage->block_cnt, lost->orders, lost->units,
		       lost->orders_durable, lost->offers);
		show_lost_holds(lost);
		show_lost_baskets(lost);
		printf("          %" PRIu64 " cannot be read at all\n", loss_unreadable_cnt(loss));
		printf("          LSN %" PRIu64
		       " and later ones are given again: readers downstream may have seen them as "
		       "other orders\n",
		       loss->next_lsn);
	}
	if (damage->garbage_bytes > 0)
		printf("          %" PRIu64
		       " KiB after the cut are neither empty nor a valid block\n",
		       damage->garbage_bytes >> 10);
	if (loss->readable_cnt > 0)
		show_records(one);
}

void repair_show_text(struct lane_case *one)
{
	const struct plan *plan = one->plan;
	const struct damage *damage = plan->damage;

	if (!lane_case_damaged(one)) {
		printf("lane %u: good up to LSN %" PRIu64 "%s\n", one->lane,
		       damage->tail.next_lsn - 1,
		       damage->torn ? "; the torn tail after it was never acknowledged: the next "
				      "start cuts it"
				    : "");
		return;
	}
	printf("lane %u: DAMAGED, %s\n", one->lane, plan->files->path);
	show_faults(&one->faults);
	show_kept(plan);
	printf("  cut     at segment %" PRIu64 ", offset %" PRIu64 "%s\n",
	       damage->tail.place.segment, damage->tail.place.offset,
	       one->bad_lsn > 0 ? "; only with --cut-at, as the blocks are whole" : "");
	if (mended_cnt(plan) > 0)
		printf("  mended  header and size of %" PRIu64
		       " segments before the cut, without a loss\n",
		       mended_cnt(plan));
	show_lost(one);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* As a record's at_ns: a string, if not asked otherwise. */
static json_t *instant(uint64_t at_ns)
{
	char text[24];

	if (print_json_has_numbers())
		return number(at_ns);
	snprintf(text, sizeof(text), "%" PRIu64, at_ns);
	return json_string(text);
}

static json_t *faults_json(const struct fault_list *list)
{
	json_t *faults = json_array();

	for (uint64_t i = 0; i < list->cnt; i++) {
		json_t *fault = json_object();

		if (list->faults[i].place.segment == UINT64_MAX) {
			json_object_set_new(fault, "checkpoint",
					    number(list->faults[i].place.offset - 1));
		} else {
			json_object_set_new(fault, "segment",
					    number(list->faults[i].place.segment));
			json_object_set_new(fault, "offset", number(list->faults[i].place.offset));
		}
		json_object_set_new(fault, "what", json_string(list->faults[i].text));
		json_array_append_new(faults, fault);
	}
	return faults;
}

static json_t *lane_json(const struct lane_case *one)
{
	const struct plan *plan = one->plan;
	const struct damage *damage = plan->damage;
	const struct loss *loss = &plan->loss;
	const bool loses = loss_cnt(loss) > 0;
	json_t *root = json_object();

	json_object_set_new(root, "lane", number(one->lane));
	json_object_set_new(root, "kind", json_string("lane"));
	json_object_set_new(root, "damaged", json_boolean(lane_case_damaged(one)));
	json_object_set_new(root, "torn", json_boolean(damage->torn));
	json_object_set_new(root, "faults", faults_json(&one->faults));
	json_object_set_new(root, "bad_lsn", one->bad_lsn > 0 ? number(one->bad_lsn) : json_null());
	json_object_set_new(root, "kept_last_lsn", number(damage->tail.next_lsn - 1));
	json_object_set_new(root, "kept_last_at_ns", instant(damage->tail.last_at_ns));
	json_object_set_new(root, "kept_by_checkpoint_lsn", number(base_lsn(plan)));
	json_object_set_new(root, "kept_by_blocks_alone_lsn", number(plan->alone_lsn - 1));
	json_object_set_new(root, "begins_anew", json_boolean(plan->trims));
	json_object_set_new(root, "checkpoints_put_aside", number(plan->aside_cnt));
	json_object_set_new(root, "cut_segment", number(damage->tail.place.segment));
	json_object_set_new(root, "cut_offset", number(damage->tail.place.offset));
	json_object_set_new(root, "mended_segments", number(mended_cnt(plan)));
	json_object_set_new(root, "lost_first_lsn",
			    loses ? number(damage->tail.next_lsn) : json_null());
	json_object_set_new(root, "lost_last_lsn", loses ? number(loss->last_lsn) : json_null());
	json_object_set_new(root, "lost", number(loss_cnt(loss)));
	json_object_set_new(root, "lost_acknowledged", number(loss_durable_cnt(loss)));
	json_object_set_new(root, "readable", number(loss->readable_cnt));
	json_object_set_new(root, "readable_blocks", number(damage->block_cnt));
	json_object_set_new(root, "readable_orders", number(one->lost.orders));
	json_object_set_new(root, "readable_orders_acknowledged", number(one->lost.orders_durable));
	json_object_set_new(root, "readable_units", number(one->lost.units));
	json_object_set_new(root, "readable_offers", number(one->lost.offers));
	json_object_set_new(root, "readable_holds", number(one->lost.holds));
	json_object_set_new(root, "readable_units_held", number(one->lost.units_held));
	json_object_set_new(root, "readable_payments", number(one->lost.payments));
	json_object_set_new(root, "readable_payments_acknowledged",
			    number(one->lost.payments_durable));
	json_object_set_new(root, "readable_changes", number(one->lost.changes));
	json_object_set_new(root, "readable_links", number(one->lost.links));
	json_object_set_new(root, "readable_prepared", number(one->lost.prepared));
	json_object_set_new(root, "unreadable", number(loss_unreadable_cnt(loss)));
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
		rc = damage_each_lost(one->plan->damage, show_record, &shown, &one->error);
	print_flush(&out);
	if (rc == 0 && out.failed) {
		rc = errno != 0 ? -errno : -EIO;
		error_set(&one->error, "not all could be written: %s", strerror(-rc));
	}
	return rc;
}
