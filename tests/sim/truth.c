#include "tests/sim/truth.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

enum {
	OFFERS_MAX_HERE = 16,
};

void truth_block(void *context, const struct block_header *block, bool down)
{
	struct truth *truth = context;
	const struct record *records = (const struct record *)(block + 1);
	const uint64_t end = block->first_lsn + block->record_cnt;

	CHECK(end <= TRUTH_RECORDS_MAX);
	for (uint64_t lsn = block->first_lsn; lsn < end; lsn++) {
		if (!down) {
			/* Each LSN is written once a life, and in order. */
			CHECK(lsn == truth->written_lsn + 1);
			truth->records[lsn] = records[lsn - block->first_lsn];
			truth->down[lsn] = false;
			truth->written_lsn = lsn;
		} else {
			CHECK(!truth->down[lsn]);
			truth->down[lsn] = true;
		}
	}
	while (truth->down_lsn < truth->written_lsn && truth->down[truth->down_lsn + 1])
		truth->down_lsn++;
}

struct reading {
	const struct truth *truth;
	uint64_t last_lsn;
};

static void read_one(void *context, uint64_t lsn, const uint8_t *data)
{
	struct reading *reading = context;

	CHECK(lsn == reading->last_lsn + 1 && lsn <= reading->truth->written_lsn);
	CHECK(memcmp(data, &reading->truth->records[lsn], RECORD_BYTES) == 0);
	reading->last_lsn = lsn;
}

struct rule_outcome truth_read(const struct truth *truth, const struct rule_lane *image)
{
	struct reading reading = {.truth = truth};

	return lane_rule(image, read_one, &reading);
}

/* The lane's clock was set back since the last recovery. */
static bool is_set_back(const struct truth *truth, uint64_t last_lsn)
{
	for (uint64_t lsn = truth->kept_lsn + 1; lsn <= last_lsn; lsn++) {
		if (truth->records[lsn].kind == RECORD_CLOCK)
			return true;
	}
	return false;
}

void truth_cut(struct truth *truth, const struct lane_tail *tail)
{
	const uint64_t last_lsn = tail->next_lsn - 1;

	CHECK(last_lsn <= truth->written_lsn);
	CHECK(last_lsn >= truth->kept_lsn);
	CHECK(tail->last_at_ns >= truth->kept_at_ns || is_set_back(truth, last_lsn));
	for (uint64_t lsn = 1; lsn <= truth->written_lsn; lsn++)
		truth->down[lsn] = lsn <= last_lsn;
	if (last_lsn < truth->hashed_lsn)
		truth->hashed_lsn = 0;
	truth->written_lsn = last_lsn;
	truth->down_lsn = last_lsn;
	truth->kept_lsn = last_lsn;
	truth->kept_at_ns = tail->last_at_ns;
}

/* Units a buyer has of a SKU, up to and with an LSN. */
static uint64_t units_of(const struct truth *truth, uint64_t last_lsn, uint64_t buyer, uint64_t sku)
{
	uint64_t units = 0;

	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		const struct record *record = &truth->records[lsn];

		if (record->kind == RECORD_ORDER && record->sku == sku &&
		    record->order.buyer == buyer)
			units += record->quantity;
	}
	return units;
}

static int by_request(const void *a, const void *b)
{
	const struct record *one = *(const struct record *const *)a;
	const struct record *two = *(const struct record *const *)b;

	if (one->order.request_id[0] != two->order.request_id[0])
		return one->order.request_id[0] < two->order.request_id[0] ? -1 : 1;
	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

static void check_no_request_twice(const struct truth *truth, uint64_t last_lsn)
{
	const struct record **orders = calloc(last_lsn + 1, sizeof(*orders));
	uint64_t cnt = 0;

	CHECK(orders != NULL);
	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		if (truth->records[lsn].kind == RECORD_ORDER)
			orders[cnt++] = &truth->records[lsn];
	}
	qsort(orders, cnt, sizeof(*orders), by_request);
	for (uint64_t i = 1; i < cnt; i++)
		CHECK(by_request(&orders[i - 1], &orders[i]) != 0);
	free(orders);
}

void truth_check(const struct truth *truth, uint64_t last_lsn)
{
	const struct record *offers[OFFERS_MAX_HERE];
	uint64_t sold[OFFERS_MAX_HERE] = {0};
	uint64_t at_ns = 0;
	unsigned cnt = 0;

	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		const struct record *record = &truth->records[lsn];
		unsigned idx = 0;

		if (record->kind == RECORD_CLOCK) {
			CHECK(record->clock.was_ns >= at_ns &&
			      record->at_ns < record->clock.was_ns);
			at_ns = record->at_ns;
			continue;
		}
		CHECK(record->at_ns >= at_ns);
		at_ns = record->at_ns;
		while (idx < cnt && offers[idx]->sku != record->sku)
			idx++;
		if (record->kind == RECORD_OFFER) {
			CHECK(idx == cnt && cnt < OFFERS_MAX_HERE);
			offers[cnt++] = record;
			continue;
		}
		CHECK(record->kind == RECORD_ORDER && idx < cnt && record->quantity > 0);

		const struct record *offer = offers[idx];

		sold[idx] += record->quantity;
		CHECK(sold[idx] <= offer->offer.stock);
		CHECK(record->unit_price == offer->unit_price);
		CHECK(record->order.max_price == 0 ||
		      record->unit_price <= record->order.max_price);
		CHECK(record->at_ns >= offer->offer.opens_at_ns &&
		      record->at_ns < offer->offer.closes_at_ns);
		CHECK(offer->offer.limit_per_buyer == 0 ||
		      units_of(truth, lsn, record->order.buyer, record->sku) <=
			      offer->offer.limit_per_buyer);
	}
	check_no_request_twice(truth, last_lsn);
}

struct shard_hash truth_hash(struct truth *truth, uint64_t last_lsn, uint16_t lane, uint16_t shards)
{
	const struct shard_size size = {
		.offer_cnt = last_lsn + 1,
		.order_cnt = last_lsn + 1,
		.buyer_cnt = 4 * last_lsn + 1,
		.hold_cnt = last_lsn + 1,
		.change_cnt = last_lsn + 1,
		.placed_cnt = last_lsn + 1,
	};
	struct shard *shard = NULL;
	struct shard_hash hash;
	const char *why;

	if (last_lsn > 0 && truth->hashed_lsn == last_lsn)
		return truth->hash;
	CHECK(shard_open(&shard, lane, shards, &size) == 0);
	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++)
		CHECK(shard_apply(shard, lsn, &truth->records[lsn], &why) == 0);
	hash = shard_hash(shard);
	shard_close(shard);
	truth->hashed_lsn = last_lsn;
	truth->hash = hash;
	return hash;
}

uint64_t truth_find(const struct truth *truth, uint64_t last_lsn, const uint64_t id[2],
		    uint64_t sku)
{
	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		const struct record *record = &truth->records[lsn];

		if (record->kind == RECORD_ORDER && record->sku == sku &&
		    record->order.request_id[0] == id[0] && record->order.request_id[1] == id[1])
			return lsn;
	}
	return 0;
}
