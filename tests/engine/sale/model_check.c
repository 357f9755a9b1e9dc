#include "tests/engine/sale/model_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"

enum {
	ENTRIES_MAX = MODEL_ORDERS_MAX,
};

/* Adds a line. Always false. */
__attribute__((format(printf, 2, 3))) static bool differs(struct difference *difference,
							  const char *format, ...)
{
	const size_t used = strlen(difference->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(difference->text + used, sizeof(difference->text) - used, format, arguments);
	va_end(arguments);
	return false;
}

bool model_same(struct difference *difference, const char *what, uint64_t want, uint64_t got)
{
	return want == got ||
	       differs(difference, "%s: the model says %" PRIu64 ", the engine %" PRIu64 "\n", what,
		       want, got);
}

static void print_request(struct difference *difference, const struct wire_request *request)
{
	differs(difference,
		"request op %u id %" PRIx64 ",%" PRIx64 " buyer %" PRIu64 " sku %" PRIu64
		" price or order %" PRIx64 " channel %u quantity %u flags %x\n",
		request->op, request->id[0], request->id[1], request->buyer, request->sku,
		request->price_or_order, request->channel, request->quantity, request->flags);
}

static void print_answers(struct difference *difference, const struct model_answer *want,
			  const struct decision *got)
{
	differs(difference,
		"model:  %s order %" PRIx64 " price %" PRIu64 " instant %" PRIu64
		" quantity %u stock %u waits %" PRIu64 " committed %d\n",
		verdict_name(want->verdict), want->order_id, want->unit_price, want->instant_ns,
		want->quantity, want->stock_left, want->wait_lsn, want->committed);
	differs(difference,
		"engine: %s order %" PRIx64 " price %" PRIu64 " instant %" PRIu64
		" quantity %u stock %u waits %" PRIu64 " committed %d\n",
		verdict_name(got->verdict), got->order_id, got->unit_price, got->instant_ns,
		got->quantity, got->stock_left, got->wait_lsn, got->committed);
}

static bool same_record(struct difference *difference, const struct record *want,
			const struct record *got)
{
	bool same = true;

	same &= model_same(difference, "record.kind", want->kind, got->kind);
	same &= model_same(difference, "record.flags", want->flags, got->flags);
	same &= model_same(difference, "record.quantity", want->quantity, got->quantity);
	same &= model_same(difference, "record.channel", want->channel, got->channel);
	same &= model_same(difference, "record.at_ns", want->at_ns, got->at_ns);
	same &= model_same(difference, "record.sku", want->sku, got->sku);
	same &= model_same(difference, "record.unit_price", want->unit_price, got->unit_price);
	same &= model_same(difference, "record.request_id[0]", want->order.request_id[0],
			   got->order.request_id[0]);
	same &= model_same(difference, "record.request_id[1]", want->order.request_id[1],
			   got->order.request_id[1]);
	same &= model_same(difference, "record.buyer", want->order.buyer, got->order.buyer);
	same &= model_same(difference, "record.max_price or order_lsn", want->order.max_price,
			   got->order.max_price);
	return same;
}

/* Stock left is a hint but where it is the answer: what the engine has not written that ended is
 * not in it. */
static bool same_stock(const struct shard *shard, const struct model *model,
		       const struct wire_request *request, const struct model_answer *want,
		       const struct decision *got, struct difference *difference)
{
	struct offer_view offer;

	if (model_offer(model, request->sku) == NULL || want->verdict == VERDICT_BAD_REQUEST ||
	    want->verdict == VERDICT_PONG)
		return model_same(difference, "stock left", 0, got->stock_left);
	if (!shard_find_offer(shard, request->sku, &offer))
		return differs(difference, "the engine has no such SKU\n");
	if ((want->named & NAMED_STOCK) != 0)
		return model_same(difference, "stock left", want->stock_left, got->stock_left);
	return model_same(difference, "stock left", offer.free, got->stock_left);
}

/* Answers that rest on a record wait for it; that of an order may wait for what became of it. */
static bool same_wait(const struct model_answer *want, const struct decision *got,
		      struct difference *difference)
{
	if (want->wait_lsn_or != 0 && got->wait_lsn == want->wait_lsn_or)
		return true;
	return model_same(difference, "wait_lsn", want->wait_lsn, got->wait_lsn);
}

static bool same_answer(const struct shard *shard, const struct model *model,
			const struct wire_request *request, const struct model_answer *want,
			const struct decision *got, const struct record *record,
			struct difference *difference)
{
	bool same = true;

	same &= model_same(difference, "verdict", want->verdict, got->verdict);
	same &= model_same(difference, "committed", want->committed, got->committed);
	if (!same)
		return false;
	same &= model_same(difference, "unit price", want->unit_price, got->unit_price);
	if ((want->named & NAMED_ORDER) != 0)
		same &= model_same(difference, "order id", want->order_id, got->order_id);
	if ((want->named & NAMED_INSTANT) != 0)
		same &= model_same(difference, "instant", want->instant_ns, got->instant_ns);
	if ((want->named & NAMED_QUANTITY) != 0)
		same &= model_same(difference, "quantity", want->quantity, got->quantity);
	same &= same_stock(shard, model, request, want, got, difference);
	same &= same_wait(want, got, difference);
	if (want->committed)
		same &= same_record(difference, &want->record, record);
	return same;
}

bool model_check_answer(const struct shard *shard, const struct model *model,
			const struct wire_request *request, const struct model_answer *want,
			const struct decision *got, const struct record *record, bool may_be_full,
			struct difference *difference)
{
	bool same;

	if (may_be_full && got->verdict == VERDICT_JOURNAL_FULL)
		same = model_same(difference, "committed", false, got->committed);
	else
		same = same_answer(shard, model, request, want, got, record, difference);
	same &= model_same(difference, "next LSN", model->next_lsn, shard_next_lsn(shard));
	if (same)
		return true;
	print_request(difference, request);
	print_answers(difference, want, got);
	return false;
}

static const struct model_order *order_of(const struct model *model, uint64_t lsn)
{
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		if (model->orders[i].lsn == lsn)
			return &model->orders[i];
	}
	return NULL;
}

