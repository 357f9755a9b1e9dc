#include "tools/load/mixed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tools/common/cli.h"
#include "tools/load/scenario_state.h"

enum {
	PRICE = 2500,
	/* A SKU of each special kind for every shard there could be in a test. */
	SPECIAL_SKUS = 16,
	SCARCE_STOCK = 5,
	LIMIT = 2,
	UNSOLD_STOCK = 100,
	/* Added to twice the average demand. */
	SPARE_STOCK = 200,
	/* Of 16 blocks one has misaddressed datagrams, one has forged ones, and where there are
	 * dates, one each has stale ones. */
	TURN_BLOCKS = 16,
	TOO_OLD_TURN = 11,
	AHEAD_TURN = 12,
	OTHER_SALE_TURN = 13,
	MISADDRESSED_TURN = 14,
	FORGED_TURN = 15,
	FAR_BLOCKS = 1024,
	HOT_PER_BLOCK = 2,
	UNKNOWN_OP = 99,
	TOLD_MAX = 10,
};

/* 2001-09-09 and 2096-10-02, as the catalog says it and as the wire does. */
#define CLOSED_AT_TEXT "2001-09-09T01:46:40Z"
#define CLOSED_AT_NS   UINT64_C(1000000000000000000)
#define OPENS_AT_TEXT  "2096-10-02T07:06:40Z"
#define OPENS_AT_NS    UINT64_C(4000000000000000000)

static_assert(FAR_BLOCKS % TURN_BLOCKS == 0, "a plain block's far base is in a plain block");

enum sku_class {
	SKU_DEEP,
	SKU_SCARCE,
	SKU_LIMITED,
	SKU_UNOPENED,
	SKU_CLOSED,
	SKU_HOT,
	SKU_FOREIGN,
};

enum kind {
	FRESH,
	PRICED, /* names just its price as the highest */
	RETRY,
	OTHER_QUANTITY, /* conflicts */
	OTHER_BUYER,
	OTHER_PRICE,
	LOOKUP,
	LOOKUP_NONE,
	FOREIGN,
	NO_UNITS,
	UNOPENED,
	CLOSED,
	TOO_DEAR,
	SCARCE, /* more than there are */
	TO_THE_LIMIT,
	BEYOND_LIMIT, /* its base took all that the limit allows */
	OVER_LIMIT,   /* alone asks for more */
	HOT,
	WRONG_OP,
	NO_ID,
	PING,
	KIND_CNT,
};

/* What each kind asks for, and the verdict that it must get; VERDICT_NONE: one of two, by the order
 * of arrival. */
static const struct {
	const char *name;
	uint8_t sku_class;
	uint8_t verdict;
} kinds[KIND_CNT] = {
	[FRESH] = {"purchase", SKU_DEEP, VERDICT_ACCEPTED},
	[PRICED] = {"purchase at a highest price", SKU_DEEP, VERDICT_ACCEPTED},
	[RETRY] = {"retry", SKU_DEEP, VERDICT_ACCEPTED},
	[OTHER_QUANTITY] = {"same id, other quantity", SKU_DEEP, VERDICT_CONFLICT},
	[OTHER_BUYER] = {"same id, other buyer", SKU_DEEP, VERDICT_CONFLICT},
	[OTHER_PRICE] = {"same id, other highest price", SKU_DEEP, VERDICT_CONFLICT},
	[LOOKUP] = {"lookup of a purchase", SKU_DEEP, VERDICT_ACCEPTED},
	[LOOKUP_NONE] = {"lookup of no purchase", SKU_DEEP, VERDICT_NOT_FOUND},
	[FOREIGN] = {"foreign SKU", SKU_FOREIGN, VERDICT_UNKNOWN_SKU},
	[NO_UNITS] = {"no units", SKU_DEEP, VERDICT_BAD_QUANTITY},
	[UNOPENED] = {"offer not open", SKU_UNOPENED, VERDICT_NOT_OPEN},
	[CLOSED] = {"closed offer", SKU_CLOSED, VERDICT_CLOSED},
	[TOO_DEAR] = {"price below the offer's", SKU_DEEP, VERDICT_PRICE_TOO_HIGH},
	[SCARCE] = {"more units than there are", SKU_SCARCE, VERDICT_SOLD_OUT},
	[TO_THE_LIMIT] = {"purchase up to the limit", SKU_LIMITED, VERDICT_ACCEPTED},
	[BEYOND_LIMIT] = {"purchase beyond the limit", SKU_LIMITED, VERDICT_LIMIT_REACHED},
	[OVER_LIMIT] = {"more units than the limit", SKU_LIMITED, VERDICT_LIMIT_REACHED},
	[HOT] = {"hot SKU", SKU_HOT, VERDICT_NONE},
	[WRONG_OP] = {"unknown op", SKU_DEEP, VERDICT_BAD_REQUEST},
	[NO_ID] = {"id all zero", SKU_DEEP, VERDICT_BAD_REQUEST},
	[PING] = {"ping", SKU_DEEP, VERDICT_PONG},
};

