#include "tests/engine/sale/model_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/sale/basket.h"
#include "engine/sale/links.h"
#include "engine/sale/prepare.h"
#include "engine/sale/shard_copy.h"
#include "tests/engine/sale/model_plan.h"

enum {
	PENDING_MAX = 200,
	BURST_MAX = 8,
	/* An EXPIRE record ends one hold at least. */
	AGAIN_MAX = MODEL_ORDERS_MAX,
	CLOCK_BACKS_MAX = 6,
	CHECK_EVERY = 100,
};

/* One of the shards: the engine's, thrice, and its model. */
struct side {
	struct model model;
	struct shard *live;                 /* decides */
	struct shard *beside;               /* applies the records */
	struct shard *spare;                /* empty; loads a snapshot, and becomes live */
	struct record pending[PENDING_MAX]; /* not yet applied beside */
	uint32_t pending_cnt;
	uint32_t clock_backs;
	uint64_t now_ns;
};

/* shard_expire need not end a hold in the very ns; decisions do. */
static const uint64_t LATE_NS_MAX = 5000000;

struct sale {
	struct plan plan;
	struct side sides[PLAN_SHARDS];
	struct model_tally *tally;
	struct difference *difference;
	bool trace;
};

static bool fails(const struct sale *sale, const char *what, const char *why)
{
	const size_t used = strlen(sale->difference->text);

	snprintf(sale->difference->text + used, sizeof(sale->difference->text) - used, "%s: %s\n",
		 what, why);
	return false;
}

static bool same_hash(const struct sale *sale, const struct shard *one, const struct shard *other,
		      const char *what)
{
	const struct shard_hash a = shard_hash(one);
	const struct shard_hash b = shard_hash(other);

	return (a.low == b.low && a.high == b.high) || fails(sale, what, "another state hash");
}

/* Applies what is pending beside, as a block or one by one. */
static bool flush(struct sale *sale, struct side *side)
{
	const uint64_t first_lsn = shard_next_lsn(side->beside);
	const char *why = "";
	uint32_t applied = 0;
	int rc = 0;

	if (random_chance(&sale->plan.random, 300)) {
		for (; rc == 0 && applied < side->pending_cnt; applied++)
			rc = shard_apply(side->beside, first_lsn + applied, &side->pending[applied],
					 &why);
	} else {
		rc = shard_apply_many(side->beside, first_lsn, side->pending, side->pending_cnt,
				      &applied, &why);
	}
	side->pending_cnt = 0;
	return rc == 0 || fails(sale, "a record that was written cannot be applied", why);
}

/* A CLOCK record is the first of its block. */
static bool note(struct sale *sale, struct side *side, const struct record *record)
{
	const bool full = side->pending_cnt == PENDING_MAX || record->kind == RECORD_CLOCK ||
			  random_chance(&sale->plan.random, 20);

	if (full && !flush(sale, side))
		return false;
	side->pending[side->pending_cnt++] = *record;
	return true;
}

static bool check(struct sale *sale, struct side *side)
{
	model_end_due(&side->model, side->now_ns);
	return flush(sale, side) &&
	       model_same(sale->difference, "next LSN", side->model.next_lsn,
			  shard_next_lsn(side->live)) &&
	       model_check_state(side->live, &side->model, sale->difference) &&
	       same_hash(sale, side->live, side->beside, "after its records");
}

/* A record that is no answer to a request. */
static bool apply(struct sale *sale, struct side *side, const struct record *record)
{
	const char *why = "";

	if (shard_apply(side->live, shard_next_lsn(side->live), record, &why) != 0)
		return fails(sale, "refused", why);
	model_apply(&side->model, record);
	return note(sale, side, record);
}

static bool expired(struct sale *sale, struct side *side, const struct record *record)
{
	const char *why = model_expire(&side->model, side->now_ns, record);

	if (why != NULL)
		return fails(sale, "an EXPIRE record", why);
	if ((record->flags & EXPIRE_ONE) != 0)
		sale->tally->expired_singly++;
	else
		sale->tally->expired_runs++;
	return note(sale, side, record);
}

