#include "tests/sim/checkpoint_rule.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/check.h"
#include "net/wire.h"

enum {
	HEADER = 192,
	CHUNK = 64,
	ENTRY = 64,
	CHUNK_ENTRIES = 16384,
};

static uint64_t le(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | at[bytes];
	return value;
}

static uint64_t chunks_of(uint64_t entries)
{
	return (entries + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;
}

/* Entries of each kind, as the header says, and the bytes that they take. */
struct content {
	uint64_t offers; /* with CLOCK and PLACED records */
	uint64_t orders;
	uint64_t holds; /* two entries each */
	uint64_t changes;
	uint64_t bought; /* of the holds, which are among the orders, too */
	uint64_t links;
	uint64_t prepared; /* two entries each */
};

static struct content content_of(const uint8_t *header)
{
	return (struct content){
		.offers = le(header + 96, 8),
		.orders = le(header + 104, 8),
		.holds = le(header + 144, 8),
		.changes = le(header + 152, 8),
		.bought = le(header + 168, 8),
		.links = le(header + 184, 8),
		.prepared = le(header + 140, 4),
	};
}

static uint64_t bytes_of(uint64_t entries)
{
	return chunks_of(entries) * CHUNK + entries * ENTRY;
}

/* All records are in it but those that ended holds. */
static bool counts_good(const uint8_t *header, const struct content *content)
{
	const uint64_t records = content->offers + content->orders + content->holds -
				 content->bought + content->changes + content->links +
				 content->prepared;

	return le(header + 4, 2) == 3 ? records <= le(header + 24, 8) - 1
				      : records == le(header + 24, 8) - 1 && content->holds == 0 &&
						content->changes == 0 && content->links == 0 &&
						content->prepared == 0;
}

static bool header_good(const struct rule_checkpoint *file)
{
	const uint8_t *at = file->data;
	struct content content;

	if (file->bytes < HEADER)
		return false;
	content = content_of(at);
	return le(at, 4) == 0x50434244 && le(at + 4, 2) >= 1 && le(at + 4, 2) <= 3 &&
	       le(at + 6, 2) == file->lane && le(at + 16, 8) == file->journal_id &&
	       le(at + 136, 2) == file->shards &&
	       le(at + 8, 8) == XXH3_64bits_withSeed(at + 16, HEADER - 16, mix64(le(at, 8))) &&
	       counts_good(at, &content) &&
	       file->bytes == HEADER + bytes_of(content.offers) + bytes_of(content.orders) +
				      bytes_of(2 * content.holds) + bytes_of(content.changes) +
				      bytes_of(content.links) + bytes_of(2 * content.prepared);
}

bool checkpoint_rule(const struct rule_checkpoint *file, uint64_t *next_lsn, uint64_t *segment)
{
	const uint8_t *at = file->data + HEADER;
	uint64_t number = 0;

	if (!header_good(file))
		return false;
	*next_lsn = le(file->data + 24, 8);
	*segment = le(file->data + 40, 8);
	while (at < file->data + file->bytes) {
		const uint64_t bytes = CHUNK + le(at + 24, 4) * ENTRY;
		const uint64_t seed = mix64(le(file->data + 8, 8) ^ number);

		if (bytes > (uint64_t)(file->data + file->bytes - at) || le(at, 4) != 0x4b484344 ||
		    le(at + 16, 8) != number ||
		    le(at + 8, 8) !=
			    XXH3_64bits_withSeed(at + 16, bytes - 16, mix64(seed ^ le(at, 8))))
			return false;
		at += bytes;
		number++;
	}
	return true;
}

/* Where the next entry of each kind is. */
struct places {
	const uint8_t *offer;
	const uint8_t *placed;
	const uint8_t *order;
	const uint8_t *hold;
	const uint8_t *change;
	const uint8_t *link;
	const uint8_t *prepared;
};

static struct places places_of(const uint8_t *header)
{
	const struct content content = content_of(header);
	struct places places = {.offer = header + HEADER + CHUNK};

	places.placed = places.offer + (content.offers - le(header + 160, 8)) * ENTRY;
	places.order = places.offer + bytes_of(content.offers);
	places.hold = places.order + bytes_of(content.orders);
	places.change = places.hold + bytes_of(2 * content.holds);
	places.link = places.change + bytes_of(content.changes);
	places.prepared = places.link + bytes_of(content.links);
	return places;
}

static bool is_change(const struct record *record)
{
	return record->kind >= RECORD_CONFIRM && record->kind <= RECORD_RETURN;
}

/* The entry of an order or a change. */
static void check_entry(const uint8_t *at, const struct record *record, uint64_t lsn)
{
	const uint32_t kind = record->kind == RECORD_ORDER ? 0 : record->kind;

	CHECK(memcmp(at, record->order.request_id, 16) == 0);
	CHECK(le(at + 16, 8) == record->order.buyer);
	CHECK(le(at + 24, 8) == record->order.max_price);
	CHECK(le(at + 32, 8) == record->unit_price && le(at + 40, 8) == record->at_ns);
	CHECK(le(at + 48, 8) == (lsn << 16 | record->quantity));
	CHECK((le(at + 56, 4) >> 24 & 15) == kind);
	CHECK(!is_change(record) || (le(at + 56, 4) >> 28 & 3) == (record->flags & 3));
	CHECK(le(at + 60, 4) == record->channel);
}

/* What has become of an order, beside its own entry. */
static void check_hold(const uint8_t *at, const struct ledger_order *order)
{
	static const uint8_t states[] = {
		[LEDGER_OPEN] = 1,    [LEDGER_SOLD] = 2,     [LEDGER_RELEASED] = 3,
		[LEDGER_RAN_OUT] = 4, [LEDGER_REFUNDED] = 5,
	};
	const bool held = order->record->kind == RECORD_HOLD;
	const bool undone = order->state == LEDGER_RAN_OUT || order->state == LEDGER_REFUNDED;

	check_entry(at, order->record, order->lsn);
	at += ENTRY;
	CHECK(le(at, 8) == order->ends_ns && le(at + 8, 8) == (held ? order->since_lsn : 0));
	CHECK(le(at + 16, 8) == order->last_lsn);
	CHECK(le(at + 24, 2) == order->held && le(at + 26, 2) == order->sold);
	CHECK(le(at + 32, 2) == (undone ? order->ran_out : 0));
	CHECK(le(at + 34, 1) == states[order->state] && le(at + 35, 1) == order->extensions);
	CHECK(le(at + 40, 8) == (order->state == LEDGER_SOLD ? order->sold_ns : 0));
}

/* Holds stand in the order of the records that made them entries of their own: the HOLD, or the
 * first RETURN of a bought order. */
static const struct ledger_order *hold_made_by(const struct ledger *ledger, bool *shadowed,
					       uint64_t lsn)
{
	const struct record *record = &ledger->records[lsn];
	const struct ledger_order *order;

	if (record->kind == RECORD_HOLD)
		return &ledger->orders[lsn];
	if (record->kind != RECORD_RETURN)
		return NULL;
	order = &ledger->orders[record->change.order_lsn];
	if (order->record->kind == RECORD_HOLD || shadowed[order->lsn])
		return NULL;
	shadowed[order->lsn] = true;
	return order;
}

static void check_link(const uint8_t *at, const struct record *record, uint64_t lsn)
{
	CHECK(memcmp(at, record->change.request_id, 16) == 0);
	CHECK(le(at + 16, 8) == record->change.buyer && le(at + 24, 8) == record->change.order_lsn);
	CHECK(le(at + 32, 8) == record->sku && le(at + 40, 8) == record->at_ns);
	CHECK(le(at + 48, 8) == lsn && le(at + 56, 2) == record->quantity);
	CHECK(le(at + 58, 2) == ((record->flags & RECORD_BASKET_GOES_ON) != 0));
	CHECK(le(at + 60, 4) == 0);
}

/* Lines that wait, in lane order. */
static void check_prepared(const uint8_t *header, const struct ledger *ledger)
{
	const uint8_t *at = places_of(header).prepared;

	CHECK(content_of(header).prepared == ledger->prepared_cnt);
	for (unsigned i = 0; i < ledger->prepared_cnt; i++, at += 2 * ENTRY) {
		const uint64_t lsn = ledger->prepared[i];

		CHECK(memcmp(at, &ledger->records[lsn], ENTRY) == 0);
		CHECK(le(at + ENTRY, 8) == lsn);
	}
}

static void check_record(struct places *places, const struct ledger *ledger, bool *shadowed,
			 uint64_t lsn)
{
	const struct record *record = &ledger->records[lsn];
	const struct ledger_order *hold = hold_made_by(ledger, shadowed, lsn);

	if (record->kind == RECORD_OFFER || record->kind == RECORD_CLOCK) {
		CHECK(memcmp(places->offer, record, ENTRY) == 0);
		places->offer += ENTRY;
	} else if (record->kind == RECORD_PLACED) {
		CHECK(memcmp(places->placed, record, ENTRY) == 0);
		places->placed += ENTRY;
	} else if (record->kind == RECORD_ORDER) {
		check_entry(places->order, record, lsn);
		places->order += ENTRY;
	} else if (is_change(record)) {
		check_entry(places->change, record, lsn);
		places->change += ENTRY;
	} else if (record->kind == RECORD_LINK) {
		check_link(places->link, record, lsn);
		places->link += ENTRY;
	}
	if (hold != NULL) {
		check_hold(places->hold, hold);
		places->hold += 2 * ENTRY;
	}
}

void checkpoint_rule_check(const struct rule_checkpoint *file, struct truth *truth)
{
	static struct ledger ledger;
	const uint64_t next_lsn = le(file->data + 24, 8);
	const struct shard_hash hash = truth_hash(truth, next_lsn - 1, file->lane, file->shards);
	bool shadowed[TRUTH_RECORDS_MAX] = {false};
	struct places places = places_of(file->data);
	bool set_back = false;
	bool is_new = false;

	/* A sale here has one chunk of each kind, and no order without an offer. */
	CHECK(le(file->data + 96, 8) > 0 && 2 * TRUTH_RECORDS_MAX <= CHUNK_ENTRIES);
	CHECK(next_lsn - 1 <= truth->down_lsn);
	CHECK(le(file->data + 120, 8) == hash.low && le(file->data + 128, 8) == hash.high);
	CHECK(le(file->data + 32, 8) == truth->records[next_lsn - 1].at_ns);
	ledger_begin(&ledger, truth->records, NULL);
	while (ledger.lsn < next_lsn - 1)
		ledger_add(&ledger);
	for (uint64_t lsn = 1; lsn < next_lsn; lsn++) {
		const struct record *record = &truth->records[lsn];

		check_record(&places, &ledger, shadowed, lsn);
		set_back |= record->kind == RECORD_CLOCK;
		/* That an order is of a basket does not raise the format. */
		is_new |= record->kind > RECORD_CLOCK ||
			  (record->kind == RECORD_OFFER &&
			   (record->flags | record->quantity | record->channel |
			    record->offer.extend) != 0);
	}
	check_prepared(file->data, &ledger);
	CHECK(le(file->data + 4, 2) == (is_new ? 3 : set_back ? 2 : 1));
}
