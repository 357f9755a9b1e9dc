#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/recover/scan.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"
#include "tools/common/cli.h"
#include "tools/journal/orders.h"

#define HEADER "order_id,request_id,buyer,sku,quantity,unit_price,durability\n"
#define ID     "00ff0102030405060708090a0b0c0d0e"

enum {
	SOLD = 300,
};

static struct real_lane lane;
static struct orders *orders;
static struct orders_result result;
static char path[512];
static struct error error;

static void set_up(void)
{
	(void)temp_dir_make();
	snprintf(path, sizeof(path), "%s", temp_path("orders.csv"));
}

static void tear_down(void)
{
	orders_free(orders);
	orders = NULL;
	temp_dir_remove();
}

TestSuite(journal_orders, .init = set_up, .fini = tear_down);

static int load(const char *text)
{
	write_text(path, text);
	return orders_load(&orders, path, &error);
}

/* What buyer n of SOLD, from 1, was told; the offer is the lane's first record. */
static int claim(char *out, size_t bytes, uint64_t n, const char *durability)
{
	const uint64_t request_id[2] = {n, ~n};
	char id[33];

	cli_request_id_text(request_id, id);
	return snprintf(out, bytes, "%" PRIu64 ",%s,%" PRIu64 ",1,1,500,%s\n",
			order_id_of(0, n + 1), id, n, durability);
}

static void sell(void)
{
	cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SEGMENT_BYTES), 0), "%s",
		  lane.error.text);
	real_lane_sell(&lane, SOLD);
}

/* Ends the lane and compares it with the file. */
static void compare(void)
{
	struct data_dir dir;
	struct recover_scan scan;

	real_lane_seal(&lane);
	real_lane_close(&lane);
	cr_assert(eq(int, data_dir_read(&dir, temp_path("data"), &error), 0), "%s", error.text);
	cr_assert(eq(int, recover_scan(&dir, 0, &scan, &error), 0), "%s", error.text);
	cr_assert(eq(int, orders_check_lane(orders, &dir, 0, &scan, &error), 0), "%s", error.text);
	orders_finish(orders, &result);
	recover_scan_free(&scan);
	data_dir_close(&dir);
}

static void check_result(uint64_t missing, uint64_t different, uint64_t first_bad_line)
{
	cr_assert(eq(u64, result.missing, missing));
	cr_assert(eq(u64, result.different, different));
	cr_assert(eq(u64, result.first_bad_line, first_bad_line));
}

Test(journal_orders, all_there_in_any_order)
{
	static char text[sizeof(HEADER) + (SOLD + 1) * 128L];
	size_t used = (size_t)snprintf(text, sizeof(text), HEADER);

	sell();
	for (uint64_t n = SOLD; n > 0; n--)
		used += (size_t)claim(text + used, sizeof(text) - used, n, "durable");
	/* Told twice is no second order. */
	claim(text + used, sizeof(text) - used, 7, "2");
	cr_assert(eq(int, load(text), 0), "%s", error.text);
	compare();
	check_result(0, 0, 0);
	cr_assert(all(eq(u64, result.checked, SOLD + 1), eq(u64, result.forgotten, 0)));
	cr_assert(eq(u64, result.distinct_buyers, SOLD));
	cr_assert(all(eq(u64, result.buyers_over_limit, 0), eq(u64, result.doubled, 0)));
}

Test(journal_orders, missing_ones_matter_if_they_were_durable)
{
	char text[1024] = HEADER;
	size_t used = strlen(text);

	sell();
	used += (size_t)claim(text + used, sizeof(text) - used, SOLD + 2, "memory");
	used += (size_t)claim(text + used, sizeof(text) - used, SOLD + 3, "replicated");
	used += (size_t)claim(text + used, sizeof(text) - used, SOLD + 1, "durable");
	used += (size_t)claim(text + used, sizeof(text) - used, SOLD, "durable");
	/* The LSN of the offer is no order's. */
	claim(text + used, sizeof(text) - used, 0, "NONE");
	cr_assert(eq(int, load(text), 0), "%s", error.text);
	compare();
	check_result(2, 0, 3);
	cr_assert(all(eq(u64, result.checked, 5), eq(u64, result.forgotten, 2)));
}

Test(journal_orders, every_column_is_compared)
{
	const char *const text = HEADER "6,0500000000000000faffffffffffffff,5,1,1,500,durable\n"
					"7,0600000000000001f9ffffffffffffff,6,1,1,500,durable\n"
					"8,0700000000000000f8ffffffffffffff,8,1,1,500,durable\n"
					"9,0800000000000000f7ffffffffffffff,8,2,1,500,durable\n"
					"10,0900000000000000f6ffffffffffffff,9,1,2,500,durable\n"
					"11,0a00000000000000f5ffffffffffffff,10,1,1,501,durable\n";

	sell();
	cr_assert(eq(int, load(text), 0), "%s", error.text);
	compare();
	check_result(0, 5, 3);
}