/* A block. base: the slot of the block that this one repeats or follows; far: of the block 1,024
 * before, where there is one. */
static const struct slot {
	uint8_t kind;
	uint8_t base;
	bool far;
} slots[MIXED_BLOCK_CNT] = {
	{FRESH, 0, false},
	{RETRY, 0, false},
	{FRESH, 0, false},
	{OTHER_QUANTITY, 2, false},
	{RETRY, 2, false},
	{FOREIGN, 0, false},
	{FRESH, 0, false},
	{LOOKUP, 6, false},
	{PRICED, 0, false},
	{OTHER_PRICE, 8, false},
	{FRESH, 0, false},
	{HOT, 0, false},
	{FRESH, 0, false},
	{UNOPENED, 0, false},
	{TO_THE_LIMIT, 0, false},
	{BEYOND_LIMIT, 14, false},
	{FRESH, 0, false},
	{SCARCE, 0, false},
	{FRESH, 0, false},
	{RETRY, 0, true},
	{FRESH, 0, false},
	{OTHER_BUYER, 18, true},
	{CLOSED, 0, false},
	{FRESH, 0, false},
	{LOOKUP_NONE, 0, false},
	{PRICED, 0, false},
	{RETRY, 25, false},
	{LOOKUP, 25, true},
	{TOO_DEAR, 0, false},
	{FRESH, 0, false},
	{NO_UNITS, 0, false},
	{FRESH, 0, false},
	{OVER_LIMIT, 0, false},
	{FOREIGN, 0, false},
	{RETRY, 31, false},
	{RETRY, 16, false},
	{FRESH, 0, false},
	{WRONG_OP, 0, false},
	{TO_THE_LIMIT, 0, false},
	{FRESH, 0, false},
	{BEYOND_LIMIT, 38, false},
	{OTHER_BUYER, 39, false},
	{HOT, 0, false},
	{PING, 0, false},
	{FRESH, 0, false},
	{LOOKUP, 44, false},
	{PRICED, 0, false},
	{RETRY, 46, true},
	{UNOPENED, 0, false},
	{CLOSED, 0, false},
	{FRESH, 0, false},
	{NO_ID, 0, false},
	{OTHER_QUANTITY, 50, true},
	{TOO_DEAR, 0, false},
	{FRESH, 0, false},
	{RETRY, 54, true},
	{LOOKUP, 36, true},
	{FOREIGN, 0, false},
	{FRESH, 0, false},
	{SCARCE, 0, false},
	{LOOKUP_NONE, 0, false},
	{PRICED, 0, false},
	{FRESH, 0, false},
	{RETRY, 62, false},
};

struct outcome {
	uint64_t order_id;
	uint64_t instant_ns;
	uint32_t stock_left;
	uint16_t quantity;
	uint8_t verdict; /* VERDICT_NONE: no reply yet */
	bool wrong;      /* counted already */
};

struct mixed_check {
	const struct scenario *scenario;
	uint16_t shards;
	uint64_t wrong_cnt;
	struct outcome *outcomes;
};

static const char *const datagram_names[MIXED_DATAGRAMS] = {
	[MIXED_PLAIN] = "addressed well", [MIXED_MISADDRESSED] = "misaddressed",
	[MIXED_FORGED] = "forged",        [MIXED_TOO_OLD] = "too old",
	[MIXED_AHEAD] = "dated ahead",    [MIXED_OTHER_SALE] = "of another sale",
};

enum mixed_datagram mixed_datagram_of(const struct scenario *scenario, uint32_t n)
{
	switch (n / MIXED_BLOCK_CNT % TURN_BLOCKS) {
	case TOO_OLD_TURN:
		return scenario->dated ? MIXED_TOO_OLD : MIXED_PLAIN;
	case AHEAD_TURN:
		return scenario->dated ? MIXED_AHEAD : MIXED_PLAIN;
	case OTHER_SALE_TURN:
		return scenario->dated ? MIXED_OTHER_SALE : MIXED_PLAIN;
	case MISADDRESSED_TURN:
		return MIXED_MISADDRESSED;
	case FORGED_TURN:
		return MIXED_FORGED;
	default:
		return MIXED_PLAIN;
	}
}

