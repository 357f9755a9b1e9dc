#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/buy/report_line.h"

#define ORDER                                                                                      \
	"{\"lane\":1,\"lsn\":7,\"kind\":\"order\",\"request_id\":"                                 \
	"\"000102030405060708090a0b0c0d0e0f\",\"buyer\":18446744073709551615,\"sku\":3,"           \
	"\"quantity\":2,\"unit_price\":499,\"max_price\":500,\"channel\":77,"                      \
	"\"order_id\":281474976710663,\"at_ns\":1}\n"

static void check_order(const char *line)
{
	struct report_order order;

	cr_assert(eq(int, report_line_read(line, &order), REPORT_ORDER), "%s", line);
	cr_expect(eq(u64, order.request.buyer, UINT64_MAX));
	cr_expect(eq(u64, order.request.sku, 3));
	cr_expect(eq(u32, order.request.quantity, 2));
	cr_expect(eq(u64, order.request.price_or_order, 500));
	cr_expect(eq(u32, order.request.channel, 77));
	cr_expect(eq(u32, order.request.op, WIRE_OP_BUY));
	cr_expect(eq(u64, order.unit_price, 499));
	cr_expect(eq(u64, order.order_id, UINT64_C(281474976710663)));
	cr_expect(ne(u64, order.request.id[0], 0));
	cr_expect(ne(u64, order.request.id[1], 0));
}

Test(report_line, reads_numbers_and_numbers_in_strings)
{
	check_order(ORDER);
	check_order("{ \"order_id\" : \"281474976710663\", \"extra\":[{\"buyer\":1},\"}\\\"\"], "
		    "\"kind\":\"order\",\"request_id\":\"000102030405060708090a0b0c0d0e0f\","
		    "\"buyer\":\"18446744073709551615\",\"sku\":\"3\",\"quantity\":2,"
		    "\"unit_price\":\"499\",\"max_price\":\"500\",\"channel\":77}");
}

/* 2^64 - 1 stands for "at most 0" in an order that cost nothing, and for itself in others. */
Test(report_line, knows_at_most_0)
{
	static const char format[] =
		"{\"kind\":\"order\",\"request_id\":\"000102030405060708090a0b0c0d0e0f\","
		"\"buyer\":\"1\",\"sku\":\"3\",\"quantity\":2,\"unit_price\":\"%u\","
		"\"max_price\":\"18446744073709551615\",\"channel\":77,\"order_id\":\"2\"}";
	struct report_order order;
	char line[sizeof(format)];

	snprintf(line, sizeof(line), format, 0);
	cr_assert(eq(int, report_line_read(line, &order), REPORT_ORDER));
	cr_expect(eq(u64, order.request.price_or_order, 0));
	cr_expect(eq(u8, order.request.flags, WIRE_ENTRY_AT_MOST_0));
	snprintf(line, sizeof(line), format, 4);
	cr_assert(eq(int, report_line_read(line, &order), REPORT_ORDER));
	cr_expect(eq(u64, order.request.price_or_order, UINT64_MAX));
	cr_expect(eq(u8, order.request.flags, 0));
}

#define CHANGE(kind, more)                                                                         \
	"{\"kind\":\"" kind "\",\"request_id\":\"000102030405060708090a0b0c0d0e0f\",\"buyer\":"    \
	"\"1\",\"sku\":\"3\",\"quantity\":2,\"unit_price\":\"499\",\"channel\":77,"                \
	"\"order_id\":\"281474976710663\"" more "}"