static uint64_t sku_at(const struct shard *shard, uint32_t offer)
{
	struct offer_view view;

	shard_offer_at(shard, offer & ((1 << SNAPSHOT_OFFER_BITS) - 1), &view);
	return view.sku;
}

/* What was asked, when, as which LSN. */
static bool same_entry(const struct shard *shard, const struct snapshot_order *entry,
		       const struct record *record, uint8_t record_flags, uint64_t lsn,
		       struct difference *difference)
{
	const uint8_t kind = record->kind == RECORD_ORDER ? 0 : record->kind;
	const uint32_t flags = entry->offer >> SNAPSHOT_FLAGS_SHIFT & 3;
	bool same = true;

	same &= model_same(difference, "entry LSN", lsn, entry->lsn_quantity >> QUANTITY_BITS);
	same &= model_same(difference, "entry kind", kind,
			   entry->offer >> SNAPSHOT_KIND_SHIFT & 15);
	same &= model_same(difference, "entry flags", record_flags & 3, flags);
	same &= model_same(difference, "entry SKU", record->sku, sku_at(shard, entry->offer));
	same &= model_same(difference, "entry quantity", record->quantity,
			   (uint16_t)entry->lsn_quantity);
	same &= model_same(difference, "entry channel", record->channel, entry->channel);
	same &= model_same(difference, "entry instant", record->at_ns, entry->at_ns);
	same &= model_same(difference, "entry price", record->unit_price, entry->unit_price);
	same &= model_same(difference, "entry buyer", record->order.buyer, entry->buyer);
	same &= model_same(difference, "entry id", record->order.request_id[0],
			   entry->request_id[0]);
	same &= model_same(difference, "entry id", record->order.request_id[1],
			   entry->request_id[1]);
	same &= model_same(difference, "entry max_price", record->order.max_price,
			   entry->max_price);
	return same;
}

