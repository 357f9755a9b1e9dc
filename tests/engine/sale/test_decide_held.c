#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "tests/engine/sale/model_check.h"

/*
 * Sales of a few requests, written by hand: what each of them gets, by the engine and by the model,
 * so that neither is the only witness. An order's id is its LSN: the shard is 0 of 1, and its
 * offers are its first records.
 */
enum {
	LIMITED = 1, /* 10 units, at most 2 a buyer, held for 10 s, twice extended by 8 s */
	PLAIN,       /* 3 units, held for 10 s, never extended */
	RED,         /* 5 units each, at most 2 of both together, held for 10 s */
	BLUE,
	BUY_ONLY, /* 2 units */
	OFFERS = BUY_ONLY,
	FIRST = OFFERS + 1, /* LSN of the first request that commits */

	ANN = 101,
	BOB,
};

#define BUY     WIRE_OP_BUY
#define HOLD    WIRE_OP_HOLD
#define CONFIRM WIRE_OP_CONFIRM
#define RELEASE WIRE_OP_RELEASE
#define EXTEND  WIRE_OP_EXTEND
#define RETURN  WIRE_OP_RETURN
#define LOOKUP  WIRE_OP_LOOKUP

static const uint64_t BEGIN_NS = UINT64_C(1000000000000);
static const uint64_t MS_NS = 1000000;

struct step {
	uint32_t at_ms; /* since the beginning */
	uint8_t op;
	uint64_t id;
	uint64_t buyer;
	uint64_t sku;
	uint64_t order; /* LSN, or the highest price */
	uint16_t quantity;
	uint8_t flags;
	/* The answer. */
	uint8_t verdict;
	uint16_t units;      /* quantity, where it is named */
	uint32_t instant_ms; /* since the beginning; 0: not looked at */
};

static struct shard *shard;
static struct model *model;
static struct difference difference;

static void apply(const struct record *record)
{
	const char *why = "";

	cr_assert(eq(int, shard_apply(shard, shard_next_lsn(shard), record, &why), 0), "%s", why);
	model_apply(model, record);
}

static void put_on_sale(uint64_t sku, uint32_t stock, uint32_t limit, uint32_t hold_seconds,
			uint32_t extend, uint16_t group_limit)
{
	const struct record offer = {
		.kind = RECORD_OFFER,
		.quantity = group_limit,
		.channel = group_limit > 0 ? 77 : 0,
		.at_ns = BEGIN_NS,
		.sku = sku,
		.unit_price = 500,
		.offer = {.stock = stock,
			  .limit_per_buyer = limit,
			  .closes_at_ns = INSTANT_NEVER,
			  .hold_seconds = hold_seconds,
			  .extend = extend},
	};

	apply(&offer);
}

static void open_both(void)
{
	const struct shard_size size = {.offer_cnt = 10,
					.order_cnt = 100,
					.buyer_cnt = 100,
					.hold_cnt = 100,
					.change_cnt = 100};

	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	model = calloc(1, sizeof(*model));
	CHECK(model != NULL);
	model_open(model, 0, 1);
	model->bought_max = model->holds_max = model->changes_max = 100;
	put_on_sale(LIMITED, 10, 2, 10, 8 << EXTENSIONS_BITS | 2, 0);
	put_on_sale(PLAIN, 3, 0, 10, 0, 0);
	put_on_sale(RED, 5, 0, 10, 0, 2);
	put_on_sale(BLUE, 5, 0, 10, 0, 2);
	put_on_sale(BUY_ONLY, 2, 0, 0, 0, 0);
}

static void close_both(void)
{
	shard_close(shard);
	free(model);
}

TestSuite(decide_held, .init = open_both, .fini = close_both);

/* Decides until nothing has to be ended first. */
static struct decision engine_decide(uint64_t now_ns, const struct wire_request *request,
				     struct record *record)
{
	struct decision decision;
	struct lookup key;

	lookup_all(shard, request, &key, 1);
	do {
		decide(shard, now_ns, now_ns, request, &key, record, &decision);
		if (decision.again)
			cr_assert(zero(ptr, (void *)model_expire(model, now_ns, record)));
	} while (decision.again);
	return decision;
}

