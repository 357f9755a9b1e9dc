#include "tools/replay/run_offline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/admission/admit.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/catalog/placement.h"
#include "net/keys.h"
#include "tools/common/cli.h"
#include "tools/replay/ahead.h"
#include "tools/replay/change.h"
#include "tools/replay/fresh.h"
#include "tools/replay/offline_run.h"
#include "tools/replay/progress.h"
#include "tools/replay/reading.h"
#include "tools/replay/report.h"
#include "tools/replay/report_files.h"
#include "tools/replay/what_if.h"

enum {
	/* Small enough to stay in a cache. */
	AHEAD_CNT = 1024,
};

struct feed {
	struct offline_run run;
	struct key_ring *keys;
	struct ahead *ahead;
	struct progress progress;
	/* The current datagrams: the first `looked_at` of those ahead, and the requests among them.
	 */
	uint32_t looked_at;
	uint32_t waiting_cnt;
	const struct ahead_item *waiting[BATCH_DATAGRAMS_MAX];
	bool waiting_names[BATCH_DATAGRAMS_MAX]; /* it names an order */
	/* What captured answers told since the last decision: their new answers may be missing. */
	struct order_recent recent;
	struct output files[WHAT_IF_FILES];
	struct batch batch;
	uint64_t datagrams; /* decided so far */
	uint64_t requests;
	bool replies_seen;
	uint32_t sale; /* the captured engine's; 0: not known yet */
	struct reader_counts refused;
	struct error error;
};

/* Which shard sells each line, of those that the capture is from. */
static bool place_catalog(struct feed *feed, struct sale *sale, const char *path)
{
	return catalog_place(sale->catalog, path, stderr, feed->run.options->shards, NULL,
			     &feed->error) == 0 ||
	       cli_wrong("%s", feed->error.text);
}