/* The request that became this LSN. */
static const struct model_request *request_of(const struct model *model, uint64_t lsn)
{
	for (uint32_t i = 0; i < model->request_cnt; i++) {
		if (model->requests[i].answer.wait_lsn == lsn)
			return &model->requests[i];
	}
	return NULL;
}

static bool same_request(const struct shard *shard, const struct model *model,
			 const struct snapshot_order *entry, struct difference *difference)
{
	const uint64_t lsn = entry->lsn_quantity >> QUANTITY_BITS;
	const struct model_request *request = request_of(model, lsn);
	uint8_t flags;

	if (request == NULL)
		return differs(difference, "there is no request of LSN %" PRIu64 "\n", lsn);
	flags = request->answer.record.flags;
	/* The entry of a hold says how it was confirmed. */
	if (request->asked.op == WIRE_OP_HOLD)
		flags = model->orders[request->order].late                      ? CONFIRM_LATE
			: model->orders[request->order].state == MODEL_REFUNDED ? CONFIRM_REFUND
										: 0;
	/* That of an order says that it waited. */
	if (request->asked.op == WIRE_OP_BUY)
		flags = (flags & RECORD_WAS_PREPARED) != 0;
	return same_entry(shard, entry, &request->answer.record, flags, lsn, difference);
}

static bool changed(const struct model_order *order)
{
	return order->returned + order->written_off > 0;
}

static bool check_orders(const struct shard *shard, const struct model *model, uint64_t cnt,
			 struct difference *difference)
{
	static _Thread_local struct snapshot_order entries[ENTRIES_MAX];

	if (!model_same(difference, "bought orders", model_bought(model), cnt))
		return false;
	shard_save_orders(shard, 0, (uint32_t)cnt, entries);
	for (uint64_t i = 0; i < cnt; i++) {
		const uint64_t lsn = entries[i].lsn_quantity >> QUANTITY_BITS;
		const struct model_order *order = order_of(model, lsn);

		if (!same_request(shard, model, &entries[i], difference))
			return false;
		if (order == NULL || !order->bought)
			return differs(difference, "LSN %" PRIu64 " was not bought\n", lsn);
		if (!model_same(difference, "SNAPSHOT_CHANGED", changed(order),
				(entries[i].offer >> SNAPSHOT_FLAGS_SHIFT & SNAPSHOT_CHANGED) != 0))
			return false;
	}
	return true;
}

static bool check_changes(const struct shard *shard, const struct model *model, uint64_t cnt,
			  struct difference *difference)
{
	static _Thread_local struct snapshot_order entries[ENTRIES_MAX];

	if (!model_same(difference, "changes", model_changes(model), cnt))
		return false;
	shard_save_changes(shard, 0, (uint32_t)cnt, entries);
	for (uint64_t i = 0; i < cnt; i++) {
		if (!same_request(shard, model, &entries[i], difference))
			return false;
	}
	return true;
}

/* The engine may not have written yet that a hold ended. */
static bool is_unrecorded(const struct model_order *order)
{
	return order->state == MODEL_RAN_OUT && !order->end_recorded;
}

static uint8_t state_of(const struct model_order *order)
{
	switch (order->state) {
	case MODEL_SOLD:
		return HOLD_SOLD;
	case MODEL_RELEASED:
		return HOLD_GONE;
	case MODEL_REFUNDED:
		return HOLD_REFUNDED;
	case MODEL_RAN_OUT:
		return is_unrecorded(order) ? HOLD_OPEN : HOLD_RAN_OUT;
	default:
		return HOLD_OPEN;
	}
}

