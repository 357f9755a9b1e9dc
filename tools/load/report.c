#include "tools/load/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

enum {
	BAR_CHARS = 30,
};

static const uint64_t REDRAW_NS = 100000000;

static bool on_terminal;
static uint64_t drawn_ns;

/* Per second, of a count over a time. */
static double rate_of(uint64_t cnt, uint64_t elapsed_ns)
{
	return elapsed_ns > 0 ? (double)cnt * 1e9 / (double)elapsed_ns : 0;
}

void report_progress_begin(void)
{
	on_terminal = isatty(STDERR_FILENO) != 0;
	drawn_ns = 0;
}

void report_progress(const struct tally *tally, uint64_t submitted, uint64_t total,
		     uint64_t elapsed_ns)
{
	const double done = total > 0 ? (double)submitted / (double)total : 1;
	char bar[BAR_CHARS + 1];

	if (!on_terminal || elapsed_ns < drawn_ns + REDRAW_NS)
		return;
	drawn_ns = elapsed_ns;
	for (unsigned i = 0; i < BAR_CHARS; i++)
		bar[i] = i < done * BAR_CHARS ? '#' : '.';
	bar[BAR_CHARS] = '\0';
	fprintf(stderr, "\r[%s] %3.0f %%  %.2f M requests/s  %" PRIu64 " accepted  %.0f s left  ",
		bar, done * 100, rate_of(tally->answered, elapsed_ns) / 1e6, tally->accepted_new,
		done > 0 ? (double)elapsed_ns / 1e9 * (1 - done) / done : 0);
}

void report_progress_end(void)
{
	if (on_terminal)
		fprintf(stderr, "\r%*s\r", BAR_CHARS + 70, "");
}

static double quantile_us(const struct tally *tally, double share)
{
	return (double)histogram_quantile(&tally->latency_ns, share) / 1000;
}

void report_table(const struct report *report)
{
	const struct tally *tally = report->tally;
	const uint64_t elapsed_ns = report->result->elapsed_ns;

	printf("%s: %" PRIu64 " %s in %.2f s (seed %" PRIu64 ")%s\n",
	       scenario_name(report->scenario->kind), report->result->submitted,
	       report->stats != NULL ? "requests" : "datagrams", (double)elapsed_ns / 1e9,
	       report->options->seed, report->result->stopped ? ", stopped early" : "");
	for (unsigned verdict = 0; verdict < VERDICT_END; verdict++) {
		if (tally->verdicts[verdict] > 0)
			printf("  %-38s %12" PRIu64 "\n", verdict_text((uint8_t)verdict),
			       tally->verdicts[verdict]);
	}
	if (report->stats != NULL) {
		printf("  %-38s %12" PRIu64 "\n", "new orders", tally->accepted_new);
		printf("  %-38s %12" PRIu64 "\n", "the same order told again",
		       tally->accepted_again);
		printf("  %-38s %12" PRIu64 "\n", "units", tally->units);
		printf("  %-38s %12" PRIu64 "\n", "contradictions", tally->contradictions);
	}
	printf("  %-38s %12" PRIu64 "\n", "unanswered", tally->unanswered);
	printf("  %-38s %12.0f\n", report->stats != NULL ? "requests/s" : "datagrams/s",
	       rate_of(tally->answered, elapsed_ns));
	if (report->stats != NULL) {
		printf("  %-38s %12.0f\n", "orders/s", rate_of(tally->accepted_new, elapsed_ns));
		printf("  %-38s %12" PRIu64 "  (%" PRIu64 " sent again)\n", "datagrams",
		       report->stats->datagrams_sent, report->stats->datagrams_resent);
	}
	printf("  latency p50 %.0f us, p99 %.0f us, p99.9 %.0f us, max %.0f us\n",
	       quantile_us(tally, 0.5), quantile_us(tally, 0.99), quantile_us(tally, 0.999),
	       (double)tally->latency_ns.max / 1000);
}

static void set_count(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *latency_json(const struct tally *tally)
{
	json_t *latency = json_object();

	json_object_set_new(latency, "p50", json_real(quantile_us(tally, 0.5)));
	json_object_set_new(latency, "p99", json_real(quantile_us(tally, 0.99)));
	json_object_set_new(latency, "p99.9", json_real(quantile_us(tally, 0.999)));
	json_object_set_new(latency, "max", json_real((double)tally->latency_ns.max / 1000));
	return latency;
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
	set_count(object, "submitted", report->result->submitted);
	set_count(object, "answered", tally->answered);
	set_count(object, "unanswered", tally->unanswered);
	json_object_set_new(object, "stopped", json_boolean(report->result->stopped));
	json_object_set_new(object, "seconds", json_real((double)elapsed_ns / 1e9));
	json_object_set_new(object, "verdicts", verdicts);
	set_count(object, "orders", tally->accepted_new);
	set_count(object, "orders_again", tally->accepted_again);
	set_count(object, "units", tally->units);
	set_count(object, "contradictions", tally->contradictions);
	json_object_set_new(object, "requests_per_s",
			    json_real(rate_of(tally->answered, elapsed_ns)));
	json_object_set_new(object, "orders_per_s",
			    json_real(rate_of(tally->accepted_new, elapsed_ns)));
	json_object_set_new(object, "latency_us", latency_json(tally));
	if (report->stats != NULL) {
		set_count(object, "datagrams", report->stats->datagrams_sent);
		set_count(object, "datagrams_resent", report->stats->datagrams_resent);
		set_count(object, "replies_unmatched", report->stats->replies_unmatched);
		set_count(object, "replies_bad_tag", report->stats->replies_bad_tag);
	}
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}