static const struct slot *slot_of(uint32_t n)
{
	return &slots[n % MIXED_BLOCK_CNT];
}

static bool has_base(enum kind kind)
{
	return kind == RETRY || kind == OTHER_QUANTITY || kind == OTHER_BUYER ||
	       kind == OTHER_PRICE || kind == LOOKUP || kind == BEYOND_LIMIT;
}

/* The request that n repeats or follows; n itself for others. */
static uint32_t base_of(uint32_t n)
{
	const struct slot *slot = slot_of(n);
	uint32_t block = n / MIXED_BLOCK_CNT;

	if (!has_base((enum kind)slot->kind))
		return n;
	/* If there is no block far enough back, the base is earlier in its own block; or there is
	 * none. */
	if (slot->far && block >= FAR_BLOCKS)
		block -= FAR_BLOCKS;
	return block * MIXED_BLOCK_CNT + slot->base;
}

bool mixed_is_first(uint32_t n)
{
	return base_of(n) == n;
}

static uint64_t sku_of(const struct scenario *scenario, uint8_t sku_class, uint64_t draw)
{
	const uint64_t deep = 1 + (((draw >> 32) * scenario->sku_cnt) >> 32);
	const uint64_t special = scenario->sku_cnt + 1 + (sku_class - 1U) * SPECIAL_SKUS;

	switch (sku_class) {
	case SKU_DEEP:
		return deep;
	case SKU_HOT:
		return special;
	default:
		return special + draw % SPECIAL_SKUS;
	}
}

/* What n is before its kind changes anything: a purchase at a SKU of its kind. */
static void plain_request(const struct scenario *scenario, uint32_t n, struct client_request *out)
{
	const enum kind kind = (enum kind)slot_of(n)->kind;
	const uint64_t random = mix64(scenario->seed + n);
	const uint64_t draw = mix64(random);

	*out = (struct client_request){
		.id = {random, mix64(scenario->seed ^ n) | 1},
		.buyer = mix64(~scenario->seed +
			       (scenario->buyer_cnt > 0 && kind != TO_THE_LIMIT && kind != HOT
					? draw % scenario->buyer_cnt
					: n)),
		.sku = sku_of(scenario, kinds[kind].sku_class, draw),
		.channel = scenario->channel,
		.quantity = 1,
		.op = WIRE_OP_BUY,
	};
	if (kind == PRICED)
		out->price_or_order = PRICE;
	if (kind == TO_THE_LIMIT)
		out->quantity = LIMIT;
}

void mixed_request(const struct scenario *scenario, uint32_t n, struct client_request *out)
{
	const enum kind kind = (enum kind)slot_of(n)->kind;

	plain_request(scenario, base_of(n), out);
	out->user = n;
	switch (kind) {
	case OTHER_QUANTITY:
		out->quantity++;
		break;
	case OTHER_BUYER:
		out->buyer ^= 1;
		break;
	case OTHER_PRICE:
		out->price_or_order++;
		break;
	case LOOKUP:
	case LOOKUP_NONE:
		out->op = WIRE_OP_LOOKUP;
		break;
	case NO_UNITS:
		out->quantity = 0;
		break;
	case TOO_DEAR:
		out->price_or_order = PRICE - 1;
		break;
	case SCARCE:
		out->quantity = SCARCE_STOCK + 1;
		break;
	case BEYOND_LIMIT:
		out->id[0] = mix64(out->id[0]);
		out->quantity = 1;
		break;
	case OVER_LIMIT:
		out->quantity = LIMIT + 1;
		break;
	case WRONG_OP:
		out->op = UNKNOWN_OP;
		break;
	case NO_ID:
		out->id[0] = out->id[1] = 0;
		break;
	case PING:
		out->op = WIRE_OP_PING;
		break;
	default:
		break;
	}
}

