#include "engine/serve/offers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/catalog/difference.h"
#include "engine/serve/start_turn.h"
#include "engine/serve/state.h"
#include "net/wire.h"

static int by_sku(const void *a, const void *b)
{
	const struct record *one = a;
	const struct record *two = b;

	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

static void add_stock(struct shard_size *size, uint32_t stock, uint32_t limit_per_buyer)
{
	size->offer_cnt++;
	size->order_cnt += stock;
	if (limit_per_buyer > 0)
		size->buyer_cnt += stock;
}

int serve_offers_size(const struct catalog *catalog, const struct recover_scan *scan, uint16_t lane,
		      uint16_t shards, uint64_t order_cnt_max, struct shard_size *size)
{
	struct record *known = calloc(scan->offer_cnt + 1, sizeof(*known));

	if (known == NULL)
		return -ENOMEM;
	*size = (struct shard_size){0};
	for (uint64_t i = 0; i < scan->offer_cnt; i++) {
		known[i] = scan->offers[i];
		add_stock(size, known[i].offer.stock, known[i].offer.limit_per_buyer);
	}
	qsort(known, scan->offer_cnt, sizeof(*known), by_sku);
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *offer = &catalog->offers[i];
		const struct record wanted = {.sku = offer->sku};

		if (wire_shard_of(offer->sku, shards) == lane &&
		    bsearch(&wanted, known, scan->offer_cnt, sizeof(*known), by_sku) == NULL)
			add_stock(size, offer->stock, offer->limit_per_buyer);
	}
	free(known);
	if (order_cnt_max > 0) {
		const uint64_t cap =
			order_cnt_max > scan->order_cnt ? order_cnt_max : scan->order_cnt;

		size->order_cnt = size->order_cnt < cap ? size->order_cnt : cap;
		size->buyer_cnt = size->buyer_cnt < cap ? size->buyer_cnt : cap;
	}
	return 0;
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

int serve_offers_checked(struct server *server)
{
	struct listing listing = {.path = server->options->catalog};
	struct catalog_differences found;
	struct catalog *journal = NULL;
	int rc = 0;

	for (uint16_t i = 0; rc == 0 && i < server->options->shards; i++)
		rc = catalog_add_records(&journal, i, server->scans[i].offers,
					 server->scans[i].offer_cnt);
	if (rc == 0 && journal != NULL && journal->cnt > 0)
		rc = catalog_compare(server->catalog, journal, list_difference, &listing, &found);
	if (rc != 0)
		rc = FAIL(server, rc, "no memory to compare %s with the lanes",
			  server->options->catalog);
	else if (journal != NULL && journal->cnt > 0 && catalog_differs(&found)) {
		say_difference(server, &listing, &found);
		rc = judge(server, &found);
	}
	catalog_free(journal);
	return rc;
}

/* Which lines of the catalog were sent to the lanes of one worker. */
struct feed {
	struct server *server;
	uint16_t worker_idx;
	uint32_t next; /* line */
};

/* Sends as many as the rings take. */
static void send_offers(struct feed *feed)
{
	struct server *server = feed->server;
	const struct catalog *catalog = server->catalog;

	for (; feed->next < catalog->cnt; feed->next++) {
		const struct catalog_offer *line = &catalog->offers[feed->next];
		const uint16_t idx = wire_shard_of(line->sku, server->options->shards);
		const struct lane *lane = &server->shared.lanes[idx];
		struct offer_view known;

		if (server->shared.owners[idx] != feed->worker_idx ||
		    shard_find_offer(lane->shard, line->sku, &known))
			continue;
		if (!post_send(&server->lane_posts[idx],
			       (struct command){.verb = COMMAND_PUT_ON_SALE,
						.record = catalog_record(line, 0)}))
			return;
	}
}

/* 0, or -errno with a line in server->error. */
static int take_answers(struct feed *feed, struct start_turn *start)
{
	struct server *server = feed->server;
	struct command_answer answer;

	FOR_EACH_LANE (&start->turn, lane) {
		while (post_take(&server->lane_posts[lane->idx], &answer)) {
			if (answer.rc == -EAGAIN)
				return start_turn_fail(start, lane, ENOSPC);
			/* The tables were made for it, and the catalog has each SKU once. */
			CHECK(answer.rc == 0);
			server->offers_added++;
			progress_count(&server->progress, "SKU", server->offers_added,
				       server->catalog->cnt);
		}
	}
	return 0;
}

int serve_offers_add(struct server *server, uint16_t worker_idx)
{
	struct feed feed = {.server = server, .worker_idx = worker_idx};
	struct start_turn *start = start_turn_open(server, worker_idx, "offers");
	int rc = 0;

	do {
		send_offers(&feed);
		rc = start_turn(start);
		if (rc == 0)
			rc = take_answers(&feed, start);
	} while (rc == 0 &&
		 (feed.next < server->catalog->cnt || !lane_turn_all_done(&start->turn)));
	return rc;
}