static void trace_decision(const struct sale *sale, const struct side *side,
			   const struct wire_request *request, const struct decision *got)
{
	if (!sale->trace)
		return;
	printf("shard %u at %" PRIu64 ": op %u id %" PRIu64 " buyer %" PRIu64 " sku %" PRIu64
	       " price or order %" PRIx64 " channel %u quantity %u flags %x: %s order %" PRIx64
	       " instant %" PRIu64 " quantity %u left %u\n",
	       side->model.lane, side->now_ns, request->op, request->id[0], request->buyer,
	       request->sku, request->price_or_order, request->channel, request->quantity,
	       request->flags, verdict_name(got->verdict), got->order_id, got->instant_ns,
	       got->quantity, got->stock_left);
}

static bool decide_one(struct sale *sale, struct side *side, const struct wire_request *request,
		       const struct lookup *key)
{
	const bool room = !random_chance(&sale->plan.random, 20);
	const uint64_t asked_ns = plan_asked(&sale->plan, side->now_ns);
	struct model_answer want;
	struct decision got;
	struct record record;
	uint64_t unrecorded;
	bool may_be_full;

	for (unsigned times = 0;; times++) {
		decide(side->live, side->now_ns, asked_ns, request, key, room ? &record : NULL,
		       &got);
		if (!got.again)
			break;
		if (!room || times == AGAIN_MAX)
			return fails(sale, "decided again", "without room, or without end");
		sale->tally->again++;
		if (!expired(sale, side, &record))
			return false;
	}
	model_end_due(&side->model, side->now_ns);
	may_be_full = !room && model_unrecorded(&side->model, 0, &unrecorded) > 0;
	want = model_decide(&side->model, side->now_ns, asked_ns, request, room);
	sale->tally->verdicts[want.verdict]++;
	trace_decision(sale, side, request, &got);
	if (!model_check_answer(side->live, &side->model, request, &want, &got, &record,
				may_be_full, sale->difference))
		return false;
	return !got.committed || note(sale, side, &record);
}

static bool expire(struct sale *sale, struct side *side)
{
	const uint32_t holds_max = (uint32_t)(1 + random_below(&sale->plan.random, 4));
	const bool all = random_chance(&sale->plan.random, 300);
	struct record record;

	do {
		if (!shard_expire(side->live, side->now_ns, holds_max, &record)) {
			model_end_due(&side->model, side->now_ns);
			return !model_ended_before(&side->model, side->now_ns - LATE_NS_MAX) ||
			       fails(sale, "shard_expire", "ends none, but some have run out");
		}
		if (sale->trace)
			printf("shard %u at %" PRIu64 ": EXPIRE flags %x sku %" PRIu64
			       " up to %" PRIu64 " holds %u units %u\n",
			       side->model.lane, side->now_ns, record.flags, record.sku,
			       record.expire.up_to_lsn, record.expire.holds, record.expire.units);
		if (record.expire.holds > holds_max)
			return fails(sale, "shard_expire", "ends more holds than it may");
		if (!expired(sale, side, &record))
			return false;
	} while (all);
	return true;
}

/* Lines that commit all or not at all, whatever made them. */
static bool decide_lines(struct sale *sale, struct side *side, const struct wire_request *lines,
			 uint32_t cnt, struct decision *got, struct model_answer *want)
{
	const bool room = !random_chance(&sale->plan.random, 20);
	const uint64_t asked_ns = plan_asked(&sale->plan, side->now_ns);
	struct record records[WIRE_ENTRY_CNT_MAX];
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct basket basket = {.shard = side->live,
				.now_ns = side->now_ns,
				.asked_ns = asked_ns,
				.lines = lines,
				.keys = keys,
				.cnt = cnt};
	enum basket_outcome outcome;
	uint64_t unrecorded;
	bool may_be_full;

	lookup_all(side->live, lines, keys, cnt);
	for (unsigned times = 0;; times++) {
		outcome = basket_judge(&basket, room ? &records[0] : NULL, got);
		if (outcome != BASKET_AGAIN)
			break;
		if (!room || times == AGAIN_MAX)
			return fails(sale, "a basket judged again", "without room, or without end");
		sale->tally->again++;
		if (!expired(sale, side, &records[0]))
			return false;
	}
	for (uint32_t i = 0; i < cnt && outcome == BASKET_COMMITS; i++)
		basket_commit(&basket, i, &records[i], &got[i]);
	model_end_due(&side->model, side->now_ns);
	may_be_full = !room && model_unrecorded(&side->model, 0, &unrecorded) > 0;
	model_basket(&side->model, side->now_ns, asked_ns, lines, cnt, room, want);
	for (uint32_t i = 0; i < cnt; i++) {
		trace_decision(sale, side, &lines[i], &got[i]);
		sale->tally->verdicts[want[i].verdict]++;
		/* What one line says for lack of room, the others follow. */
		if (may_be_full
			    ? got[i].committed
			    : !model_check_answer(side->live, &side->model, &lines[i], &want[i],
						  &got[i], &records[i], false, sale->difference))
			return fails(sale, "a line of a basket", "see above");
		if (got[i].committed && !note(sale, side, &records[i]))
			return false;
	}
	sale->tally->baskets += outcome == BASKET_COMMITS;
	sale->tally->basket_refunds += outcome == BASKET_COMMITS && basket.refund;
	return true;
}