/* A sale's own catalog, or the first one changed. */
static bool load_catalog(struct feed *feed, struct sale *sale, const struct variant_option *variant)
{
	sale->name = variant->set != NULL ? variant->set : variant->catalog;
	if (variant->set == NULL)
		return (catalog_load_saying(variant->catalog, stderr, &sale->catalog,
					    &feed->error) == 0 ||
			cli_wrong("%s", feed->error.text)) &&
		       place_catalog(feed, sale, variant->catalog);
	sale->catalog = catalog_copy(feed->run.sales[0].catalog);
	if (sale->catalog == NULL)
		return cli_wrong("no memory for another catalog");
	return (catalog_change(sale->catalog, variant->set, &feed->error) == 0 ||
		cli_wrong("--set '%s': %s", variant->set, feed->error.text)) &&
	       place_catalog(feed, sale, sale->name);
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
static bool begin_sales(struct feed *feed, const struct ahead_item *first)
{
	struct offline_run *run = &feed->run;
	const struct replay_options *options = run->options;

	run->begun = true;
	run->first_ns = first->at_ns;
	for (uint32_t i = 0; i < run->sale_cnt; i++) {
		struct sale *sale = &run->sales[i];
		const struct offline_options engine = {
			.catalog = sale->catalog,
			.shards = options->shards,
			.hold_cnt_max = options->hold_cnt_max,
			.first_ns = first->at_ns,
			.journal_id =
				offline_journal_id(sale->catalog, options->shards, first->at_ns,
						   first->datagram, first->bytes),
			.sale = feed->sale,
			.undated_refused = options->undated_refused,
			.orders = compare_orders(sale->compare),
			.journal = options->journal,
			.segment_bytes = (uint64_t)options->segment_mib << 20,
		};

		if (offline_open(&sale->engine, &engine, &feed->error) != 0)
			return cli_wrong("%s", feed->error.text);
	}
	return true;
}

/* If no reply names the sale, it is that of the first dated request. */
static void learn_sale(struct feed *feed, const struct ahead_item *item)
{
	if (feed->sale != 0 || !wire_is_dated(item->datagram))
		return;
	feed->sale = fresh_sale_of(CAPTURED_REQUEST, item->datagram);
	for (uint32_t i = 0; i < feed->run.sale_cnt && feed->run.begun; i++)
		offline_set_sale(feed->run.sales[i].engine, feed->sale);
}

static void refuse(struct feed *feed, const struct ahead_item *item)
{
	feed->refused.request_datagrams++;
	feed->refused.requests += wire_count(item->datagram);
}

/* Admits datagrams as the worker does, and puts them into the batch. False: sales could not begin.
 */
static bool admit_waiting(struct feed *feed)
{
	struct admission admissions[BATCH_DATAGRAMS_MAX];
	struct batch *batch = &feed->batch;

	for (uint32_t i = 0; i < feed->waiting_cnt; i++)
		admissions[i] = (struct admission){.datagram = feed->waiting[i]->datagram,
						   .bytes = feed->waiting[i]->bytes};
	admit(feed->keys, admissions, feed->waiting_cnt);
	batch->item_cnt = 0;
	batch->request_cnt = 0;
	for (uint32_t i = 0; i < feed->waiting_cnt; i++) {
		const struct ahead_item *item = feed->waiting[i];

		if (admissions[i].reason != DROP_NONE) {
			refuse(feed, item);
			feed->refused.drops[admissions[i].reason]++;
			continue;
		}
		learn_sale(feed, item);
		if (!feed->run.begun && !begin_sales(feed, item))
			return false;
		batch->items[batch->item_cnt++] = (struct batch_item){
			.datagram = item->datagram,
			.at_ns = item->at_ns,
			.shard = item->shard,
			.names_order = feed->waiting_names[i],
		};
		batch->request_cnt += wire_count(item->datagram);
	}
	return true;
}

static void on_reply(void *context, const struct batch_item *item, const uint8_t *datagram)
{
	const struct wire_request *requests =
		(const struct wire_request *)(item->datagram + WIRE_HEADER_BYTES);
	uint8_t ops[WIRE_ENTRY_CNT_MAX];

	for (uint32_t i = 0; i < wire_count(item->datagram); i++)
		ops[i] = requests[i].op;
	compare_add(context, COMPARE_NEW, item->shard, datagram, ops);
}

/* Decides the current datagrams and removes them. */
static bool decide_waiting(struct feed *feed)
{
	struct offline_run *run = &feed->run;
	/* The first captured reply may come long after its request. But a capture without any reply
	 * must not be slow to its end for that. */
	const bool compared = feed->replies_seen || feed->datagrams < COMPARE_WAITING_MAX;

	if (!admit_waiting(feed))
		return false;
	for (uint32_t i = 0; i < run->sale_cnt && feed->batch.item_cnt > 0; i++) {
		struct sale *sale = &run->sales[i];

		if (offline_decide(sale->engine, &feed->batch, compared ? on_reply : NULL,
				   sale->compare, &feed->error) != 0)
			return cli_wrong("%s", feed->error.text);
	}
	feed->datagrams += feed->batch.item_cnt;
	feed->requests += feed->batch.request_cnt;
	feed->waiting_cnt = 0;
	order_recent_clear(&feed->recent);
	ahead_pop(feed->ahead, feed->looked_at);
	feed->looked_at = 0;
	return true;
}

/* Whether a request names an order whose id in the new sale is known only when the requests before
 * it are decided. */
static bool must_wait(const struct feed *feed, const struct ahead_item *item)
{
	bool names;

	return item->kind == CAPTURED_REQUEST && feed->waiting_cnt > 0 &&
	       order_recent_has(&feed->recent, item->datagram, &names);
}

static void look_at(struct feed *feed, const struct ahead_item *item)
{
	feed->looked_at++;
	if (item->kind == CAPTURED_REPLY) {
		feed->replies_seen = true;
		order_recent_add(&feed->recent, item->datagram);
		for (uint32_t i = 0; i < feed->run.sale_cnt; i++)
			compare_add(feed->run.sales[i].compare, COMPARE_CAPTURED, item->shard,
				    item->datagram, NULL);
	} else if (item->shard >= feed->run.options->shards) {
		refuse(feed, item);
		feed->refused.skips[SKIP_SHARD]++;
	} else {
		(void)order_recent_has(&feed->recent, item->datagram,
				       &feed->waiting_names[feed->waiting_cnt]);
		feed->waiting[feed->waiting_cnt++] = item;
	}
}

static void tell_progress(struct feed *feed)
{
	uint64_t read_bytes;
	uint64_t total_bytes;

	reader_progress(feed->run.reader, &read_bytes, &total_bytes);
	progress_tell(&feed->progress, read_bytes, total_bytes, feed->requests);
}

/* Finds the sale in the first replies, before the first request is decided. */
static void find_sale(struct feed *feed)
{
	static const struct timespec pause = {.tv_nsec = 20000};

	while (!ahead_is_ready(feed->ahead) && !progress_interrupted()) {
		if (!ahead_read(feed->ahead))
			nanosleep(&pause, NULL);
		tell_progress(feed);
	}
	feed->sale = fresh_captured_sale(feed->ahead, false);
}

static bool feed_all(struct feed *feed)
{
	static const struct timespec pause = {.tv_nsec = 20000};
	bool ended = false;

	find_sale(feed);

	while (!ended && !progress_interrupted()) {
		const struct ahead_item *item = ahead_peek_at(feed->ahead, feed->looked_at);

		/* It comes to the front then. */
		if (item != NULL && must_wait(feed, item) && !decide_waiting(feed))
			return false;
		item = ahead_peek_at(feed->ahead, feed->looked_at);
		if (item != NULL)
			look_at(feed, item);
		if (item != NULL && feed->waiting_cnt < BATCH_DATAGRAMS_MAX &&
		    feed->looked_at < AHEAD_CNT / 2)
			continue;
		/* Without a thread a batch is read before it is decided. */
		if (item == NULL && ahead_read(feed->ahead)) {
			tell_progress(feed);
			continue;
		}
		if (!decide_waiting(feed))
			return false;
		tell_progress(feed);
		if (item == NULL && ahead_peek(feed->ahead, &ended) == NULL && !ended)
			nanosleep(&pause, NULL);
	}
	feed->run.interrupted = progress_interrupted();
	return decide_waiting(feed);
}

static bool finish_sales(struct feed *feed)
{
	struct offline_run *run = &feed->run;

	if (!run->begun)
		return true;
	for (uint32_t i = 0; i < run->sale_cnt; i++) {
		if (offline_finish(run->sales[i].engine, &feed->error) != 0)
			return cli_wrong("%s", feed->error.text);
		if (feed->replies_seen)
			compare_finish(run->sales[i].compare);
	}
	run->finished = true;
	return true;
}

/* Sales side by side: table, files. False: could not be written. */
static bool tell_what_if(const struct offline_run *run, struct output files[WHAT_IF_FILES])
{
	const struct replay_options *options = run->options;
	struct what_if what_if = {
		.request_cnt = reader_counts(run->reader)->requests,
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
				 options->shards, run->first_ns) == 0 ||
		       cli_wrong("no memory to find who got what");
	}
	if (good && !options->json)
		what_if_table(&what_if, stdout);
	if (good)
		good = what_if_write(&what_if, files);
	for (uint32_t i = 0; i < what_if.cnt; i++)
		sold_free(&what_if.sold[i]);
	return good;
}

