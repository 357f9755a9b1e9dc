/*
 * The model's baskets: the lines are decided one after the other on a copy of the shard, which
 * takes its place if all of them commit. Of a basket over several shards they wait instead.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "tests/engine/sale/model.h"

uint8_t model_basket_wrong(const struct wire_request *lines, uint32_t cnt)
{
	uint8_t wrong = VERDICT_NONE;

	if (cnt < 2)
		return VERDICT_BASKET_SIZE;
	for (uint32_t i = 0; i < cnt; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (lines[i].sku == lines[k].sku && wrong == VERDICT_NONE)
				wrong = VERDICT_BASKET_TWICE;
		}
	}
	for (uint32_t i = 0; i < cnt; i++) {
		if (lines[i].buyer != lines[0].buyer)
			wrong = VERDICT_BASKET_BUYERS;
	}
	for (uint32_t i = 0; i < cnt; i++) {
		if (lines[i].op == 0 || lines[i].op > WIRE_OP_RELEASE ||
		    lines[i].op != lines[0].op || (lines[i].flags & WIRE_ENTRY_WHOLE_BASKET) != 0)
			return VERDICT_BASKET_OPS;
	}
	return wrong;
}

/* Whether the tables have places for so many lines at once. */
static bool has_places(const struct model *model, uint8_t op, uint32_t cnt)
{
	switch (op) {
	case WIRE_OP_BUY:
		return model_bought(model) + cnt <= model->bought_max;
	case WIRE_OP_HOLD:
		return model_holds(model) + cnt <= model->holds_max &&
		       model_changes(model) + model_undecided(model) + cnt <= model->changes_max;
	case WIRE_OP_CONFIRM:
		return model_changes(model) + cnt <= model->changes_max;
	default:
		return model_changes(model) + model_undecided(model) + cnt <= model->changes_max;
	}
}

/* Why lines that would commit do not; VERDICT_NONE: they do. */
static uint8_t stopped_by(const struct model *model, uint8_t op, uint32_t would_cnt, uint32_t cnt,
			  bool room)
{
	if (would_cnt < cnt)
		return VERDICT_BASKET_REFUSED;
	if (!has_places(model, op, cnt))
		return VERDICT_TABLE_FULL;
	return room ? VERDICT_NONE : VERDICT_JOURNAL_FULL;
}

static void refuse(struct model_answer *answer, uint8_t verdict)
{
	answer->verdict = verdict;
	answer->committed = false;
	answer->named = 0;
	answer->wait_lsn = 0;
	/* As a single line that found a table full. */
	answer->wait_lsn_or = 0;
}

/* All lines commit: a payment that is too late for one line is so for all. */
static void commit_all(struct model *model, struct model *copy, uint64_t now_ns,
		       const struct wire_request *lines, uint32_t cnt, struct model_answer *answers)
{
	bool refund = false;

	for (uint32_t i = 0; i < cnt; i++)
		refund |= answers[i].verdict == VERDICT_HOLD_EXPIRED;
	if (refund)
		memcpy(copy, model, sizeof(*copy));
	for (uint32_t i = 0; i < cnt; i++) {
		if (refund)
			answers[i] = model_refund(copy, now_ns, &lines[i]);
		if (i + 1 == cnt)
			break;
		answers[i].record.flags |= RECORD_BASKET_GOES_ON;
		for (uint32_t k = 0; k < copy->order_cnt; k++) {
			if (copy->orders[k].lsn == answers[i].wait_lsn)
				copy->orders[k].goes_on = true;
		}
	}
	copy->basket_lsn = 0;
	copy->bought_max = model->bought_max;
	copy->holds_max = model->holds_max;
	copy->changes_max = model->changes_max;
	memcpy(model, copy, sizeof(*model));
}

/* What the lines would get; true: all of them would commit, and the copy is as after that. */
static bool judge(struct model *model, struct model *copy, uint64_t now_ns, uint64_t asked_ns,
		  const struct wire_request *lines, uint32_t cnt, bool room,
		  struct model_answer *answers)
{
	uint32_t would_cnt = 0;
	uint8_t stopped;

