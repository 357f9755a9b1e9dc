#include "tools/load/report.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

/* Per second, of a count over a time. */
static double rate_of(uint64_t cnt, uint64_t elapsed_ns)
{
	return elapsed_ns > 0 ? (double)cnt * 1e9 / (double)elapsed_ns : 0;
}

static double quantile_us(const struct tally *tally, double share)
{
	return (double)histogram_quantile(&tally->latency_ns, share) / 1000;
}

static bool is_echo(const struct report *report)
{
	return report->scenario->kind == SCENARIO_ECHO;
}

static void print_count(const char *what, uint64_t cnt)
{
	printf("  %-46s %12" PRIu64 "\n", what, cnt);
}

static void print_sale(const struct tally *tally)
{
	for (unsigned verdict = 0; verdict < VERDICT_END; verdict++) {
		if (tally->verdicts[verdict] > 0)
			print_count(verdict_text((uint8_t)verdict), tally->verdicts[verdict]);
	}
	print_count("new orders", tally->accepted_new);
	print_count("the same order told again", tally->accepted_again);
	print_count("units", tally->units);
	print_count("contradictions", tally->contradictions);
}

/* What became of it, by the answers: cnt holds, orders, payments or baskets, and their units. */
struct count_row {
	const char *name;
	const char *json;
	size_t offset;
};

static const struct count_row hold_counts[] = {
	{"holds", "held", offsetof(struct holds_figures, held)},
	{"  confirmed in time", "confirmed", offsetof(struct holds_figures, confirmed)},
	{"  released", "released", offsetof(struct holds_figures, released)},
	{"  ran out", "ran_out", offsetof(struct holds_figures, ran_out)},
	{"    paid late, sold all the same", "late", offsetof(struct holds_figures, late)},
	{"    paid late, to pay back", "refunded", offsetof(struct holds_figures, refunded)},
	{"extended", "extended", offsetof(struct holds_figures, extended)},
	{"asked for again, and held already", "again", offsetof(struct holds_figures, again)},
	{"returned, for sale again", "returned", offsetof(struct holds_figures, returned)},
	{"returned, written off", "written_off", offsetof(struct holds_figures, written_off)},
	{NULL, NULL, 0},
};

static const struct count_row basket_counts[] = {
	{"baskets bought", "bought", offsetof(struct baskets_figures, bought)},
	{"  in part, what there was", "in_part", offsetof(struct baskets_figures, in_part)},
	{"baskets held", "held", offsetof(struct baskets_figures, held)},
	{"  confirmed in time", "confirmed", offsetof(struct baskets_figures, confirmed)},
	{"  released", "released", offsetof(struct baskets_figures, released)},
	{"  ran out", "ran_out", offsetof(struct baskets_figures, ran_out)},
	{"    paid late, sold all the same", "late", offsetof(struct baskets_figures, late)},
	{"    paid late, to pay back", "refunded", offsetof(struct baskets_figures, refunded)},
	{NULL, NULL, 0},
};

static const struct units_count *count_of(const void *figures, const struct count_row *row)
{
	return (const struct units_count *)((const char *)figures + row->offset);
}

static void print_counts(const struct tally *tally, const void *figures,
			 const struct count_row *rows)
{
	for (unsigned verdict = 0; verdict < VERDICT_END; verdict++) {
		if (tally->verdicts[verdict] > 0)
			print_count(verdict_text((uint8_t)verdict), tally->verdicts[verdict]);
	}
	for (; rows->name != NULL; rows++) {
		const struct units_count *count = count_of(figures, rows);

		printf("  %-46s %12" PRIu64 "  (%" PRIu64 " units)\n", rows->name, count->cnt,
		       count->units);
	}
}

static void print_stock(const struct stock *stock)
{
	if (!stock->known) {
		printf("  units stranded at the end: not known, nobody said the stock\n");
		return;
	}
	print_count("units stranded at the end", stock->units_stranded);
	print_count("units sold that there were not", stock->units_oversold);
}

static void print_holds(const struct report *report)
{
	const struct holds_figures *holds = report->holds;

	print_counts(report->tally, holds, hold_counts);
	print_count("orders looked up", holds->looked_up);
	print_count("buyers that never got a hold", holds->gave_up);
	print_count("buyers lost: a request without an outcome", holds->lost);
	print_stock(report->stock);
	print_count("contradictions", holds->contradictions);
}

static void print_baskets(const struct report *report)
{
	const struct baskets_figures *baskets = report->baskets;

	print_counts(report->tally, baskets, basket_counts);
	print_count("times that a basket was sold out", baskets->refused);
	print_count("buyers that got nothing", baskets->gave_up);
	print_count("refused, and carried out by a copy of it", baskets->by_copy);
	print_count("buyers lost: a request without an outcome", baskets->lost);
	print_count("requests that were repeated", baskets->repeated);
	print_count("  answered otherwise", baskets->other_answers);
	print_count("baskets of which a part was carried out", baskets->halves);
	print_stock(report->stock);
	print_count("contradictions", baskets->contradictions);
}

