#include "tests/sim/truth.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

/* A hold ends at most so late, and a turn can end so many. */
static const uint64_t LATE_NS = 10000000;

void truth_begin(struct truth *truth, struct tally *tally)
{
	ledger_begin(&truth->ledger, truth->records, tally);
}

static void check_tended(struct truth *truth)
{
	unsigned done = 0;

	while (done < truth->tended_cnt && truth->tended[done].lsn == truth->ledger.lsn) {
		const struct truth_tended *tended = &truth->tended[done++];
		const uint64_t ended = truth->ledger.ran_out_cnt - truth->ran_out_cnt;

		CHECK(ended >= EXPIRE_HOLDS_PER_TURN_MAX ||
		      ledger_overdue(&truth->ledger, tended->at_ns - LATE_NS) == 0);
		truth->ran_out_cnt = truth->ledger.ran_out_cnt;
	}
	truth->tended_cnt -= done;
	memmove(truth->tended, truth->tended + done, truth->tended_cnt * sizeof(truth->tended[0]));
}

void truth_tended(struct truth *truth, uint64_t at_ns, uint64_t last_lsn)
{
	const unsigned cnt = truth->tended_cnt;

	CHECK(last_lsn >= truth->ledger.lsn);
	/* Of turns with the same records the latest says most. */
	if (cnt > 0 && truth->tended[cnt - 1].lsn == last_lsn) {
		truth->tended[cnt - 1].at_ns = at_ns;
	} else {
		CHECK(truth->tended_cnt < TRUTH_TENDED_MAX);
		truth->tended[truth->tended_cnt++] = (struct truth_tended){at_ns, last_lsn};
	}
	check_tended(truth);
}

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
			ledger_add(&truth->ledger);
			check_tended(truth);
		} else {
			CHECK(!truth->down[lsn]);
			truth->down[lsn] = true;
		}
	}
	if (!down) {
		/* A basket is in one block. */
		CHECK((truth->records[truth->written_lsn].flags & RECORD_BASKET_GOES_ON) == 0);
		ledger_check_sums(&truth->ledger);
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

/* The ledger as of an earlier LSN; what was counted stays counted. */
static void cut_ledger(struct truth *truth, uint64_t last_lsn)
{
	struct tally *tally = truth->ledger.tally;

	truth->tended_cnt = 0;
	if (truth->ledger.lsn > last_lsn) {
		ledger_begin(&truth->ledger, truth->records, NULL);
		while (truth->ledger.lsn < last_lsn)
			ledger_add(&truth->ledger);
		truth->ledger.tally = tally;
	}
	truth->ran_out_cnt = truth->ledger.ran_out_cnt;
	tally->cnt[TALLY_HOLDS_RECOVERED] += truth->ledger.open_cnt;
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
	cut_ledger(truth, last_lsn);
}

/* Whether a record is of a request. */
static bool has_request(const struct record *record)
{
	return record->kind == RECORD_ORDER ||
	       (record->kind >= RECORD_HOLD && record->kind <= RECORD_RETURN);
}

static int by_request(const void *a, const void *b)
{
	const struct record *one = *(const struct record *const *)a;
	const struct record *two = *(const struct record *const *)b;

	if (one->order.request_id[0] != two->order.request_id[0])
		return one->order.request_id[0] < two->order.request_id[0] ? -1 : 1;
	if (one->order.request_id[1] != two->order.request_id[1])
		return one->order.request_id[1] < two->order.request_id[1] ? -1 : 1;
	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

void truth_check(const struct truth *truth, uint64_t last_lsn)
{
	const struct record **requests = calloc(last_lsn + 1, sizeof(*requests));
	uint64_t cnt = 0;

	CHECK(requests != NULL && last_lsn <= truth->written_lsn);
	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		if (has_request(&truth->records[lsn]))
			requests[cnt++] = &truth->records[lsn];
	}
	qsort(requests, cnt, sizeof(*requests), by_request);
	for (uint64_t i = 1; i < cnt; i++)
		CHECK(by_request(&requests[i - 1], &requests[i]) != 0);
	free(requests);
}

static void compare_hold(const struct ledger_order *order, const struct hold_view *view)
{
	static const uint8_t states[] = {
		[HOLD_OPEN] = LEDGER_OPEN,         [HOLD_SOLD] = LEDGER_SOLD,
		[HOLD_GONE] = LEDGER_RELEASED,     [HOLD_RAN_OUT] = LEDGER_RAN_OUT,
		[HOLD_REFUNDED] = LEDGER_REFUNDED,
	};

	CHECK(view->state >= HOLD_OPEN && view->state < HOLD_STATE_END);
	CHECK(order->record != NULL && order->state == states[view->state]);
	CHECK(view->sku == order->record->sku && view->buyer == order->record->order.buyer);
	CHECK(view->held == order->held && view->sold == order->sold);
	CHECK(view->bought == (order->record->kind == RECORD_ORDER));
	CHECK(view->ends_at_ns == order->ends_ns && view->extensions == order->extensions);
}

void truth_compare(const struct truth *truth, const struct shard *shard)
{
	const struct ledger *ledger = &truth->ledger;
	struct shard_totals totals;
	struct offer_view view;
	struct offer_terms terms;

	shard_totals(shard, &totals);
	CHECK(shard_next_lsn(shard) == ledger->lsn + 1);
	CHECK(totals.offers == ledger->offer_cnt && totals.open_holds == ledger->open_cnt);
	CHECK(totals.prepared == ledger->prepared_cnt);
	for (uint64_t i = 0; i < totals.offers; i++) {
		shard_offer_at(shard, i, &view);
		shard_terms_at(shard, i, &terms);

		const struct ledger_offer *offer = ledger_offer(ledger, view.sku);

		CHECK(offer != NULL && view.free == offer->free && view.held == offer->held &&
		      view.sold == offer->sold && terms.written_off == offer->written_off);
	}
	for (uint64_t i = 0; i < totals.holds; i++) {
		struct hold_view hold;

		shard_hold_at(shard, i, &hold);
		compare_hold(&ledger->orders[hold.order_id & LSN_MAX], &hold);
	}
}

/* Tables as big as the records up to an LSN need. */
static struct shard_size size_of(const struct truth *truth, uint64_t last_lsn)
{
	struct shard_size size = {.buyer_cnt = 1};

	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		const uint8_t kind = truth->records[lsn].kind;

		size.offer_cnt += kind == RECORD_OFFER;
		size.placed_cnt += kind == RECORD_PLACED;
		size.order_cnt += kind == RECORD_ORDER;
		size.hold_cnt += kind == RECORD_HOLD || kind == RECORD_RETURN;
		size.change_cnt += kind >= RECORD_CONFIRM && kind <= RECORD_RETURN;
		size.link_cnt += kind == RECORD_LINK;
		if (kind == RECORD_PREPARED) {
			size.order_cnt++;
			size.hold_cnt++;
			size.change_cnt++;
		}
		/* Of an offer and of its group; with much room. */
		size.buyer_cnt +=
			kind == RECORD_ORDER || kind == RECORD_HOLD || kind == RECORD_PREPARED ? 8
											       : 0;
	}
	size.offer_cnt += size.offer_cnt == 0;
	size.order_cnt += size.order_cnt == 0;
	return size;
}

struct shard_hash truth_hash(struct truth *truth, uint64_t last_lsn, uint16_t lane, uint16_t shards)
{
	const struct shard_size size = size_of(truth, last_lsn);
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

bool truth_was_short(const struct truth *truth, uint64_t from, const struct wire_request *request,
		     uint64_t at_ns)
{
	const uint64_t buyer = request->buyer;
	const uint64_t sku = request->sku;
	const uint64_t units = request->quantity;
	static struct ledger ledger;

	if (!ledger_allows(&truth->ledger, buyer, sku, units, at_ns))
		return true;
	ledger_begin(&ledger, truth->records, NULL);
	for (;;) {
		if (ledger.lsn >= from && !ledger_allows(&ledger, buyer, sku, units, at_ns))
			return true;
		if (ledger.lsn == truth->written_lsn)
			return false;
		ledger_add(&ledger);
	}
}

uint64_t truth_find(const struct truth *truth, uint64_t last_lsn, const uint64_t id[2],
		    uint64_t sku)
{
	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		const struct record *record = &truth->records[lsn];

		if (has_request(record) && record->sku == sku &&
		    record->order.request_id[0] == id[0] && record->order.request_id[1] == id[1])
			return lsn;
	}
	return 0;
}