static void play_one(const struct step *step, const char *where)
{
	const uint64_t now_ns = BEGIN_NS + step->at_ms * MS_NS;
	const struct wire_request request = {
		.id = {step->id, 0},
		.buyer = step->buyer,
		.sku = step->sku,
		.price_or_order = step->order,
		.quantity = step->quantity,
		.op = step->op,
		.flags = step->flags,
	};
	struct record record;
	const struct decision got = engine_decide(now_ns, &request, &record);
	const struct model_answer want = model_decide(model, now_ns, now_ns, &request, true);

	cr_assert(model_check_answer(shard, model, &request, &want, &got, &record, false,
				     &difference),
		  "%s\n%s", where, difference.text);
	cr_assert(eq(u8, want.verdict, step->verdict), "%s: %s, not %s", where,
		  verdict_name(want.verdict), verdict_name(step->verdict));
	if ((want.named & NAMED_QUANTITY) != 0)
		cr_assert(eq(u16, want.quantity, step->units), "%s", where);
	if (step->instant_ms != 0)
		cr_assert(eq(u64, want.instant_ns, BEGIN_NS + step->instant_ms * MS_NS), "%s",
			  where);
	cr_assert(model_check_state(shard, model, &difference), "%s\n%s", where, difference.text);
}

#define PLAY(...) play((const struct step[]){__VA_ARGS__, {0}}, __func__)

static void play(const struct step *steps, const char *sale)
{
	char where[100];

	for (unsigned i = 0; steps[i].op != 0; i++) {
		snprintf(where, sizeof(where), "%s, step %u", sale, i + 1);
		play_one(&steps[i], where);
	}
}

/* What a request gets, with what names it. */
#define GETS(word, quantity, instant)                                                              \
	.verdict = VERDICT_##word, .units = (quantity), .instant_ms = (instant)

Test(decide_held, a_part_is_paid_and_the_rest_is_for_sale_at_once)
{
	PLAY({0, HOLD, 1, ANN, PLAIN, 0, 3, 0, GETS(HELD, 3, 10000)},
	     {1, HOLD, 2, BOB, PLAIN, 0, 1, 0, GETS(SOLD_OUT, 0, 0)},
	     {2, CONFIRM, 3, ANN, PLAIN, FIRST, 4, 0, GETS(TOO_MANY, 0, 0)},
	     {3, CONFIRM, 4, ANN, PLAIN, FIRST, 2, 0, GETS(CONFIRMED, 2, 3)},
	     {3, HOLD, 5, BOB, PLAIN, 0, 1, 0, GETS(HELD, 1, 10003)},
	     {4, CONFIRM, 6, ANN, PLAIN, FIRST, 1, 0, GETS(ALREADY_SOLD, 0, 0)},
	     {5, RELEASE, 7, ANN, PLAIN, FIRST, 1, 0, GETS(ALREADY_SOLD, 0, 0)},
	     {6, EXTEND, 8, ANN, PLAIN, FIRST, 1, 0, GETS(ALREADY_SOLD, 0, 0)},
	     {7, CONFIRM, 4, ANN, PLAIN, FIRST, 2, 0, GETS(CONFIRMED, 2, 3)},
	     {8, LOOKUP, 1, 0, PLAIN, 0, 0, 0, GETS(CONFIRMED, 2, 3)});
}

