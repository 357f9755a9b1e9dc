/* Each kind of record as a line of JSON and of text: what programs and people read of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/common/record_print.h"

static struct print out;
static char *text;
static size_t bytes;

typedef void print_fn(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record);

/* Lane 2, in memory that the next call frees. */
static const char *printed(print_fn *print, uint64_t lsn, const struct record *record)
{
	free(text);
	text = NULL;
	out.file = open_memstream(&text, &bytes);
	print(&out, 2, lsn, record);
	print_flush(&out);
	fclose(out.file);
	return text;
}

static struct record change(uint8_t kind, uint8_t flags)
{
	return (struct record){
		.kind = kind,
		.flags = flags,
		.quantity = 3,
		.channel = 7,
		.at_ns = 1000,
		.sku = 4711,
		.unit_price = 1999,
		.change = {.request_id = {1, 2}, .buyer = 42, .order_lsn = 5},
	};
}

static void expect_json(const struct record *record, const char *kind, const char *rest)
{
	char line[1024];

	snprintf(line, sizeof(line), "{\"lane\":2,\"lsn\":9,\"kind\":\"%s\",%s}\n", kind, rest);
	cr_assert(eq(str, (char *)printed(print_record_json, 9, record), line));
}

#define WHO                                                                                        \
	"\"request_id\":\"01000000000000000200000000000000\",\"buyer\":\"42\",\"sku\":\"4711\","   \
	"\"quantity\":3,\"unit_price\":\"1999\","
#define OF_5 "\"max_price\":null,\"channel\":7,\"order_id\":\"562949953421317\","
#define AT   "\"at_ns\":\"1000\""

Test(record_print, json_of_an_order_and_what_becomes_of_it)
{
	struct record record = change(RECORD_HOLD, RECORD_BASKET_GOES_ON);

	record.order.max_price = 2000;
	expect_json(&record, "hold",
		    WHO "\"max_price\":\"2000\",\"channel\":7,\"order_id\":\"562949953421321\","
			"\"basket_goes_on\":true," AT);
	record.kind = RECORD_ORDER;
	record.flags = 0;
	expect_json(&record, "order",
		    WHO
		    "\"max_price\":\"2000\",\"channel\":7,\"order_id\":\"562949953421321\"," AT);
	record = change(RECORD_CONFIRM, 0);
	expect_json(&record, "confirm", WHO OF_5 "\"late\":false,\"refund\":false," AT);
	record.flags = CONFIRM_LATE;
	expect_json(&record, "confirm", WHO OF_5 "\"late\":true,\"refund\":false," AT);
	record.flags = CONFIRM_REFUND;
	expect_json(&record, "confirm", WHO OF_5 "\"late\":false,\"refund\":true," AT);
	record.flags = CONFIRM_REFUND | CONFIRM_OF_BASKET;
	expect_json(&record, "confirm",
		    WHO OF_5 "\"late\":false,\"refund\":true,\"of_basket\":true," AT);
	record = change(RECORD_RELEASE, RELEASE_ALL);
	expect_json(&record, "release", WHO OF_5 "\"all\":true," AT);
	record.flags = RECORD_BASKET_GOES_ON;
	expect_json(&record, "release", WHO OF_5 "\"all\":false,\"basket_goes_on\":true," AT);
	record = change(RECORD_EXTEND, 0);
	expect_json(&record, "extend", WHO OF_5 AT);
	record = change(RECORD_RETURN, RETURN_WRITE_OFF);
	expect_json(&record, "return", WHO OF_5 "\"write_off\":true," AT);
	record.flags = 0;
	expect_json(&record, "return", WHO OF_5 "\"write_off\":false," AT);
}

#define NOTHING "\"unit_price\":null,\"max_price\":null,\"channel\":null,\"order_id\":null,"

