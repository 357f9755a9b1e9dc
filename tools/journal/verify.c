/*
 * verify: reads all lanes as recovery does, from as far back as there are blocks, into tables of
 * its own, and reports what it found, also of their checkpoints. If a lane is damaged, it continues
 * with the others.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/checkpoint/list.h"
#include "engine/recover/scan.h"
#include "tools/common/cli.h"
#include "tools/journal/checkpoints.h"
#include "tools/journal/journal_tool.h"
#include "tools/journal/orders.h"

struct lane_result {
	int rc; /* 0, -EBADMSG: damaged, other -errno: could not be read */
	struct error error;
	uint64_t from_lsn; /* records up to here came from a checkpoint: the lane was pruned */
	uint64_t last_lsn;
	uint64_t block_cnt;
	uint64_t proved_cnt; /* blocks with records after which no unit was made or lost */
	uint64_t ahead_ns;   /* how far its clock is ahead of this machine's; 0: it isn't */
	bool torn;
	struct shard_totals totals;
	struct lane_checkpoints checkpoints;
};

struct verify {
	struct data_dir dir;
	struct lane_result *lanes; /* [dir.shards] */
	struct shard_totals sum;
	uint64_t proved_cnt;
	struct shard_hash hash;
	uint64_t checkpoints_bad;
	bool damaged;
	bool unreadable;
	struct orders *orders; /* NULL: not asked for */
	struct orders_result found;
};

/* How far a lane's clock is ahead of this machine's. */
static uint64_t clock_ahead_ns(uint64_t lane_ns)
{
	const uint64_t now_ns = clock_wall_ns();

	return lane_ns > now_ns ? lane_ns - now_ns : 0;
}

/* The scan counted without the engine's tables: what they made of the records must be the same. */
static int compare_counts(const struct recover_scan *scan, const struct shard_totals *totals,
			  uint16_t lane, struct error *error)
{
	if (scan->order_cnt == totals->orders && scan->change_cnt == totals->changes &&
	    scan->hold_cnt >= totals->holds && scan->link_cnt == totals->links &&
	    scan->units_ordered == totals->units_sold &&
	    scan->units_written_off == totals->units_written_off)
		return 0;
	return error_say(error, -EBADMSG,
			 "lane %u: %" PRIu64 " orders and %" PRIu64
			 " changes of orders are on disk, "
			 "%" PRIu64 " units sold and %" PRIu64
			 " written off; the tables made of them say %" PRIu64 ", %" PRIu64
			 ", %" PRIu64 " and %" PRIu64,
			 lane, scan->order_cnt, scan->change_cnt, scan->units_ordered,
			 scan->units_written_off, totals->orders, totals->changes,
			 totals->units_sold, totals->units_written_off);
}

static int verify_lane(struct verify *verify, uint16_t lane, struct lane_result *result)
{
	struct recover_scan scan = {0};
	struct shard_size size;
	struct shard *shard = NULL;
	struct conserve *conserve = NULL;
	struct error *error = &result->error;
	int rc = lane_checkpoints_look(&result->checkpoints, &verify->dir, lane);

	if (rc != 0)
		error_set(error, "lane %u: its checkpoints cannot be read: %s", lane,
			  strerror(-rc));
	else
		rc = recover_scan_from(&verify->dir, lane, RECOVER_FROM_OLDEST, &scan, error);
	if (rc == 0) {
		recover_sizes(&scan, &size);
		rc = journal_tables(&verify->dir, lane, &size, &shard, error);
	}
	if (rc == 0)
		rc = lane_checkpoints_apply(&result->checkpoints, &verify->dir, lane, &scan, shard,
					    &conserve, error);
	if (rc == 0 && verify->orders != NULL)
		rc = orders_check_lane(verify->orders, &verify->dir, lane, &scan, error);
	if (rc == 0) {
		result->from_lsn = recover_checkpoint_lsn(&scan);
		result->last_lsn = scan.tail.next_lsn - 1;
		result->block_cnt = scan.block_cnt;
		result->proved_cnt = conserve_blocks(conserve);
		result->torn = scan.torn;
		result->ahead_ns = clock_ahead_ns(scan.tail.last_at_ns);
		shard_totals(shard, &result->totals);
		shard_hash_add(&verify->hash, shard_hash(shard));
	}
	if (rc == 0)
		rc = compare_counts(&scan, &result->totals, lane, error);
	conserve_close(conserve);
	shard_close(shard);
	recover_scan_free(&scan);
	return rc;
}

