#include "tools/replay/run_offline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/admit.h"
#include "net/keys.h"
#include "tools/common/cli.h"
#include "tools/replay/change.h"
#include "tools/replay/progress.h"
#include "tools/replay/report.h"
#include "tools/replay/what_if.h"

enum {
	ERROR_BYTES = 1024,
};

struct feed {
	struct offline_run run;
	struct key_ring *keys;
	struct progress progress;
	struct batch batch;
	char error[ERROR_BYTES];
};

/* A sale's own catalog, or the first one changed. */
static bool load_catalog(struct feed *feed, struct sale *sale, const struct variant_option *variant)
{
	snprintf(sale->name, sizeof(sale->name), "%s",
		 variant->set != NULL ? variant->set : variant->catalog);
	if (variant->set == NULL)
		return catalog_load(variant->catalog, &sale->catalog, feed->error, ERROR_BYTES) ==
			       0 ||
		       cli_wrong("%s", feed->error);
	sale->catalog = catalog_copy(feed->run.sales[0].catalog);
	if (sale->catalog == NULL)
		return cli_wrong("no memory for another catalog");
	return catalog_change(sale->catalog, variant->set, feed->error, ERROR_BYTES) == 0 ||
	       cli_wrong("--set '%s': %s", variant->set, feed->error);
}

static bool load_sales(struct feed *feed)
{
	struct offline_run *run = &feed->run;
	const struct replay_options *options = run->options;

	for (uint32_t i = 0; i < options->variant_cnt; i++) {
		struct sale *sale = &run->sales[run->sale_cnt++];

		if (!load_catalog(feed, sale, &options->variants[i]))
			return false;
		sale->compare = compare_open(options->differences_max);
		if (sale->compare == NULL)
			return cli_wrong("no memory to compare replies");
	}
	return true;
}

/* The sales begin with the first request that is admitted. */
static bool begin_sales(struct feed *feed, const struct captured *first)
{
	struct offline_run *run = &feed->run;
	const struct replay_options *options = run->options;

	run->first_ns = first->at_ns;
	for (uint32_t i = 0; i < run->sale_cnt; i++) {
		struct sale *sale = &run->sales[i];
		const struct offline_options engine = {
			.catalog = sale->catalog,
			.shards = options->shards,
			.first_ns = first->at_ns,
			.journal_id =
				offline_journal_id(sale->catalog, options->shards, first->at_ns,
						   first->datagram, first->bytes),
			.journal = options->journal,
			.segment_bytes = (uint64_t)options->segment_mib << 20,
		};

		if (offline_open(&sale->engine, &engine, feed->error, ERROR_BYTES) != 0)
			return cli_wrong("%s", feed->error);
	}
	return true;
}

/* decode and admit, as the worker does. False: sales could not begin. */
static bool take_request(struct feed *feed, const struct captured *captured)
{
	struct batch *batch = &feed->batch;
	struct batch_item *item = &batch->items[batch->item_cnt];
	struct admission admission = {.datagram = captured->datagram, .bytes = captured->bytes};

	if (captured->shard >= feed->run.options->shards) {
		reader_refuse_skip(feed->run.reader, captured, SKIP_SHARD);
		return true;
	}
	admit(feed->keys, &admission, 1);
	if (admission.reason != DROP_NONE) {
		reader_refuse_drop(feed->run.reader, captured, admission.reason);
		return true;
	}
	if (feed->run.first_ns == 0 && !begin_sales(feed, captured))
		return false;
	memcpy(&item->header, captured->datagram, sizeof(item->header));
	item->at_ns = captured->at_ns;
	item->shard = captured->shard;
	item->first_request = batch->request_cnt;
	memcpy(&batch->requests[batch->request_cnt], captured->datagram + WIRE_HEADER_BYTES,
	       item->header.count * sizeof(struct wire_request));
	batch->request_cnt += item->header.count;
	batch->item_cnt++;
	return true;
}

static void on_reply(void *context, uint16_t shard, const uint8_t *datagram)
{
	compare_add(context, COMPARE_NEW, shard, datagram);
}

static bool decide_batch(struct feed *feed)
{
	struct offline_run *run = &feed->run;
	const bool compared = reader_counts(run->reader)->replies > 0;

	for (uint32_t i = 0; i < run->sale_cnt && feed->batch.item_cnt > 0; i++) {
		struct sale *sale = &run->sales[i];

		if (offline_decide(sale->engine, &feed->batch, compared ? on_reply : NULL,
				   sale->compare, feed->error, ERROR_BYTES) != 0)
			return cli_wrong("%s", feed->error);
	}
	feed->batch.item_cnt = 0;
	feed->batch.request_cnt = 0;
	return true;
}

static bool take_reply(struct feed *feed, const struct captured *captured)
{
	/* The first reply: from now on answers are kept for comparison, the question before it
	 * too. */
	if (reader_counts(feed->run.reader)->reply_datagrams == 1 && !decide_batch(feed))
		return false;
	for (uint32_t i = 0; i < feed->run.sale_cnt; i++)
		compare_add(feed->run.sales[i].compare, COMPARE_CAPTURED, captured->shard,
			    captured->datagram);
	return true;
}

