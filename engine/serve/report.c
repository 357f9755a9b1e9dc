#include "engine/serve/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "net/decode.h"
#include "net/wire.h"

/* Which kinds of pages hold the tables. */
static struct arena_bytes tables_memory(const struct lane *lanes, uint16_t shards)
{
	struct arena_bytes sum = {0};

	for (uint16_t i = 0; i < shards; i++) {
		const struct arena_bytes bytes = shard_memory(lanes[i].shard);

		sum.reserved += bytes.reserved;
		sum.transparent += bytes.transparent;
		sum.normal += bytes.normal;
	}
	return sum;
}

/* The kind that holds the most. */
static const char *hugepages_word(const struct arena_bytes *memory)
{
	if (memory->reserved >= memory->transparent && memory->reserved >= memory->normal)
		return "yes";
	return memory->transparent >= memory->normal ? "transparent" : "no";
}

void serve_report_ready(const struct serve_options *options, const struct lane *lanes,
			const char *metrics, bool zero_copy, uint64_t offers_added)
{
	const struct arena_bytes memory = tables_memory(lanes, options->shards);

	printf("ready port=%s udp=%u", options->port_text, options->base_port);
	if (options->shards > 1)
		printf("-%u", options->base_port + options->shards - 1U);
	printf(" shards=%u cores=", options->shards);
	for (uint16_t i = 0; i < options->core_cnt; i++)
		printf("%s%u", i > 0 ? "," : "", options->cores[i]);
	if (metrics != NULL)
		printf(" metrics=%s", metrics);
	printf(" ack=%s hugepages=%s zero-copy=%s offers_added=%" PRIu64 "\n",
	       options->ack_memory ? "memory" : "durable", hugepages_word(&memory),
	       zero_copy ? "yes" : "no", offers_added);
	fflush(stdout);
	if ((memory.transparent + memory.normal) >> 20 > 0)
		fprintf(stderr,
			"hugepages: of the tables %" PRIu64 " MiB are on reserved ones, %" PRIu64
			" MiB on transparent ones, %" PRIu64
			" MiB on normal pages (sysctl vm.nr_hugepages reserves more)\n",
			memory.reserved >> 20, memory.transparent >> 20, memory.normal >> 20);
}

void serve_report_add(struct worker_counters *sum, const struct worker_counters *counters)
{
	/* The struct has only counters. */
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)counters;

	static_assert(sizeof(*sum) % sizeof(*to) == 0, "only 64-bit counters");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

void serve_report_traffic(const struct worker_counters *sum, uint64_t missed)
{
	printf("traffic frames=%" PRIu64 " datagrams=%" PRIu64 " requests=%" PRIu64
	       " replies=%" PRIu64 " neighbours=%" PRIu64 " handed_over=%" PRIu64
	       " missed_by_port=%" PRIu64 "\n",
	       sum->frames, sum->datagrams, sum->requests, sum->replies, sum->neighbours_answered,
	       sum->handed_over, missed);
	for (unsigned reason = 0; reason < DROP_CNT; reason++) {
		if (sum->drops[reason] > 0)
			printf("drops %s %" PRIu64 "\n", drop_name(reason), sum->drops[reason]);
	}
	for (unsigned verdict = 0; verdict < VERDICT_END; verdict++) {
		if (sum->verdicts[verdict] > 0)
			printf("verdicts %s %" PRIu64 "\n", verdict_name((uint8_t)verdict),
			       sum->verdicts[verdict]);
	}
}

static double share(uint64_t part, uint64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

void serve_report_work(struct worker *const *workers, const struct serve_options *options,
		       uint64_t tsc_hz)
{
	struct worker_counters sum = {0};
	uint64_t cycles = 0;

	for (uint16_t i = 0; i < options->core_cnt; i++) {
		const struct worker_counters *counters = worker_counters(workers[i]);

		serve_report_add(&sum, counters);
		printf("worker %u core=%u turns=%" PRIu64 " busy=%" PRIu64 " stalled=%" PRIu64
		       " busy_share=%.3f allocated_bytes=%" PRIu64 "\n",
		       i, options->cores[i], counters->turns, counters->turns_busy,
		       counters->turns_stalled, share(counters->turns_busy_ns, counters->turns_ns),
		       counters->allocated_bytes);
	}
	for (unsigned stage = 0; stage < STAGE_CNT; stage++)
		cycles += sum.timed_cycles[stage];
	if (sum.timed_requests == 0)
		return;
	for (unsigned stage = 0; stage < STAGE_CNT; stage++) {
		const double a_request = share(sum.timed_cycles[stage], sum.timed_requests);

		printf("stage %-13s cycles=%7.1f ns=%7.1f share=%.3f\n", stage_name(stage),
		       a_request, a_request * 1e9 / (double)tsc_hz,
		       share(sum.timed_cycles[stage], cycles));
	}
	printf("stage %-13s cycles=%7.1f ns=%7.1f requests=%" PRIu64 " turns=%" PRIu64 "\n", "all",
	       share(cycles, sum.timed_requests),
	       share(cycles, sum.timed_requests) * 1e9 / (double)tsc_hz, sum.timed_requests,
	       sum.timed_turns);
}

void serve_report_lanes(const struct lane *lanes, uint16_t shard_cnt)
{
	struct shard_hash sum = {0, 0};
	uint64_t orders = 0;
	uint64_t units = 0;
	bool failed = false;

	for (uint16_t i = 0; i < shard_cnt; i++) {
		struct shard_totals totals;
		struct journal_stats stats;

		shard_totals(lanes[i].shard, &totals);
		failed |= journal_error(lanes[i].journal) != 0;
		journal_stats(lanes[i].journal, &stats);
		printf("lane %u orders=%" PRIu64 " units=%" PRIu64 " free=%" PRIu64 " held=%" PRIu64
		       " written_off=%" PRIu64 " open_holds=%" PRIu64 " durable_lsn=%" PRIu64
		       " blocks=%" PRIu64 " bytes=%" PRIu64 " conserved=%s\n",
		       i, totals.orders, totals.units_sold, totals.units_free, totals.units_held,
		       totals.units_written_off, totals.open_holds, stats.durable_lsn, stats.blocks,
		       stats.bytes, totals.offers_broken == 0 ? "yes" : "NO");
		shard_hash_add(&sum, shard_hash(lanes[i].shard));
		orders += totals.orders;
		units += totals.units_sold;
	}
	/* The last orders of a failed lane may not be on its disk. */
	if (failed)
		printf("failed orders=%" PRIu64 " units=%" PRIu64 " state_hash=unknown\n", orders,
		       units);
	else
		printf("drained orders=%" PRIu64 " units=%" PRIu64 " state_hash=%016" PRIx64
		       "%016" PRIx64 "\n",
		       orders, units, sum.high, sum.low);
}