static void sell_by_force(uint64_t request, uint64_t buyer, uint16_t quantity)
{
	*journal_slot(lane.journal) = (struct record){
		.kind = RECORD_ORDER,
		.quantity = quantity,
		.at_ns = shard_last_at_ns(lane.shard),
		.sku = 1,
		.unit_price = 500,
		.order = {.request_id = {request, ~request}, .buyer = buyer},
	};
	journal_commit(lane.journal);
}

/* No engine sells so; the tables that keep it from it aren't asked here. */
Test(journal_orders, what_an_engine_must_not_sell_is_found)
{
	sell();
	sell_by_force(5, SOLD + 1, 1);        /* a request twice */
	sell_by_force(SOLD + 2, SOLD + 2, 2); /* too many at once */
	sell_by_force(SOLD + 3, 9, 1);        /* one too many for buyer 9 */
	sell_by_force(SOLD + 4, 9, 1);        /* still the same buyer */
	cr_assert(eq(int, load(HEADER), 0), "%s", error.text);
	compare();
	check_result(0, 0, 0);
	cr_assert(eq(u64, result.doubled, 1));
	cr_assert(eq(u64, result.buyers_over_limit, 2));
	cr_assert(eq(u64, result.distinct_buyers, SOLD + 2));
}

static uint64_t commit(struct record record)
{
	record.at_ns = shard_last_at_ns(lane.shard);
	record.sku = record.sku == 0 ? 1 : record.sku;
	record.unit_price = 500;
	*journal_slot(lane.journal) = record;
	journal_commit(lane.journal);
	return journal_next_lsn(lane.journal) - 1;
}

static struct record hold(uint64_t request, uint64_t buyer, uint16_t quantity)
{
	return (struct record){.kind = RECORD_HOLD,
			       .quantity = quantity,
			       .order = {.request_id = {request, ~request}, .buyer = buyer}};
}

static struct record change(uint8_t kind, uint64_t request, uint64_t buyer, uint16_t quantity,
			    uint64_t order_lsn)
{
	return (struct record){.kind = kind,
			       .quantity = quantity,
			       .change = {.request_id = {request, ~request},
					  .buyer = buyer,
					  .order_lsn = order_lsn}};
}

static size_t put_claim(char *out, size_t bytes, uint64_t lsn, uint64_t request, uint64_t buyer,
			unsigned quantity)
{
	const uint64_t request_id[2] = {request, ~request};
	char id[33];

	cli_request_id_text(request_id, id);
	return (size_t)snprintf(out, bytes, "%" PRIu64 ",%s,%" PRIu64 ",1,%u,500,durable\n",
				order_id_of(0, lsn), id, buyer, quantity);
}

/* A buyer knows a hold by its HOLD, or by the CONFIRM that paid a part of it. */
Test(journal_orders, a_hold_is_known_by_either_of_its_records)
{
	char text[1024] = HEADER;
	size_t used = strlen(text);
	uint64_t lsn[3];

	sell();
	for (unsigned i = 0; i < 3; i++)
		lsn[i] = commit(hold(1000 + i, 1000 + i, 3));
	commit(change(RECORD_CONFIRM, 2000, 1000, 2, lsn[0]));
	commit(change(RECORD_CONFIRM, 2001, 1001, 2, lsn[1]));
	used += put_claim(text + used, sizeof(text) - used, lsn[0], 2000, 1000, 2);
	used += put_claim(text + used, sizeof(text) - used, lsn[0], 1000, 1000, 3);
	used += put_claim(text + used, sizeof(text) - used, lsn[1], 1001, 1001, 2);
	used += put_claim(text + used, sizeof(text) - used, lsn[1], 2001, 1001, 3);
	used += put_claim(text + used, sizeof(text) - used, lsn[2], 2002, 1002, 2);
	put_claim(text + used, sizeof(text) - used, lsn[2] + 3, 1003, 1003, 1);
	cr_assert(eq(int, load(text), 0), "%s", error.text);
	compare();
	check_result(1, 3, 4);
	cr_assert(eq(u64, result.distinct_buyers, SOLD + 2), "who paid");
}

/* What came back makes room for more; a refund is no unit; a hold is none until it is paid. */
Test(journal_orders, limits_count_what_buyers_have)
{
	uint64_t lsn;

	sell(); /* one to each of SOLD buyers, which is their limit */
	commit(change(RECORD_RETURN, 3000, 5, 1, 6));
	commit(change(RECORD_CONFIRM, 3001, 5, 1, commit(hold(3002, 5, 1))));
	lsn = commit(hold(3003, 6, 1));
	commit((struct record){
		.kind = RECORD_CONFIRM,
		.flags = CONFIRM_REFUND,
		.quantity = 1,
		.change = {.request_id = {3004, ~3004UL}, .buyer = 6, .order_lsn = lsn}});
	commit(hold(3005, 7, 1));
	cr_assert(eq(int, load(HEADER), 0), "%s", error.text);
	compare();
	cr_assert(all(eq(u64, result.buyers_over_limit, 0), eq(u64, result.doubled, 0)));
}

