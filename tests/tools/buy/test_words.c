#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <jansson.h>

#include "tools/buy/words.h"

static const uint64_t AT_NS = UINT64_C(1794326400123456789);
#define INSTANT "2026-11-10T16:00:00.123Z"
#define TAIL    " (7 left, 512 us, request id 000102030405060708090a0b0c0d0e0f)"

static const uint8_t id[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static struct client_answer answer_of(uint8_t verdict)
{
	struct client_answer answer = {
		.answered = true,
		.attempts = 1,
		.latency_ns = 512999,
		.not_after_ns = AT_NS + 1000000000,
		.reply = {.order_id = 5,
			  .unit_price = 4990,
			  .instant_ns = AT_NS,
			  .stock_left = 7,
			  .quantity = 2,
			  .verdict = verdict,
			  .durability = DURABILITY_DURABLE},
	};

	memcpy(answer.reply.id, id, sizeof(id));
	return answer;
}

static void check(const struct client_answer *answer, uint8_t op, const char *wanted)
{
	const struct client_request request = {.op = op};
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	words_print(out, &request, answer);
	fclose(out);
	cr_expect(eq(str, text, (char *)wanted));
	free(text);
}

static void check_verdict(uint8_t verdict, uint8_t op, const char *wanted)
{
	const struct client_answer answer = answer_of(verdict);

	check(&answer, op, wanted);
}

Test(words, say_what_was_carried_out)
{
	check_verdict(VERDICT_ACCEPTED, WIRE_OP_BUY,
		      "accepted: order 5, 2 at 4990, " INSTANT ", durable" TAIL "\n");
	check_verdict(VERDICT_HELD, WIRE_OP_HOLD,
		      "held: order 5, 2 at 4990 until " INSTANT ", durable" TAIL "\n");
	check_verdict(VERDICT_CONFIRMED, WIRE_OP_CONFIRM,
		      "hold confirmed: order 5, 2 at 4990, " INSTANT ", durable" TAIL "\n");
	check_verdict(VERDICT_CONFIRMED_LATE, WIRE_OP_CONFIRM,
		      "hold had ended, sold all the same: order 5, 2 at 4990, " INSTANT
		      ", durable" TAIL "\n");
	check_verdict(VERDICT_RELEASED, WIRE_OP_RELEASE,
		      "hold released: order 5, 2 at 4990 for sale again, " INSTANT ", durable" TAIL
		      "\n");
	check_verdict(VERDICT_EXTENDED, WIRE_OP_EXTEND,
		      "hold extended: order 5, 2 at 4990 until " INSTANT ", durable" TAIL "\n");
	check_verdict(VERDICT_RETURNED, WIRE_OP_RETURN,
		      "returned: order 5, 2 at 4990 to pay back, " INSTANT ", durable" TAIL "\n");
}

Test(words, say_what_a_lookup_finds)
{
	check_verdict(VERDICT_HELD, WIRE_OP_LOOKUP,
		      "held: order 5, 2 at 4990 until " INSTANT ", durable" TAIL "\n");
	check_verdict(VERDICT_RELEASED, WIRE_OP_LOOKUP,
		      "hold released: order 5, nothing of it is held any more" TAIL "\n");
	check_verdict(VERDICT_RETURNED, WIRE_OP_LOOKUP,
		      "returned: order 5, nothing of it is sold any more" TAIL "\n");
}

Test(words, say_what_a_refusal_means)
{
	check_verdict(VERDICT_ALREADY_HELD, WIRE_OP_HOLD,
		      "the buyer holds it already: order 5, 2 at 4990 until " INSTANT
		      "; go on with that order" TAIL "\n");
	check_verdict(VERDICT_HOLD_EXPIRED, WIRE_OP_CONFIRM,
		      "hold had ended and its units are gone: refund: order 5 ended " INSTANT
		      "; pay back 2 at 4990, this answer is final" TAIL "\n");
	check_verdict(VERDICT_CANNOT_EXTEND, WIRE_OP_EXTEND,
		      "hold cannot be extended: it ends " INSTANT
		      "; the offer allows no more, or it would not end later" TAIL "\n");
	check_verdict(VERDICT_SOLD_OUT, WIRE_OP_HOLD, "sold out" TAIL "\n");
	check_verdict(VERDICT_PRICE_TOO_HIGH, WIRE_OP_BUY,
		      "price above the highest price asked for: it costs 4990" TAIL "\n");
	check_verdict(VERDICT_NOT_OPEN, WIRE_OP_HOLD, "not open yet: opens " INSTANT TAIL "\n");
	check_verdict(
		VERDICT_UNDER_WAY, WIRE_OP_BUY,
		"its basket is being decided, ask again with the same --request-id: so far the "
		"outcome is unknown" TAIL "\n");
	check_verdict(VERDICT_OTHER_BUYER, WIRE_OP_RELEASE, "order of another buyer" TAIL "\n");
}

/* Its lines have prices of their own. */
Test(words, say_what_became_of_a_whole_basket)
{
	static const struct {
		uint8_t verdict;
		const char *wanted;
	} wanted[] = {
		{VERDICT_CONFIRMED,
		 "hold confirmed: basket 5, 2 units in all, " INSTANT ", durable" TAIL "\n"},
		{VERDICT_RELEASED,
		 "hold released: basket 5, 2 units in all, " INSTANT ", durable" TAIL "\n"},
		{VERDICT_HOLD_EXPIRED,
		 "hold had ended and its units are gone: refund: basket 5; pay back all of it, "
		 "2 units, this answer is final" TAIL "\n"},
		{VERDICT_TOO_MANY, "more units than the order has" TAIL "\n"},
	};

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const struct client_request request = {.op = WIRE_OP_CONFIRM,
						       .flags = WIRE_ENTRY_WHOLE_BASKET};
		const struct client_answer answer = answer_of(wanted[i].verdict);
		char *text = NULL;
		size_t bytes = 0;
		FILE *out = open_memstream(&text, &bytes);

		words_print(out, &request, &answer);
		fclose(out);
		cr_expect(eq(str, text, (char *)wanted[i].wanted));
		free(text);
	}
}