static bool same_hold(const struct model_order *order, const struct snapshot_hold *hold,
		      const struct hold_view *view, struct difference *difference)
{
	const uint16_t held = is_unrecorded(order) ? order->ran_out : order->held;
	const uint8_t state = state_of(order);
	bool same = true;

	same &= model_same(difference, "hold.state", state, hold->state);
	same &= model_same(difference, "hold.held", held, hold->held);
	same &= model_same(difference, "hold.sold", order->sold, hold->sold);
	same &= model_same(difference, "hold.returned", order->returned, hold->returned);
	same &= model_same(difference, "hold.written_off", order->written_off, hold->written_off);
	same &= model_same(difference, "hold.extensions", order->extensions, hold->extensions);
	same &= model_same(difference, "hold.last_lsn", order->last_lsn, hold->last_lsn);
	if (state == HOLD_RAN_OUT || state == HOLD_REFUNDED)
		same &= model_same(difference, "hold.ran_out", order->ran_out, hold->ran_out);
	if (state != HOLD_SOLD && state != HOLD_GONE)
		same &= model_same(difference, "hold.ends_at_ns", order->ends_at_ns,
				   hold->ends_at_ns);
	if (state == HOLD_SOLD)
		same &= model_same(difference, "hold.sold_at_ns", order->sold_at_ns,
				   hold->sold_at_ns);
	if (state == HOLD_OPEN)
		same &= model_same(difference, "hold.since_lsn", order->since_lsn, hold->since_lsn);
	same &= model_same(difference, "view.state", hold->state, view->state);
	same &= model_same(difference, "view.held", hold->held, view->held);
	same &= model_same(difference, "view.sold", hold->sold, view->sold);
	same &= model_same(difference, "view.returned", hold->returned, view->returned);
	same &= model_same(difference, "view.written_off", hold->written_off, view->written_off);
	same &= model_same(difference, "view.extensions", hold->extensions, view->extensions);
	same &= model_same(difference, "view.bought", order->bought, view->bought);
	same &= model_same(difference, "view.quantity", order->asked.quantity, view->quantity);
	same &= model_same(difference, "view.buyer", order->asked.buyer, view->buyer);
	same &= model_same(difference, "view.sku", order->asked.sku, view->sku);
	same &= model_same(difference, "view.channel", order->asked.channel, view->channel);
	same &= model_same(difference, "view.held_at_ns", order->at_ns, view->held_at_ns);
	return same;
}

static bool check_holds(const struct shard *shard, const struct model *model, uint64_t cnt,
			struct difference *difference)
{
	static _Thread_local struct snapshot_hold entries[ENTRIES_MAX];

	if (!model_same(difference, "holds", model_holds(model), cnt))
		return false;
	shard_save_holds(shard, 0, (uint32_t)cnt, entries);
	for (uint64_t i = 0; i < cnt; i++) {
		const uint64_t lsn = entries[i].order.lsn_quantity >> QUANTITY_BITS;
		const struct model_order *order = order_of(model, lsn);
		struct hold_view view;

		shard_hold_at(shard, i, &view);
		if (!same_request(shard, model, &entries[i].order, difference) || order == NULL ||
		    !model_same(difference, "view.order_id",
				(uint64_t)model->lane << 48 | order->lsn, view.order_id) ||
		    !same_hold(order, &entries[i], &view, difference))
			return differs(difference, "hold of order LSN %" PRIu64 "\n", lsn);
	}
	return true;
}

static bool check_offer(const struct shard *shard, uint64_t idx, const struct model *model,
			struct difference *difference)
{
	const struct record *terms;
	struct model_units units;
	struct offer_terms other;
	struct offer_view offer;
	uint64_t unrecorded;
	bool same = true;