static bool feed_all(struct feed *feed)
{
	struct reader *reader = feed->run.reader;
	struct captured captured;
	uint64_t done_bytes;
	uint64_t total_bytes;

	while (!progress_interrupted() && reader_next(reader, &captured)) {
		if (!(captured.kind == CAPTURED_REQUEST ? take_request : take_reply)(feed,
										     &captured))
			return false;
		if (feed->batch.item_cnt < BATCH_DATAGRAMS_MAX)
			continue;
		if (!decide_batch(feed))
			return false;
		reader_progress(reader, &done_bytes, &total_bytes);
		progress_tell(&feed->progress, done_bytes, total_bytes,
			      reader_counts(reader)->requests);
	}
	feed->run.interrupted = progress_interrupted();
	return decide_batch(feed);
}

static bool finish_sales(struct feed *feed)
{
	struct offline_run *run = &feed->run;

	if (run->first_ns == 0)
		return true;
	for (uint32_t i = 0; i < run->sale_cnt; i++) {
		if (offline_finish(run->sales[i].engine, feed->error, ERROR_BYTES) != 0)
			return cli_wrong("%s", feed->error);
		compare_finish(run->sales[i].compare);
	}
	run->finished = true;
	return true;
}

/* Sales side by side: table, files. False: could not be written. */
static bool tell_what_if(const struct offline_run *run)
{
	const struct replay_options *options = run->options;
	struct what_if what_if = {
		.first_ns = run->first_ns,
		.last_ns = reader_counts(run->reader)->last_ns,
		.capture = options->capture,
	};
	bool good = true;

	if (!run->finished || (run->sale_cnt == 1 && options->csv == NULL &&
			       options->buyers_csv == NULL && options->html == NULL))
		return true;
	for (; good && what_if.cnt < run->sale_cnt; what_if.cnt++) {
		what_if.names[what_if.cnt] = run->sales[what_if.cnt].name;
		good = sold_take(&what_if.sold[what_if.cnt], run->sales[what_if.cnt].engine,
				 options->shards) == 0 ||
		       cli_wrong("no memory to tell who got what");
	}
	if (good && !options->json)
		what_if_table(&what_if, stdout);
	if (good && options->csv != NULL)
		good = what_if_write(&what_if, "--csv", options->csv, what_if_csv);
	if (good && options->buyers_csv != NULL)
		good = what_if_write(&what_if, "--buyers-csv", options->buyers_csv,
				     what_if_buyers_csv);
	if (good && options->html != NULL)
		good = what_if_write(&what_if, "--html", options->html, what_if_page);
	for (uint32_t i = 0; i < what_if.cnt; i++)
		sold_free(&what_if.sold[i]);
	return good;
}

static int result_of(const struct offline_run *run)
{
	if (run->first_ns == 0) {
		cli_wrong("%s: no request that these --keys, --shards and --base-port admit is in "
			  "it",
			  run->options->capture);
		return CLI_EXIT_FAILED;
	}
	if (run->interrupted || reader_damage(run->reader) != NULL)
		return CLI_EXIT_BAD;
	for (uint32_t i = 0; i < run->sale_cnt && run->options->strict; i++) {
		const struct compare_result *result = compare_result(run->sales[i].compare);

		if (result->different > 0)
			return CLI_EXIT_BAD;
	}
	return CLI_EXIT_GOOD;
}

static int run(struct feed *feed)
{
	const struct replay_options *options = feed->run.options;
	uint64_t began_ns;

	if (keys_load(options->keys, &feed->keys, feed->error, ERROR_BYTES) != 0) {
		cli_wrong("--keys: %s", feed->error);
		return CLI_EXIT_FAILED;
	}
	if (!load_sales(feed))
		return CLI_EXIT_FAILED;
	if (reader_open(&feed->run.reader, options->capture, options->base_port, feed->error,
			ERROR_BYTES) != 0) {
		cli_wrong("%s", feed->error);
		return CLI_EXIT_FAILED;
	}
	progress_begin(&feed->progress, options->quiet);
	began_ns = progress_now_ns();

	const bool good = feed_all(feed) && finish_sales(feed);

	progress_end(&feed->progress);
	if (!good)
		return CLI_EXIT_FAILED;
	feed->run.took_ns = progress_now_ns() - began_ns;
	(options->json ? report_offline_json : report_offline)(&feed->run);
	if (!tell_what_if(&feed->run))
		return CLI_EXIT_FAILED;
	return result_of(&feed->run);
}

int run_offline(const struct replay_options *options)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	int rc;

	if (feed == NULL) {
		cli_wrong("no memory");
		return CLI_EXIT_FAILED;
	}
	feed->run.options = options;
	rc = run(feed);
	for (uint32_t i = 0; i < feed->run.sale_cnt; i++) {
		offline_close(feed->run.sales[i].engine);
		compare_close(feed->run.sales[i].compare);
		catalog_free(feed->run.sales[i].catalog);
	}
	reader_close(feed->run.reader);
	keys_free(feed->keys);
	free(feed);
	return rc;
}
