#include "tools/replay/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tools/common/cli.h"
#include "tools/replay/figures.h"
#include "tools/replay/op_name.h"
#include "tools/replay/report_files.h"
#include "tools/replay/sold.h"
#include "tools/replay/unwrap.h"

static void sum_up(const struct sale *sale, uint16_t shards, struct shard_totals *sum,
		   char hash_text[33])
{
	struct shard_hash hash = {0};

	*sum = (struct shard_totals){0};
	for (uint16_t lane = 0; lane < shards; lane++) {
		const struct shard *shard = offline_shard(sale->engine, lane);
		struct shard_totals totals;

		shard_totals(shard, &totals);
		sum->offers += totals.offers;
		sum->orders += totals.orders;
		sum->holds += totals.holds;
		sum->units_sold += totals.units_sold;
		sum->units_free += totals.units_free;
		sum->units_held += totals.units_held;
		shard_hash_add(&hash, shard_hash(shard));
	}
	snprintf(hash_text, 33, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

/* Of all orders. JSON has it as text: it may pass 64 bits. */
static minor_units revenue_of(const struct offline_run *run, const struct sale *sale)
{
	minor_units revenue = 0;

	for (uint16_t lane = 0; lane < run->options->shards; lane++)
		revenue += sold_revenue_of(offline_shard(sale->engine, lane));
	return revenue;
}

static double rate_of(const struct offline_run *run)
{
	const double seconds = (double)run->took_ns / 1e9;

	return seconds > 0 ? (double)reader_counts(run->reader)->requests / seconds : 0;
}

void report_reading(const struct reader *reader, FILE *out)
{
	const struct reader_counts *counts = reader_counts(reader);

	fprintf(out,
		"read %" PRIu64 " packets: %" PRIu64 " requests in %" PRIu64 " datagrams, %" PRIu64
		" replies in %" PRIu64 "\n",
		counts->packets, counts->requests, counts->request_datagrams, counts->replies,
		counts->reply_datagrams);
	for (enum encapsulation i = 0; i < ENCAPSULATION_CNT; i++) {
		if (counts->encapsulated[i] > 0)
			fprintf(out, "came in %-17s %12" PRIu64 "  %s\n", encapsulation_name(i),
				counts->encapsulated[i], encapsulation_text(i));
	}
	if (counts->joined_packets > 0)
		fprintf(out,
			"%" PRIu64 " packets held %" PRIu64 " datagrams (UDP offload, GSO or GRO); "
			"they were taken apart\n",
			counts->joined_packets, counts->joined_datagrams);
	for (enum skip skip = 0; skip < SKIP_CNT; skip++) {
		if (counts->skips[skip] > 0)
			fprintf(out, "skipped %-17s %12" PRIu64 "  %s\n", skip_name(skip),
				counts->skips[skip], skip_text(skip));
	}
	for (enum drop drop = 0; drop < DROP_CNT; drop++) {
		if (counts->drops[drop] > 0)
			fprintf(out, "skipped %-17s %12" PRIu64 "  %s\n", drop_name(drop),
				counts->drops[drop], drop_text(drop));
	}
	report_files(reader, out);
}

/* Verdicts by op, where there is more than one. */
static void report_verdicts(const uint64_t *verdicts, const offline_op_verdicts *by_op)
{
	unsigned ops = 0;

	for (uint8_t op = 0; op < WIRE_OP_END; op++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < VERDICT_END; i++)
			sum += by_op[op][i];
		ops += sum > 0;
	}
	for (unsigned i = 0; i < VERDICT_END && ops <= 1; i++) {
		if (verdicts[i] > 0)
			printf("verdicts %-16s %12" PRIu64 "\n", verdict_name((uint8_t)i),
			       verdicts[i]);
	}
	for (uint8_t op = 0; op < WIRE_OP_END && ops > 1; op++) {
		for (unsigned i = 0; i < VERDICT_END; i++) {
			if (by_op[op][i] > 0)
				printf("verdicts %-7s %-16s %12" PRIu64 "\n", op_name(op),
				       verdict_name((uint8_t)i), by_op[op][i]);
		}
	}
}

static void report_sale(const struct offline_run *run, const struct sale *sale)
{
	struct shard_totals sum;
	char hash[33];

	printf("\nsale %s\n", sale->name);
	report_verdicts(offline_verdicts(sale->engine), offline_verdicts_by_op(sale->engine));
	if (reader_counts(run->reader)->replies > 0)
		compare_print(sale->compare, stdout);
	sum_up(sale, run->options->shards, &sum, hash);
	printf("replayed orders=%" PRIu64 " units=%" PRIu64 " left=%" PRIu64, sum.orders,
	       sum.units_sold, sum.units_free);
	if (sum.holds > 0)
		printf(" held=%" PRIu64 " holds=%" PRIu64, sum.units_held, sum.holds);
	printf(" state_hash=%s\n", hash);
}

void report_offline(const struct offline_run *run)
{
	report_reading(run->reader, stdout);
	if (run->interrupted)
		printf("INTERRUPTED: the rest was not read\n");
	if (!run->finished)
		return;
	for (uint32_t i = 0; i < run->sale_cnt; i++)
		report_sale(run, &run->sales[i]);
	printf("\n%.2f s, %.2f M requests/s\n", (double)run->took_ns / 1e9, rate_of(run) / 1e6);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* A name of the command line may not be UTF-8, which JSON must be: then ? replaces what is not
 * ASCII. */
static json_t *text_json(const char *text)
{
	json_t *string = json_string(text);
	char *plain = string == NULL ? strdup(text) : NULL;

	for (char *at = plain; at != NULL && *at != '\0'; at++) {
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	}
	if (plain != NULL)
		string = json_string(plain);
	free(plain);
	return string;
}

static json_t *verdicts_json(const uint64_t *verdicts)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < VERDICT_END; i++) {
		if (verdicts[i] > 0)
			json_object_set_new(object, verdict_name((uint8_t)i), number(verdicts[i]));
	}
	return object;
}

