/*
 * doorbuster-load: drives a sale and checks every answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "engine/base/safe_file.h"
#include "tools/common/cli.h"
#include "tools/common/output_file.h"
#include "tools/common/transport_port.h"
#include "tools/load/baskets.h"
#include "tools/load/checkout.h"
#include "tools/load/drive.h"
#include "tools/load/holds.h"
#include "tools/load/options.h"
#include "tools/load/progress.h"
#include "tools/load/report.h"
#include "tools/load/run_prepared.h"

static void on_signal(int signal)
{
	(void)signal;
	drive_stop = 1;
}

static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int write_catalog(const struct load_options *options, const struct scenario *scenario)
{
	struct stat there;
	int rc = -EEXIST;

	if (stat(options->catalog_out, &there) != 0 || !S_ISREG(there.st_mode))
		rc = scenario_catalog(scenario, options->catalog_out);
	if (rc == 0)
		return CLI_EXIT_GOOD;
	cli_wrong("--catalog-out %s: %s%s", options->catalog_out, safe_strerror(rc),
		  rc == -EEXIST ? "; an engine may sell from it: name another file" : "");
	return CLI_EXIT_FAILED;
}

/* A DPDK port if one was named, else NULL: the client's own socket. */
static bool open_transport(const struct load_options *options, struct client_transport **out)
{
	const struct transport_port_options port_options = {
		.port = options->port,
		.address = options->address,
		.server = options->server,
		.queue_cnt = options->queues,
		.queue_first = options->worker_idx,
		.core = options->core,
		.shares_core = options->worker_cnt > 0,
		.broadcast = options->kind == SCENARIO_ECHO,
		.eal_args = options->eal_args,
		.eal_arg_cnt = options->eal_arg_cnt,
	};
	struct error error;

	*out = NULL;
	if (options->port == NULL)
		return true;
	if (transport_port_open(out, &port_options, &error) == 0)
		return true;
	return cli_wrong("%s", error.text);
}

/* Of what open_transport opened. */
static uint64_t reopened_cnt(const struct load_options *options,
			     const struct client_transport *transport)
{
	return options->port != NULL ? transport_port_reopened_cnt(transport) : 0;
}

static int finish(const struct report *report)
{
	const struct tally *tally = report->tally;

	/* Mixed knows the right answer of each request. */
	const bool fits = report->options->kind == SCENARIO_ECHO ||
			  report->options->kind == SCENARIO_MIXED || tally_fits(tally);

	(report->options->json ? report_json : report_table)(report);
	if (!fits && report->options->catalog != NULL)
		cli_wrong("the engine does not sell what %s says, see the verdicts; start it with "
			  "this catalog",
			  report->options->catalog);
	else if (!fits)
		cli_wrong("the engine does not sell what the scenario buys, see the verdicts; give "
			  "it the catalog that --catalog-out writes");
	return tally->unanswered == 0 && tally->contradictions == 0 && fits &&
			       !report->result->stopped
		       ? CLI_EXIT_GOOD
		       : CLI_EXIT_BAD;
}

/* The socket where there is no port. */
static bool open_any_transport(const struct load_options *options, struct client_transport **out)
{
	struct error error;

	if (!open_transport(options, out))
		return false;
	if (*out != NULL)
		return true;
	if (client_transport_udp(out, options->server, &error) != 0)
		return cli_wrong("%s", error.text);
	if (options->kind == SCENARIO_ECHO)
		client_transport_udp_plain(*out);
	(*out)->sends_once = true;
	return true;
}

static int run_whole(const struct load_options *options, struct scenario *scenario,
		     struct tally *tally)
{
	static struct prepared_run prepared;
	const bool echo = options->kind == SCENARIO_ECHO;
	struct client_transport *transport = NULL;
	struct drive_result result;
	uint64_t port_reopened_cnt;
	struct error error;
	struct key key;
	int rc;