Test(journal_orders, what_an_engine_must_not_confirm_is_found)
{
	uint64_t lsn;

	sell();
	lsn = commit(hold(3000, 5, 1));
	commit(change(RECORD_CONFIRM, 3001, 5, 1, lsn)); /* one too many for buyer 5 */
	commit(change(RECORD_RETURN, 3001, 9, 1, 10));   /* a request twice */
	cr_assert(eq(int, load(HEADER), 0), "%s", error.text);
	compare();
	cr_assert(all(eq(u64, result.buyers_over_limit, 1), eq(u64, result.doubled, 1)));
}

/* Two SKUs of a group of which a buyer may have two units. */
Test(journal_orders, limits_of_groups_are_counted)
{
	sell();
	for (uint64_t sku = 2; sku <= 3; sku++)
		commit((struct record){.kind = RECORD_OFFER,
				       .quantity = 2,
				       .channel = 7,
				       .sku = sku,
				       .offer = {.stock = 10, .closes_at_ns = INSTANT_NEVER}});
	for (uint64_t i = 0; i < 5; i++)
		commit((struct record){
			.kind = RECORD_ORDER,
			.quantity = 1,
			.sku = 2 + i % 2,
			.order = {.request_id = {4000 + i, 1}, .buyer = i < 3 ? 1 : 2}});
	cr_assert(eq(int, load(HEADER), 0), "%s", error.text);
	compare();
	cr_assert(eq(u64, result.buyers_over_limit, 1));
}

Test(journal_orders, lines_may_be_empty_or_of_windows)
{
	cr_assert(eq(int,
		     load("order_id,request_id,buyer,sku,quantity,unit_price,durability\r\n"
			  "1," ID ",2,3,4,5,durable\r\n\r\n\n"
			  "2,00FF0102030405060708090A0B0C0D0E,18446744073709551615,3,65535,5,0"),
		     0),
		  "%s", error.text);
	orders_finish(orders, &result);
	cr_assert(all(eq(u64, result.checked, 2), eq(u64, result.missing, 1)));
	cr_assert(all(eq(u64, result.forgotten, 1), eq(u64, result.first_bad_line, 2)));
}

Test(journal_orders, wrong_lines_are_named)
{
	static const struct {
		const char *line;
		unsigned column;
	} wrong[] = {
		{"x," ID ",2,3,4,5,durable", 1},
		{"18446744073709551616," ID ",2,3,4,5,durable", 1},
		{"," ID ",2,3,4,5,durable", 1},
		{"1,,2,3,4,5,durable", 2},
		{"1," ID "0,2,3,4,5,durable", 2},
		{"1,0ff0102030405060708090a0b0c0d0e,2,3,4,5,durable", 2},
		{"1,00gf0102030405060708090a0b0c0d0e,2,3,4,5,durable", 2},
		{"1,00-f0102030405060708090a0b0c0d0e,2,3,4,5,durable", 2},
		{"1,00+f0102030405060708090a0b0c0d0e,2,3,4,5,durable", 2},
		{"1,00 f0102030405060708090a0b0c0d0e,2,3,4,5,durable", 2},
		{"1,000x0102030405060708090a0b0c0d0e,2,3,4,5,durable", 2},
		{"1," ID ",-2,3,4,5,durable", 3},
		{"1," ID ",2,3x,4,5,durable", 4},
		{"1," ID ",2,3,65536,5,durable", 5},
		{"1," ID ",2,3,4, 5,durable", 6},
		{"1," ID ",2,3,4,5,sure", 7},
		{"1," ID ",2,3,4,5,4", 7},
		{"1," ID ",2,3,4,5,", 7},
		{"1," ID ",2,3,4,5", 7},
		{"1," ID ",2,3,4,5,durable,6", 7},
		{"1", 2},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[512];
		char words[64];

		snprintf(text, sizeof(text), HEADER "1," ID ",2,3,4,5,durable\n%s\n",
			 wrong[i].line);
		snprintf(words, sizeof(words), ":3: column %u (", wrong[i].column);
		cr_assert(eq(int, load(text), -EINVAL), "%s", wrong[i].line);
		cr_assert(strstr(error.text, path) == error.text, "%s", error.text);
		cr_assert(strstr(error.text, words) != NULL, "%s: %s", wrong[i].line, error.text);
	}
}

Test(journal_orders, files_without_their_header_are_refused)
{
	cr_assert(eq(int, load(""), -EINVAL));
	cr_assert(strstr(error.text, "empty") != NULL, "%s", error.text);
	cr_assert(eq(int, load("1," ID ",2,3,4,5,durable\n"), -EINVAL));
	cr_assert(strstr(error.text, ":1: the first line must be the header") != NULL, "%s",
		  error.text);
	cr_assert(eq(int, orders_load(&orders, temp_path("none"), &error), -ENOENT));
	cr_assert(strstr(error.text, "--orders ") == error.text, "%s", error.text);
	cr_assert(eq(int, load(HEADER), 0), "%s", error.text);
	orders_finish(orders, &result);
	cr_assert(eq(u64, result.checked, 0));
}