/* A request that stands for all lines of a basket; *named: false, it is none. */
static bool decide_whole(struct sale *sale, struct side *side, const struct wire_request *request,
			 bool *named)
{
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct basket_part parts[WIRE_ENTRY_CNT_MAX];
	struct wire_request want_lines[WIRE_ENTRY_CNT_MAX];
	struct decision got[WIRE_ENTRY_CNT_MAX];
	struct model_answer want[WIRE_ENTRY_CNT_MAX];
	struct decision sum;
	uint32_t units = 0;
	uint32_t cnt;

	*named = (request->op == WIRE_OP_CONFIRM || request->op == WIRE_OP_RELEASE) &&
		 request->flags == WIRE_ENTRY_WHOLE_BASKET && request->quantity == 0;
	if (!*named)
		return true;
	cnt = basket_lines(side->live, request, lines, parts);
	if (sale->trace)
		printf("shard %u at %" PRIu64 ": op %u of the whole basket of order %" PRIx64
		       ", buyer %" PRIu64 " sku %" PRIu64 ": %u lines\n",
		       side->model.lane, side->now_ns, request->op, request->price_or_order,
		       request->buyer, request->sku, cnt);
	if (!model_same(sale->difference, "lines of a basket",
			model_basket_lines(&side->model, side->now_ns, request, want_lines), cnt))
		return false;
	*named = cnt > 0;
	if (cnt == 0)
		return true;
	if (memcmp(lines, want_lines, cnt * sizeof(lines[0])) != 0)
		return fails(sale, "lines of a basket", "they are others");
	if (!decide_lines(sale, side, lines, cnt, got, want))
		return false;
	basket_sum(got, cnt, &sum);
	sale->tally->whole_baskets++;
	for (uint32_t i = 0; i < cnt; i++)
		units += got[i].quantity;
	return model_same(sale->difference, "units of a basket", units, sum.quantity) &&
	       model_same(sale->difference, "order of a basket", got[0].order_id, sum.order_id);
}

static bool decide_basket(struct sale *sale, struct side *side, uint64_t *done)
{
	const struct plan_basket basket = plan_basket(&sale->plan, &side->model);
	struct decision got[PLAN_LINES_MAX];
	struct model_answer want[PLAN_LINES_MAX];
	const uint8_t wrong = model_basket_wrong(basket.lines, basket.cnt);

	*done += basket.cnt;
	if (!model_same(sale->difference, "what is wrong with a basket", wrong,
			basket_wrong(basket.lines, basket.cnt)))
		return false;
	if (wrong != VERDICT_NONE) {
		sale->tally->verdicts[wrong]++;
		return true;
	}
	return decide_lines(sale, side, basket.lines, basket.cnt, got, want);
}

/* The requests of a datagram are looked up together, some passes ahead, and decided one after the
 * other: what was found may have changed by then. */