Test(words, say_of_which_line_they_are)
{
	const struct client_request request = {.op = WIRE_OP_BUY, .sku = UINT64_MAX};
	const struct client_answer answer = answer_of(VERDICT_BASKET_REFUSED);
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	words_print_line(out, &request, &answer);
	words_print_json(out, &request, &answer, false);
	words_print_json(out, &request, &answer, true);
	fclose(out);
	cr_expect(strncmp(text, "SKU 18446744073709551615: another request of the basket", 55) == 0,
		  "%s", text);
	cr_expect(strstr(text, "\n{\"sku\":\"18446744073709551615\",\"verdict\":") != NULL);
	cr_expect(strstr(text, "\n{\"sku\":18446744073709551615,\"verdict\":") != NULL);
	free(text);
}

/* Every verdict is one line that begins with its text. */
Test(words, know_every_verdict)
{
	for (unsigned verdict = 1; verdict < VERDICT_END; verdict++) {
		const struct client_answer answer = answer_of((uint8_t)verdict);
		const struct client_request request = {.op = WIRE_OP_CONFIRM};
		const char *begin = verdict_text((uint8_t)verdict);
		char *text = NULL;
		size_t bytes = 0;
		FILE *out = open_memstream(&text, &bytes);

		words_print(out, &request, &answer);
		fclose(out);
		cr_expect(strncmp(text, begin, strlen(begin)) == 0, "%s", text);
		cr_expect(strchr(text, '\n') == text + bytes - 1, "%s", text);
		free(text);
	}
}

Test(words, say_what_is_not_known)
{
	struct client_answer answer = answer_of(VERDICT_UNAVAILABLE);

	answer.answered = false;
	answer.attempts = 9;
	check(&answer, WIRE_OP_CONFIRM,
	      "no answer after 9 attempts: the outcome is unknown; ask again with --request-id "
	      "000102030405060708090a0b0c0d0e0f; what --lookup says is final from "
	      "2026-11-10T16:00:01.123Z\n");
	answer = answer_of(VERDICT_SOLD_OUT);
	answer.may_turn = true;
	check(&answer, WIRE_OP_HOLD,
	      "sold out" TAIL "; a copy of the request had no answer and may still be carried "
	      "out: what --lookup says is final from 2026-11-10T16:00:01.123Z\n");
}

static json_t *object_of(const struct client_answer *answer, bool numbers)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	json_t *object;

	words_print_json(out, NULL, answer, numbers);
	fclose(out);
	object = json_loads(text, 0, NULL);
	cr_assert(object != NULL, "%s", text);
	free(text);
	return object;
}

Test(words, are_json_too)
{
	struct client_answer answer = answer_of(VERDICT_HELD);
	json_t *object = object_of(&answer, false);

	cr_expect(eq(str, (char *)json_string_value(json_object_get(object, "verdict")), "HELD"));
	cr_expect(eq(str, (char *)json_string_value(json_object_get(object, "order_id")), "5"));
	cr_expect(json_object_get(object, "may_turn") == json_false());
	json_decref(object);
	answer.may_turn = true;
	object = object_of(&answer, true);
	cr_expect(eq(i64, json_integer_value(json_object_get(object, "order_id")), 5));
	cr_expect(eq(i64, json_integer_value(json_object_get(object, "quantity")), 2));
	cr_expect(json_object_get(object, "may_turn") == json_true());
	json_decref(object);
}