Test(record_print, json_of_what_runs_out_and_what_is_placed)
{
	struct record record = {
		.kind = RECORD_EXPIRE,
		.flags = EXPIRE_EXTENDED,
		.at_ns = 1000,
		.sku = 4711,
		.expire = {.up_to_lsn = 8, .holds = 2, .units = 5},
	};

	expect_json(&record, "expire",
		    "\"request_id\":null,\"buyer\":null,\"sku\":\"4711\",\"quantity\":5," NOTHING
		    "\"one\":false,\"up_to_lsn\":8,\"holds\":2,\"units\":5,\"extended\":true," AT);
	record.flags = EXPIRE_ONE;
	expect_json(&record, "expire",
		    "\"request_id\":null,\"buyer\":null,\"sku\":\"4711\",\"quantity\":5,"
		    "\"unit_price\":null,\"max_price\":null,\"channel\":null,"
		    "\"order_id\":\"562949953421320\",\"one\":true,\"up_to_lsn\":8,\"holds\":2,"
		    "\"units\":5,"
		    "\"extended\":false," AT);
	record = (struct record){.kind = RECORD_PLACED, .quantity = 3, .at_ns = 1000, .sku = 4711};
	expect_json(&record, "placed",
		    "\"request_id\":null,\"buyer\":null,\"sku\":\"4711\",\"quantity\":null," NOTHING
		    "\"shard\":3," AT);
	record = (struct record){
		.kind = RECORD_OFFER,
		.flags = OFFER_PLACED,
		.quantity = 1,
		.channel = 12,
		.at_ns = 1000,
		.sku = 4711,
		.unit_price = 1999,
		.offer = {.stock = 10,
			  .closes_at_ns = INSTANT_NEVER,
			  .hold_seconds = 300,
			  .extend = 60 << EXTENSIONS_BITS | 2},
	};
	expect_json(&record, "offer",
		    "\"request_id\":null,\"buyer\":null,\"sku\":\"4711\",\"quantity\":10,"
		    "\"unit_price\":\"1999\",\"max_price\":null,\"channel\":null,\"order_id\":null,"
		    "\"limit_per_buyer\":0,\"opens_at_ns\":\"0\",\"closes_at_ns\":null,"
		    "\"hold_seconds\":300,\"extensions\":2,\"extend_seconds\":60,\"group\":12,"
		    "\"group_limit\":1,\"placed\":true," AT);
	cr_assert(ne(ptr, strstr(printed(print_record_json, 0, &record), "\"lsn\":null,"), NULL));
}

#define WHO_ASKED                                                                                  \
	"\"request_id\":\"01000000000000000200000000000000\",\"buyer\":\"42\",\"sku\":\"4711\","

Test(record_print, json_of_baskets_over_several_shards)
{
	struct record record = change(RECORD_ORDER, RECORD_WAS_PREPARED);

	expect_json(&record, "order",
		    WHO "\"max_price\":\"5\",\"channel\":7,\"order_id\":\"562949953421321\","
			"\"was_prepared\":true," AT);
	record = change(RECORD_PREPARED, RECORD_HOLD);
	expect_json(&record, "prepared",
		    WHO "\"max_price\":\"5\",\"channel\":7,\"order_id\":null,"
			"\"to_become\":\"hold\"," AT);
	record.flags = RECORD_CONFIRM | PREPARED_LATE;
	expect_json(&record, "prepared", WHO OF_5 "\"to_become\":\"confirm\",\"late\":true," AT);
	record.flags = RECORD_RELEASE | PREPARED_ALL;
	expect_json(&record, "prepared", WHO OF_5 "\"to_become\":\"release\",\"all\":true," AT);
	record.flags = RECORD_RELEASE;
	expect_json(&record, "prepared", WHO OF_5 "\"to_become\":\"release\",\"all\":false," AT);
	record = change(RECORD_ABORTED, 0);
	expect_json(&record, "aborted",
		    WHO_ASKED "\"quantity\":null," NOTHING "\"prepared_lsn\":5," AT);
	record = change(RECORD_LINK, RECORD_BASKET_GOES_ON);
	expect_json(&record, "link",
		    WHO_ASKED "\"quantity\":null," NOTHING
			      "\"shard\":3,\"first_lsn\":5,\"basket_goes_on\":true," AT);
	record.flags = 0;
	expect_json(&record, "link",
		    WHO_ASKED "\"quantity\":null," NOTHING "\"shard\":3,\"first_lsn\":5," AT);
}

static void expect_text(const struct record *record, uint64_t lsn, const char *wanted)
{
	const char *line = printed(print_record_text, lsn, record);
	char one[1024] = "";
	size_t used = 0;

	/* Without the widths of columns. */
	for (; *line != '\0' && used < sizeof(one) - 1; line++) {
		if (*line != ' ' || line[1] != ' ')
			one[used++] = *line;
	}
	cr_assert(eq(str, one, (char *)wanted));
}

#define INSTANT "1970-01-01T00:00:00.000001000Z"
#define CELLS   " 4711 3 1999 42 7 01000000000000000200000000000000 "

