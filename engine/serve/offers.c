#include "engine/serve/offers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/rfc3339.h"
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

/* A column of a line and what the lane has of it. */
struct column {
	const char *name;
	uint64_t says;
	uint64_t has;
	bool is_instant;
};

/* The first that differs; false if none does. */
static bool find_difference(const struct catalog_offer *line, const struct offer_view *offer,
			    struct column *out)
{
	const struct column columns[] = {
		{"stock", line->stock, offer->stock, false},
		{"unit_price", line->unit_price, offer->unit_price, false},
		{"limit_per_buyer", line->limit_per_buyer, offer->limit_per_buyer, false},
		{"opens_at", line->opens_at_ns, offer->opens_at_ns, true},
		{"closes_at", line->closes_at_ns, offer->closes_at_ns, true},
		{"hold_seconds", line->hold_seconds, offer->hold_seconds, false},
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		*out = columns[i];
		if (out->says != out->has)
			return true;
	}
	return false;
}

/* Writes the value as a catalog has it. */
static void value_text(const struct column *column, uint64_t value, char out[RFC3339_BYTES])
{
	if (!column->is_instant)
		snprintf(out, RFC3339_BYTES, "%" PRIu64, value);
	else if (value == 0 || value == INSTANT_NEVER)
		snprintf(out, RFC3339_BYTES, "nothing");
	else
		rfc3339_format(value, out);
}

int serve_offers_check(const struct catalog *catalog, const char *catalog_path,
		       const struct lane *lanes, uint16_t shards, struct error *error)
{
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *line = &catalog->offers[i];
		const struct lane *lane = &lanes[wire_shard_of(line->sku, shards)];
		struct offer_view offer;
		struct column column;
		char says[RFC3339_BYTES];
		char has[RFC3339_BYTES];

		if (!shard_find_offer(lane->shard, line->sku, &offer) ||
		    !find_difference(line, &offer, &column))
			continue;
		value_text(&column, column.says, says);
		value_text(&column, column.has, has);
		return error_say(
			error, -EINVAL,
			"%s:%u: column %s: SKU %" PRIu64
			" is already on sale with %s, the catalog says %s; put the old value "
			"back, or start a new sale with another --data",
			catalog_path, line->line, column.name, line->sku, has, says);
	}
	return 0;
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