Test(report_line, reads_what_happened_to_an_order)
{
	static const struct {
		const char *line;
		uint8_t op;
		uint16_t quantity;
		uint8_t flags;
		bool refund;
	} changes[] = {
		{CHANGE("confirm", ",\"late\":true,\"refund\":false"), WIRE_OP_CONFIRM, 2, 0,
		 false},
		{CHANGE("confirm", ",\"late\":false,\"refund\":true"), WIRE_OP_CONFIRM, 2, 0, true},
		{CHANGE("release", ",\"all\":false"), WIRE_OP_RELEASE, 2, 0, false},
		{CHANGE("release", ",\"all\":true"), WIRE_OP_RELEASE, 0, 0, false},
		{CHANGE("extend", ""), WIRE_OP_EXTEND, 2, 0, false},
		{CHANGE("return", ",\"write_off\":false"), WIRE_OP_RETURN, 2, 0, false},
		{CHANGE("return", ",\"write_off\":true"), WIRE_OP_RETURN, 2, WIRE_ENTRY_WRITE_OFF,
		 false},
	};
	struct report_order order;

	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		cr_assert(eq(int, report_line_read(changes[i].line, &order), REPORT_CHANGE), "%s",
			  changes[i].line);
		cr_expect(eq(u8, order.request.op, changes[i].op));
		cr_expect(eq(u16, order.request.quantity, changes[i].quantity));
		cr_expect(eq(u8, order.request.flags, changes[i].flags));
		cr_expect(eq(int, order.refund, changes[i].refund));
		cr_expect(eq(u64, order.request.price_or_order, UINT64_C(281474976710663)));
		cr_expect(eq(u64, order.order_id, UINT64_C(281474976710663)));
	}
	cr_assert(eq(int, report_line_read(CHANGE("hold", ",\"max_price\":\"500\""), &order),
		     REPORT_ORDER));
	cr_expect(all(eq(u8, order.request.op, WIRE_OP_HOLD),
		      eq(u64, order.request.price_or_order, 500)));
	cr_assert(eq(int, report_line_read(CHANGE("hold", ""), &order), REPORT_WRONG));
}

Test(report_line, passes_over_other_lines)
{
	static const char *const others[] = {
		"{\"lane\":0,\"kind\":\"lane\",\"faults\":[{\"kind\":\"order\",\"what\":\"a } "
		"b\"}]}",
		"{\"lane\":0,\"lsn\":1,\"kind\":\"offer\",\"request_id\":null,\"sku\":1}",
		"{\"lane\":0,\"lsn\":9,\"kind\":\"clock\",\"was_ns\":5}",
		"{\"lane\":0,\"lsn\":9,\"kind\":\"expire\",\"sku\":\"3\",\"holds\":5}",
	};
	struct report_order order;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect(eq(int, report_line_read(others[i], &order), REPORT_OTHER), "%s",
			  others[i]);
}

/* Cut anywhere, an order is no order: nothing is sold with a part of its content. */
Test(report_line, refuses_what_is_not_whole)
{
	static const char *const wrong[] = {
		"",
		"order",
		"{}",
		"[]",
		"{\"kind\":\"order\"}",
		"{\"kind\":\"order",
		"{\"kind\":\"order\",\"request_id\":\"000102030405060708090a0b0c0d0e0f\",\"buyer\":"
		"1.5,"
		"\"sku\":3,\"quantity\":2,\"unit_price\":4,\"max_price\":5,\"channel\":7,"
		"\"order_id\":2}",
		"{\"kind\":\"order\",\"request_id\":\"000102030405060708090a0b0c0d0e0f\",\"buyer\":"
		"1,"
		"\"sku\":3,\"quantity\":65536,\"unit_price\":4,\"max_price\":5,\"channel\":7,"
		"\"order_id\":2}",
	};
	struct report_order order;
	char text[sizeof(ORDER)];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect(eq(int, report_line_read(wrong[i], &order), REPORT_WRONG), "%s",
			  wrong[i]);
	/* Up to the comma before at_ns, which is not needed. */
	for (size_t bytes = 0; bytes < sizeof(ORDER) - sizeof(",\"at_ns\":1}\n"); bytes++) {
		memcpy(text, ORDER, bytes);
		text[bytes] = '\0';
		cr_expect(ne(int, report_line_read(text, &order), REPORT_ORDER), "%s", text);
	}
}