static json_t *by_op_json(const offline_op_verdicts *by_op)
{
	json_t *object = json_object();

	for (uint8_t op = 0; op < WIRE_OP_END; op++) {
		json_t *verdicts = verdicts_json(by_op[op]);

		if (json_object_size(verdicts) > 0)
			json_object_set(object, op_name(op), verdicts);
		json_decref(verdicts);
	}
	return object;
}

static json_t *matrix_json(const uint64_t matrix[VERDICT_END][VERDICT_END])
{
	json_t *object = json_object();

	for (unsigned captured = 0; captured < VERDICT_END; captured++) {
		json_t *row = verdicts_json(matrix[captured]);

		if (json_object_size(row) > 0)
			json_object_set(object, verdict_name((uint8_t)captured), row);
		json_decref(row);
	}
	return object;
}

static json_t *compared_ops_json(const struct compare_result *result)
{
	json_t *object = json_object();

	for (uint8_t op = 0; op < WIRE_OP_END; op++) {
		const struct compare_op *one = &result->by_op[op];
		json_t *op_json;

		if (one->compared == 0)
			continue;
		op_json = json_object();
		json_object_set_new(op_json, "compared", number(one->compared));
		json_object_set_new(op_json, "different", number(one->different));
		json_object_set_new(op_json, "different_follows", number(one->follows));
		json_object_set_new(op_json, "matrix", matrix_json(one->matrix));
		json_object_set_new(object, op_name(op), op_json);
	}
	return object;
}

static json_t *named_json(const struct order_map *orders)
{
	const struct order_map_counts *counts = order_map_counts(orders);
	json_t *object = json_object();

	json_object_set_new(object, "requests", number(counts->named));
	json_object_set_new(object, "moved", number(counts->moved));
	json_object_set_new(object, "not_made", number(counts->none));
	json_object_set_new(object, "guessed", number(counts->guessed));
	json_object_set_new(object, "not_remembered", number(order_map_lost(orders)));
	return object;
}

static json_t *compared_json(const struct compare *compare)
{
	const struct compare_result *result = compare_result(compare);
	json_t *object = json_object();

	json_object_set_new(object, "compared", number(result->compared));
	json_object_set_new(object, "different", number(result->different));
	json_object_set_new(object, "different_verdict", number(result->by_what[COMPARE_VERDICT]));
	json_object_set_new(object, "different_price", number(result->by_what[COMPARE_PRICE]));
	json_object_set_new(object, "different_quantity",
			    number(result->by_what[COMPARE_QUANTITY]));
	json_object_set_new(object, "different_order", number(result->by_what[COMPARE_ORDER]));
	json_object_set_new(object, "orders_moved", number(result->orders_moved));
	json_object_set_new(object, "only_captured", number(result->alone[COMPARE_CAPTURED]));
	json_object_set_new(object, "only_new", number(result->alone[COMPARE_NEW]));
	json_object_set_new(object, "different_follows", number(result->follows));
	json_object_set_new(object, "matrix", matrix_json(result->matrix));
	json_object_set_new(object, "by_op", compared_ops_json(result));
	json_object_set_new(object, "named_orders", named_json(compare_orders(compare)));
	return object;
}

