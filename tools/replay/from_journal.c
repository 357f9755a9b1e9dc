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

/* An order or a change of one, where it was decided, and the offer it is of. */
struct told {
	struct snapshot_order order;
	uint64_t order_lsn; /* of the order that it made, changes or ends */
	uint64_t offer;     /* in from_journal.offers */
	uint64_t sku;
	uint16_t lane;
	uint8_t kind; /* RECORD_...; RECORD_EXPIRE: no request, but the end of a hold */
	/* Where it is asked: itself, or of a line of a basket that begins in another lane the link
	 * to it there. */
	bool linked;
	bool goes_on; /* the next one may be of the same basket */
	uint16_t asked_lane;
	uint64_t asked_at_ns;
	uint64_t asked_lsn;
	uint64_t first_lsn; /* linked: of the basket's first line */
};

/* A line of a basket that another lane has. */
struct told_link {
	struct snapshot_link link;
	uint16_t lane;
};

/* A hold, or a bought order of which units came back, as of the request given last. */
struct told_hold {
	uint64_t lsn; /* of its order */
	uint64_t ends_ns;
	uint16_t lane;
	uint16_t held;
};

struct told_offer {
	struct offer_view view; /* free: left at the request given last */
	struct offer_terms terms;
	uint16_t shard;
};