	if ((!echo && !cli_key(options->keys, options->key_id, &key)) ||
	    !open_any_transport(options, &transport))
		return CLI_EXIT_FAILED;
	rc = run_prepared(options, scenario, transport, echo ? NULL : &key, tally, &prepared,
			  &error);
	port_reopened_cnt = reopened_cnt(options, transport);
	transport->close(transport);
	if (rc != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	result = (struct drive_result){
		.submitted = echo ? prepared.volley.datagrams_sent : prepared.volley.requests_sent,
		.elapsed_ns = prepared.volley.elapsed_ns,
		.stopped = prepared.volley.stopped,
	};
	return finish(&(struct report){
		.options = options,
		.scenario = scenario,
		.tally = tally,
		.result = &result,
		.prepared = &prepared,
		.port_reopened_cnt = port_reopened_cnt,
	});
}

/* Beside the bar of the progress. */
static void say(void *context, const char *line)
{
	(void)context;
	load_progress_end();
	cli_wrong("%s", line);
}

static struct client_options sale_options(const struct load_options *options)
{
	return (struct client_options){
		.server = options->server,
		.timeout_ms = options->timeout_ms,
		.datagrams_in_flight_max = options->in_flight,
		.entries_per_datagram = options->fill,
		.undated = options->undated,
		.say = say,
	};
}

static int run_sale(const struct load_options *options, struct scenario *scenario,
		    struct tally *tally)
{
	struct client_options client_options = sale_options(options);
	struct client *client = NULL;
	struct client_stats stats;
	struct drive_result result;
	uint64_t port_reopened_cnt;
	struct error error;
	struct key key;
	int rc;

	if (!cli_key(options->keys, options->key_id, &key) ||
	    !open_transport(options, &client_options.transport))
		return CLI_EXIT_FAILED;
	client_options.key = &key;
	if (client_open(&client, &client_options, tally_answer, tally, &error) != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	rc = drive_sale(client, scenario, options->rate, tally, &result);
	stats = *client_stats(client);
	port_reopened_cnt = reopened_cnt(options, client_options.transport);
	client_close(client);
	if (rc != 0) {
		cli_wrong("%s: %s", options->server, strerror(-rc));
		return CLI_EXIT_FAILED;
	}
	return finish(&(struct report){
		.options = options,
		.scenario = scenario,
		.tally = tally,
		.result = &result,
		.stats = &stats,
		.port_reopened_cnt = port_reopened_cnt,
	});
}

/* Buyers whose requests follow from answers; `what` has what they are. good: whether their sums
 * are as they must be, beside the stock. */
static int run_checkout(const struct load_options *options, struct checkout *checkout,
			const struct report *what, const struct stock *stock,
			bool (*good)(const void *), const void *buyers)
{
	struct client_options client_options = sale_options(options);
	struct report report = *what;
	struct client *client = NULL;
	struct drive_result result;
	struct client_stats stats;
	struct error error;
	struct key key;
	int rc = CLI_EXIT_FAILED;

	client_options.key = &key;
	if (!cli_key(options->keys, options->key_id, &key) ||
	    !open_transport(options, &client_options.transport)) {
		/* It said why. */
	} else if (client_open(&client, &client_options, checkout_answer, checkout, &error) != 0) {
		cli_wrong("%s", error.text);
	} else if ((rc = checkout_drive(checkout, client, &result)) != 0) {
		cli_wrong("%s: %s", options->server, strerror(-rc));
		rc = CLI_EXIT_FAILED;
	} else {
		stats = *client_stats(client);
		report.result = &result;
		report.stats = &stats;
		report.stock = stock;
		report.port_reopened_cnt = reopened_cnt(options, client_options.transport);
		rc = finish(&report);
		if (rc == CLI_EXIT_GOOD &&
		    (!good(buyers) || !stock->known || stock->units_stranded > 0))
			rc = CLI_EXIT_BAD;
	}
	client_close(client);
	return rc;
}

static int no_memory(void)
{
	cli_wrong("no memory for the buyers; lower --requests");
	return CLI_EXIT_FAILED;
}

static bool holds_good(const void *holds)
{
	return load_holds_all_ended(holds);
}

static int run_holds(const struct load_options *options, struct scenario *scenario,
		     struct tally *tally)
{
	struct report report = {.options = options, .scenario = scenario, .tally = tally};
	struct checkout *checkout = NULL;
	struct load_holds holds;
	int rc;