static json_t *encapsulated_json(const struct reader_counts *counts)
{
	json_t *object = json_object();

	for (enum encapsulation i = 0; i < ENCAPSULATION_CNT; i++) {
		if (counts->encapsulated[i] > 0)
			json_object_set_new(object, encapsulation_name(i),
					    number(counts->encapsulated[i]));
	}
	return object;
}

static json_t *joined_json(const struct reader_counts *counts)
{
	json_t *object = json_object();

	json_object_set_new(object, "packets", number(counts->joined_packets));
	json_object_set_new(object, "datagrams", number(counts->joined_datagrams));
	return object;
}

static json_t *reading_json(const struct reader *reader)
{
	const struct reader_counts *counts = reader_counts(reader);
	json_t *object = json_object();
	json_t *skipped = json_object();

	for (enum skip skip = 0; skip < SKIP_CNT; skip++) {
		if (counts->skips[skip] > 0)
			json_object_set_new(skipped, skip_name(skip), number(counts->skips[skip]));
	}
	for (enum drop drop = 0; drop < DROP_CNT; drop++) {
		if (counts->drops[drop] > 0)
			json_object_set_new(skipped, drop_name(drop), number(counts->drops[drop]));
	}
	json_object_set_new(object, "packets", number(counts->packets));
	json_object_set_new(object, "request_datagrams", number(counts->request_datagrams));
	json_object_set_new(object, "requests", number(counts->requests));
	json_object_set_new(object, "reply_datagrams", number(counts->reply_datagrams));
	json_object_set_new(object, "replies", number(counts->replies));
	json_object_set_new(object, "encapsulated", encapsulated_json(counts));
	json_object_set_new(object, "offloaded", joined_json(counts));
	json_object_set_new(object, "copies", number(counts->skips[SKIP_COPY]));
	json_object_set_new(object, "skipped", skipped);
	report_files_json(reader, object);
	return object;
}

static json_t *holds_json(const struct offline_run *run, const struct sale *sale)
{
	struct sold_holds holds = {0};
	json_t *object = json_object();

	for (uint16_t lane = 0; lane < run->options->shards; lane++)
		sold_add_holds(&holds, offline_shard(sale->engine, lane));
	json_object_set_new(object, "made", number(holds.made));
	json_object_set_new(object, "paid", number(holds.paid));
	json_object_set_new(object, "paid_late", number(holds.paid_late));
	json_object_set_new(object, "refunded", number(holds.refunded));
	json_object_set_new(object, "released", number(holds.released));
	json_object_set_new(object, "ran_out", number(holds.ran_out));
	json_object_set_new(object, "open", number(holds.open));
	json_object_set_new(object, "units_returned", number(holds.returned));
	json_object_set_new(object, "units_written_off", number(holds.written_off));
	return object;
}