void mixed_catalog(const struct scenario *scenario, FILE *file)
{
	const uint32_t blocks = scenario->distinct_cnt / MIXED_BLOCK_CNT + 1;
	const struct {
		unsigned stock;
		unsigned limit;
		const char *opens;
		const char *closes;
	} special[] = {
		[SKU_SCARCE] = {SCARCE_STOCK, 0, "", ""},
		[SKU_LIMITED] = {blocks + SPARE_STOCK, LIMIT, "", ""},
		[SKU_UNOPENED] = {UNSOLD_STOCK, 0, OPENS_AT_TEXT, ""},
		[SKU_CLOSED] = {UNSOLD_STOCK, 0, "", CLOSED_AT_TEXT},
	};
	uint64_t sku = scenario->sku_cnt + 1;

	/* Half of a block buys from the deep SKUs, one unit each. */
	for (uint32_t i = 0; i < scenario->sku_cnt; i++)
		fprintf(file, "%u,%u,%d,0,,,\n", i + 1,
			blocks * MIXED_BLOCK_CNT / scenario->sku_cnt + SPARE_STOCK, PRICE);
	for (unsigned class = SKU_SCARCE; class < SKU_HOT; class ++) {
		for (unsigned i = 0; i < SPECIAL_SKUS; i++)
			fprintf(file, "%" PRIu64 ",%u,%d,%u,%s,%s,\n", sku++, special[class].stock,
				PRICE, special[class].limit, special[class].opens,
				special[class].closes);
	}
	/* Half of those that ask get one. */
	fprintf(file, "%" PRIu64 ",%u,%d,1,,,\n", sku, blocks * HOT_PER_BLOCK / 2, PRICE);
}

struct mixed_check *mixed_check_open(const struct scenario *scenario, uint16_t shards)
{
	struct mixed_check *check = calloc(1, sizeof(*check));

	if (check == NULL)
		return NULL;
	*check = (struct mixed_check){.scenario = scenario, .shards = shards};
	check->outcomes = calloc(scenario->send_cnt, sizeof(*check->outcomes));
	if (check->outcomes != NULL)
		return check;
	free(check);
	return NULL;
}

void mixed_check_close(struct mixed_check *check)
{
	if (check != NULL)
		free(check->outcomes);
	free(check);
}

static void wrong(struct mixed_check *check, uint32_t n, const char *what)
{
	const struct outcome *outcome = &check->outcomes[n];

	if (outcome->wrong)
		return;
	check->outcomes[n].wrong = true;
	if (check->wrong_cnt++ < TOLD_MAX)
		cli_wrong("request %u (%s, %s): %s; got %s, order %" PRIu64 ", %u left", n,
			  kinds[slot_of(n)->kind].name,
			  datagram_names[mixed_datagram_of(check->scenario, n)], what,
			  verdict_name(outcome->verdict), outcome->order_id, outcome->stock_left);
}

static void check_misaddressed(struct mixed_check *check, uint32_t n,
			       const struct client_request *request, const struct wire_reply *reply)
{
	/* Every shard answers a ping. */
	if (request->op == WIRE_OP_PING)
		return;
	if (reply->verdict != VERDICT_WRONG_SHARD)
		wrong(check, n, "must be WRONG_SHARD");
	else if (reply->quantity != wire_shard_of(request->sku, check->shards))
		wrong(check, n, "names the wrong shard as the right one");
}

/* Checks the fields that belong to the right verdict. */
static void check_fields(struct mixed_check *check, uint32_t n, enum kind kind,
			 const struct client_request *request, const struct wire_reply *reply)
{
	const bool known = reply->verdict != VERDICT_UNKNOWN_SKU && request->op != UNKNOWN_OP &&
			   kind != NO_ID && kind != PING;

	if (known && reply->unit_price != PRICE)
		wrong(check, n, "must have the price");
	switch (reply->verdict) {
	case VERDICT_ACCEPTED:
		if (reply->order_id == 0 || reply->durability == DURABILITY_NONE ||
		    reply->instant_ns == 0)
			wrong(check, n, "an order must have an id, an instant and a durability");
		else if (reply->quantity != request->quantity && kind != LOOKUP)
			wrong(check, n, "must have the quantity asked for");
		return;
	case VERDICT_PONG:
		if (reply->quantity != check->shards || reply->instant_ns == 0)
			wrong(check, n, "must have shards and time");
		break;
	case VERDICT_NOT_OPEN:
		if (reply->instant_ns != OPENS_AT_NS)
			wrong(check, n, "must say when it opens");
		break;
	case VERDICT_CLOSED:
		if (reply->instant_ns != CLOSED_AT_NS)
			wrong(check, n, "must say when it closed");
		break;
	case VERDICT_STALE:
		if (reply->instant_ns == 0)
			wrong(check, n, "must have the engine's clock");
		break;
	case VERDICT_SOLD_OUT:
		if (reply->stock_left != (kind == SCARCE ? SCARCE_STOCK : 0))
			wrong(check, n, "must say how many are left");
		break;
	default:
		break;
	}
	/* A PONG has the sale there. */
	if ((reply->order_id != 0 && reply->verdict != VERDICT_PONG) ||
	    reply->durability != DURABILITY_NONE)
		wrong(check, n, "has an order or a durability, and is none");
}