	CHECK(cnt > 0 && cnt <= WIRE_ENTRY_CNT_MAX);
	model_end_due(model, now_ns);
	memcpy(copy, model, sizeof(*copy));
	/* Where a table is full already, no line is carried out before another. */
	if (!has_places(model, lines[0].op, 1)) {
		for (uint32_t i = 0; i < cnt; i++)
			answers[i] = model_decide(model, now_ns, asked_ns, &lines[i], room);
		return false;
	}
	copy->basket_lsn = copy->next_lsn;
	copy->bought_max = copy->holds_max = copy->changes_max = UINT32_MAX;
	for (uint32_t i = 0; i < cnt; i++) {
		answers[i] = model_decide(copy, now_ns, asked_ns, &lines[i], true);
		would_cnt += answers[i].committed;
	}
	stopped = stopped_by(model, lines[0].op, would_cnt, cnt, room);
	for (uint32_t i = 0; i < cnt; i++) {
		if (answers[i].committed && stopped != VERDICT_NONE)
			refuse(&answers[i], stopped);
	}
	return would_cnt == cnt && stopped == VERDICT_NONE;
}

void model_basket(struct model *model, uint64_t now_ns, uint64_t asked_ns,
		  const struct wire_request *lines, uint32_t cnt, bool room,
		  struct model_answer *answers)
{
	struct model *copy = malloc(sizeof(*copy));

	CHECK(copy != NULL);
	if (judge(model, copy, now_ns, asked_ns, lines, cnt, room, answers))
		commit_all(model, copy, now_ns, lines, cnt, answers);
	free(copy);
}

bool model_is_waiting(const struct model *model, const struct wire_request *request)
{
	for (uint32_t i = 0; i < model->waiting_cnt; i++) {
		const struct wire_request *asked = &model->waiting[i].asked;

		if (asked->sku == request->sku && asked->id[0] == request->id[0] &&
		    asked->id[1] == request->id[1])
			return true;
	}
	return false;
}

static struct model_order *hold_of(struct model *model, const struct wire_request *request)
{
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		if (((uint64_t)model->lane << 48 | model->orders[i].lsn) == request->price_or_order)
			return &model->orders[i];
	}
	return NULL;
}

/* The tables keep a place for what a line may become: fewer are left, or more again. */
static void keep_places(struct model *model, uint8_t op, bool keep)
{
	const uint64_t one = keep ? (uint64_t)-1 : 1;

	if (op == WIRE_OP_BUY)
		model->bought_max += one;
	if (op == WIRE_OP_HOLD)
		model->holds_max += one;
	if (op == WIRE_OP_HOLD || op == WIRE_OP_RELEASE)
		model->changes_max += one;
}

static struct record prepared_record(const struct model *model, const struct wire_request *line,
				     const struct model_answer *answer, uint64_t now_ns)
{
	struct record record = answer->record;

	record.kind = RECORD_PREPARED;
	record.flags = answer->record.kind;
	if (answer->verdict == VERDICT_CONFIRMED_LATE)
		record.flags |= 32;
	if (line->op == WIRE_OP_RELEASE && line->quantity == 0)
		record.flags |= 16;
	record.at_ns = now_ns;
	CHECK(model->next_lsn > 1);
	return record;
}

static void wait_for_others(struct model *model, uint64_t now_ns, const struct wire_request *line,
			    const struct model_answer *answer, bool refund)
{
	const bool sets_aside = line->op == WIRE_OP_BUY || line->op == WIRE_OP_HOLD ||
				answer->verdict == VERDICT_CONFIRMED_LATE;

	CHECK(model->waiting_cnt < MODEL_WAITING_MAX);
	model->waiting[model->waiting_cnt++] = (struct model_waiting){
		.asked = *line,
		.lsn = model->next_lsn++,
		.at_ns = now_ns,
		.units = sets_aside ? line->quantity : 0,
		.verdict = answer->verdict,
		.refund = refund && line->op == WIRE_OP_CONFIRM,
	};
	keep_places(model, line->op, true);
	if (line->op == WIRE_OP_CONFIRM || line->op == WIRE_OP_RELEASE)
		hold_of(model, line)->pinned = true;
}