struct from_journal {
	struct data_dir dir;
	struct told *told; /* as they were decided */
	uint64_t told_cnt;
	struct told_hold *holds; /* by lane and LSN */
	uint64_t hold_cnt;
	struct told_link *links;
	uint64_t link_cnt;
	struct told_offer *offers;
	uint64_t offer_cnt;
	uint64_t order_cnt; /* bought or held */
	uint64_t change_cnt;
	uint64_t next;      /* not yet given */
	uint32_t group_cnt; /* requests of the datagram given last; its reply is next */
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

static uint8_t flags_of(const struct snapshot_order *order)
{
	return (uint8_t)(order->offer >> SNAPSHOT_FLAGS_SHIFT);
}

/* The kind of its record. */
static uint8_t kind_of(const struct snapshot_order *order)
{
	const uint8_t kind = order->offer >> SNAPSHOT_KIND_SHIFT & 0xf;

	return kind == 0 ? RECORD_ORDER : kind;
}

/* Holds that end at an instant have ended for all that is decided at it. */
static int by_instant(const void *a, const void *b)
{
	const struct told *one = a;
	const struct told *two = b;

	if (one->asked_at_ns != two->asked_at_ns)
		return one->asked_at_ns < two->asked_at_ns ? -1 : 1;
	if (one->asked_lane != two->asked_lane)
		return one->asked_lane < two->asked_lane ? -1 : 1;
	return one->asked_lsn < two->asked_lsn ? -1 : one->asked_lsn > two->asked_lsn;
}

/* What a link knows of the line that it is to. */
struct request_key {
	uint16_t lane;
	uint64_t sku;
	uint64_t id[2];
};

static int compare_keys(const struct request_key *one, const struct request_key *two)
{
	if (one->lane != two->lane)
		return one->lane < two->lane ? -1 : 1;
	if (one->sku != two->sku)
		return one->sku < two->sku ? -1 : 1;
	if (one->id[0] != two->id[0])
		return one->id[0] < two->id[0] ? -1 : 1;
	return one->id[1] < two->id[1] ? -1 : one->id[1] > two->id[1];
}

static int by_lane_lsn(const void *a, const void *b)
{
	const struct told_hold *one = a;
	const struct told_hold *two = b;

	if (one->lane != two->lane)
		return one->lane < two->lane ? -1 : 1;
	return one->lsn < two->lsn ? -1 : one->lsn > two->lsn;
}

/* Makes room for what a shard has, after what is there. */
static bool grow(struct from_journal *journal, const struct shard_totals *totals)
{
	/* Of each hold also its end. */
	const uint64_t more = totals->orders + 2 * totals->holds + totals->changes;
	struct told *told = realloc(journal->told, (journal->told_cnt + more + 1) * sizeof(*told));
	struct told_offer *offers;
	struct told_hold *holds;
	struct told_link *links;

	if (told == NULL)
		return false;
	journal->told = told;
	offers = realloc(journal->offers,
			 (journal->offer_cnt + totals->offers + 1) * sizeof(*offers));
	if (offers == NULL)
		return false;
	journal->offers = offers;
	holds = realloc(journal->holds, (journal->hold_cnt + totals->holds + 1) * sizeof(*holds));
	if (holds == NULL)
		return false;
	journal->holds = holds;
	links = realloc(journal->links, (journal->link_cnt + totals->links + 1) * sizeof(*links));
	if (links == NULL)
		return false;
	journal->links = links;
	return true;
}

static void take(struct from_journal *journal, const struct snapshot_order *order,
		 uint64_t first_offer, uint16_t lane)
{
	struct told *told = &journal->told[journal->told_cnt++];

	*told = (struct told){
		.order = *order,
		.offer = first_offer + (order->offer & ((1U << SNAPSHOT_OFFER_BITS) - 1)),
		.lane = lane,
		.kind = kind_of(order),
		.goes_on = (flags_of(order) & SNAPSHOT_BASKET_GOES_ON) != 0,
		.asked_lane = lane,
		.asked_at_ns = order->at_ns,
	};
	told->sku = journal->offers[told->offer].view.sku;
	told->asked_lsn = lsn_of(told);
	told->order_lsn = told->kind == RECORD_ORDER || told->kind == RECORD_HOLD
				  ? lsn_of(told)
				  : order->max_price;
}

/* Of a hold that ended without a payment in time: its units came back then. */
static void take_end(struct from_journal *journal, const struct snapshot_hold *hold)
{
	const bool late = (flags_of(&hold->order) & CONFIRM_LATE) != 0;
	struct told *end = &journal->told[journal->told_cnt];

	if (hold->state != HOLD_RAN_OUT && hold->state != HOLD_REFUNDED &&
	    !(hold->state == HOLD_SOLD && late))
		return;
	*end = end[-1];
	end->kind = RECORD_EXPIRE;
	end->goes_on = false;
	end->order.at_ns = hold->ends_at_ns;
	end->order.lsn_quantity = 0;
	end->asked_at_ns = hold->ends_at_ns;
	end->asked_lsn = 0;
	journal->told_cnt++;
}

static void take_hold(struct from_journal *journal, const struct snapshot_hold *hold,
		      uint64_t first_offer, uint16_t lane)
{
	journal->holds[journal->hold_cnt++] = (struct told_hold){
		.lsn = hold->order.lsn_quantity >> QUANTITY_BITS,
		.lane = lane,
	};
	/* A bought one is among the orders. */
	if (kind_of(&hold->order) != RECORD_HOLD)
		return;
	take(journal, &hold->order, first_offer, lane);
	take_end(journal, hold);
	journal->order_cnt++;
}

static void take_offers(struct from_journal *journal, const struct shard *shard, uint64_t cnt,
			uint16_t lane)
{
	for (uint64_t i = 0; i < cnt; i++) {
		struct told_offer *offer = &journal->offers[journal->offer_cnt++];

		shard_offer_at(shard, i, &offer->view);
		shard_terms_at(shard, i, &offer->terms);
		offer->view.free = offer->view.stock;
		offer->shard = lane;
	}
}

typedef void save_fn(const struct shard *shard, uint64_t first, uint32_t cnt,
		     struct snapshot_order *out);

static void take_orders(struct from_journal *journal, const struct shard *shard, save_fn *save,
			uint64_t cnt, uint64_t first_offer, uint16_t lane)
{
	struct snapshot_order saved[SAVE_CNT];

	for (uint64_t i = 0; i < cnt; i += SAVE_CNT) {
		const uint32_t got = (uint32_t)(cnt - i < SAVE_CNT ? cnt - i : SAVE_CNT);

		save(shard, i, got, saved);
		for (uint32_t k = 0; k < got; k++)
			take(journal, &saved[k], first_offer, lane);
	}
}

static void take_holds(struct from_journal *journal, const struct shard *shard, uint64_t cnt,
		       uint64_t first_offer, uint16_t lane)
{
	struct snapshot_hold saved[SAVE_CNT];

	for (uint64_t i = 0; i < cnt; i += SAVE_CNT) {
		const uint32_t got = (uint32_t)(cnt - i < SAVE_CNT ? cnt - i : SAVE_CNT);

		shard_save_holds(shard, i, got, saved);
		for (uint32_t k = 0; k < got; k++)
			take_hold(journal, &saved[k], first_offer, lane);
	}
}

static void take_links(struct from_journal *journal, const struct shard *shard, uint64_t cnt,
		       uint16_t lane)
{
	for (uint64_t i = 0; i < cnt; i++) {
		struct told_link *link = &journal->links[journal->link_cnt++];

		link->lane = lane;
		shard_save_links(shard, i, 1, &link->link);
	}
}

static bool take_shard(struct from_journal *journal, const struct shard *shard, uint16_t lane)
{
	const uint64_t first_offer = journal->offer_cnt;
	struct shard_totals totals;

	shard_totals(shard, &totals);
	if (!grow(journal, &totals))
		return false;
	take_offers(journal, shard, totals.offers, lane);
	take_orders(journal, shard, shard_save_orders, totals.orders, first_offer, lane);
	take_orders(journal, shard, shard_save_changes, totals.changes, first_offer, lane);
	take_holds(journal, shard, totals.holds, first_offer, lane);
	take_links(journal, shard, totals.links, lane);
	journal->order_cnt += totals.orders;
	journal->change_cnt += totals.changes;
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

static struct request_key key_of(const struct told *told)
{
	return (struct request_key){
		.lane = told->lane,
		.sku = told->sku,
		.id = {told->order.request_id[0], told->order.request_id[1]},
	};
}

static int by_line(const void *a, const void *b)
{
	const struct request_key one = key_of(*(struct told *const *)a);
	const struct request_key two = key_of(*(struct told *const *)b);

	return compare_keys(&one, &two);
}

static int find_line(const void *key, const void *at)
{
	const struct request_key told = key_of(*(struct told *const *)at);

	return compare_keys(key, &told);
}

/* A line of another lane is asked where its basket begins. One that is not there yet is left out:
 * an engine is about to write it. */
static bool join_baskets(struct from_journal *journal)
{
	struct told **lines = calloc(journal->told_cnt + 1, sizeof(*lines));
	uint64_t cnt = 0;

	if (lines == NULL)
		return false;
	for (uint64_t i = 0; i < journal->told_cnt; i++) {
		if (journal->told[i].kind != RECORD_EXPIRE)
			lines[cnt++] = &journal->told[i];
	}
	qsort(lines, cnt, sizeof(struct told *), by_line);
	for (uint64_t i = 0; i < journal->link_cnt; i++) {
		const struct told_link *link = &journal->links[i];
		const struct request_key key = {
			.lane = link->link.shard,
			.sku = link->link.sku,
			.id = {link->link.request_id[0], link->link.request_id[1]}};
		struct told **found = bsearch(&key, lines, cnt, sizeof(struct told *), find_line);

		if (found == NULL)
			continue;
		(*found)->linked = true;
		(*found)->goes_on = link->link.goes_on != 0;
		(*found)->asked_lane = link->lane;
		(*found)->asked_at_ns = link->link.at_ns;
		(*found)->asked_lsn = link->link.lsn;
		(*found)->first_lsn = link->link.first_lsn;
	}
	free(lines);
	return true;
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
	if (rc == 0 && journal->link_cnt > 0 && !join_baskets(journal))
		rc = error_say(error, -ENOMEM, "no memory for its baskets");
	if (rc != 0) {
		from_journal_close(journal);
		return rc;
	}
	if (journal->told_cnt > 0)
		qsort(journal->told, journal->told_cnt, sizeof(*journal->told), by_instant);
	if (journal->hold_cnt > 0)
		qsort(journal->holds, journal->hold_cnt, sizeof(*journal->holds), by_lane_lsn);
	*out = journal;
	return 0;
}

/* NULL: an order that was bought, and all of it kept. */
static struct told_hold *hold_of(const struct from_journal *journal, const struct told *told)
{
	const struct told_hold wanted = {.lane = told->lane, .lsn = told->order_lsn};

	return journal->hold_cnt == 0 ? NULL
				      : bsearch(&wanted, journal->holds, journal->hold_cnt,
						sizeof(wanted), by_lane_lsn);
}

/* Whether `next` is of the basket that begins with `first`, the line before it being `last`. */
static bool is_of_basket(const struct told *first, const struct told *last, const struct told *next)
{
	return last->goes_on && next->kind != RECORD_EXPIRE &&
	       next->asked_lane == first->asked_lane &&
	       (next->linked ? next->first_lsn == first->asked_lsn
			     : next->asked_lsn == last->asked_lsn + 1);
}

/* A basket is a datagram of its own. Else requests of one lane that were decided at one instant, as
 * those of one turn were, make one; a request about an order that another of them makes comes after
 * the answer to that. */
static uint32_t group_at(const struct from_journal *journal, uint64_t first)
{
	const struct told *told = &journal->told[first];
	const bool basket = told->goes_on;
	uint32_t cnt = 1;

	for (; cnt < WIRE_ENTRY_CNT_MAX && first + cnt < journal->told_cnt; cnt++) {
		const struct told *next = &told[cnt];

		if (basket ? !is_of_basket(told, next - 1, next)
			   : next->goes_on || next->linked || next->kind == RECORD_EXPIRE ||
				     next->lane != told->lane ||
				     next->order.at_ns != told->order.at_ns ||
				     (next->order_lsn >= lsn_of(told) &&
				      next->order_lsn != lsn_of(next)))
			break;
	}
	return cnt;
}

/* Units that go, or come back. What is left is for information; where the lane's clock was set back
 * the order of instants is not the lane's. */
static void move_units(struct told_offer *offer, uint32_t gone, uint32_t back)
{
	const uint64_t free = (uint64_t)offer->view.free + back;

	offer->view.free = free < gone                       ? 0
			   : free - gone > offer->view.stock ? offer->view.stock
							     : (uint32_t)(free - gone);
}

static uint16_t less(uint16_t held, uint16_t quantity)
{
	return held > quantity ? held - quantity : 0;
}

/* The ends of holds before the next request. False: there is none. */
static bool pass_ends(struct from_journal *journal)
{
	for (; journal->next < journal->told_cnt; journal->next++) {
		const struct told *told = &journal->told[journal->next];
		struct told_hold *hold;

		if (told->kind != RECORD_EXPIRE)
			return true;
		hold = hold_of(journal, told);
		CHECK(hold != NULL);
		move_units(&journal->offers[told->offer], 0, hold->held);
		hold->held = 0;
	}
	return false;
}

static void begin(struct from_journal *journal, uint8_t kind, uint32_t cnt, uint16_t lane)
{
	*(struct wire_header *)journal->datagram = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = kind,
		.count = (uint8_t)cnt,
		.flags = WIRE_FLAG_DATED |
			 (journal->told[journal->next].goes_on && cnt > 1 ? WIRE_FLAG_BASKET : 0),
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

static uint8_t op_of(const struct told *told)
{
	switch (told->kind) {
	case RECORD_HOLD:
		return WIRE_OP_HOLD;
	case RECORD_CONFIRM:
		return WIRE_OP_CONFIRM;
	case RECORD_RELEASE:
		return WIRE_OP_RELEASE;
	case RECORD_EXTEND:
		return WIRE_OP_EXTEND;
	case RECORD_RETURN:
		return WIRE_OP_RETURN;
	default:
		return WIRE_OP_BUY;
	}
}

static void make_request(struct from_journal *journal)
{
	struct wire_request *entries = wire_requests(journal->datagram);

	for (uint32_t i = 0; i < journal->group_cnt; i++) {
		const struct told *told = &journal->told[journal->next + i];
		const uint8_t flags = flags_of(&told->order);

		entries[i] = (struct wire_request){
			.id = {told->order.request_id[0], told->order.request_id[1]},
			.buyer = told->order.buyer,
			.sku = told->sku,
			.price_or_order = order_id_of(told->lane, told->order_lsn),
			.channel = told->order.channel,
			.quantity = quantity_of(told),
			.op = op_of(told),
		};
		if (told->kind == RECORD_ORDER || told->kind == RECORD_HOLD) {
			entries[i].price_or_order = is_at_most_0(told) ? 0 : told->order.max_price;
			entries[i].flags = is_at_most_0(told) ? WIRE_ENTRY_AT_MOST_0 : 0;
		} else if (told->kind == RECORD_RELEASE && (flags & RELEASE_ALL) != 0) {
			entries[i].quantity = 0;
		} else if (told->kind == RECORD_RETURN && (flags & RETURN_WRITE_OFF) != 0) {
			entries[i].flags = WIRE_ENTRY_WRITE_OFF;
		}
	}
}

static uint64_t after(uint64_t at_ns, uint32_t seconds)
{
	return at_ns + (uint64_t)seconds * 1000000000;
}

/* Does to the hold and to the offer what the request did, and says it in the answer. */
static void answer_change(const struct told *told, struct told_offer *offer, struct told_hold *hold,
			  struct wire_reply *reply)
{
	const uint8_t flags = flags_of(&told->order);
	const uint16_t quantity = quantity_of(told);

	CHECK(hold != NULL);
	switch (told->kind) {
	case RECORD_CONFIRM:
		reply->verdict = VERDICT_CONFIRMED;
		if ((flags & CONFIRM_REFUND) != 0) {
			reply->verdict = VERDICT_HOLD_EXPIRED;
			reply->instant_ns = hold->ends_ns;
			/* Of a basket's line, as another one could not be sold. */
			move_units(offer, 0, hold->held);
			hold->held = 0;
		} else if ((flags & CONFIRM_LATE) != 0) {
			reply->verdict = VERDICT_CONFIRMED_LATE;
			move_units(offer, quantity, 0);
		} else {
			move_units(offer, 0, less(hold->held, quantity));
			hold->held = 0;
		}
		return;
	case RECORD_RELEASE:
		reply->verdict = VERDICT_RELEASED;
		move_units(offer, 0, quantity);
		hold->held = less(hold->held, quantity);
		return;
	case RECORD_EXTEND:
		reply->verdict = VERDICT_EXTENDED;
		reply->quantity = hold->held;
		hold->ends_ns = after(told->order.at_ns, offer->terms.extend_seconds);
		reply->instant_ns = hold->ends_ns;
		return;
	default:
		CHECK(told->kind == RECORD_RETURN);
		reply->verdict = VERDICT_RETURNED;
		move_units(offer, 0, (flags & RETURN_WRITE_OFF) != 0 ? 0 : quantity);
		return;
	}
}

static void answer_order(const struct told *told, struct told_offer *offer, struct told_hold *hold,
			 struct wire_reply *reply)
{
	reply->verdict = VERDICT_ACCEPTED;
	move_units(offer, quantity_of(told), 0);
	if (told->kind == RECORD_ORDER)
		return;
	CHECK(hold != NULL);
	reply->verdict = VERDICT_HELD;
	hold->held = quantity_of(told);
	hold->ends_ns = after(told->order.at_ns, offer->view.hold_seconds);
	reply->instant_ns = hold->ends_ns;
}

static void make_reply(struct from_journal *journal)
{
	struct wire_reply *entries = wire_replies(journal->datagram);

	for (uint32_t i = 0; i < journal->group_cnt; i++) {
		const struct told *told = &journal->told[journal->next + i];
		struct told_offer *offer = &journal->offers[told->offer];
		struct wire_reply reply = {
			.id = {told->order.request_id[0], told->order.request_id[1]},
			.order_id = order_id_of(told->lane, told->order_lsn),
			.unit_price = told->order.unit_price,
			.instant_ns = told->order.at_ns,
			.quantity = quantity_of(told),
			.durability = DURABILITY_DURABLE,
		};

		(told->kind == RECORD_ORDER || told->kind == RECORD_HOLD
			 ? answer_order
			 : answer_change)(told, offer, hold_of(journal, told), &reply);
		reply.stock_left = offer->view.free;
		entries[i] = reply;
	}
}

bool from_journal_next(struct from_journal *journal, struct captured *out, uint8_t **datagram)
{
	const bool is_reply = journal->group_cnt > 0;
	const struct told *told;

	if (!is_reply && !pass_ends(journal))
		return false;
	told = &journal->told[journal->next];
	if (!is_reply) {
		journal->group_cnt = group_at(journal, journal->next);
		journal->datagrams++;
	}
	begin(journal, is_reply ? WIRE_KIND_REPLY : WIRE_KIND_REQUEST, journal->group_cnt,
	      told->lane);
	(is_reply ? make_reply : make_request)(journal);
	/* Request and answer get the instant of the order: a journal has no other. */
	*wire_date(journal->datagram) = (struct wire_date){
		.issued_at_ns = told->asked_at_ns,
		.valid_ms = FRESH_VALID_MS,
		.sale = wire_sale_of(journal->dir.journal_id),
	};
	*datagram = journal->datagram;
	*out = (struct captured){
		.at_ns = told->asked_at_ns,
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

static struct catalog_offer line_of(const struct told_offer *offer)
{
	const struct offer_view *view = &offer->view;
	const struct offer_terms *terms = &offer->terms;

	return (struct catalog_offer){
		.sku = view->sku,
		.unit_price = view->unit_price,
		.opens_at_ns = view->opens_at_ns,
		.closes_at_ns = view->closes_at_ns,
		.stock = view->stock,
		.limit_per_buyer = view->limit_per_buyer,
		.hold_seconds = view->hold_seconds,
		.extend_seconds = terms->extend_seconds,
		.extensions = (uint8_t)terms->extensions,
		.group = terms->group,
		.group_limit = (uint16_t)terms->group_limit,
		.shard = offer->shard,
		/* So that it is there whatever the order of the lines. */
		.shard_named = terms->placed,
	};
}

void from_journal_catalog(const struct from_journal *journal, FILE *out)
{
	unsigned columns = CATALOG_PLAIN_CNT;

	for (uint64_t i = 0; i < journal->offer_cnt; i++) {
		const struct catalog_offer line = line_of(&journal->offers[i]);

		if (catalog_columns_of(&line) > columns)
			columns = catalog_columns_of(&line);
	}
	catalog_write_header(columns, out);
	for (uint64_t i = 0; i < journal->offer_cnt; i++) {
		const struct catalog_offer line = line_of(&journal->offers[i]);

		catalog_write_offer(&line, columns, out);
	}
}

uint64_t from_journal_orders(const struct from_journal *journal)
{
	return journal->order_cnt;
}

uint64_t from_journal_changes(const struct from_journal *journal)
{
	return journal->change_cnt;
}

void from_journal_close(struct from_journal *journal)
{
	if (journal == NULL)
		return;
	data_dir_close(&journal->dir);
	free(journal->told);
	free(journal->holds);
	free(journal->links);
	free(journal->offers);
	free(journal);
}
