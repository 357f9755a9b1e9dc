#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/catalog/catalog.h"
#include "tests/support/temp_dir.h"
#include "tools/load/scenario.h"

static struct scenario scenario;

static void open_kind(enum scenario_kind kind, uint64_t seed, uint32_t requests, uint32_t skus)
{
	cr_assert(scenario_open(&scenario, kind, seed, requests, skus));
}

static void stop(void)
{
	scenario_close(&scenario);
}

static struct client_request request_at(uint32_t n)
{
	struct client_request request;

	scenario_request(&scenario, n, &request);
	return request;
}

/* As the client puts it into a datagram. */
static struct wire_request on_the_wire(const struct client_request *request)
{
	return (struct wire_request){
		.id = {request->id[0], request->id[1]},
		.buyer = request->buyer,
		.sku = request->sku,
		.price_or_order = request->price_or_order,
		.channel = request->channel,
		.quantity = request->quantity,
		.op = request->op,
	};
}

static int by_value(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a;
	const uint64_t two = *(const uint64_t *)b;

	return one < two ? -1 : one > two;
}

static void check_distinct(uint64_t *values, uint32_t cnt)
{
	qsort(values, cnt, sizeof(*values), by_value);
	for (uint32_t i = 1; i < cnt; i++) {
		if (values[i - 1] == values[i])
			cr_fail("%lu is there twice", (unsigned long)values[i]);
	}
}

Test(scenario, has_a_name)
{
	enum scenario_kind kind = SCENARIO_ECHO;

	cr_assert(scenario_kind_of("drop", &kind));
	cr_assert(eq(int, kind, SCENARIO_DROP));
	cr_assert(scenario_kind_of("singles-day", &kind));
	cr_assert(eq(int, kind, SCENARIO_SINGLES_DAY));
	cr_assert(scenario_kind_of("echo", &kind));
	cr_assert(eq(int, kind, SCENARIO_ECHO));
	cr_assert(eq(str, (char *)scenario_name(SCENARIO_SINGLES_DAY), "singles-day"));
	cr_assert(scenario_kind_of("holds", &kind));
	cr_assert(eq(str, (char *)scenario_name(kind), "holds"));
	cr_assert(not(scenario_kind_of("drops", &kind)));
	cr_assert(not(scenario_kind_of("", &kind)));
	cr_assert(not(scenario_kind_of("catalog", &kind)), "it needs a file");
	cr_assert(eq(str, (char *)scenario_name(SCENARIO_CATALOG), "catalog"));
}

Test(scenario, sizes_are_its_own_or_the_asked_for)
{
	open_kind(SCENARIO_DROP, 1, 0, 0);
	cr_assert(all(eq(u32, scenario.distinct_cnt, 2700000), eq(u32, scenario.sku_cnt, 1)));
	cr_assert(eq(u32, scenario.send_cnt, 2835000));
	stop();
	open_kind(SCENARIO_SINGLES_DAY, 1, 0, 0);
	cr_assert(eq(u32, scenario.distinct_cnt, 4000000));
	cr_assert(eq(u32, scenario.send_cnt, 4000000));
	cr_assert(eq(u32, scenario.sku_cnt, 100000));
	stop();
	open_kind(SCENARIO_SINGLES_DAY, 1, 30, 7);
	cr_assert(all(eq(u32, scenario.send_cnt, 30), eq(u32, scenario.sku_cnt, 7)));
	stop();
	open_kind(SCENARIO_ECHO, 1, 55, 0);
	cr_assert(all(eq(u32, scenario.send_cnt, 55), eq(u64, request_at(54).user, 54)));
	stop();
	stop(); /* may be closed twice */
}

Test(scenario, drop_asks_all_once_and_a_twentieth_twice)
{
	static const uint32_t cnts[] = {1, 19, 20, 999, 100000};

	for (unsigned i = 0; i < sizeof(cnts) / sizeof(cnts[0]); i++) {
		uint8_t *times = calloc(cnts[i], 1);
		uint32_t of_times[4] = {0};

		open_kind(SCENARIO_DROP, i, cnts[i], 0);
		cr_assert(eq(u32, scenario.send_cnt, cnts[i] + cnts[i] / 20));
		for (uint32_t n = 0; n < scenario.send_cnt; n++) {
			const uint64_t idx = request_at(n).user;

			if (idx >= cnts[i])
				cr_fail("request %u has index %u", n, (unsigned)idx);
			times[idx]++;
		}
		for (uint32_t idx = 0; idx < cnts[i]; idx++)
			of_times[times[idx] < 3 ? times[idx] : 3]++;
		cr_assert(all(eq(u32, of_times[0], 0), eq(u32, of_times[3], 0)));
		cr_assert(eq(u32, of_times[2], cnts[i] / 20));
		stop();
		free(times);
	}
}

