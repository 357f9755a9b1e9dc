#include "engine/serve/offers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/place.h"
#include "engine/catalog/difference.h"
#include "engine/catalog/placement.h"
#include "engine/catalog/sizes.h"
#include "engine/recover/scan.h"
#include "engine/serve/start_turn.h"
#include "engine/serve/state.h"
#include "net/wire.h"

void serve_offers_size(const struct server *server, uint16_t lane, struct shard_size *size)
{
	const struct serve_options *options = server->options;
	const struct recover_scan *scan = &server->scans[lane];
	const struct catalog *on_sale = server->on_sale;
	struct catalog_sizes sizes = {.spans = options->shards > 1};
	struct shard_size had;
	uint64_t placed_cnt = scan->placed_cnt;

	for (uint32_t i = 0; i < on_sale->cnt; i++) {
		const struct catalog_offer *offer = &on_sale->offers[i];

		if (offer->shard == lane)
			catalog_sizes_add(&sizes, offer);
		/* Usually it was counted; not if the lane was cut back. */
		placed_cnt += offer->placed && wire_shard_of(offer->sku, options->shards) == lane;
	}
	for (uint32_t i = 0; i < server->catalog->cnt; i++) {
		const struct catalog_offer *line = &server->catalog->offers[i];
		const bool elsewhere =
			line->placed && wire_shard_of(line->sku, options->shards) == lane;

		if ((line->shard != lane && !elsewhere) || catalog_find(on_sale, line->sku) != NULL)
			continue;
		placed_cnt += elsewhere;
		if (!elsewhere)
			catalog_sizes_add(&sizes, line);
	}
	recover_sizes(scan, &had);
	*size = catalog_sizes_shard(&sizes, options->order_cnt_max, options->hold_cnt_max, &had);
	size->placed_cnt = placed_cnt;
}

/* Prints differences, so many of each kind. */
struct listing {
	const char *path;
	uint64_t cnt[CATALOG_DIFFERENCE_CNT];
};

static void list_difference(void *context, const struct catalog_difference *difference)
{
	struct listing *listing = context;
	struct error text;

	if (listing->cnt[difference->kind]++ >= FAULTS_SHOWN_MAX)
		return;
	catalog_difference_text(listing->path, difference, &text);
	fprintf(stderr, "%s\n", text.text);
}

static void say_difference(const struct server *server, const struct listing *listing,
			   const struct catalog_differences *found)
{
	const char *path = server->options->catalog;
	bool cut = false;

	for (unsigned i = 0; i < CATALOG_DIFFERENCE_CNT; i++)
		cut |= listing->cnt[i] > FAULTS_SHOWN_MAX;
	fprintf(stderr,
		"%s and the %" PRIu64 " SKUs on sale in %s: %" PRIu64 " the same, %" PRIu64
		" with other terms, %" PRIu64 " missing in the file, %" PRIu64 " new in it%s\n",
		path, found->on_sale, server->options->data, found->same, found->cnt[CATALOG_OTHER],
		found->cnt[CATALOG_MISSING], found->cnt[CATALOG_NEW],
		cut ? "; `doorbuster journal dump DATA --catalog --against FILE` lists all" : "");
}

/* 0 if --catalog-differs lets the start go on with what differs. */
static int judge(struct server *server, const struct catalog_differences *found)
{
	const struct serve_options *options = server->options;
	const enum catalog_differs mode = options->catalog_differs;
	const uint64_t contradicted = found->cnt[CATALOG_MISSING] + found->cnt[CATALOG_OTHER];

	if (found->same + found->cnt[CATALOG_OTHER] == 0)
		return FAIL(
			server, -EINVAL,
			"%s: none of its SKUs is on sale in %s, as if it were of another event; "
			"start that event with a --data of its own, or add its lines to what "
			"`doorbuster journal dump %s --catalog` prints",
			options->catalog, options->data, options->data);
	if (mode == CATALOG_DIFFERS_KEEP || (mode == CATALOG_DIFFERS_ADD && contradicted == 0))
		return 0;
	if (contradicted == 0)
		return FAIL(server, -EINVAL,
			    "%s: %" PRIu64 " SKUs are new, see above; --catalog-differs add puts "
			    "them on sale",
			    options->catalog, found->cnt[CATALOG_NEW]);
	return FAIL(server, -EINVAL,
		    "%s: of the SKUs on sale %" PRIu64 " have other terms and %" PRIu64
		    " are missing, see above. What is on sale goes on as it is: put it into the "
		    "file (`doorbuster journal dump %s --catalog` prints it), or say so with "
		    "--catalog-differs keep, or start a new sale with another --data",
		    options->catalog, found->cnt[CATALOG_OTHER], found->cnt[CATALOG_MISSING],
		    options->data);
}

/* All that is on sale, by SKU. */
static int collect_on_sale(struct server *server)
{
	int rc = 0;

	for (uint16_t i = 0; rc == 0 && i < server->options->shards; i++)
		rc = catalog_add_records(&server->on_sale, i, server->scans[i].offers,
					 server->scans[i].offer_cnt);
	if (rc != 0)
		return FAIL(server, rc, "no memory for the offers of %s", server->options->data);
	catalog_sort(server->on_sale);
	return 0;
}

static int compare_with_journal(struct server *server)
{
	struct listing listing = {.path = server->options->catalog};
	struct catalog_differences found;

	if (catalog_compare(server->catalog, server->on_sale, list_difference, &listing, &found) !=
	    0)
		return FAIL(server, -ENOMEM, "no memory to compare %s with the lanes",
			    server->options->catalog);
	if (!catalog_differs(&found))
		return 0;
	say_difference(server, &listing, &found);
	return judge(server, &found);
}

