/*
 * report: how far the downstream has each lane, and what it lacks: in records, in bytes of the
 * lane, and in seconds since the oldest of them was written. Also how many bytes stay on the disk
 * for it, counted from the safe mark.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/journal/lane_end.h"
#include "engine/journal/lane_files.h"
#include "tools/relay/relay.h"

/* The alarm comes when this part of the budget is used, in percent. */
static const unsigned ALARM_PERCENT = 50;

static double wall_s(void)
{
	return (double)clock_wall_ns() / 1e9;
}

/* Bytes of the lane from an offset in the segment of a mark on; all of it if there is no mark. */
static uint64_t bytes_from(const struct lane_end *extent, const struct lane_mark *mark,
			   uint64_t offset)
{
	const bool none = mark->next_lsn == 0;
	const uint64_t first = none ? extent->first_segment : mark->place.segment;

	return (extent->place.segment - first) * extent->segment_bytes + extent->place.offset -
	       (none ? 0 : offset);
}

/* When the first block that downstream lacks was written; 0: unknown. */
static uint64_t oldest_ns(const struct relay *relay, const struct relay_lane *lane)
{
	struct lane_tailer_options options = lane_tailer_of(&relay->dir, lane->lane);
	struct lane_tailer *tailer = NULL;
	struct lane_block block;
	struct error why;
	uint64_t written_at_ns = 0;

	if (lane->sent_head != lane->sent_tail)
		return lane->sent[lane->sent_head % DOWNSTREAM_IN_FLIGHT_MAX].written_at_ns;
	options.proven = options.skip_pruned = true;
	if (lane_tailer_open(&tailer, &options, &lane->acked.mark, &why) == 0 &&
	    lane_tailer_peek(tailer, &block, &why) == 1)
		written_at_ns = block.header->written_at_ns;
	lane_tailer_close(tailer);
	return written_at_ns;
}

static void measure(const struct relay *relay, struct relay_lane *lane)
{
	const struct relay_sent *acked = &lane->acked;
	struct lane_end extent;
	struct lane_files *files;
	char path[sizeof(files->path)];
	uint64_t next_lsn = acked->mark.next_lsn > 0 ? acked->mark.next_lsn : 1;
	int rc;

	lane->status.lsn = next_lsn - 1;
	lane->status.safe_lsn = lane->safe.next_lsn > 0 ? lane->safe.next_lsn - 1 : 0;
	lane->status.behind_records = lane->status.behind_bytes = lane->status.kept_bytes = 0;
	lane->status.behind_s = 0;
	data_dir_lane_path(&relay->dir, lane->lane, path, sizeof(path));
	rc = lane_files_open_direct(&files, path);
	if (rc != 0)
		return;
	rc = lane_end_find(files, lane->lane, &extent);
	files->ops->close(files);
	if (rc == 0 && extent.segment_bytes > 0 && extent.place.segment >= lane->safe.place.segment)
		lane->status.kept_bytes = bytes_from(&extent, &lane->safe, lane->safe.place.offset);
	if (rc != 0 || extent.next_lsn <= next_lsn)
		return;
	lane->status.behind_records = extent.next_lsn - next_lsn;
	lane->status.behind_bytes = bytes_from(&extent, &acked->mark, acked->end_offset);

	const uint64_t written_at_ns = oldest_ns(relay, lane);

	if (written_at_ns != 0)
		lane->status.behind_s = wall_s() - (double)written_at_ns / 1e9;
}

