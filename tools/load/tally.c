#include "tools/load/tally.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/catalog/catalog.h"
#include "tools/common/cli.h"

enum {
	PAGE_IDS = 4096 / sizeof(uint64_t),
};

bool tally_open(struct tally *tally, const struct scenario *scenario, FILE *orders_file)
{
	tally->scenario = scenario;
	tally->orders_file = orders_file;
	tally->order_ids = calloc(scenario->distinct_cnt, sizeof(*tally->order_ids));
	/* Touched before the run: else a page fault would count as the engine's latency. */
	for (uint64_t i = 0; tally->order_ids != NULL && i < scenario->distinct_cnt; i += PAGE_IDS)
		((volatile uint64_t *)tally->order_ids)[i] = 0;
	if (orders_file != NULL)
		fputs("order_id,request_id,buyer,sku,quantity,unit_price,durability\n",
		      orders_file);
	return tally->order_ids != NULL;
}

void tally_close(struct tally *tally)
{
	free(tally->order_ids);
	tally->order_ids = NULL;
}

/* Request idx as it was sent; the order of sending doesn't matter for its content. */
static void write_order(struct tally *tally, uint64_t user, const struct wire_reply *reply)
{
	struct scenario by_index = *tally->scenario;
	struct client_request request;
	char id[33];

	by_index.order = NULL;
	scenario_request(&by_index, (uint32_t)user, &request);
	cli_request_id_text(request.id, id);
	fprintf(tally->orders_file, "%" PRIu64 ",%s,%" PRIu64 ",%" PRIu64 ",%u,%" PRIu64 ",%s\n",
		reply->order_id, id, request.buyer, request.sku, reply->quantity, reply->unit_price,
		durability_name(reply->durability));
}

/* Whether an order is not what the buyer asked for. */
static bool is_wrong(const struct tally *tally, uint64_t user, const struct wire_reply *reply)
{
	const struct scenario *scenario = tally->scenario;

	return reply->order_id == 0 || reply->durability < tally->least_durability ||
	       (tally->mixed == NULL &&
		reply->quantity != scenario_quantity(scenario, (uint32_t)user)) ||
	       (scenario->catalog != NULL &&
		reply->unit_price > scenario_offer(scenario, (uint32_t)user)->unit_price);
}

static void accept_order(struct tally *tally, uint64_t user, const struct wire_reply *reply)
{
	uint64_t *known = &tally->order_ids[user];

	if (*known == 0) {
		*known = reply->order_id;
		tally->accepted_new++;
		tally->units += reply->quantity;
		tally->contradictions += is_wrong(tally, user, reply);
		if (tally->orders_file != NULL)
			write_order(tally, user, reply);
	} else if (*known == reply->order_id) {
		tally->accepted_again++;
	} else {
		tally->contradictions++;
	}
}

/*
 * Whether a refusal denies an order: an accepted request must be answered as accepted from then on,
 * and no two requests share an id.
 */
static bool denies(const struct tally *tally, uint64_t user, uint8_t verdict)
{
	return verdict == VERDICT_CONFLICT ||
	       (verdict >= VERDICT_REFUSAL_FIRST && verdict < VERDICT_FAILURE_FIRST &&
		tally->order_ids[user] != 0);
}

bool tally_fits(const struct tally *tally)
{
	const uint64_t of_sale =
		tally->verdicts[VERDICT_ACCEPTED] + tally->verdicts[VERDICT_SOLD_OUT] +
		tally->verdicts[VERDICT_LIMIT_REACHED] + tally->verdicts[VERDICT_HELD];

	/* The buyers of a catalog know its prices. */
	if (tally->scenario->kind == SCENARIO_CATALOG &&
	    tally->verdicts[VERDICT_PRICE_TOO_HIGH] > 0)
		return false;
	return tally->answered == 0 || (of_sale > 0 && tally->verdicts[VERDICT_UNKNOWN_SKU] == 0);
}

/* In mixed, requests do share ids, and it is known which repeats which. */
static void count_mixed(struct tally *tally, uint64_t user, const struct wire_reply *reply)
{
	mixed_check_reply(tally->mixed, (uint32_t)user, reply);
	if (reply->verdict != VERDICT_ACCEPTED)
		return;
	if (mixed_is_first((uint32_t)user))
		accept_order(tally, user, reply);
	else
		tally->accepted_again++;
}

void tally_reply(struct tally *tally, uint64_t user, const struct wire_reply *reply)
{
	tally->answered++;
	if (reply->verdict >= VERDICT_END) {
		tally->contradictions++;
		return;
	}
	tally->verdicts[reply->verdict]++;
	if (tally->mixed != NULL)
		count_mixed(tally, user, reply);
	else if (reply->verdict == VERDICT_ACCEPTED)
		accept_order(tally, user, reply);
	else if (reply->verdict == VERDICT_HELD)
		tally->order_ids[user] = reply->order_id;
	else
		tally->contradictions += denies(tally, user, reply->verdict);
	if (reply->verdict == VERDICT_NOT_OPEN && tally->waiting != NULL)
		waiting_add(tally->waiting, reply->instant_ns, (uint32_t)user);
}

void tally_answer(void *context, const struct client_answer *answer)
{
	struct tally *tally = context;

	if (!answer->answered) {
		tally->unanswered++;
		return;
	}
	histogram_add(&tally->latency_ns, answer->latency_ns);
	tally_reply(tally, answer->user, &answer->reply);
}