bool model_prepare(struct model *model, uint64_t now_ns, uint64_t asked_ns,
		   const struct wire_request *lines, uint32_t cnt, bool room, bool late_elsewhere,
		   struct model_answer *answers, struct record *records)
{
	struct model *copy = malloc(sizeof(*copy));
	bool refund = late_elsewhere;
	bool waits;

	CHECK(copy != NULL);
	waits = judge(model, copy, now_ns, asked_ns, lines, cnt, room, answers);
	free(copy);
	for (uint32_t i = 0; i < cnt; i++)
		refund |= answers[i].verdict == VERDICT_HOLD_EXPIRED;
	for (uint32_t i = 0; i < cnt && waits; i++) {
		records[i] = prepared_record(model, &lines[i], &answers[i], now_ns);
		wait_for_others(model, now_ns, &lines[i], &answers[i], refund);
	}
	return waits;
}

void model_stop_waiting(struct model *model, uint64_t now_ns, uint32_t waiting)
{
	const struct wire_request line = model->waiting[waiting].asked;

	CHECK(waiting < model->waiting_cnt);
	keep_places(model, line.op, false);
	if (line.op == WIRE_OP_CONFIRM || line.op == WIRE_OP_RELEASE) {
		struct model_order *hold = hold_of(model, &line);

		hold->pinned = false;
		hold->unpinned_ns = now_ns;
	}
	for (uint32_t i = waiting + 1; i < model->waiting_cnt; i++)
		model->waiting[i - 1] = model->waiting[i];
	model->waiting_cnt--;
}

struct record model_abort(struct model *model, uint64_t now_ns, uint32_t waiting)
{
	const struct model_waiting line = model->waiting[waiting];

	model_stop_waiting(model, now_ns, waiting);
	model->next_lsn++;
	return (struct record){
		.kind = RECORD_ABORTED,
		.at_ns = now_ns,
		.sku = line.asked.sku,
		.change = {.request_id = {line.asked.id[0], line.asked.id[1]},
			   .buyer = line.asked.buyer,
			   .order_lsn = line.lsn},
	};
}

/* What a CONFIRM of a whole basket pays of a line. */
static uint16_t units_to_pay(const struct model *model, const struct model_order *order,
			     const struct wire_request *request)
{
	for (uint32_t i = 0; i < model->request_cnt; i++) {
		const struct wire_request *asked = &model->requests[i].asked;

		if (asked->sku == order->asked.sku && asked->id[0] == request->id[0] &&
		    asked->id[1] == request->id[1] && asked->op == WIRE_OP_CONFIRM)
			return asked->quantity;
	}
	if (order->state == MODEL_OPEN)
		return order->held;
	return order->state == MODEL_RAN_OUT || order->state == MODEL_REFUNDED
		       ? order->ran_out
		       : order->asked.quantity;
}

uint32_t model_basket_lines(struct model *model, uint64_t now_ns,
			    const struct wire_request *request, struct wire_request *lines)
{
	uint64_t order_id = request->price_or_order;
	bool goes_on = true;
	uint32_t cnt = 0;

	model_end_due(model, now_ns);
	for (; goes_on && cnt < WIRE_ENTRY_CNT_MAX; order_id++) {
		const struct model_order *order = NULL;

		for (uint32_t i = 0; i < model->order_cnt; i++) {
			if (((uint64_t)model->lane << 48 | model->orders[i].lsn) == order_id)
				order = &model->orders[i];
		}
		if (order == NULL || order->bought || order->asked.buyer != request->buyer)
			return 0;
		lines[cnt] = *request;
		lines[cnt].flags = 0;
		lines[cnt].sku = order->asked.sku;
		lines[cnt].price_or_order = order_id;
		lines[cnt].quantity =
			request->op == WIRE_OP_RELEASE ? 0 : units_to_pay(model, order, request);
		goes_on = order->goes_on;
		cnt++;
	}
	return lines[0].sku == request->sku ? cnt : 0;
}