static void print_json(const struct relay *relay, double records_s, double bytes_s,
		       uint64_t behind_bytes, uint64_t kept_bytes, bool last, FILE *out)
{
	flockfile(out);
	fprintf(out, "%s{\"time\":%.3f,\"records_per_s\":%.0f,\"bytes_per_s\":%.0f",
		out == stderr ? log_mark(LOG_AS_DATA) : "", wall_s(), records_s, bytes_s);
	if (relay->positioned)
		fprintf(out,
			",\"budget_bytes\":%" PRIu64 ",\"behind_bytes\":%" PRIu64
			",\"kept_bytes\":%" PRIu64 ",\"alarm\":%s",
			relay->position.budget_bytes, behind_bytes, kept_bytes,
			relay->alarmed ? "true" : "false");
	fprintf(out, ",\"last\":%s,\"lanes\":[", last ? "true" : "false");
	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		const struct relay_lane *lane = &relay->lanes[i];

		fprintf(out,
			"%s{\"lane\":%u,\"up\":%s,\"lsn\":%" PRIu64 ",\"safe_lsn\":%" PRIu64
			",\"records\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"links\":%" PRIu64
			",\"behind_records\":%" PRIu64 ",\"behind_bytes\":%" PRIu64
			",\"behind_s\":%.3f}",
			i > 0 ? "," : "", lane->lane, lane->up ? "true" : "false", lane->status.lsn,
			lane->status.safe_lsn, lane->status.record_cnt, lane->status.block_cnt,
			lane->link_cnt, lane->status.behind_records, lane->status.behind_bytes,
			lane->status.behind_s);
	}
	fprintf(out, "]}\n");
	fflush(out);
	funlockfile(out);
}

static void print_text(const struct relay *relay, double records_s, double bytes_s)
{
	uint64_t records = 0;
	uint64_t bytes = 0;
	double seconds = 0;
	unsigned away = 0;

	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		const struct relay_lane *lane = &relay->lanes[i];

		records += lane->status.behind_records;
		bytes += lane->status.behind_bytes;
		seconds = lane->status.behind_s > seconds ? lane->status.behind_s : seconds;
		away += lane->up ? 0 : 1;
	}
	flockfile(stderr);
	fprintf(stderr, "%.0f records/s, %.1f MB/s; behind: %" PRIu64 " records, %.1f MB, %.1f s",
		records_s, bytes_s / 1e6, records, (double)bytes / 1e6, seconds);
	if (away > 0)
		fprintf(stderr, "; downstream away for %u of %u lanes", away, relay->lane_cnt);
	fputc('\n', stderr);
	funlockfile(stderr);
}

static void alarm_budget(struct relay *relay, uint64_t kept_bytes)
{
	const uint64_t budget_bytes = relay->position.budget_bytes;
	const bool over = relay->positioned && kept_bytes > budget_bytes / 100 * ALARM_PERCENT;

	if (over && !relay->alarmed)
		fprintf(stderr,
			"%sALARM: %" PRIu64
			" MiB wait on the disk for downstream, %u %% or more of "
			"the budget of %" PRIu64 " MiB; they stay until it has them: repair the "
			"downstream, or make room\n",
			log_mark(LOG_AS_WARNING), kept_bytes >> 20, ALARM_PERCENT,
			budget_bytes >> 20);
	if (!over && relay->alarmed)
		fprintf(stderr, "the alarm is over: %" PRIu64 " MiB wait for downstream\n",
			kept_bytes >> 20);
	relay->alarmed = over;
}

void relay_report(struct relay *relay, double seconds, bool last)
{
	static uint64_t records_before;
	static uint64_t bytes_before;
	const bool is_stdout = relay->options.downstream.to[0] == '-';
	uint64_t records = 0;
	uint64_t bytes = 0;
	uint64_t behind_bytes = 0;
	uint64_t kept_bytes = 0;

	for (uint16_t i = 0; i < relay->lane_cnt; i++) {
		measure(relay, &relay->lanes[i]);
		records += relay->lanes[i].status.record_cnt;
		bytes += relay->lanes[i].status.bytes;
		behind_bytes += relay->lanes[i].status.behind_bytes;
		kept_bytes += relay->lanes[i].status.kept_bytes;
	}
	alarm_budget(relay, kept_bytes);
	relay_metrics_update(relay);

	const double records_s = (double)(records - records_before) / seconds;
	const double bytes_s = (double)(bytes - bytes_before) / seconds;

	records_before = records;
	bytes_before = bytes;
	if (relay->options.json)
		print_json(relay, records_s, bytes_s, behind_bytes, kept_bytes, last,
			   is_stdout ? stderr : stdout);
	else if (isatty(STDERR_FILENO) || last)
		print_text(relay, records_s, bytes_s);
}
