#include "engine/serve/offers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/base/rfc3339.h"
#include "engine/base/signals.h"
#include "net/wire.h"

enum {
	/* Turns of pump, 20 us and more each: some seconds. */
	SPACE_TURNS_MAX = 100000,
};

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

/* As a catalog has it. */
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

static void on_written(void *context, uint64_t token, int64_t result)
{
	struct lane *lane = context;

	DCHECK(journal_token_lane(token) == lane->idx);
	journal_written(lane->journal, token, result);
}

/* One turn of the lane's journal; sleeps a little where nothing happened. */
static void pump(struct lane *lane, struct disk *disk)
{
	static const struct timespec pause = {.tv_nsec = 20000};

	journal_pump(lane->journal, lane->clock_ns);
	disk->ops->submit(disk);
	if (disk->ops->reap(disk, on_written, lane) == 0)
		nanosleep(&pause, NULL);
}

int serve_lane_room(struct lane *lane, struct disk *disk, const char *what, struct error *error)
{
	int rc;

	for (unsigned turns = 0; journal_room(lane->journal) == 0; turns++) {
		if (journal_error(lane->journal) != 0)
			break;
		if (journal_is_full(lane->journal) || turns == SPACE_TURNS_MAX)
			break;
		if (!journal_idle(lane->journal))
			turns = 0;
		pump(lane, disk);
	}
	if (journal_room(lane->journal) > 0)
		return 0;
	rc = journal_error(lane->journal) != 0 ? journal_error(lane->journal) : ENOSPC;
	return error_say(error, -rc, "lane %u: writing its %s failed: %s; nothing is sold%s",
			 lane->idx, what, strerror(rc),
			 rc == ENOSPC ? "; free some space for --data" : "");
}

int serve_lane_flush(struct lane *lane, struct disk *disk, const char *what, struct error *error)
{
	while (!journal_idle(lane->journal) && journal_error(lane->journal) == 0) {
		if (signals_end_pending())
			journal_abandon(lane->journal, EINTR);
		pump(lane, disk);
	}
	if (journal_error(lane->journal) == 0)
		return 0;
	return error_say(error, -journal_error(lane->journal),
			 "lane %u: writing its %s failed: %s; nothing is sold", lane->idx, what,
			 strerror(journal_error(lane->journal)));
}

int serve_offers_add(const struct catalog *catalog, struct lane *lane, uint16_t shards,
		     struct disk *disk, uint64_t now_ns, uint64_t *added, struct error *error)
{
	lane_tick(lane, now_ns);
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *line = &catalog->offers[i];
		const char *why = NULL;
		struct offer_view offer;

		if (wire_shard_of(line->sku, shards) != lane->idx ||
		    shard_find_offer(lane->shard, line->sku, &offer))
			continue;

		const int rc = serve_lane_room(lane, disk, "offers", error);

		if (rc != 0)
			return rc;

		struct record *record = journal_slot(lane->journal);

		*record = catalog_record(line, lane->clock_ns);
		CHECK(shard_apply(lane->shard, journal_next_lsn(lane->journal), record, &why) == 0);
		journal_commit(lane->journal);
		(*added)++;
	}
	return serve_lane_flush(lane, disk, "offers", error);
}
