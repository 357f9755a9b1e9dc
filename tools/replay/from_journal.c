#include "tools/replay/from_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/catalog/catalog.h"
#include "engine/journal/data_dir.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "engine/sale/shard.h"
#include "tools/replay/fresh.h"

enum {
	SAVE_CNT = 1024,
};

/* An order, where it was decided, and the offer it is of. */
struct told {
	struct snapshot_order order;
	uint64_t offer; /* in from_journal.offers */
	uint16_t lane;
};

struct from_journal {
	struct data_dir dir;
	struct told *orders; /* as they were decided */
	uint64_t order_cnt;
	struct offer_view *offers;
	uint64_t offer_cnt;
	uint64_t next;      /* order not yet given */
	uint32_t group_cnt; /* orders of the datagram given last; its reply is next */
	uint64_t datagrams;
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
};

static uint64_t lsn_of(const struct told *told)
{
	return told->order.lsn_quantity >> QUANTITY_BITS;
}

static uint16_t quantity_of(const struct told *told)
{
	return (uint16_t)(told->order.lsn_quantity & ((1U << QUANTITY_BITS) - 1));
}

static int by_instant(const void *a, const void *b)
{
	const struct told *one = a;
	const struct told *two = b;

	if (one->order.at_ns != two->order.at_ns)
		return one->order.at_ns < two->order.at_ns ? -1 : 1;
	if (one->lane != two->lane)
		return one->lane < two->lane ? -1 : 1;
	return lsn_of(one) < lsn_of(two) ? -1 : lsn_of(one) > lsn_of(two);
}

/* Makes room for a shard's offers and orders, after those that are there. */
static bool grow(struct from_journal *journal, const struct shard_totals *totals)
{
	struct told *orders = realloc(journal->orders,
				      (journal->order_cnt + totals->orders + 1) * sizeof(*orders));
	struct offer_view *offers;

	if (orders == NULL)
		return false;
	journal->orders = orders;
	offers = realloc(journal->offers,
			 (journal->offer_cnt + totals->offers + 1) * sizeof(*offers));
	if (offers == NULL)
		return false;
	journal->offers = offers;
	return true;
}

static bool take_shard(struct from_journal *journal, const struct shard *shard, uint16_t lane)
{
	const uint64_t first_offer = journal->offer_cnt;
	struct snapshot_order saved[SAVE_CNT];
	struct shard_totals totals;

	shard_totals(shard, &totals);
	if (!grow(journal, &totals))
		return false;
	for (uint64_t i = 0; i < totals.offers; i++) {
		struct offer_view *offer = &journal->offers[journal->offer_cnt++];

		shard_offer_at(shard, i, offer);
		offer->free = offer->stock; /* from here on: left at the order given last */
	}
	for (uint64_t i = 0; i < totals.orders; i += SAVE_CNT) {
		const uint64_t left = totals.orders - i;
		const uint32_t cnt = (uint32_t)(left < SAVE_CNT ? left : SAVE_CNT);

		shard_save_orders(shard, i, cnt, saved);
		for (uint32_t k = 0; k < cnt; k++)
			journal->orders[journal->order_cnt++] =
				(struct told){.order = saved[k],
					      .offer = first_offer + saved[k].offer,
					      .lane = lane};
	}
	return true;
}

static int read_lane(struct from_journal *journal, uint16_t lane, struct error *error)
{
	struct recover_scan scan = {0};
	struct shard *shard = NULL;
	struct shard_size size;
	int rc = recover_scan(&journal->dir, lane, &scan, error);

	if (rc == 0) {
		recover_sizes(&scan, &size);
		if (shard_bytes(&size) > arena_available_bytes() ||
		    shard_open(&shard, lane, journal->dir.shards, &size) != 0) {
			rc = error_say(error, -ENOMEM,
				       "lane %u: its tables take %" PRIu64
				       " MiB: use a bigger machine",
				       lane, shard_bytes(&size) >> 20);
		}
	}
	if (rc == 0)
		rc = recover_lane(&journal->dir, lane, &scan, shard, error);
	if (rc == 0 && !take_shard(journal, shard, lane)) {
		rc = error_say(error, -ENOMEM, "lane %u: no memory for its orders", lane);
	}
	shard_close(shard);
	recover_scan_free(&scan);
	return rc;
}

int from_journal_open(struct from_journal **out, const char *path, struct error *error)
{
	struct from_journal *journal = calloc(1, sizeof(*journal));
	int rc;

	if (journal == NULL)
		return error_say(error, -ENOMEM, "no memory");
	journal->dir.lock_fd = -1;
	rc = data_dir_read(&journal->dir, path, error);
	for (uint16_t lane = 0; rc == 0 && lane < journal->dir.shards; lane++)
		rc = read_lane(journal, lane, error);
	if (rc != 0) {
		from_journal_close(journal);
		return rc;
	}
	if (journal->order_cnt > 0)
		qsort(journal->orders, journal->order_cnt, sizeof(*journal->orders), by_instant);
	*out = journal;
	return 0;
}