int serve_offers_checked(struct server *server)
{
	const struct serve_options *options = server->options;
	int rc = collect_on_sale(server);

	if (rc == 0)
		rc = catalog_place(server->catalog, options->catalog, stderr, options->shards,
				   server->on_sale, &server->error);
	if (rc == 0 && server->on_sale->cnt > 0)
		rc = compare_with_journal(server);
	if (rc == 0 && catalog_follow(server->catalog, options->shards, server->on_sale) != 0)
		rc = FAIL(server, -ENOMEM, "no memory to place the SKUs of %s", options->catalog);
	return rc;
}

int serve_offers_check_placed(struct server *server)
{
	const struct catalog *catalog = server->catalog;

	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *line = &catalog->offers[i];
		const uint16_t idx = wire_shard_of(line->sku, server->options->shards);
		const uint16_t owner = shard_owner(server->shared.lanes[idx].shard, line->sku);

		if (owner == idx || owner == line->shard)
			continue;
		place_set(&server->error, server->options->catalog, line->line,
			  catalog->shard_field, catalog_column_name(CATALOG_SHARD));
		error_add(&server->error,
			  "SKU %" PRIu64 " belongs to shard %u by a start that was ended before it "
			  "sold; write that shard into its line, and into those of its group",
			  line->sku, owner);
		return -EINVAL;
	}
	return 0;
}

/* Which records were sent to the lanes of one worker. */
struct feed {
	struct server *server;
	uint16_t worker_idx;
	/* Lines of the catalog, and where SKUs are placed, after them what else is on sale. */
	uint32_t next;
	bool placing;
};

/* Sends a record to a lane, if the lane is of this worker. False: its ring is full. */
static bool send_record(const struct feed *feed, uint16_t lane, const struct record *record)
{
	struct server *server = feed->server;

	return server->shared.owners[lane] != feed->worker_idx ||
	       post_send(&server->lane_posts[lane],
			 (struct command){.verb = COMMAND_PUT_ON_SALE, .record = *record});
}

/* Lets the shard of the SKU's number know that another one sells it. False: its ring is full. */
static bool send_placed(const struct feed *feed, const struct catalog_offer *line)
{
	const struct server *server = feed->server;
	const uint16_t idx = wire_shard_of(line->sku, server->options->shards);
	struct record record;

	if (!line->placed || shard_owner(server->shared.lanes[idx].shard, line->sku) == line->shard)
		return true;
	record = catalog_placed_record(line, 0);
	return send_record(feed, idx, &record);
}

static bool send_offer(const struct feed *feed, const struct catalog_offer *line)
{
	const struct lane *lane = &feed->server->shared.lanes[line->shard];
	struct offer_view known;
	struct record record;

	if (shard_find_offer(lane->shard, line->sku, &known))
		return true;
	record = catalog_record(line, 0);
	return send_record(feed, line->shard, &record);
}

/* Also what is on sale and not in the file: its record may be lost, if the lane was cut back. */
static uint32_t line_cnt(const struct feed *feed)
{
	return feed->server->catalog->cnt + (feed->placing ? feed->server->on_sale->cnt : 0);
}

/* Sends as many as the rings take. */
static void send_lines(struct feed *feed)
{
	const struct catalog *catalog = feed->server->catalog;

	for (; feed->next < line_cnt(feed); feed->next++) {
		const struct catalog_offer *line =
			feed->next < catalog->cnt
				? &catalog->offers[feed->next]
				: &feed->server->on_sale->offers[feed->next - catalog->cnt];

		if (!(feed->placing ? send_placed(feed, line) : send_offer(feed, line)))
			return;
	}
}

/* 0, or -errno with a line in server->error. */
static int take_answers(const struct feed *feed, struct start_turn *start)
{
	struct server *server = feed->server;
	struct command_answer answer;

	FOR_EACH_LANE (&start->turn, lane) {
		while (post_take(&server->lane_posts[lane->idx], &answer)) {
			if (answer.rc == -EAGAIN)
				return start_turn_fail(start, lane, ENOSPC);
			/* A SKU that is on sale and in the file is said to be placed twice. */
			if (feed->placing && answer.rc == -EEXIST)
				continue;
			/* The tables were made for it, and the catalog has each SKU once. */
			CHECK(answer.rc == 0);
			if (feed->placing)
				continue;
			server->offers_added++;
			progress_count(&server->progress, "SKU", server->offers_added,
				       server->catalog->cnt);
		}
	}
	return 0;
}

static int run_feed(struct feed *feed)
{
	struct start_turn *start = start_turn_open(feed->server, feed->worker_idx, "offers");
	int rc = 0;

	do {
		send_lines(feed);
		rc = start_turn(start);
		if (rc == 0)
			rc = take_answers(feed, start);
	} while (rc == 0 && (feed->next < line_cnt(feed) || !lane_turn_all_done(&start->turn)));
	return rc;
}

int serve_offers_say_placed(struct server *server, uint16_t worker_idx)
{
	struct feed feed = {.server = server, .worker_idx = worker_idx, .placing = true};

	return run_feed(&feed);
}

int serve_offers_add(struct server *server, uint16_t worker_idx)
{
	struct feed feed = {.server = server, .worker_idx = worker_idx};

	return run_feed(&feed);
}