static void add_totals(struct shard_totals *sum, const struct shard_totals *totals)
{
	sum->offers += totals->offers;
	sum->orders += totals->orders;
	sum->units_stocked += totals->units_stocked;
	sum->units_free += totals->units_free;
	sum->units_held += totals->units_held;
	sum->units_sold += totals->units_sold;
	sum->units_written_off += totals->units_written_off;
	sum->holds += totals->holds;
	sum->changes += totals->changes;
	sum->open_holds += totals->open_holds;
	sum->links += totals->links;
	sum->prepared += totals->prepared;
	sum->units_prepared += totals->units_prepared;
	if (sum->offers_broken == 0)
		sum->first_broken_sku = totals->first_broken_sku;
	sum->offers_broken += totals->offers_broken;
}

/* Holds the lane, so that no prune or checkpoint removes a file meanwhile. */
static int verify_held(struct verify *verify, uint16_t lane, struct lane_result *result)
{
	const int hold = checkpoint_hold(&verify->dir, lane);
	const int rc = verify_lane(verify, lane, result);

	/* If the directory is bad, the reader has reported it. */
	if (hold >= 0)
		close(hold);
	return rc;
}

static void verify_all(struct verify *verify)
{
	for (uint16_t lane = 0; lane < verify->dir.shards; lane++) {
		struct lane_result *result = &verify->lanes[lane];

		result->rc = verify_held(verify, lane, result);
		verify->checkpoints_bad += lane_checkpoints_bad(&result->checkpoints);
		verify->proved_cnt += result->proved_cnt;
		if (result->rc == 0)
			add_totals(&verify->sum, &result->totals);
		else if (result->rc == -EBADMSG)
			verify->damaged = true;
		else
			verify->unreadable = true;
	}
	if (verify->orders != NULL)
		orders_finish(verify->orders, &verify->found);
}

static bool conserved(const struct verify *verify)
{
	const struct shard_totals *sum = &verify->sum;

	return !verify->damaged && !verify->unreadable && sum->offers_broken == 0 &&
	       sum->units_stocked ==
		       sum->units_free + sum->units_held + sum->units_sold + sum->units_written_off;
}

static bool orders_good(const struct verify *verify)
{
	const struct orders_result *found = &verify->found;

	return found->missing == 0 && found->different == 0 && found->buyers_over_limit == 0 &&
	       found->doubled == 0;
}

static bool all_right(const struct verify *verify)
{
	return conserved(verify) && orders_good(verify) && verify->checkpoints_bad == 0;
}

static void hash_text(const struct verify *verify, char out[33])
{
	snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, verify->hash.high, verify->hash.low);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Of the blocks that were checked; 0: there is none. */
static uint64_t first_lsn(const struct lane_result *result)
{
	return result->last_lsn > result->from_lsn ? result->from_lsn + 1 : 0;
}

static json_t *lane_json(const struct lane_result *result, uint16_t lane)
{
	json_t *object = json_object();

	json_object_set_new(object, "lane", number(lane));
	json_object_set_new(object, "good", json_boolean(result->rc == 0));
	json_object_set_new(object, "checkpoints", lane_checkpoints_json(&result->checkpoints));
	if (result->rc != 0) {
		json_object_set_new(object, "error", json_string(result->error.text));
		return object;
	}
	json_object_set_new(object, "first_lsn", number(first_lsn(result)));
	json_object_set_new(object, "checkpoint_lsn", number(result->from_lsn));
	json_object_set_new(object, "last_lsn", number(result->last_lsn));
	json_object_set_new(object, "blocks", number(result->block_cnt));
	json_object_set_new(object, "offers", number(result->totals.offers));
	json_object_set_new(object, "orders", number(result->totals.orders));
	json_object_set_new(object, "open_holds", number(result->totals.open_holds));
	json_object_set_new(object, "units", number(result->totals.units_sold));
	json_object_set_new(object, "torn", json_boolean(result->torn));
	json_object_set_new(object, "clock_ahead_ns", number(result->ahead_ns));
	return object;
}