Test(scenario, drop_is_shuffled)
{
	double distance = 0;
	uint32_t late = 0;

	open_kind(SCENARIO_DROP, 5, 100000, 0);
	for (uint32_t n = 0; n < scenario.send_cnt; n++) {
		const uint64_t idx = request_at(n).user;

		distance += fabs((double)idx - n);
		late += n >= scenario.send_cnt / 2 && idx < 5000;
	}
	/* A third of the whole on average; of the 10,000 sendings of the doubled, half are late. */
	cr_assert(gt(dbl, distance / scenario.send_cnt, 0.32 * scenario.send_cnt));
	cr_assert(lt(dbl, distance / scenario.send_cnt, 0.35 * scenario.send_cnt));
	cr_assert(all(gt(u32, late, 4700), lt(u32, late, 5300)));
	stop();
}

static uint32_t same_places(const struct scenario *one, const struct scenario *two)
{
	uint32_t same = 0;

	for (uint32_t n = 0; n < one->send_cnt; n++)
		same += one->order[n] == two->order[n];
	return same;
}

Test(scenario, seed_makes_the_order)
{
	struct scenario other;

	open_kind(SCENARIO_DROP, 42, 10000, 0);
	cr_assert(scenario_open(&other, SCENARIO_DROP, 42, 10000, 0));
	cr_assert(eq(u32, same_places(&scenario, &other), scenario.send_cnt));
	scenario_close(&other);
	cr_assert(scenario_open(&other, SCENARIO_DROP, 43, 10000, 0));
	/* One is expected. */
	cr_assert(lt(u32, same_places(&scenario, &other), 12));
	scenario_close(&other);
	stop();
}

Test(scenario, seed_makes_ids_and_buyers)
{
	enum {
		CNT = 2000,
	};
	static uint64_t ids[CNT * 3];
	static uint64_t buyers[CNT * 3];
	struct client_request again;

	for (unsigned seed = 0; seed < 3; seed++) {
		open_kind(SCENARIO_SINGLES_DAY, seed, CNT, 10);
		for (uint32_t n = 0; n < CNT; n++) {
			ids[seed * CNT + n] = request_at(n).id[0];
			buyers[seed * CNT + n] = request_at(n).buyer;
		}
		stop();
	}
	open_kind(SCENARIO_SINGLES_DAY, 2, CNT, 10);
	again = request_at(CNT - 1);
	cr_assert(eq(u64, again.id[0], ids[CNT * 3 - 1]));
	cr_assert(eq(u64, again.buyer, buyers[CNT * 3 - 1]));
	check_distinct(ids, CNT * 3);
	check_distinct(buyers, CNT * 3);
	stop();
}

Test(scenario, buyers_and_ids_of_a_drop_are_distinct)
{
	enum {
		CNT = 100000,
	};
	static uint64_t ids[CNT];
	static uint64_t buyers[CNT];

	open_kind(SCENARIO_DROP, 7, CNT, 0);
	for (uint32_t n = 0; n < scenario.send_cnt; n++) {
		const struct client_request request = request_at(n);

		ids[request.user] = request.id[0];
		buyers[request.user] = request.buyer;
	}
	check_distinct(ids, CNT);
	check_distinct(buyers, CNT);
	stop();
}

Test(scenario, second_sending_is_the_same_bytes)
{
	struct wire_request first[1000] = {0};
	uint32_t again = 0;

	open_kind(SCENARIO_DROP, 9, 1000, 0);
	scenario.channel = 12;
	for (uint32_t n = 0; n < scenario.send_cnt; n++) {
		const struct client_request request = request_at(n);
		const struct wire_request wire = on_the_wire(&request);

		cr_assert(all(eq(u64, wire.sku, 1), eq(u16, wire.quantity, 1)));
		cr_assert(all(eq(u8, wire.op, WIRE_OP_BUY), eq(u32, wire.channel, 12)));
		if (first[request.user].op != 0) {
			cr_assert(memcmp(&wire, &first[request.user], sizeof(wire)) == 0);
			again++;
		}
		first[request.user] = wire;
	}
	cr_assert(eq(u32, again, 50));
	stop();
}

static void check_share(uint32_t got, uint32_t draws, double share)
{
	const double expected = draws * share;

	cr_assert(lt(dbl, fabs(got - expected), 5 * sqrt(expected * (1 - share))),
		  "%u draws, %.0f expected", got, expected);
}

static void set_up_dir(void)
{
	(void)temp_dir_make();
}

static const char *catalog_of(const char *lines)
{
	const char *path = temp_path("catalog.csv");
	FILE *file = fopen(path, "we");

	fprintf(file, CATALOG_HEADER_PLAIN "\n%s", lines);
	cr_assert(eq(int, fclose(file), 0));
	return path;
}

static void open_catalog(const char *lines, uint32_t requests)
{
	struct error error;

	cr_assert(eq(int, scenario_open_catalog(&scenario, catalog_of(lines), 3, requests, &error),
		     0),
		  "%s", error.text);
}