static int result_of(const struct offline_run *run)
{
	const struct reader_counts *counts = reader_counts(run->reader);

	if (!run->begun) {
		char why[READING_WHY_BYTES];

		reading_why(counts, reader_damage(run->reader), why);
		cli_wrong("%s: no request that these --keys, --shards and --base-port admit is in "
			  "it: %s",
			  run->options->capture, why);
		return CLI_EXIT_FAILED;
	}
	if (!files_have_instants(run->reader) || run->interrupted ||
	    reader_damage(run->reader) != NULL)
		return CLI_EXIT_BAD;
	if (run->options->strict && !files_are_whole(run->reader))
		return CLI_EXIT_BAD;
	if (run->options->strict && !reading_is_whole(counts, run->options->capture))
		return CLI_EXIT_BAD;
	for (uint32_t i = 0; i < run->sale_cnt && run->options->strict; i++) {
		if (!compare_same(run->sales[i].compare))
			return CLI_EXIT_BAD;
	}
	return CLI_EXIT_GOOD;
}

/* A thread reads, if there is a CPU for it. */
static bool open_ahead(struct feed *feed)
{
	const struct ahead_options options = {
		.reader = feed->run.reader,
		.ring_cnt = AHEAD_CNT,
		.threaded = ahead_cpu_cnt() > 1,
	};
	const int rc = ahead_open(&feed->ahead, &options);

	return rc == 0 || cli_wrong("cannot read the capture ahead: %s", strerror(-rc));
}

static int run(struct feed *feed)
{
	const struct replay_options *options = feed->run.options;
	uint64_t began_ns;

	if (keys_load(options->keys, &feed->keys, &feed->error) != 0) {
		cli_wrong("--keys: %s", feed->error.text);
		return CLI_EXIT_FAILED;
	}
	if (!load_sales(feed) || !what_if_open(feed->files, options))
		return CLI_EXIT_FAILED;
	if (reader_open_source(&feed->run.reader, &options->source, options->base_port,
			       &feed->error) != 0 ||
	    reading_begin(feed->run.reader, options, &feed->error) != 0) {
		cli_wrong("%s", feed->error.text);
		return CLI_EXIT_FAILED;
	}
	/* admit verifies requests, as in the engine. */
	reader_verify(feed->run.reader, feed->keys, false, true);
	progress_begin(&feed->progress, options->quiet);
	reader_end_when(feed->run.reader, progress_interrupted);
	began_ns = clock_now_ns();

	const bool good = open_ahead(feed) && feed_all(feed) && finish_sales(feed);

	progress_end(&feed->progress);
	ahead_close(feed->ahead);
	feed->ahead = NULL;
	reader_refuse(feed->run.reader, &feed->refused);
	if (!good)
		return CLI_EXIT_FAILED;
	feed->run.took_ns = clock_now_ns() - began_ns;
	(options->json ? report_offline_json : report_offline)(&feed->run);
	if (!tell_what_if(&feed->run, feed->files))
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
	for (unsigned i = 0; i < WHAT_IF_FILES; i++)
		output_discard(&feed->files[i]);
	reader_close(feed->run.reader);
	keys_free(feed->keys);
	free(feed);
	return rc;
}