/* No new order, so that there is nothing to repeat, to look up or to contradict. */
static void check_stale(struct mixed_check *check, uint32_t n, enum kind kind,
			const struct client_request *request, const struct wire_reply *reply)
{
	const uint8_t wanted = kind == FOREIGN || kind == WRONG_OP || kind == NO_ID || kind == PING
				       ? kinds[kind].verdict
			       : request->op == WIRE_OP_LOOKUP ? VERDICT_NOT_FOUND
							       : VERDICT_STALE;

	if (reply->verdict != wanted)
		wrong(check, n,
		      wanted == VERDICT_STALE ? "must be STALE" : "must be another verdict");
	else
		check_fields(check, n, kind, request, reply);
}

void mixed_check_reply(struct mixed_check *check, uint32_t n, const struct wire_reply *reply)
{
	const enum kind kind = (enum kind)slot_of(n)->kind;
	const enum mixed_datagram datagram = mixed_datagram_of(check->scenario, n);
	struct outcome *outcome = &check->outcomes[n];
	struct client_request request;

	mixed_request(check->scenario, n, &request);
	if (outcome->verdict != VERDICT_NONE)
		wrong(check, n, "was answered twice");
	*outcome = (struct outcome){
		.order_id = reply->order_id,
		.instant_ns = reply->instant_ns,
		.stock_left = reply->stock_left,
		.quantity = reply->quantity,
		.verdict = reply->verdict,
		.wrong = outcome->wrong,
	};
	if (datagram == MIXED_FORGED)
		wrong(check, n, "is forged and must not be answered");
	else if (datagram != MIXED_PLAIN && datagram != MIXED_MISADDRESSED)
		check_stale(check, n, kind, &request, reply);
	else if (datagram == MIXED_MISADDRESSED)
		check_misaddressed(check, n, &request, reply);
	else if (kind == HOT && reply->verdict != VERDICT_ACCEPTED &&
		 reply->verdict != VERDICT_SOLD_OUT)
		wrong(check, n, "must be ACCEPTED or SOLD_OUT");
	else if (base_of(n) == n && kind != HOT && reply->verdict != kinds[kind].verdict)
		wrong(check, n, "must be another verdict");
	else
		check_fields(check, n, kind, &request, reply);
}

/* A request that rests on its base, whose order is known. */
static void check_relation(struct mixed_check *check, uint32_t n, const struct outcome *base)
{
	const enum kind kind = (enum kind)slot_of(n)->kind;
	const struct outcome *outcome = &check->outcomes[n];

	if (outcome->verdict != kinds[kind].verdict)
		wrong(check, n, "must be another verdict");
	else if (outcome->verdict == VERDICT_ACCEPTED &&
		 (outcome->order_id != base->order_id || outcome->instant_ns != base->instant_ns ||
		  outcome->quantity != base->quantity))
		wrong(check, n, "must be the order of the earlier answer");
}

/* The hot SKU sells unit by unit, and nothing after it has sold out. */
struct hot_sale {
	bool begun;
	bool lost; /* an earlier request had no answer */
	uint32_t stock_left;
};

static void check_hot(struct mixed_check *check, uint32_t n, struct hot_sale *sale)
{
	const struct outcome *outcome = &check->outcomes[n];
	const bool accepted = outcome->verdict == VERDICT_ACCEPTED;

	if (outcome->verdict == VERDICT_NONE) {
		sale->lost = true;
		return;
	}
	if (sale->begun && accepted &&
	    (outcome->stock_left >= sale->stock_left ||
	     (!sale->lost && outcome->stock_left + 1 != sale->stock_left)))
		wrong(check, n, "must leave one unit less than the one before");
	else if (sale->begun && !accepted && !sale->lost && sale->stock_left != 0)
		wrong(check, n, "is sold out though the one before left some");
	*sale = (struct hot_sale){.begun = true, .stock_left = outcome->stock_left};
}

uint64_t mixed_check_finish(struct mixed_check *check, uint64_t *undetermined)
{
	struct hot_sale sale = {0};

	*undetermined = 0;
	for (uint32_t n = 0; n < check->scenario->send_cnt; n++) {
		const uint32_t base = base_of(n);

		if (mixed_datagram_of(check->scenario, n) != MIXED_PLAIN)
			continue;
		if (slot_of(n)->kind == HOT)
			check_hot(check, n, &sale);
		if (base == n || check->outcomes[n].verdict == VERDICT_NONE)
			continue;
		if (check->outcomes[base].verdict == VERDICT_NONE)
			(*undetermined)++;
		else if (!check->outcomes[base].wrong)
			check_relation(check, n, &check->outcomes[base]);
	}
	return check->wrong_cnt;
}