/* Each unit on sale draws as many buyers as any other. */
Test(scenario, catalog_is_drawn_by_stock, .init = set_up_dir, .fini = temp_dir_remove)
{
	enum {
		DRAWS = 100000,
	};
	static const uint64_t skus[] = {7, 18446744073709551615U, 9, 1000};
	static const double shares[] = {0.1, 0.3, 0, 0.6};
	uint32_t drawn[4] = {0};

	open_catalog("7,100,4990,0,,,\n18446744073709551615,300,0,0,,,\n9,0,5,0,,,\n"
		     "1000,600,5,0,,,\n",
		     DRAWS);
	cr_assert(all(eq(u32, scenario.send_cnt, DRAWS), eq(u32, scenario.sku_cnt, 4)));
	scenario.channel = 3;
	for (uint32_t n = 0; n < DRAWS; n++) {
		const struct client_request request = request_at(n);
		unsigned i = 0;

		while (i < 4 && skus[i] != request.sku)
			i++;
		if (i == 4 || request.quantity != 1 || request.channel != 3 || request.user != n)
			cr_fail("request %u is for SKU %lu", n, (unsigned long)request.sku);
		drawn[i]++;
		cr_assert(eq(u64, request.price_or_order, i == 0 ? 4990 : i == 1 ? 0 : 5));
		cr_assert(eq(u8, request.flags, i == 1 ? WIRE_ENTRY_AT_MOST_0 : 0));
		cr_assert(eq(u64, scenario_offer(&scenario, n)->sku, request.sku));
	}
	cr_assert(eq(u32, drawn[2], 0), "an offer without stock has buyers");
	for (unsigned i = 0; i < 4; i++) {
		if (i != 2)
			check_share(drawn[i], DRAWS, shares[i]);
	}
	stop();
}

Test(scenario, catalog_asks_for_no_more_than_the_limit, .init = set_up_dir, .fini = temp_dir_remove)
{
	uint32_t asked[4][4] = {0};

	open_catalog("1,100,1,1,,,\n2,100,1,2,,,\n3,100,1,0,,,\n", 3000);
	scenario.quantity_max = 3;
	scenario.buyer_cnt = 10;
	for (uint32_t n = 0; n < scenario.send_cnt; n++) {
		const struct client_request request = request_at(n);

		cr_assert(all(ge(u64, request.sku, 1), le(u64, request.sku, 3)));
		cr_assert(all(ge(u16, request.quantity, 1), le(u16, request.quantity, 3)));
		cr_assert(eq(u16, request.quantity, scenario_quantity(&scenario, n)));
		asked[request.sku][request.quantity]++;
	}
	cr_assert(all(eq(u32, asked[1][2] + asked[1][3], 0), eq(u32, asked[2][3], 0)));
	cr_assert(all(gt(u32, asked[2][2], 0), gt(u32, asked[3][3], 0), gt(u32, asked[3][1], 0)));
	stop();
}

Test(scenario, catalog_has_two_buyers_a_unit, .init = set_up_dir, .fini = temp_dir_remove)
{
	struct error error;

	open_catalog("1,100,1,1,,,\n2,50,1,2,,,\n", 0);
	cr_assert(eq(u32, scenario.send_cnt, 300));
	stop();
	open_catalog("1,4000000000,1,1,,,\n2,4000000000,1,2,,,\n", 0);
	cr_assert(eq(u32, scenario.send_cnt, SCENARIO_CATALOG_REQUESTS));
	stop();
	cr_assert(eq(int,
		     scenario_open_catalog(&scenario, catalog_of("1,0,1,1,,,\n"), 3, 0, &error),
		     -EINVAL));
	cr_assert(ne(ptr, strstr(error.text, "no offer has any stock"), NULL), "%s", error.text);
	cr_assert(eq(int, scenario_open_catalog(&scenario, temp_path("none.csv"), 3, 0, &error),
		     -ENOENT));
	stop();
}

Test(scenario, singles_day_follows_zipf)
{
	enum {
		SKUS = 1000,
		DRAWS = 1000000,
	};
	static uint32_t drawn[SKUS];
	uint32_t quantities[4] = {0};
	double sum = 0;
	double chi_square = 0;

	open_kind(SCENARIO_SINGLES_DAY, 11, DRAWS, SKUS);
	for (uint32_t n = 0; n < DRAWS; n++) {
		const struct client_request request = request_at(n);

		if (request.sku < 1 || request.sku > SKUS || request.quantity > 3)
			cr_fail("%u units of SKU %lu", request.quantity,
				(unsigned long)request.sku);
		drawn[request.sku - 1]++;
		quantities[request.quantity]++;
	}
	for (unsigned rank = 1; rank <= SKUS; rank++)
		sum += pow(rank, -0.99);
	for (unsigned rank = 1; rank <= SKUS; rank++) {
		const double expected = DRAWS * pow(rank, -0.99) / sum;

		if (rank <= 50)
			check_share(drawn[rank - 1], DRAWS, expected / DRAWS);
		chi_square += pow(drawn[rank - 1] - expected, 2) / expected;
	}
	cr_assert(eq(u32, quantities[0], 0));
	for (unsigned quantity = 1; quantity <= 3; quantity++)
		check_share(quantities[quantity], DRAWS, 1.0 / 3);
	/* Five deviations of chi square with 999 degrees of freedom. */
	cr_assert(all(gt(dbl, chi_square, 775), lt(dbl, chi_square, 1223)));
	stop();
}