/* Orders of one lane that were decided at one instant, as those of one turn were, make a datagram.
 */
static uint32_t group_at(const struct from_journal *journal, uint64_t first)
{
	const struct told *told = &journal->orders[first];
	uint32_t cnt = 1;

	while (cnt < WIRE_ENTRY_CNT_MAX && first + cnt < journal->order_cnt &&
	       told[cnt].lane == told->lane && told[cnt].order.at_ns == told->order.at_ns)
		cnt++;
	return cnt;
}

static void begin(struct from_journal *journal, uint8_t kind, uint32_t cnt, uint16_t lane)
{
	*(struct wire_header *)journal->datagram = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = kind,
		.count = (uint8_t)cnt,
		.flags = WIRE_FLAG_DATED,
		.shard = lane,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = journal->datagrams,
	};
}

/* At a price of 0 both forms get the same answer, so it does not matter which one it was. */
static bool is_at_most_0(const struct told *told)
{
	return told->order.max_price == PRICE_AT_MOST_0 && told->order.unit_price == 0;
}

static void make_request(struct from_journal *journal)
{
	struct wire_request *entries =
		(struct wire_request *)(journal->datagram + WIRE_HEADER_BYTES);

	for (uint32_t i = 0; i < journal->group_cnt; i++) {
		const struct told *told = &journal->orders[journal->next + i];

		entries[i] = (struct wire_request){
			.id = {told->order.request_id[0], told->order.request_id[1]},
			.buyer = told->order.buyer,
			.sku = journal->offers[told->offer].sku,
			.price_or_order = is_at_most_0(told) ? 0 : told->order.max_price,
			.channel = told->order.channel,
			.quantity = quantity_of(told),
			.op = WIRE_OP_BUY,
			.flags = is_at_most_0(told) ? WIRE_ENTRY_AT_MOST_0 : 0,
		};
	}
}

static void make_reply(struct from_journal *journal)
{
	struct wire_reply *entries = (struct wire_reply *)(journal->datagram + WIRE_HEADER_BYTES);

	for (uint32_t i = 0; i < journal->group_cnt; i++) {
		const struct told *told = &journal->orders[journal->next + i];
		struct offer_view *offer = &journal->offers[told->offer];

		offer->free -= quantity_of(told);
		entries[i] = (struct wire_reply){
			.id = {told->order.request_id[0], told->order.request_id[1]},
			.order_id = order_id_of(told->lane, lsn_of(told)),
			.unit_price = told->order.unit_price,
			.instant_ns = told->order.at_ns,
			.stock_left = offer->free,
			.quantity = quantity_of(told),
			.verdict = VERDICT_ACCEPTED,
			.durability = DURABILITY_DURABLE,
		};
	}
}

bool from_journal_next(struct from_journal *journal, struct captured *out, uint8_t **datagram)
{
	const struct told *told = &journal->orders[journal->next];
	const bool is_reply = journal->group_cnt > 0;

	if (journal->next == journal->order_cnt)
		return false;
	if (!is_reply) {
		journal->group_cnt = group_at(journal, journal->next);
		journal->datagrams++;
	}
	begin(journal, is_reply ? WIRE_KIND_REPLY : WIRE_KIND_REQUEST, journal->group_cnt,
	      told->lane);
	(is_reply ? make_reply : make_request)(journal);
	/* Request and answer get the instant of the order: a journal has no other. */
	*wire_date(journal->datagram) = (struct wire_date){
		.issued_at_ns = told->order.at_ns,
		.valid_ms = FRESH_VALID_MS,
		.sale = wire_sale_of(journal->dir.journal_id),
	};
	*datagram = journal->datagram;
	*out = (struct captured){
		.at_ns = told->order.at_ns,
		.datagram = journal->datagram,
		.bytes = wire_bytes(journal->datagram),
		.shard = told->lane,
		.kind = is_reply ? CAPTURED_REPLY : CAPTURED_REQUEST,
	};
	if (is_reply) {
		journal->next += journal->group_cnt;
		journal->group_cnt = 0;
	}
	return true;
}

void from_journal_catalog(const struct from_journal *journal, FILE *out)
{
	catalog_write_header(CATALOG_PLAIN_CNT, out);
	for (uint64_t i = 0; i < journal->offer_cnt; i++) {
		const struct offer_view *offer = &journal->offers[i];
		const struct catalog_offer line = {
			.sku = offer->sku,
			.unit_price = offer->unit_price,
			.opens_at_ns = offer->opens_at_ns,
			.closes_at_ns = offer->closes_at_ns,
			.stock = offer->stock,
			.limit_per_buyer = offer->limit_per_buyer,
			.hold_seconds = offer->hold_seconds,
		};

		catalog_write_offer(&line, CATALOG_PLAIN_CNT, out);
	}
}

uint64_t from_journal_orders(const struct from_journal *journal)
{
	return journal->order_cnt;
}

void from_journal_close(struct from_journal *journal)
{
	if (journal == NULL)
		return;
	data_dir_close(&journal->dir);
	free(journal->orders);
	free(journal->offers);
	free(journal);
}
