#include "tests/sim/atomic.h"

#include <string.h>

#include "engine/base/check.h"

static bool same_request(const struct record *one, const struct record *two)
{
	return one->sku == two->sku && memcmp(one->order.request_id, two->order.request_id,
					      sizeof(one->order.request_id)) == 0;
}

/* The LSN of a link to a line of this lane, and whose lane it is in; 0: there is none. */
static uint64_t find_link(const struct sim_engine *engine, unsigned lane,
			  const struct record *record, unsigned *in)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct truth *truth = &engine->lanes[i].truth;

		for (uint64_t lsn = truth->written_lsn; lsn > 0; lsn--) {
			const struct record *link = &truth->records[lsn];

			if (link->kind != RECORD_LINK || link->quantity != lane ||
			    !same_request(link, record))
				continue;
			CHECK(i != lane && link->change.buyer == record->order.buyer);
			*in = i;
			return lsn;
		}
	}
	return 0;
}

/* The line of a link is set aside, and that is on disk. */
static void check_link(const struct sim_engine *engine, const struct record *link)
{
	const struct truth *truth = &engine->lanes[link->quantity].truth;
	const struct ledger *ledger = &truth->ledger;
	unsigned i = 0;

	CHECK(link->quantity < engine->lane_cnt);
	CHECK(ledger->prepared_cnt > 0);
	while (!same_request(&truth->records[ledger->prepared[i]], link))
		CHECK(++i < ledger->prepared_cnt);
	CHECK(truth->records[ledger->prepared[i]].order.buyer == link->change.buyer);
	CHECK(ledger->prepared[i] <= truth->down_lsn);
}

/* The line is final because of a link that is on disk; a payment is a refund of all or of none. */
static void check_final(const struct sim_engine *engine, unsigned lane, const struct record *record)
{
	unsigned in = 0;
	const uint64_t lsn = find_link(engine, lane, record, &in);
	const struct truth *truth = &engine->lanes[in].truth;
	const struct record *first;

	CHECK(lsn > 0 && lsn <= truth->down_lsn);
	first = &truth->records[truth->records[lsn].change.order_lsn];
	CHECK(first->kind == record->kind);
	if (record->kind == RECORD_CONFIRM)
		CHECK(((first->flags ^ record->flags) & CONFIRM_REFUND) == 0);
}

void atomic_check_block(const struct sim_engine *engine, const struct block_header *block)
{
	const struct record *records = (const struct record *)(block + 1);
	unsigned in;

	for (uint32_t i = 0; i < block->record_cnt; i++) {
		const struct record *record = &records[i];

		if (record->kind == RECORD_LINK)
			check_link(engine, record);
		else if (record->kind == RECORD_ABORTED)
			CHECK(find_link(engine, block->lane, record, &in) == 0);
		else if (record->kind != RECORD_PREPARED &&
			 (record->flags & RECORD_WAS_PREPARED) != 0)
			check_final(engine, block->lane, record);
	}
}

void atomic_check_resolved(const struct sim_engine *engine)
{
	if (engine->disk.rotten)
		return;
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct truth *truth = &engine->lanes[i].truth;

		CHECK(truth->ledger.prepared_cnt == 0);
		for (uint64_t lsn = 1; lsn <= truth->written_lsn; lsn++) {
			const struct record *link = &truth->records[lsn];
			const struct truth *other;
			uint64_t line_lsn;

			if (link->kind != RECORD_LINK)
				continue;
			other = &engine->lanes[link->quantity].truth;
			line_lsn = truth_find(other, other->written_lsn, link->change.request_id,
					      link->sku);
			CHECK(line_lsn > 0);
			CHECK((other->records[line_lsn].flags & RECORD_WAS_PREPARED) != 0);
		}
	}
}