Test(decide_held, a_hold_ends_on_the_instant)
{
	PLAY({0, HOLD, 1, ANN, PLAIN, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {0, HOLD, 2, ANN, PLAIN, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {9999, CONFIRM, 3, ANN, PLAIN, FIRST, 1, 0, GETS(CONFIRMED, 1, 9999)},
	     {9999, LOOKUP, 2, 0, PLAIN, 0, 0, 0, GETS(HELD, 1, 10000)},
	     {10000, LOOKUP, 2, 0, PLAIN, 0, 0, 0, GETS(HOLD_ENDED, 1, 10000)},
	     {10000, RELEASE, 4, ANN, PLAIN, FIRST + 1, 0, 0, GETS(HOLD_ENDED, 0, 0)},
	     {10000, EXTEND, 5, ANN, PLAIN, FIRST + 1, 0, 0, GETS(HOLD_ENDED, 0, 0)});
}

Test(decide_held, a_late_payment_takes_the_units_again)
{
	PLAY({0, HOLD, 1, ANN, PLAIN, 0, 2, 0, GETS(HELD, 2, 10000)},
	     {20000, CONFIRM, 2, ANN, PLAIN, FIRST, 3, 0, GETS(TOO_MANY, 0, 0)},
	     {20001, CONFIRM, 3, ANN, PLAIN, FIRST, 1, 0, GETS(CONFIRMED_LATE, 1, 20001)},
	     {20002, CONFIRM, 3, ANN, PLAIN, FIRST, 1, 0, GETS(CONFIRMED_LATE, 1, 20001)},
	     {20003, CONFIRM, 4, ANN, PLAIN, FIRST, 1, 0, GETS(ALREADY_SOLD, 0, 0)},
	     {20004, HOLD, 5, BOB, PLAIN, 0, 2, 0, GETS(HELD, 2, 30004)},
	     {20005, LOOKUP, 1, 0, PLAIN, 0, 0, 0, GETS(CONFIRMED_LATE, 1, 20001)});
}

Test(decide_held, a_refund_is_final_also_when_stock_came_back)
{
	PLAY({0, HOLD, 1, ANN, PLAIN, 0, 2, 0, GETS(HELD, 2, 10000)},
	     {10000, BUY, 2, BOB, PLAIN, 0, 2, 0, GETS(ACCEPTED, 2, 10000)},
	     {10001, CONFIRM, 3, ANN, PLAIN, FIRST, 2, 0, GETS(HOLD_EXPIRED, 2, 10000)},
	     {10002, RETURN, 4, BOB, PLAIN, FIRST + 2, 2, 0, GETS(RETURNED, 2, 10002)},
	     {10003, CONFIRM, 3, ANN, PLAIN, FIRST, 2, 0, GETS(HOLD_EXPIRED, 2, 10000)},
	     {10004, CONFIRM, 5, ANN, PLAIN, FIRST, 1, 0, GETS(HOLD_EXPIRED, 1, 10000)},
	     {10005, RELEASE, 6, ANN, PLAIN, FIRST, 0, 0, GETS(HOLD_EXPIRED, 0, 0)},
	     {10006, EXTEND, 7, ANN, PLAIN, FIRST, 0, 0, GETS(HOLD_EXPIRED, 0, 0)},
	     {10007, LOOKUP, 1, 0, PLAIN, 0, 0, 0, GETS(HOLD_EXPIRED, 2, 10000)},
	     {10008, CONFIRM, 3, ANN, PLAIN, FIRST, 1, 0, GETS(CONFLICT, 0, 0)});
}

Test(decide_held, a_late_payment_beyond_the_limit_is_a_refund)
{
	PLAY({0, HOLD, 1, ANN, LIMITED, 0, 2, 0, GETS(HELD, 2, 10000)},
	     {10000, BUY, 2, ANN, LIMITED, 0, 1, 0, GETS(ACCEPTED, 1, 10000)},
	     {10001, CONFIRM, 3, ANN, LIMITED, FIRST, 2, 0, GETS(HOLD_EXPIRED, 2, 10000)});
	PLAY({20000, HOLD, 11, BOB, RED, 0, 2, 0, GETS(HELD, 2, 30000)},
	     {30000, BUY, 12, BOB, BLUE, 0, 2, 0, GETS(ACCEPTED, 2, 30000)},
	     {30001, CONFIRM, 13, BOB, RED, FIRST + 4, 1, 0, GETS(HOLD_EXPIRED, 1, 30000)});
}

Test(decide_held, expiry_gives_back_what_counts_to_the_limit)
{
	PLAY({0, HOLD, 1, ANN, LIMITED, 0, 2, 0, GETS(HELD, 2, 10000)},
	     {1, BUY, 2, ANN, LIMITED, 0, 1, 0, GETS(LIMIT_REACHED, 0, 0)},
	     {10000, BUY, 3, ANN, LIMITED, 0, 2, 0, GETS(ACCEPTED, 2, 10000)},
	     {10000, HOLD, 4, BOB, RED, 0, 2, 0, GETS(HELD, 2, 20000)},
	     {20000, HOLD, 5, BOB, BLUE, 0, 2, 0, GETS(HELD, 2, 30000)});
}

Test(decide_held, nobody_is_refused_because_of_himself)
{
	PLAY({0, HOLD, 1, ANN, LIMITED, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {1, HOLD, 2, ANN, LIMITED, 0, 2, 0, GETS(ALREADY_HELD, 1, 10000)},
	     {2, HOLD, 3, ANN, LIMITED, 0, 3, 0, GETS(LIMIT_REACHED, 0, 0)},
	     {3, BUY, 4, ANN, LIMITED, 0, 2, 0, GETS(LIMIT_REACHED, 0, 0)},
	     {4, HOLD, 5, ANN, LIMITED, 0, 1, 0, GETS(HELD, 1, 10004)},
	     {5, HOLD, 6, ANN, LIMITED, 0, 1, 0, GETS(ALREADY_HELD, 1, 10004)},
	     {6, RELEASE, 7, ANN, LIMITED, FIRST + 1, 0, 0, GETS(RELEASED, 1, 6)},
	     {7, HOLD, 8, ANN, LIMITED, 0, 2, 0, GETS(ALREADY_HELD, 1, 10000)},
	     {8, CONFIRM, 9, ANN, LIMITED, FIRST, 1, 0, GETS(CONFIRMED, 1, 8)},
	     {9, HOLD, 10, ANN, LIMITED, 0, 2, 0, GETS(LIMIT_REACHED, 0, 0)});
}

Test(decide_held, the_stock_that_he_holds_himself)
{
	PLAY({0, HOLD, 1, ANN, PLAIN, 0, 2, 0, GETS(HELD, 2, 10000)},
	     {1, HOLD, 2, ANN, PLAIN, 0, 3, 0, GETS(ALREADY_HELD, 2, 10000)},
	     {2, HOLD, 3, ANN, PLAIN, 0, 4, 0, GETS(SOLD_OUT, 0, 0)},
	     {3, HOLD, 4, BOB, PLAIN, 0, 2, 0, GETS(SOLD_OUT, 0, 0)},
	     {4, BUY, 5, ANN, PLAIN, 0, 3, 0, GETS(SOLD_OUT, 0, 0)},
	     {10000, HOLD, 6, ANN, PLAIN, 0, 3, 0, GETS(HELD, 3, 20000)});
}

Test(decide_held, a_group_has_one_limit)
{
	PLAY({0, HOLD, 1, ANN, RED, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {1, HOLD, 2, ANN, BLUE, 0, 2, 0, GETS(ALREADY_HELD, 1, 10000)},
	     {2, HOLD, 3, ANN, BLUE, 0, 3, 0, GETS(LIMIT_REACHED, 0, 0)},
	     {3, BUY, 4, ANN, BLUE, 0, 1, 0, GETS(ACCEPTED, 1, 3)},
	     {4, HOLD, 5, ANN, BLUE, 0, 2, 0, GETS(LIMIT_REACHED, 0, 0)},
	     {5, HOLD, 6, ANN, BLUE, 0, 1, 0, GETS(ALREADY_HELD, 1, 10000)},
	     {6, RETURN, 7, ANN, BLUE, FIRST + 1, 1, 0, GETS(RETURNED, 1, 6)},
	     {7, BUY, 8, ANN, BLUE, 0, 1, 0, GETS(ACCEPTED, 1, 7)},
	     {8, BUY, 9, ANN, RED, 0, 1, 0, GETS(LIMIT_REACHED, 0, 0)});
}

Test(decide_held, a_hold_is_extended_so_often_and_only_to_later)
{
	PLAY({0, HOLD, 1, ANN, LIMITED, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {2000, EXTEND, 2, ANN, LIMITED, FIRST, 0, 0, GETS(CANNOT_EXTEND, 0, 0)},
	     {2001, EXTEND, 2, ANN, LIMITED, FIRST, 0, 0, GETS(EXTENDED, 1, 10001)},
	     {9000, EXTEND, 3, ANN, LIMITED, FIRST, 0, 0, GETS(EXTENDED, 1, 17000)},
	     {10000, EXTEND, 4, ANN, LIMITED, FIRST, 0, 0, GETS(CANNOT_EXTEND, 0, 0)},
	     {10001, EXTEND, 2, ANN, LIMITED, FIRST, 0, 0, GETS(EXTENDED, 1, 10001)},
	     {10002, LOOKUP, 2, 0, LIMITED, 0, 0, 0, GETS(HELD, 1, 17000)},
	     {16999, LOOKUP, 1, 0, LIMITED, 0, 0, 0, GETS(HELD, 1, 17000)},
	     {17000, LOOKUP, 1, 0, LIMITED, 0, 0, 0, GETS(HOLD_ENDED, 1, 17000)},
	     {17000, HOLD, 1, ANN, LIMITED, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {17001, HOLD, 5, ANN, PLAIN, 0, 1, 0, GETS(HELD, 1, 27001)},
	     {17002, EXTEND, 6, ANN, PLAIN, FIRST + 4, 0, 0, GETS(CANNOT_EXTEND, 0, 0)});
}

Test(decide_held, each_unit_comes_back_once)
{
	PLAY({0, BUY, 1, ANN, PLAIN, 0, 3, 0, GETS(ACCEPTED, 3, 0)},
	     {1, RETURN, 2, ANN, PLAIN, FIRST, 4, 0, GETS(TOO_MANY, 0, 0)},
	     {2, RETURN, 3, ANN, PLAIN, FIRST, 1, 0, GETS(RETURNED, 1, 2)},
	     {3, RETURN, 3, ANN, PLAIN, FIRST, 1, 0, GETS(RETURNED, 1, 2)},
	     {3, LOOKUP, 3, 0, PLAIN, 0, 0, 0, GETS(ACCEPTED, 2, 0)},
	     {4, RETURN, 4, ANN, PLAIN, FIRST, 3, 0, GETS(TOO_MANY, 0, 0)},
	     {5, RETURN, 5, ANN, PLAIN, FIRST, 2, WIRE_ENTRY_WRITE_OFF, GETS(RETURNED, 2, 5)},
	     {6, RETURN, 6, ANN, PLAIN, FIRST, 1, 0, GETS(NOT_SOLD, 0, 0)},
	     {7, HOLD, 7, BOB, PLAIN, 0, 2, 0, GETS(SOLD_OUT, 0, 0)},
	     {8, HOLD, 8, BOB, PLAIN, 0, 1, 0, GETS(HELD, 1, 10008)},
	     {9, RETURN, 9, BOB, PLAIN, FIRST + 3, 1, 0, GETS(NOT_SOLD, 0, 0)},
	     {9, RETURN, 9, BOB, PLAIN, FIRST + 3, 0, 0, GETS(BAD_QUANTITY, 0, 0)},
	     {10, LOOKUP, 5, 0, PLAIN, 0, 0, 0, GETS(RETURNED, 0, 0)},
	     {11, BUY, 1, ANN, PLAIN, 0, 3, 0, GETS(ACCEPTED, 3, 0)},
	     {12, CONFIRM, 12, ANN, PLAIN, FIRST, 1, 0, GETS(ALREADY_SOLD, 0, 0)});
}

Test(decide_held, a_hold_is_its_buyers_and_an_order_has_one_name)
{
	PLAY({0, HOLD, 1, ANN, PLAIN, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {1, CONFIRM, 2, BOB, PLAIN, FIRST, 1, 0, GETS(OTHER_BUYER, 0, 0)},
	     {1, RELEASE, 2, BOB, PLAIN, FIRST, 1, 0, GETS(OTHER_BUYER, 0, 0)},
	     {1, EXTEND, 2, BOB, PLAIN, FIRST, 1, 0, GETS(OTHER_BUYER, 0, 0)},
	     {1, RETURN, 2, BOB, PLAIN, FIRST, 1, 0, GETS(OTHER_BUYER, 0, 0)},
	     {1, LOOKUP, 2, BOB, PLAIN, FIRST, 1, WIRE_ENTRY_BY_ORDER, GETS(OTHER_BUYER, 0, 0)},
	     {1, LOOKUP, 2, ANN, PLAIN, FIRST, 1, WIRE_ENTRY_BY_ORDER, GETS(HELD, 1, 10000)},
	     {1, CONFIRM, 2, ANN, LIMITED, FIRST, 1, 0, GETS(NOT_FOUND, 0, 0)},
	     {1, CONFIRM, 2, ANN, PLAIN, FIRST - 1, 1, 0, GETS(NOT_FOUND, 0, 0)},
	     {1, CONFIRM, 2, ANN, PLAIN, UINT64_C(1) << 48 | FIRST, 1, 0, GETS(NOT_FOUND, 0, 0)},
	     {2, CONFIRM, 2, ANN, PLAIN, FIRST, 0, 0, GETS(BAD_QUANTITY, 0, 0)},
	     {3, RELEASE, 3, ANN, PLAIN, FIRST, 2, 0, GETS(TOO_MANY, 0, 0)},
	     {4, RELEASE, 4, ANN, PLAIN, FIRST, 1, 0, GETS(RELEASED, 1, 4)},
	     {5, RELEASE, 5, ANN, PLAIN, FIRST, 0, 0, GETS(HOLD_RELEASED, 0, 0)},
	     {6, CONFIRM, 6, ANN, PLAIN, FIRST, 1, 0, GETS(HOLD_RELEASED, 0, 0)},
	     {7, CONFIRM, 7, ANN, PLAIN, FIRST + 1, 1, 0, GETS(NOT_FOUND, 0, 0)},
	     {8, LOOKUP, 4, 0, PLAIN, 0, 0, 0, GETS(RELEASED, 0, 0)},
	     {20000, CONFIRM, 8, ANN, PLAIN, FIRST, 1, 0, GETS(HOLD_RELEASED, 0, 0)});
}

Test(decide_held, flags_are_of_their_ops)
{
	PLAY({0, BUY, 1, ANN, PLAIN, 0, 1, WIRE_ENTRY_WRITE_OFF, GETS(BAD_REQUEST, 0, 0)},
	     {0, HOLD, 1, ANN, PLAIN, 0, 1, WIRE_ENTRY_BY_ORDER, GETS(BAD_REQUEST, 0, 0)},
	     {0, HOLD, 1, ANN, PLAIN, 1, 1, WIRE_ENTRY_AT_MOST_0, GETS(BAD_REQUEST, 0, 0)},
	     {0, HOLD, 1, ANN, PLAIN, 0, 1, WIRE_ENTRY_AT_MOST_0, GETS(PRICE_TOO_HIGH, 0, 0)},
	     {0, HOLD, 1, ANN, PLAIN, 499, 1, 0, GETS(PRICE_TOO_HIGH, 0, 0)},
	     {0, HOLD, 1, ANN, PLAIN, 500, 1, 0, GETS(HELD, 1, 10000)},
	     {0, CONFIRM, 2, ANN, PLAIN, FIRST, 1, WIRE_ENTRY_WRITE_OFF, GETS(BAD_REQUEST, 0, 0)},
	     {0, RETURN, 2, ANN, PLAIN, 0, 1, WIRE_ENTRY_AT_MOST_0, GETS(BAD_REQUEST, 0, 0)},
	     {0, CONFIRM, 2, ANN, PLAIN, 0, 1, WIRE_ENTRY_AT_MOST_0, GETS(BAD_REQUEST, 0, 0)},
	     {0, RELEASE, 2, ANN, PLAIN, 0, 1, WIRE_ENTRY_AT_MOST_0, GETS(BAD_REQUEST, 0, 0)},
	     {0, EXTEND, 2, ANN, PLAIN, 0, 1, WIRE_ENTRY_AT_MOST_0, GETS(BAD_REQUEST, 0, 0)},
	     {0, LOOKUP, 1, 0, PLAIN, 0, 1, WIRE_ENTRY_WRITE_OFF, GETS(BAD_REQUEST, 0, 0)},
	     {0, HOLD, 3, ANN, BUY_ONLY, 0, 1, 0, GETS(NO_HOLDS, 0, 0)},
	     {0, HOLD, 3, ANN, BUY_ONLY, 0, 0, 0, GETS(BAD_QUANTITY, 0, 0)},
	     {0, BUY, 1, ANN, PLAIN, 500, 1, 0, GETS(CONFLICT, 0, 0)},
	     {0, RELEASE, 1, ANN, PLAIN, FIRST, 1, 0, GETS(CONFLICT, 0, 0)});
}

Test(decide_held, the_same_request_has_the_same_content)
{
	PLAY({0, HOLD, 1, ANN, LIMITED, 0, 2, 0, GETS(HELD, 2, 10000)},
	     {3000, EXTEND, 2, ANN, LIMITED, FIRST, 0, 0, GETS(EXTENDED, 2, 11000)},
	     {3001, EXTEND, 2, ANN, LIMITED, FIRST, 9, 0, GETS(EXTENDED, 2, 11000)},
	     {3002, RELEASE, 3, ANN, LIMITED, FIRST, 0, 0, GETS(RELEASED, 2, 3002)},
	     {3003, RELEASE, 3, ANN, LIMITED, FIRST, 2, 0, GETS(CONFLICT, 0, 0)},
	     {3004, RELEASE, 3, ANN, LIMITED, FIRST, 0, 0, GETS(RELEASED, 2, 3002)},
	     {3005, EXTEND, 2, ANN, LIMITED, FIRST, 0, 0, GETS(EXTENDED, 2, 11000)},
	     {3006, BUY, 4, BOB, LIMITED, 0, 2, 0, GETS(ACCEPTED, 2, 3006)},
	     {3007, RETURN, 5, BOB, LIMITED, FIRST + 3, 1, 0, GETS(RETURNED, 1, 3007)},
	     {3008, RETURN, 5, BOB, LIMITED, FIRST + 3, 1, WIRE_ENTRY_WRITE_OFF,
	      GETS(CONFLICT, 0, 0)},
	     {3009, RETURN, 5, BOB, LIMITED, FIRST, 1, 0, GETS(CONFLICT, 0, 0)},
	     {3010, RETURN, 5, BOB, LIMITED, FIRST + 3, 2, 0, GETS(CONFLICT, 0, 0)},
	     {3011, RETURN, 5, ANN, LIMITED, FIRST + 3, 1, 0, GETS(CONFLICT, 0, 0)},
	     {3012, RETURN, 5, BOB, LIMITED, FIRST + 3, 1, 0, GETS(RETURNED, 1, 3007)});
}

Test(decide_held, a_clock_that_is_set_back_leaves_the_time_that_is_left)
{
	const struct record back = {.kind = RECORD_CLOCK,
				    .at_ns = BEGIN_NS + 1000 * MS_NS,
				    .clock = {.was_ns = BEGIN_NS + 5000 * MS_NS}};

	PLAY({0, HOLD, 1, ANN, PLAIN, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {4000, HOLD, 2, BOB, LIMITED, 0, 1, 0, GETS(HELD, 1, 14000)},
	     {4500, EXTEND, 3, BOB, LIMITED, FIRST + 1, 0, 0, GETS(CANNOT_EXTEND, 0, 0)});
	apply(&back);
	PLAY({1000, LOOKUP, 1, 0, PLAIN, 0, 0, 0, GETS(HELD, 1, 6000)},
	     {1000, HOLD, 1, ANN, PLAIN, 0, 1, 0, GETS(HELD, 1, 10000)},
	     {5999, LOOKUP, 1, 0, PLAIN, 0, 0, 0, GETS(HELD, 1, 6000)},
	     {6000, LOOKUP, 1, 0, PLAIN, 0, 0, 0, GETS(HOLD_ENDED, 1, 6000)},
	     {9999, EXTEND, 4, BOB, LIMITED, FIRST + 1, 0, 0, GETS(EXTENDED, 1, 17999)});
}