Test(record_print, text_says_what_became_of_an_order)
{
	static const struct {
		uint8_t kind;
		uint8_t flags;
		const char *line;
	} cases[] = {
		{RECORD_HOLD, 0, " 2 9 hold " INSTANT CELLS "562949953421321\n"},
		{RECORD_ORDER, RECORD_BASKET_GOES_ON,
		 " 2 9 order " INSTANT CELLS "562949953421321 basket goes on\n"},
		{RECORD_CONFIRM, 0, " 2 9 confirm " INSTANT CELLS "562949953421317\n"},
		{RECORD_CONFIRM, CONFIRM_LATE,
		 " 2 9 confirm " INSTANT CELLS "562949953421317 late\n"},
		{RECORD_CONFIRM, CONFIRM_REFUND,
		 " 2 9 confirm " INSTANT CELLS "562949953421317 refund: it came too late\n"},
		{RECORD_CONFIRM, CONFIRM_REFUND | CONFIRM_OF_BASKET,
		 " 2 9 confirm " INSTANT CELLS
		 "562949953421317 refund: another line of its basket could not be sold\n"},
		{RECORD_RELEASE, RELEASE_ALL,
		 " 2 9 release " INSTANT CELLS "562949953421317 all\n"},
		{RECORD_EXTEND, 0, " 2 9 extend " INSTANT CELLS "562949953421317\n"},
		{RECORD_RETURN, RETURN_WRITE_OFF,
		 " 2 9 return " INSTANT CELLS "562949953421317 written off\n"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct record record = change(cases[i].kind, cases[i].flags);

		expect_text(&record, 9, cases[i].line);
	}
}

Test(record_print, text_of_baskets_over_several_shards)
{
	static const struct {
		uint8_t kind;
		uint8_t flags;
		const char *line;
	} cases[] = {
		{RECORD_HOLD, RECORD_WAS_PREPARED,
		 " 2 9 hold " INSTANT CELLS "562949953421321 was prepared\n"},
		{RECORD_PREPARED, RECORD_ORDER,
		 " 2 9 prepared " INSTANT CELLS "- to become: order\n"},
		{RECORD_PREPARED, RECORD_CONFIRM | PREPARED_LATE,
		 " 2 9 prepared " INSTANT CELLS "562949953421317 to become: confirm, late\n"},
		{RECORD_PREPARED, RECORD_RELEASE | PREPARED_ALL,
		 " 2 9 prepared " INSTANT CELLS "562949953421317 to become: release, all\n"},
		{RECORD_ABORTED, 0,
		 " 2 9 aborted " INSTANT " 4711 - - 42 - 01000000000000000200000000000000 - "
		 "prepared by LSN 5\n"},
		{RECORD_LINK, RECORD_BASKET_GOES_ON,
		 " 2 9 link " INSTANT " 4711 - - 42 - 01000000000000000200000000000000 - "
		 "line in shard 3 of the basket from LSN 5 basket goes on\n"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct record record = change(cases[i].kind, cases[i].flags);

		expect_text(&record, 9, cases[i].line);
	}
}

Test(record_print, text_of_the_others)
{
	struct record record = {.kind = RECORD_EXPIRE,
				.at_ns = 1000,
				.sku = 4711,
				.expire = {.up_to_lsn = 8, .holds = 2, .units = 5}};

	expect_text(&record, 9,
		    " 2 9 expire " INSTANT " 4711 5 - - - - - 2 new holds up to LSN 8\n");
	record.flags = EXPIRE_ONE;
	expect_text(&record, 9, " 2 9 expire " INSTANT " 4711 5 - - - - 562949953421320\n");
	record = (struct record){.kind = RECORD_PLACED, .quantity = 3, .at_ns = 1000, .sku = 4711};
	expect_text(&record, 0, " 2 - placed " INSTANT " 4711 - - - - - - in shard 3\n");
	record = (struct record){.kind = RECORD_OFFER,
				 .at_ns = 1000,
				 .sku = 4711,
				 .unit_price = 1999,
				 .offer = {.stock = 10}};
	expect_text(&record, 9, " 2 9 offer " INSTANT " 4711 10 1999 - - - -\n");
	record.channel = 12;
	record.flags = OFFER_PLACED;
	expect_text(&record, 9,
		    " 2 9 offer " INSTANT " 4711 10 1999 - - - - group 12, placed here\n");
	record = (struct record){.kind = RECORD_CLOCK, .at_ns = 1000, .clock = {.was_ns = 2000}};
	expect_text(&record, 9,
		    " 2 9 clock " INSTANT " set back from 1970-01-01T00:00:00.000002000Z\n");
}
