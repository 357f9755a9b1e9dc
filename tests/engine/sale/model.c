#include "tests/engine/sale/model.h"

#include <string.h>

#include "engine/base/check.h"

static const uint64_t SECOND_NS = 1000000000;

void model_open(struct model *model, uint16_t lane, uint16_t shards)
{
	memset(model, 0, sizeof(*model));
	model->lane = lane;
	model->shards = shards;
	model->next_lsn = 1;
}

const struct model_offer *model_offer(const struct model *model, uint64_t sku)
{
	for (uint32_t i = 0; i < model->offer_cnt; i++) {
		if (model->offers[i].record.sku == sku)
			return &model->offers[i];
	}
	return NULL;
}

/* A hold keeps its remaining time, whatever the clock says. One that ended long ago has ended. */
static void set_clock_back(struct model *model, uint64_t by_ns)
{
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		struct model_order *order = &model->orders[i];

		order->unpinned_ns = 0;
		if (order->state == MODEL_OPEN ||
		    (order->state == MODEL_RAN_OUT && !order->end_recorded))
			order->ends_at_ns =
				order->ends_at_ns > by_ns ? order->ends_at_ns - by_ns : 1;
	}
}

void model_apply(struct model *model, const struct record *record)
{
	switch (record->kind) {
	case RECORD_OFFER:
		CHECK(model->offer_cnt < MODEL_OFFERS_MAX);
		model->offers[model->offer_cnt++] = (struct model_offer){
			.record = *record,
			.extensions = record->offer.extend & EXTENSIONS_MAX,
			.extend_ns = (record->offer.extend >> EXTENSIONS_BITS) * SECOND_NS,
		};
		break;
	case RECORD_PLACED:
		CHECK(model->placed_cnt < MODEL_OFFERS_MAX);
		model->placed[model->placed_cnt++] = *record;
		break;
	default:
		CHECK(record->kind == RECORD_CLOCK);
		set_clock_back(model, record->clock.was_ns - record->at_ns);
		break;
	}
	model->next_lsn++;
}

void model_end_due(struct model *model, uint64_t now_ns)
{
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		struct model_order *order = &model->orders[i];

		if (order->state != MODEL_OPEN || order->ends_at_ns > now_ns || order->pinned)
			continue;
		order->state = MODEL_RAN_OUT;
		order->ran_out = order->held;
		order->held = 0;
		order->end_recorded = false;
	}
}

/* Whether an EXPIRE record is about this hold, which has no such record yet. */
static bool names(const struct record *expire, const struct model_order *order)
{
	if (order->bought || order->asked.sku != expire->sku)
		return false;
	if (order->state != MODEL_OPEN && !(order->state == MODEL_RAN_OUT && !order->end_recorded))
		return false;
	if ((expire->flags & EXPIRE_ONE) != 0)
		return order->lsn == expire->expire.up_to_lsn;
	return ((expire->flags & EXPIRE_EXTENDED) != 0) == (order->extensions > 0) &&
	       order->since_lsn <= expire->expire.up_to_lsn;
}

const char *model_expire(struct model *model, uint64_t now_ns, const struct record *record)
{
	uint64_t units = 0;
	uint64_t holds = 0;

	model_end_due(model, now_ns);
	if (record->kind != RECORD_EXPIRE || record->at_ns != now_ns)
		return "it is no EXPIRE record of this instant";
	if (record->flags != 0 && record->flags != EXPIRE_EXTENDED && record->flags != EXPIRE_ONE)
		return "it has flags that no EXPIRE record has";
	if ((record->expire.reserved[0] | record->expire.reserved[1] | record->unit_price |
	     record->quantity | record->channel) != 0)
		return "it has reserved bytes in use";
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		struct model_order *order = &model->orders[i];

		if (!names(record, order))
			continue;
		if (order->state == MODEL_OPEN)
			return "it ends a hold that has not run out";
		order->end_recorded = true;
		order->last_lsn = model->next_lsn;
		units += order->ran_out;
		holds++;
	}
	if (holds == 0 || holds != record->expire.holds)
		return "it names another number of holds";
	if (units != record->expire.units)
		return "it names another number of units";
	model->next_lsn++;
	return NULL;
}

uint32_t model_unrecorded(const struct model *model, uint64_t sku, uint64_t *units)
{
	uint32_t cnt = 0;

	*units = 0;
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		const struct model_order *order = &model->orders[i];

		if (order->state != MODEL_RAN_OUT || order->end_recorded ||
		    (sku != 0 && order->asked.sku != sku))
			continue;
		*units += order->ran_out;
		cnt++;
	}
	return cnt;
}

bool model_ended_before(const struct model *model, uint64_t instant_ns)
{
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		const struct model_order *order = &model->orders[i];

		if (order->state == MODEL_RAN_OUT && !order->end_recorded &&
		    order->ends_at_ns <= instant_ns && order->unpinned_ns <= instant_ns)
			return true;
	}
	return false;
}

struct model_units model_units(const struct model *model, uint64_t sku)
{
	struct model_units units = {.stock = model_offer(model, sku)->record.offer.stock};

	for (uint32_t i = 0; i < model->order_cnt; i++) {
		const struct model_order *order = &model->orders[i];

		if (order->asked.sku != sku)
			continue;
		units.held += order->held;
		units.sold += order->sold;
		units.written_off += order->written_off;
	}
	for (uint32_t i = 0; i < model->waiting_cnt; i++) {
		if (model->waiting[i].asked.sku == sku)
			units.held += model->waiting[i].units;
	}
	CHECK(units.held + units.sold + units.written_off <= units.stock);
	units.free = units.stock - units.held - units.sold - units.written_off;
	return units;
}

uint64_t model_holds(const struct model *model)
{
	uint64_t cnt = 0;

	for (uint32_t i = 0; i < model->order_cnt; i++)
		cnt += !model->orders[i].bought ||
		       model->orders[i].returned + model->orders[i].written_off > 0;
	return cnt;
}

uint64_t model_changes(const struct model *model)
{
	return model->request_cnt - model->order_cnt;
}

uint64_t model_undecided(const struct model *model)
{
	uint64_t cnt = 0;

	for (uint32_t i = 0; i < model->order_cnt; i++)
		cnt += model->orders[i].state == MODEL_OPEN ||
		       model->orders[i].state == MODEL_RAN_OUT;
	return cnt;
}

uint64_t model_bought(const struct model *model)
{
	uint64_t cnt = 0;

	for (uint32_t i = 0; i < model->order_cnt; i++)
		cnt += model->orders[i].bought;
	return cnt;
}