	if (load_holds_open(&holds, scenario, options->ack))
		checkout = checkout_open(options, scenario, &load_holds_buyers, &holds,
					 &holds.stock, tally);
	report.holds = &holds.figures;
	rc = checkout == NULL
		     ? no_memory()
		     : run_checkout(options, checkout, &report, &holds.stock, holds_good, &holds);
	checkout_close(checkout);
	load_holds_close(&holds);
	return rc;
}

static bool baskets_good(const void *baskets)
{
	return load_baskets_all_ended(baskets);
}

static int run_baskets(const struct load_options *options, struct scenario *scenario,
		       struct tally *tally)
{
	struct report report = {.options = options, .scenario = scenario, .tally = tally};
	struct checkout *checkout = NULL;
	struct load_baskets baskets;
	int rc;

	if (load_baskets_open(&baskets, scenario, options->ack))
		checkout = checkout_open(options, scenario, &load_baskets_buyers, &baskets,
					 &baskets.stock, tally);
	report.baskets = &baskets.figures;
	rc = checkout == NULL ? no_memory()
			      : run_checkout(options, checkout, &report, &baskets.stock,
					     baskets_good, &baskets);
	checkout_close(checkout);
	load_baskets_close(&baskets);
	return rc;
}

/* The file of --orders if it is asked for; false if it can't be written. */
static bool open_orders(const char *path, FILE **file)
{
	*file = NULL;
	if (path == NULL)
		return true;
	*file = output_file_stream(path, 0);
	return *file != NULL || cli_wrong("--orders %s: %s", path, safe_strerror(-errno));
}

/* The file is worth nothing unless everything that was sold is in it. */
static bool close_orders(const char *path, FILE *file)
{
	const bool failed_before = file != NULL && ferror(file) != 0;

	if (file == NULL || (fclose(file) == 0 && !failed_before))
		return true;
	return cli_wrong("--orders %s: not all orders could be written; is the disk full?", path);
}

static int sell(const struct load_options *options, struct scenario *scenario)
{
	static struct tally tally;
	struct waiting waiting = {0};
	FILE *orders = NULL;
	int rc = CLI_EXIT_FAILED;

	if (!open_orders(options->orders_out, &orders))
		return CLI_EXIT_FAILED;
	tally.least_durability = options->ack;
	tally.waiting = options->catalog != NULL ? &waiting : NULL;
	if (tally_open(&tally, scenario, orders) &&
	    (tally.waiting == NULL || waiting_open(&waiting, scenario->distinct_cnt))) {
		catch_signals();
		rc = (options->kind == SCENARIO_HOLDS     ? run_holds
		      : options->kind == SCENARIO_BASKETS ? run_baskets
		      : options->prepared                 ? run_whole
							  : run_sale)(options, scenario, &tally);
	} else {
		cli_wrong("no memory for the answers; lower --requests");
	}
	tally_close(&tally);
	waiting_close(&waiting);
	return close_orders(options->orders_out, orders) ? rc : CLI_EXIT_FAILED;
}

static bool open_scenario(const struct load_options *options, struct scenario *scenario)
{
	struct error error;

	if (options->catalog == NULL)
		return scenario_open(scenario, options->kind, options->seed, options->requests,
				     options->skus) ||
		       cli_wrong("no memory for the scenario; lower --requests");
	return scenario_open_catalog(scenario, options->catalog, options->seed, options->requests,
				     &error) == 0 ||
	       cli_wrong("%s", error.text);
}

static int run(int argc, char **argv)
{
	struct load_options options;
	struct scenario scenario;
	int rc;

	if (sodium_init() < 0) {
		cli_wrong("libsodium does not start");
		return CLI_EXIT_FAILED;
	}
	switch (load_options_parse(&options, argc, argv)) {
	case LOAD_OPTIONS_HELP:
		return CLI_EXIT_GOOD;
	case LOAD_OPTIONS_WRONG:
		return CLI_EXIT_FAILED;
	default:
		break;
	}
	if (!load_options_recorded(&options))
		return CLI_EXIT_FAILED;
	if (!open_scenario(&options, &scenario)) {
		free(options.instants_ns);
		return CLI_EXIT_FAILED;
	}
	scenario.channel = options.channel;
	scenario.buyer_cnt = options.buyers;
	scenario.limit = options.limit;
	if (options.units_max > 0)
		scenario.quantity_max = options.units_max;
	rc = options.catalog_out != NULL ? write_catalog(&options, &scenario)
					 : sell(&options, &scenario);
	scenario_close(&scenario);
	free(options.instants_ns);
	return rc;
}

int main(int argc, char **argv)
{
	cli_program("doorbuster-load");
	return cli_end(run(argc, argv));
}