static void orders_json(const struct verify *verify, json_t *root)
{
	const struct orders_result *found = &verify->found;

	json_object_set_new(root, "orders_checked", number(found->checked));
	json_object_set_new(root, "orders_missing", number(found->missing));
	json_object_set_new(root, "orders_different", number(found->different));
	json_object_set_new(root, "orders_forgotten", number(found->forgotten));
	json_object_set_new(root, "distinct_buyers", number(found->distinct_buyers));
	json_object_set_new(root, "buyers_over_limit", number(found->buyers_over_limit));
	json_object_set_new(root, "requests_doubled", number(found->doubled));
}

static void print_json(const struct verify *verify)
{
	const struct shard_totals *sum = &verify->sum;
	json_t *root = json_object();
	json_t *lanes = json_array();
	uint64_t torn = 0;
	char text[33];

	for (uint16_t lane = 0; lane < verify->dir.shards; lane++) {
		json_array_append_new(lanes, lane_json(&verify->lanes[lane], lane));
		torn += verify->lanes[lane].torn;
	}
	snprintf(text, sizeof(text), "%016" PRIx64, verify->dir.journal_id);
	json_object_set_new(root, "journal_id", json_string(text));
	json_object_set_new(root, "shards", number(verify->dir.shards));
	json_object_set_new(root, "good", json_boolean(all_right(verify)));
	json_object_set_new(root, "damaged", json_boolean(verify->damaged));
	json_object_set_new(root, "checkpoints_bad", number(verify->checkpoints_bad));
	json_object_set_new(root, "offers", number(sum->offers));
	json_object_set_new(root, "orders", number(sum->orders));
	json_object_set_new(root, "units", number(sum->units_sold));
	json_object_set_new(root, "units_stocked", number(sum->units_stocked));
	json_object_set_new(root, "units_free", number(sum->units_free));
	json_object_set_new(root, "units_held", number(sum->units_held));
	json_object_set_new(root, "units_prepared", number(sum->units_prepared));
	json_object_set_new(root, "units_written_off", number(sum->units_written_off));
	json_object_set_new(root, "changes", number(sum->changes));
	json_object_set_new(root, "open_holds", number(sum->open_holds));
	json_object_set_new(root, "prepared", number(sum->prepared));
	json_object_set_new(root, "links", number(sum->links));
	json_object_set_new(root, "conserved", json_boolean(conserved(verify)));
	json_object_set_new(root, "blocks_conserved", number(verify->proved_cnt));
	json_object_set_new(root, "torn_tails", number(torn));
	hash_text(verify, text);
	json_object_set_new(root, "state_hash", json_string(text));
	if (verify->orders != NULL)
		orders_json(verify, root);
	json_object_set_new(root, "lanes", lanes);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

static void print_orders(const struct verify *verify, const char *path)
{
	const struct orders_result *found = &verify->found;

	printf("orders   %" PRIu64 " acknowledged: %" PRIu64 " missing, %" PRIu64 " different",
	       found->checked, found->missing, found->different);
	if (found->forgotten > 0)
		printf(", %" PRIu64 " forgotten that were acknowledged from memory",
		       found->forgotten);
	if (found->first_bad_line > 0)
		printf("; the first is %s:%" PRIu64, path, found->first_bad_line);
	printf("\nbuyers   %" PRIu64 " distinct, %" PRIu64 " beyond their limit, %" PRIu64
	       " orders under a request id that was used before\n",
	       found->distinct_buyers, found->buyers_over_limit, found->doubled);
}

static void print_clocks(const struct verify *verify)
{
	for (uint16_t lane = 0; lane < verify->dir.shards; lane++) {
		if (verify->lanes[lane].ahead_ns > LANE_AHEAD_MAX_NS)
			printf("clock    lane %u is %.3f s ahead of this machine's clock\n", lane,
			       (double)verify->lanes[lane].ahead_ns / 1e9);
	}
}

static void print_text(const struct verify *verify, const char *orders)
{
	const struct shard_totals *sum = &verify->sum;
	char hash[33];

	printf("lane   first LSN    last LSN      blocks      orders       units\n");
	for (uint16_t lane = 0; lane < verify->dir.shards; lane++) {
		const struct lane_result *result = &verify->lanes[lane];

		if (result->rc != 0) {
			printf("%4u   %s: %s\n", lane,
			       result->rc == -EBADMSG ? "DAMAGED" : "UNREADABLE",
			       result->error.text);
			continue;
		}
		printf("%4u  %10" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "  %10" PRIu64
		       "%s%s\n",
		       lane, first_lsn(result), result->last_lsn, result->block_cnt,
		       result->totals.orders, result->totals.units_sold,
		       result->from_lsn > 0 ? "  pruned: what was before came from a checkpoint"
					    : "",
		       result->torn ? "  torn tail, never acknowledged" : "");
	}
	for (uint16_t lane = 0; lane < verify->dir.shards; lane++)
		lane_checkpoints_print(&verify->lanes[lane].checkpoints, lane,
				       verify->lanes[lane].last_lsn);
	printf("\nsold     %" PRIu64 " orders, %" PRIu64 " units, %" PRIu64 " SKUs\n", sum->orders,
	       sum->units_sold, sum->offers);
	if (sum->holds > 0)
		printf("holds    %" PRIu64 " open, %" PRIu64
		       " payments, releases, extensions and returns\n",
		       sum->open_holds, sum->changes);
	if (sum->links > 0)
		printf("baskets  %" PRIu64 " lines are in another lane than their basket's first\n",
		       sum->links);
	if (sum->prepared > 0)
		printf("waiting  %" PRIu64 " lines of baskets over several shards, over %" PRIu64
		       " units that count as held; a start decides them\n",
		       sum->prepared, sum->units_prepared);
	printf("units    %" PRIu64 " stocked = %" PRIu64 " free + %" PRIu64 " held + %" PRIu64
	       " sold + %" PRIu64 " written off: %s\n",
	       sum->units_stocked, sum->units_free, sum->units_held, sum->units_sold,
	       sum->units_written_off, conserved(verify) ? "conserved" : "NOT CONSERVED");
	printf("         proved after each of %" PRIu64
	       " blocks with records, for the SKUs in it\n",
	       verify->proved_cnt);
	if (sum->offers_broken > 0)
		printf("         %" PRIu64 " SKUs are wrong, the first is %" PRIu64 "\n",
		       sum->offers_broken, sum->first_broken_sku);
	if (verify->orders != NULL)
		print_orders(verify, orders);
	print_clocks(verify);
	hash_text(verify, hash);
	printf("state    %s\n", hash);
	printf("%s\n", all_right(verify) ? "all is right" : "SOMETHING IS WRONG");
}

int journal_verify(const struct tool_options *options)
{
	struct verify verify = {0};
	struct error error;
	int result = CLI_EXIT_GOOD;

	if (data_dir_read(&verify.dir, options->path, &error) != 0 ||
	    (options->orders != NULL &&
	     orders_load(&verify.orders, options->orders, &error) != 0)) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	verify.lanes = calloc(verify.dir.shards, sizeof(*verify.lanes));
	CHECK(verify.lanes != NULL);
	verify_all(&verify);
	if (options->json)
		print_json(&verify);
	else
		print_text(&verify, options->orders);
	if (!all_right(&verify))
		result = CLI_EXIT_BAD;
	if (verify.unreadable && !verify.damaged)
		result = CLI_EXIT_FAILED;
	for (uint16_t lane = 0; lane < verify.dir.shards; lane++) {
		if (verify.lanes[lane].rc != 0)
			cli_wrong("%s", verify.lanes[lane].error.text);
		lane_checkpoints_free(&verify.lanes[lane].checkpoints);
	}
	orders_free(verify.orders);
	free(verify.lanes);
	return result;
}