static bool burst(struct sale *sale, struct side *side, uint64_t *done)
{
	struct sim_random *random = &sale->plan.random;
	struct wire_request requests[BURST_MAX];
	struct lookup keys[BURST_MAX];
	const uint32_t cnt = (uint32_t)(1 + random_below(random, BURST_MAX));
	const unsigned passes = (unsigned)(1 + random_below(random, LOOKUP_PASS_CNT));
	bool named;

	for (uint32_t i = 0; i < cnt; i++)
		requests[i] = plan_request(&sale->plan, &side->model);
	lookups_begin(keys, requests, cnt);
	for (unsigned pass = 0; pass < passes; pass++)
		lookup_pass(pass, side->live, keys, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		if (random_chance(random, 50))
			side->now_ns = plan_later(&sale->plan, &side->model, side->now_ns);
		if (random_chance(random, 30) && !expire(sale, side))
			return false;
		if (!decide_whole(sale, side, &requests[i], &named) ||
		    (!named && !decide_one(sale, side, &requests[i], &keys[i])))
			return false;
		++*done;
	}
	return true;
}

/* Whether lines may be those that a shard has of a basket: one is enough. */
static bool is_part(const struct plan_basket *plan)
{
	const struct wire_request *line = &plan->lines[0];

	if (plan->cnt > 1)
		return model_basket_wrong(plan->lines, plan->cnt) == VERDICT_NONE;
	return plan->cnt == 1 && line->op > 0 && line->op <= WIRE_OP_RELEASE &&
	       (line->flags & WIRE_ENTRY_WHOLE_BASKET) == 0;
}

/* Often one line: of more, one is refused most of the time. */
static struct plan_basket random_part(struct sale *sale, const struct side *side)
{
	struct plan_basket plan = plan_basket(&sale->plan, &side->model);

	if (plan.cnt > 1 && random_chance(&sale->plan.random, 700))
		plan.cnt = 1;
	return plan;
}

/* The first step of a basket over several shards, in one that has no other line of it. */
static bool prepare(struct sale *sale, struct side *side, uint64_t *done)
{
	const struct plan_basket plan = random_part(sale, side);
	const bool room = !random_chance(&sale->plan.random, 20);
	struct record records[PLAN_LINES_MAX];
	struct record want_records[PLAN_LINES_MAX];
	struct decision got[PLAN_LINES_MAX];
	struct model_answer want[PLAN_LINES_MAX];
	struct lookup keys[PLAN_LINES_MAX];
	struct basket basket = {.shard = side->live,
				.now_ns = side->now_ns,
				.asked_ns = plan_asked(&sale->plan, side->now_ns),
				.lines = plan.lines,
				.keys = keys,
				.cnt = plan.cnt,
				.to_prepare = true,
				.late_elsewhere = random_chance(&sale->plan.random, 50)};
	enum basket_outcome outcome;
	uint64_t unrecorded;
	bool may_be_full;

	*done += plan.cnt;
	if (!is_part(&plan) || side->model.waiting_cnt + plan.cnt > MODEL_WAITING_MAX)
		return true;
	lookup_all(side->live, plan.lines, keys, plan.cnt);
	while ((outcome = basket_judge(&basket, room ? &records[0] : NULL, got)) == BASKET_AGAIN) {
		sale->tally->again++;
		if (!room || !expired(sale, side, &records[0]))
			return fails(sale, "a basket judged again", "without room, or wrongly");
	}
	model_end_due(&side->model, side->now_ns);
	may_be_full = !room && model_unrecorded(&side->model, 0, &unrecorded) > 0;
	if (model_prepare(&side->model, side->now_ns, basket.asked_ns, plan.lines, plan.cnt, room,
			  basket.late_elsewhere, want, want_records) != (outcome == BASKET_COMMITS))
		return fails(sale, "a basket over shards", "only one of the two lets it wait");
	for (uint32_t i = 0; i < plan.cnt; i++) {
		trace_decision(sale, side, &plan.lines[i], &got[i]);
		if (outcome != BASKET_COMMITS) {
			sale->tally->verdicts[want[i].verdict]++;
			if (!may_be_full &&
			    !model_check_answer(side->live, &side->model, &plan.lines[i], &want[i],
						&got[i], &records[i], false, sale->difference))
				return fails(sale, "a line of a basket over shards", "see above");
			continue;
		}
		if (!model_same(sale->difference, "would be", want[i].verdict, got[i].would_be))
			return false;
		prepare_line(&basket, i, &got[i], &records[i]);
		sale->tally->prepared++;
		if (memcmp(&records[i], &want_records[i], sizeof(records[i])) != 0)
			return fails(sale, "a PREPARED record", "it is another");
		if (!note(sale, side, &records[i]))
			return false;
	}
	return true;
}