	shard_offer_at(shard, idx, &offer);
	shard_terms_at(shard, idx, &other);
	terms = &model_offer(model, offer.sku)->record;
	units = model_units(model, offer.sku);
	model_unrecorded(model, offer.sku, &unrecorded);
	same &= model_same(difference, "offer.stock", units.stock, offer.stock);
	same &= model_same(difference, "offer.free", units.free - unrecorded, offer.free);
	same &= model_same(difference, "offer.held", units.held + unrecorded, offer.held);
	same &= model_same(difference, "offer.sold", units.sold, offer.sold);
	same &= model_same(difference, "offer.written_off", units.written_off, other.written_off);
	same &= model_same(difference, "offer.group", terms->channel, other.group);
	same &= model_same(difference, "offer.group_limit", terms->quantity, other.group_limit);
	same &= model_same(difference, "offer.extensions", terms->offer.extend & EXTENSIONS_MAX,
			   other.extensions);
	same &= model_same(difference, "offer.extend_seconds",
			   terms->offer.extend >> EXTENSIONS_BITS, other.extend_seconds);
	same &= model_same(difference, "offer.placed", terms->flags & OFFER_PLACED, other.placed);
	return same || differs(difference, "offer of SKU %" PRIu64 "\n", offer.sku);
}

/* What is kept beside the tables is what is counted in them, and in the model. */
static bool check_sums(const struct shard *shard, const struct model *model,
		       const struct shard_totals *totals, struct difference *difference)
{
	struct model_units units = {0};
	struct shard_sums sums;
	uint64_t unrecorded;
	uint64_t open = model_unrecorded(model, 0, &unrecorded);
	bool same = true;

	shard_sums(shard, &sums);
	for (uint32_t i = 0; i < model->offer_cnt; i++) {
		const struct model_units one = model_units(model, model->offers[i].record.sku);

		units.stock += one.stock;
		units.held += one.held;
		units.sold += one.sold;
		units.written_off += one.written_off;
	}
	for (uint32_t i = 0; i < model->order_cnt; i++)
		open += model->orders[i].state == MODEL_OPEN;
	same &= model_same(difference, "offers broken", 0, totals->offers_broken);
	same &= model_same(difference, "open holds", open, totals->open_holds);
	same &= model_same(difference, "units stocked", units.stock, totals->units_stocked);
	same &= model_same(difference, "units held", units.held + unrecorded, totals->units_held);
	same &= model_same(difference, "units sold", units.sold, totals->units_sold);
	same &= model_same(difference, "units written off", units.written_off,
			   totals->units_written_off);
	same &= model_same(difference, "sums: open holds", open, sums.open_holds);
	same &= model_same(difference, "sums: stocked", units.stock, sums.units_stocked);
	same &= model_same(difference, "sums: held", totals->units_held, sums.units_held);
	same &= model_same(difference, "sums: sold", units.sold, sums.units_sold);
	same &= model_same(difference, "sums: written off", units.written_off,
			   sums.units_written_off);
	same &= model_same(difference, "sums: free", totals->units_free, sums.units_free);
	same &= model_same(difference, "sums: orders", totals->orders, sums.orders);
	same &= model_same(difference, "sums: holds", totals->holds, sums.holds);
	same &= model_same(difference, "sums: changes", totals->changes, sums.changes);
	same &= model_same(difference, "prepared lines", model->waiting_cnt, totals->prepared);
	same &= model_same(difference, "sums: prepared lines", totals->prepared, sums.prepared);
	same &= model_same(difference, "links", model->link_cnt, totals->links);
	same &= model_same(difference, "sums: links", totals->links, sums.links);
	return same;
}

bool model_check_state(const struct shard *shard, const struct model *model,
		       struct difference *difference)
{
	struct shard_totals totals;

	shard_totals(shard, &totals);
	if (!check_sums(shard, model, &totals, difference) ||
	    !model_same(difference, "offers", model->offer_cnt, totals.offers))
		return false;
	for (uint64_t i = 0; i < totals.offers; i++) {
		if (!check_offer(shard, i, model, difference))
			return false;
	}
	return check_orders(shard, model, totals.orders, difference) &&
	       check_holds(shard, model, totals.holds, difference) &&
	       check_changes(shard, model, totals.changes, difference);
}