static double idle_share(const struct volley *volley)
{
	return volley->elapsed_ns > 0 ? (double)volley->idle_ns / (double)volley->elapsed_ns : 0;
}

static void print_prepared(const struct report *report)
{
	const struct volley *volley = &report->prepared->volley;
	const uint64_t per_request = is_echo(report) ? report->options->fill : 1;

	printf("  %-46s %12.0f\n", "offered/s",
	       rate_of(volley->requests_offered / per_request, volley->offered_ns));
	print_count("lost: the port's queue was full", volley->requests_refused / per_request);
	print_count("lost: sent, and no reply", volley->requests_lost / per_request);
	if (report->scenario->kind == SCENARIO_MIXED)
		print_count("rested on a lost reply, not checked", report->prepared->undetermined);
	printf("  %-46s %12.0f %%\n", "of the time the load had nothing to do",
	       idle_share(volley) * 100);
	printf("  left after it was due: p50 %.0f us, p99 %.0f us, max %.0f us\n",
	       (double)histogram_quantile(&volley->late_ns, 0.5) / 1000,
	       (double)histogram_quantile(&volley->late_ns, 0.99) / 1000,
	       (double)volley->late_ns.max / 1000);
}

void report_table(const struct report *report)
{
	const struct tally *tally = report->tally;
	const uint64_t elapsed_ns = report->result->elapsed_ns;

	printf("%s: %" PRIu64 " %s in %.2f s (seed %" PRIu64 ")%s\n",
	       scenario_name(report->scenario->kind), report->result->submitted,
	       is_echo(report) ? "datagrams" : "requests", (double)elapsed_ns / 1e9,
	       report->options->seed, report->result->stopped ? ", stopped early" : "");
	if (report->holds != NULL)
		print_holds(report);
	else if (report->baskets != NULL)
		print_baskets(report);
	else if (!is_echo(report))
		print_sale(tally);
	if (tally->waiting != NULL)
		print_count("came back after NOT_OPEN", report->result->came_back);
	if (report->prepared != NULL)
		print_prepared(report);
	else
		print_count("unanswered", tally->unanswered);
	printf("  %-46s %12.0f\n", is_echo(report) ? "datagrams/s" : "requests/s",
	       rate_of(tally->answered, elapsed_ns));
	if (!is_echo(report))
		printf("  %-46s %12.0f\n", "orders/s", rate_of(tally->accepted_new, elapsed_ns));
	if (report->stats != NULL)
		printf("  %-46s %12" PRIu64 "  (%" PRIu64 " sent again)\n", "datagrams",
		       report->stats->datagrams_sent, report->stats->datagrams_resent);
	if (report->port_reopened_cnt > 0)
		print_count("times the deaf port was opened anew", report->port_reopened_cnt);
	printf("  latency p50 %.0f us, p99 %.0f us, p99.9 %.0f us, max %.0f us\n",
	       quantile_us(tally, 0.5), quantile_us(tally, 0.99), quantile_us(tally, 0.999),
	       (double)tally->latency_ns.max / 1000);
}