/* The place of a line that waits, by its LSN: a snapshot changes places. */
static uint32_t place_of(const struct shard *shard, uint64_t lsn)
{
	uint32_t place = prepare_next(shard, 0);

	while (place < PREPARED_MAX && prepare_at(shard, place)->lsn != lsn)
		place = prepare_next(shard, place + 1);
	CHECK(place < PREPARED_MAX);
	return place;
}

/* The second step, of any line that waits. */
static bool decide_waiting(struct sale *sale, struct side *side)
{
	const uint32_t cnt = side->model.waiting_cnt;
	const uint32_t i = cnt > 0 ? (uint32_t)random_below(&sale->plan.random, cnt) : 0;
	const struct model_waiting line = side->model.waiting[i];
	struct model_answer want;
	struct decision got;
	struct record record;
	struct record want_record;

	if (cnt == 0)
		return true;
	if (random_chance(&sale->plan.random, 300)) {
		prepare_abort(side->live, place_of(side->live, line.lsn), side->now_ns, &record);
		want_record = model_abort(&side->model, side->now_ns, i);
		sale->tally->aborted++;
		if (memcmp(&record, &want_record, sizeof(record)) != 0)
			return fails(sale, "an ABORTED record", "it is another");
		return note(sale, side, &record);
	}
	prepare_commit(side->live, place_of(side->live, line.lsn), side->now_ns, line.refund,
		       &record, &got);
	want = model_carry_out(&side->model, side->now_ns, i);
	sale->tally->carried_out++;
	trace_decision(sale, side, &line.asked, &got);
	return (model_check_answer(side->live, &side->model, &line.asked, &want, &got, &record,
				   false, sale->difference) ||
		fails(sale, "a line that waited", "see above")) &&
	       note(sale, side, &record);
}

static bool link_line(struct sale *sale, struct side *side)
{
	const struct snapshot_link line = {
		.request_id = {++sale->plan.ids, 0},
		.buyer = 1,
		.sku = 1,
		.first_lsn = side->model.next_lsn - 1,
		.shard = side->model.lane ^ 1,
	};
	struct record record;

	link_commit(side->live, &line, side->now_ns, &record);
	side->model.next_lsn++;
	side->model.link_cnt++;
	sale->tally->links++;
	return note(sale, side, &record);
}

static bool move_clock_back(struct sale *sale, struct side *side)
{
	const uint64_t by_ns = 1 + random_below(&sale->plan.random, UINT64_C(20000000000));
	const struct record record = {.kind = RECORD_CLOCK,
				      .at_ns = side->now_ns - by_ns,
				      .clock = {.was_ns = side->now_ns}};

	if (side->clock_backs == CLOCK_BACKS_MAX)
		return true;
	side->clock_backs++;
	sale->tally->clock_backs++;
	model_end_due(&side->model, side->now_ns);
	side->now_ns -= by_ns;
	if (sale->trace)
		printf("shard %u: CLOCK back to %" PRIu64 "\n", side->model.lane, side->now_ns);
	return apply(sale, side, &record);
}

static bool set_clock_back(struct sale *sale, struct side *side)
{
	while (side->model.waiting_cnt > 0) {
		if (!decide_waiting(sale, side))
			return false;
	}
	return move_clock_back(sale, side);
}

/* The state through its snapshot, in parts of a random size. */
static bool reload(struct sale *sale, struct side *side)
{
	const uint32_t part = (uint32_t)(1 + random_below(&sale->plan.random, 100));
	struct shard *loaded = side->spare;
	const char *why = "";

	if (shard_copy(side->live, loaded, part, &why) != 0)
		return fails(sale, "its own snapshot cannot be loaded", why);
	if (!same_hash(sale, side->live, loaded, "after its snapshot"))
		return false;
	shard_clear(side->live);
	side->spare = side->live;
	side->live = loaded;
	sale->tally->reloads++;
	return check(sale, side);
}