void report_offline_json(const struct offline_run *run)
{
	json_t *root = reading_json(run->reader);
	json_t *sales = json_array();

	for (uint32_t i = 0; i < run->sale_cnt && run->finished; i++) {
		const struct sale *sale = &run->sales[i];
		json_t *object = json_object();
		struct shard_totals sum;
		char hash[33];

		sum_up(sale, run->options->shards, &sum, hash);
		json_object_set_new(object, "name", text_json(sale->name));
		json_object_set_new(object, "orders", number(sum.orders));
		json_object_set_new(object, "units", number(sum.units_sold));
		json_object_set_new(object, "units_free", number(sum.units_free));
		json_object_set_new(object, "revenue",
				    json_string(FIGURE_PLAIN(revenue_of(run, sale))));
		json_object_set_new(object, "units_held", number(sum.units_held));
		json_object_set_new(object, "holds", holds_json(run, sale));
		json_object_set_new(object, "state_hash", json_string(hash));
		json_object_set_new(object, "verdicts",
				    verdicts_json(offline_verdicts(sale->engine)));
		json_object_set_new(object, "verdicts_by_op",
				    by_op_json(offline_verdicts_by_op(sale->engine)));
		json_object_set_new(object, "comparison", compared_json(sale->compare));
		json_array_append_new(sales, object);
	}
	json_object_set_new(root, "interrupted", json_boolean(run->interrupted));
	json_object_set_new(root, "seconds", json_real((double)run->took_ns / 1e9));
	json_object_set_new(root, "requests_per_second", json_real(rate_of(run)));
	json_object_set_new(root, "sales", sales);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

static double us_of(uint64_t ns)
{
	return (double)ns / 1000;
}

static void report_pace(const struct live_counts *counts)
{
	const struct histogram *late = &counts->late_ns;

	if (late->cnt == 0)
		return;
	printf("send time late by p50 %.1f us, p99 %.1f us, p99.9 %.1f us, at most %.1f us\n",
	       us_of(histogram_quantile(late, 0.5)), us_of(histogram_quantile(late, 0.99)),
	       us_of(histogram_quantile(late, 0.999)), us_of(late->max));
}

void report_live(const struct reader *reader, const struct live_counts *counts,
		 const struct compare *compare)
{
	const double seconds = (double)counts->took_ns / 1e9;

	report_reading(reader, stdout);
	if (counts->interrupted)
		printf("INTERRUPTED: the rest was not sent\n");
	printf("sent %" PRIu64 " requests in %" PRIu64 " datagrams over %.3f s, captured over "
	       "%.3f s: %.0f datagrams/s\n",
	       counts->sent_requests, counts->sent, seconds, (double)counts->captured_ns / 1e9,
	       seconds > 0 ? (double)counts->sent / seconds : 0);
	report_pace(counts);
	if (counts->send_refused > 0)
		printf("%" PRIu64 " times the port took no more and was asked again\n",
		       counts->send_refused);
	if (counts->port_reopened_cnt > 0)
		printf("%" PRIu64 " times the deaf port was opened anew\n",
		       counts->port_reopened_cnt);
	printf("answered %" PRIu64 " of %" PRIu64 " datagrams; %" PRIu64 " others came\n",
	       counts->received, counts->sent, counts->received_bad);
	if (counts->waited > 0)
		printf("%" PRIu64 " requests waited for the answer that tells the id of their "
		       "order\n",
		       counts->waited);
	report_verdicts(counts->verdicts, counts->by_op);
	if (reader_counts(reader)->replies > 0)
		compare_print(compare, stdout);
}

void report_live_json(const struct reader *reader, const struct live_counts *counts,
		      const struct compare *compare)
{
	json_t *root = reading_json(reader);
	json_t *late = json_object();

	json_object_set_new(late, "cnt", number(counts->late_ns.cnt));
	json_object_set_new(late, "p50", number(histogram_quantile(&counts->late_ns, 0.5)));
	json_object_set_new(late, "p99", number(histogram_quantile(&counts->late_ns, 0.99)));
	json_object_set_new(late, "p999", number(histogram_quantile(&counts->late_ns, 0.999)));
	json_object_set_new(late, "max", number(counts->late_ns.max));
	json_object_set_new(root, "interrupted", json_boolean(counts->interrupted));
	json_object_set_new(root, "sent", number(counts->sent));
	json_object_set_new(root, "sent_requests", number(counts->sent_requests));
	json_object_set_new(root, "seconds", json_real((double)counts->took_ns / 1e9));
	json_object_set_new(root, "captured_seconds", json_real((double)counts->captured_ns / 1e9));
	json_object_set_new(root, "late_ns", late);
	json_object_set_new(root, "send_refused", number(counts->send_refused));
	json_object_set_new(root, "port_reopened", number(counts->port_reopened_cnt));
	json_object_set_new(root, "answered", number(counts->received));
	json_object_set_new(root, "other_datagrams", number(counts->received_bad));
	json_object_set_new(root, "waited", number(counts->waited));
	json_object_set_new(root, "verdicts", verdicts_json(counts->verdicts));
	json_object_set_new(root, "verdicts_by_op", by_op_json(counts->by_op));
	json_object_set_new(root, "comparison", compared_json(compare));
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}