static void set_count(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void set_real(json_t *object, const char *name, double value)
{
	json_object_set_new(object, name, json_real(value));
}

/* A quantile is at most so much above the value it stands for. */
static json_t *histogram_json(const struct histogram *histogram)
{
	static const struct {
		const char *name;
		double share;
	} quantiles[] = {{"p50", 0.5},     {"p90", 0.9},       {"p95", 0.95},       {"p99", 0.99},
			 {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999}};
	json_t *object = json_object();

	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		set_real(object, quantiles[i].name,
			 (double)histogram_quantile(histogram, quantiles[i].share) / 1000);
	set_real(object, "max", (double)histogram->max / 1000);
	set_real(object, "error", 1.0 / HISTOGRAM_STEPS);
	return object;
}

static json_t *windows_json(const struct volley *volley)
{
	json_t *windows = json_array();

	for (uint32_t i = 0; i < volley->window_cnt; i++) {
		const struct volley_window *window = &volley->windows[i];

		json_array_append_new(windows, json_pack("[I,I,f]", (json_int_t)window->offered,
							 (json_int_t)window->served,
							 (double)window->worst_ns / 1000));
	}
	return windows;
}

/* Counts of requests; echo has none, and counts datagrams. */
static void set_prepared(json_t *object, const struct report *report)
{
	static const char *const arrivals[] = {"constant", "poisson", "recorded"};
	const struct load_options *options = report->options;
	const struct volley *volley = &report->prepared->volley;
	const uint64_t per_request = is_echo(report) ? options->fill : 1;
	const bool open = options->rate > 0 || options->arrivals == ARRIVALS_RECORDED;

	json_object_set_new(object, "arrivals",
			    json_string(open ? arrivals[options->arrivals] : "closed loop"));
	set_count(object, "offered", volley->requests_offered / per_request);
	set_real(object, "offered_per_s",
		 rate_of(volley->requests_offered / per_request, volley->offered_ns));
	set_count(object, "lost_at_port", volley->requests_refused / per_request);
	set_count(object, "lost", volley->requests_lost / per_request);
	set_count(object, "undetermined", report->prepared->undetermined);
	set_count(object, "datagrams", volley->datagrams_sent);
	set_count(object, "replies_unmatched", volley->replies_unmatched);
	set_count(object, "replies_bad_tag", volley->replies_bad_tag);
	set_real(object, "idle_share", idle_share(volley));
	json_object_set_new(object, "late_us", histogram_json(&volley->late_ns));
	if (options->window_ms > 0) {
		set_count(object, "window_ms", options->window_ms);
		json_object_set_new(object, "windows", windows_json(volley));
	}
}

static json_t *counts_json(const void *figures, const struct count_row *rows)
{
	json_t *object = json_object();

	for (; rows->name != NULL; rows++) {
		const struct units_count *count = count_of(figures, rows);

		json_object_set_new(object, rows->json,
				    json_pack("{s:I,s:I}", "count", (json_int_t)count->cnt, "units",
					      (json_int_t)count->units));
	}
	return object;
}

static void set_stock(json_t *object, const struct stock *stock)
{
	json_object_set_new(object, "units_stranded",
			    stock->known ? json_integer((json_int_t)stock->units_stranded)
					 : json_null());
	json_object_set_new(object, "units_oversold",
			    stock->known ? json_integer((json_int_t)stock->units_oversold)
					 : json_null());
}

static json_t *holds_json(const struct report *report)
{
	const struct holds_figures *holds = report->holds;
	json_t *object = counts_json(holds, hold_counts);

	set_count(object, "looked_up", holds->looked_up);
	set_count(object, "gave_up", holds->gave_up);
	set_count(object, "lost", holds->lost);
	set_stock(object, report->stock);
	return object;
}

static json_t *baskets_json(const struct report *report)
{
	const struct baskets_figures *baskets = report->baskets;
	json_t *object = counts_json(baskets, basket_counts);

	set_count(object, "refused", baskets->refused);
	set_count(object, "by_copy", baskets->by_copy);
	set_count(object, "gave_up", baskets->gave_up);
	set_count(object, "lost", baskets->lost);
	set_count(object, "repeated", baskets->repeated);
	set_count(object, "other_answers", baskets->other_answers);
	set_count(object, "halves", baskets->halves);
	set_stock(object, report->stock);
	return object;
}

void report_json(const struct report *report)
{
	const struct tally *tally = report->tally;
	const uint64_t elapsed_ns = report->result->elapsed_ns;
	json_t *object = json_object();
	json_t *verdicts = json_object();

	for (unsigned verdict = 0; verdict < VERDICT_END; verdict++) {
		if (tally->verdicts[verdict] > 0)
			set_count(verdicts, verdict_name((uint8_t)verdict),
				  tally->verdicts[verdict]);
	}
	json_object_set_new(object, "scenario", json_string(scenario_name(report->scenario->kind)));
	set_count(object, "seed", report->options->seed);
	set_count(object, "fill", report->options->fill);
	set_count(object, "submitted", report->result->submitted);
	set_count(object, "answered", tally->answered);
	set_count(object, "unanswered",
		  is_echo(report) ? tally->unanswered / report->options->fill : tally->unanswered);
	json_object_set_new(object, "stopped", json_boolean(report->result->stopped));
	set_real(object, "seconds", (double)elapsed_ns / 1e9);
	json_object_set_new(object, "verdicts", verdicts);
	set_count(object, "orders", tally->accepted_new);
	set_count(object, "orders_again", tally->accepted_again);
	set_count(object, "units", tally->units);
	set_count(object, "contradictions", tally->contradictions);
	if (tally->waiting != NULL)
		set_count(object, "came_back", report->result->came_back);
	if (report->holds != NULL)
		json_object_set_new(object, "holds", holds_json(report));
	if (report->baskets != NULL)
		json_object_set_new(object, "baskets", baskets_json(report));
	set_real(object, "requests_per_s", rate_of(tally->answered, elapsed_ns));
	set_real(object, "orders_per_s", rate_of(tally->accepted_new, elapsed_ns));
	json_object_set_new(object, "latency_us", histogram_json(&tally->latency_ns));
	if (report->stats != NULL) {
		set_count(object, "datagrams", report->stats->datagrams_sent);
		set_count(object, "datagrams_resent", report->stats->datagrams_resent);
		set_count(object, "replies_unmatched", report->stats->replies_unmatched);
		set_count(object, "replies_bad_tag", report->stats->replies_bad_tag);
	}
	if (report->prepared != NULL)
		set_prepared(object, report);
	set_count(object, "port_reopened", report->port_reopened_cnt);
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}