static bool operate(struct sale *sale, uint64_t *done)
{
	struct side *side = &sale->sides[random_below(&sale->plan.random, PLAN_SHARDS)];
	const uint64_t what = random_below(&sale->plan.random, 1000);

	if (what < 500)
		return burst(sale, side, done);
	if (what < 560)
		return decide_basket(sale, side, done);
	if (what < 680)
		return prepare(sale, side, done);
	++*done;
	if (what < 750)
		return decide_waiting(sale, side);
	if (what < 755)
		return link_line(sale, side);
	if (what < 880)
		side->now_ns = plan_later(&sale->plan, &side->model, side->now_ns);
	else if (what < 960)
		return expire(sale, side);
	else if (what < 965)
		return set_clock_back(sale, side);
	else if (what < 980)
		return reload(sale, side);
	else
		return check(sale, side);
	return true;
}

static void open_shard(struct shard **out, const struct sale *sale, uint16_t lane, uint64_t more)
{
	const struct shard_size size = {
		.offer_cnt = MODEL_OFFERS_MAX,
		.order_cnt = sale->plan.bought_max + more,
		.buyer_cnt = sale->plan.buyers * (MODEL_OFFERS_MAX + 1) + more,
		.hold_cnt = sale->plan.holds_max + more,
		.change_cnt = sale->plan.changes_max + more,
		.placed_cnt = MODEL_OFFERS_MAX,
		.link_cnt = MODEL_ORDERS_MAX,
	};

	CHECK(shard_open(out, lane, PLAN_SHARDS, &size) == 0);
}

static bool open_sale(struct sale *sale, uint64_t seed)
{
	plan_make(&sale->plan, seed);
	for (uint16_t lane = 0; lane < PLAN_SHARDS; lane++) {
		struct side *side = &sale->sides[lane];

		model_open(&side->model, lane, PLAN_SHARDS);
		side->model.bought_max = sale->plan.bought_max;
		side->model.holds_max = sale->plan.holds_max;
		side->model.changes_max = sale->plan.changes_max;
		side->pending_cnt = 0;
		side->clock_backs = 0;
		side->now_ns = sale->plan.begin_ns;
		open_shard(&side->live, sale, lane, 0);
		open_shard(&side->spare, sale, lane, 0);
		open_shard(&side->beside, sale, lane, random_below(&sale->plan.random, 1000));
		for (uint32_t i = 0; i < sale->plan.record_cnt[lane]; i++) {
			if (!apply(sale, side, &sale->plan.records[lane][i]))
				return false;
		}
	}
	return true;
}

static void close_sale(struct sale *sale)
{
	for (unsigned i = 0; i < PLAN_SHARDS; i++) {
		shard_close(sale->sides[i].live);
		shard_close(sale->sides[i].beside);
		shard_close(sale->sides[i].spare);
		sale->sides[i].live = sale->sides[i].beside = sale->sides[i].spare = NULL;
	}
}

bool model_run_sale(uint64_t seed, uint64_t operations, bool trace, struct model_tally *tally,
		    struct difference *difference)
{
	struct sale *sale = calloc(1, sizeof(*sale));
	uint64_t checked = 0;
	uint64_t done = 0;
	bool good;

	CHECK(sale != NULL);
	sale->tally = tally;
	sale->difference = difference;
	sale->trace = trace;
	difference->text[0] = '\0';
	good = open_sale(sale, seed);
	while (good && done < operations) {
		good = operate(sale, &done);
		if (good && done - checked >= CHECK_EVERY) {
			checked = done;
			good = check(sale, &sale->sides[0]) && check(sale, &sale->sides[1]);
		}
	}
	good = good && check(sale, &sale->sides[0]) && check(sale, &sale->sides[1]);
	tally->operations += done;
	close_sale(sale);
	free(sale);
	if (!good) {
		const size_t used = strlen(difference->text);

		snprintf(difference->text + used, sizeof(difference->text) - used,
			 "seed %" PRIu64 ", operation %" PRIu64 "\n", seed, done);
	}
	return good;
}

bool model_run(uint64_t seed, uint64_t operations, struct model_tally *tally,
	       struct difference *difference)
{
	while (tally->operations < operations) {
		if (!model_run_sale(seed++, MODEL_SALE_OPERATIONS, false, tally, difference))
			return false;
	}
	return true;
}
