/*
 * bench_journal: the lane on a real disk, without network and decide: durable orders/s and write
 * latency next to raw durable writes in the same run, one at a time and as many at a time as the
 * lane has, and how fast a lane is read back.
 * usage: bench_journal DIR [ORDERS [BATCH]]; defaults 10,000,000 and 64 orders a turn.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/disk.h"
#include "engine/journal/journal.h"
#include "engine/journal/lane_reader.h"
#include "engine/journal/segments.h"
#include "engine/recover/cut.h"
#include "engine/recover/scan.h"
#include "net/wire.h"

enum {
	RAW_BYTES = 16384,
	RAW_CNT = 4000,
	/* More than fit into all blocks that a lane has in flight. */
	BATCHES_OUT_MAX = 4096,
};

static struct error error;

struct latencies {
	uint64_t cnt;
	uint64_t ns[1 << 20];
};

static struct latencies journal_latencies;
static struct latencies raw_latencies;
/* Batches that wait for the disk: the last LSN of each, and since when it is due. */
static uint64_t sent_lsn[BATCHES_OUT_MAX];
static uint64_t sent_ns[BATCHES_OUT_MAX];

static void must(int rc)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", error.text);
	exit(2);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a;
	const uint64_t two = *(const uint64_t *)b;

	return one < two ? -1 : one > two;
}

static void note(struct latencies *latencies, uint64_t ns)
{
	if (latencies->cnt < sizeof(latencies->ns) / sizeof(latencies->ns[0]))
		latencies->ns[latencies->cnt++] = ns;
}

static double quantile_us(struct latencies *latencies, double q)
{
	qsort(latencies->ns, latencies->cnt, sizeof(uint64_t), ascending);
	return latencies->cnt == 0
		       ? 0
		       : (double)latencies->ns[(uint64_t)(q * (double)(latencies->cnt - 1))] / 1000;
}

/* One write at a time, O_DIRECT and RWF_DSYNC, into a zero-filled file. */
static void raw_writes(const char *dir)
{
	char path[600];
	uint8_t *bytes = aligned_alloc(BLOCK_ALIGN_BYTES, RAW_BYTES);

	snprintf(path, sizeof(path), "%s/raw", dir);

	const int fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && bytes != NULL);
	memset(bytes, 0, RAW_BYTES);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < RAW_CNT; i++) {
			const struct iovec iov = {.iov_base = bytes, .iov_len = RAW_BYTES};
			const uint64_t begin_ns = clock_now_ns();

			CHECK(pwritev2(fd, &iov, 1, (off_t)i * RAW_BYTES,
				       pass == 0 ? 0 : RWF_DSYNC) == RAW_BYTES);
			if (pass == 1)
				note(&raw_latencies, clock_now_ns() - begin_ns);
		}
		CHECK(fsync(fd) == 0);
	}
	close(fd);
	unlink(path);
	free(bytes);
}

struct deep {
	uint32_t bytes;
	uint64_t begin_ns[WRITES_IN_FLIGHT_MAX];
	bool free[WRITES_IN_FLIGHT_MAX];
	uint64_t done_cnt;
};

static void on_raw_written(void *context, uint64_t token, int64_t result)
{
	struct deep *deep = context;

	CHECK(result == deep->bytes);
	note(&raw_latencies, clock_now_ns() - deep->begin_ns[token]);
	deep->free[token] = true;
	deep->done_cnt++;
}

/* The same with `depth` writes in flight, through the lane's own disk code, spinning as it does. */
static void raw_deep(const char *dir, struct disk *disk, uint8_t *buffers, uint32_t bytes,
		     unsigned depth)
{
	struct deep deep = {.bytes = bytes};
	char path[600];
	uint64_t sent_cnt = 0;

	CHECK(depth <= WRITES_IN_FLIGHT_MAX);
	snprintf(path, sizeof(path), "%s/raw", dir);

	const int fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	memset(buffers, 0, bytes);
	for (uint64_t i = 0; i < RAW_CNT; i++)
		CHECK(pwrite(fd, buffers, bytes, (off_t)(i * bytes)) == bytes);
	CHECK(fsync(fd) == 0);
	raw_latencies.cnt = 0;
	memset(deep.free, true, sizeof(deep.free));

	const uint64_t begin_ns = clock_now_ns();

	while (deep.done_cnt < RAW_CNT) {
		for (unsigned i = 0; i < depth && sent_cnt < RAW_CNT; i++) {
			if (!deep.free[i])
				continue;
			deep.free[i] = false;
			deep.begin_ns[i] = clock_now_ns();
			CHECK(disk->ops->write(disk, fd, buffers, bytes, sent_cnt++ * bytes, i) ==
			      0);
		}
		CHECK(disk->ops->submit(disk) == 0);
		disk->ops->reap(disk, on_raw_written, &deep);
	}
	printf("raw %u KiB, %u in flight: %.0f MB/s  p50 %.1f us  p99 %.1f us\n", bytes / 1024,
	       depth, (double)bytes * RAW_CNT * 1e3 / (double)(clock_now_ns() - begin_ns),
	       quantile_us(&raw_latencies, 0.5), quantile_us(&raw_latencies, 0.99));
	close(fd);
	unlink(path);
}

static void on_written(void *context, uint64_t token, int64_t result)
{
	journal_written(context, token, result);
}

/* One turn of a worker: reap, pump, submit; latency is from the append of a turn to its sync. */
static void turn(struct journal *journal, struct disk *disk, uint64_t *oldest, uint64_t newest)
{
	disk->ops->reap(disk, on_written, journal);
	while (*oldest < newest &&
	       sent_lsn[*oldest % BATCHES_OUT_MAX] <= journal_durable_lsn(journal)) {
		note(&journal_latencies, clock_now_ns() - sent_ns[*oldest % BATCHES_OUT_MAX]);
		(*oldest)++;
	}
	journal_pump(journal, 1);
	disk->ops->submit(disk);
	CHECK(journal_error(journal) == 0);
}

static void write_orders(struct journal *journal, struct disk *disk, uint64_t order_cnt,
			 uint64_t batch_cnt, uint64_t pace_ns)
{
	const uint64_t begin_ns = clock_now_ns();
	uint64_t oldest = 0;
	uint64_t newest = 0;
	struct journal_stats before;
	struct journal_stats after;

	journal_latencies.cnt = 0;
	journal_stats(journal, &before);
	for (uint64_t i = 0; i < order_cnt;) {
		const uint64_t now_ns = clock_now_ns();
		const uint64_t due_ns = pace_ns == 0 ? now_ns : begin_ns + i / batch_cnt * pace_ns;

		if (due_ns <= now_ns && journal_room(journal) >= batch_cnt) {
			for (uint64_t k = 0; k < batch_cnt; k++, i++) {
				*journal_slot(journal) = (struct record){
					.kind = RECORD_ORDER,
					.quantity = 1,
					.at_ns = 1,
					.order = {.request_id = {i, i}, .buyer = i},
				};
				journal_commit(journal);
			}
			/* From when it was due, not from when there was room. */
			CHECK(newest - oldest < BATCHES_OUT_MAX);
			sent_lsn[newest % BATCHES_OUT_MAX] = journal_next_lsn(journal) - 1;
			sent_ns[newest++ % BATCHES_OUT_MAX] = due_ns;
		}
		turn(journal, disk, &oldest, newest);
	}
	while (!journal_idle(journal))
		turn(journal, disk, &oldest, newest);

	const double wall_s = (double)(clock_now_ns() - begin_ns) / 1e9;

	journal_stats(journal, &after);

	const uint64_t blocks = after.blocks - before.blocks;
	const uint64_t bytes = after.bytes - before.bytes;

	printf("%8.2f M orders/s  %8.0f blocks/s  %6.1f orders a block  %7.1f MB/s  p50 %7.1f us  "
	       "p99 %7.1f us\n",
	       (double)order_cnt / wall_s / 1e6, (double)blocks / wall_s,
	       (double)order_cnt / (double)blocks, (double)bytes / wall_s / 1e6,
	       quantile_us(&journal_latencies, 0.5), quantile_us(&journal_latencies, 0.99));
}

static void read_lane(const struct data_dir *dir)
{
	for (unsigned pass = 0; pass < 3; pass++) {
		const uint64_t begin_ns = clock_now_ns();
		struct recover_scan scan;

		must(recover_scan(dir, 0, &scan, &error));

		const double s = (double)(clock_now_ns() - begin_ns) / 1e9;

		printf("scan %u: %6.1f M orders/s\n", pass, (double)scan.order_cnt / s / 1e6);
		recover_scan_free(&scan);
	}
}

int main(int argc, char **argv)
{
	const size_t buffer_bytes = (size_t)BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX;
	const uint64_t order_cnt = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
	const uint64_t batch_cnt = argc > 3 ? strtoull(argv[3], NULL, 10) : 64;
	struct journal_options options = {.buffers =
						  aligned_alloc(BLOCK_ALIGN_BYTES, buffer_bytes)};
	struct segment_preparer *preparer;
	struct recover_scan scan;
	struct journal *journal;
	struct data_dir dir;
	char lane_path[600];

	if (argc < 2) {
		fprintf(stderr, "usage: bench_journal DIR [ORDERS [BATCH]]\n");
		return 2;
	}
	must(data_dir_open(&dir, argv[1], 1, &error));
	must(recover_scan(&dir, 0, &scan, &error));
	must(recover_cut(&dir, 0, &scan.tail, &error));
	must(disk_uring_open(&options.disk, WRITES_IN_FLIGHT_MAX, &error));
	must(options.disk->ops->register_buffers(options.disk, options.buffers, buffer_bytes));
	must(segment_preparer_open(&preparer, &error));
	data_dir_lane_path(&dir, 0, lane_path, sizeof(lane_path));
	must(segment_source_open(&options.segments, preparer, lane_path, dir.journal_id, 0,
				 scan.tail.place.segment, &error));
	options.journal_id = dir.journal_id;
	options.tail = scan.tail;
	must(journal_open(&journal, &options, &error));

	raw_writes(argv[1]);
	printf("raw 16 KiB durable write: p50 %.1f us  p99 %.1f us\n",
	       quantile_us(&raw_latencies, 0.5), quantile_us(&raw_latencies, 0.99));
	raw_deep(argv[1], options.disk, options.buffers, RAW_BYTES, 2);
	raw_deep(argv[1], options.disk, options.buffers, BLOCK_BYTES_MAX, WRITES_IN_FLIGHT_MAX);
	printf("full speed ");
	write_orders(journal, options.disk, order_cnt, batch_cnt, 0);
	printf("5.8 M/s    ");
	write_orders(journal, options.disk, order_cnt / 4, batch_cnt,
		     batch_cnt * 1000000000 / 5800000);
	printf("1 M/s      ");
	write_orders(journal, options.disk, order_cnt / 10, batch_cnt, batch_cnt * 1000);
	printf("0.1 M/s    ");
	write_orders(journal, options.disk, order_cnt / 50, 29, 29 * 10000);
	journal_close(journal);
	options.disk->ops->close(options.disk);
	segment_preparer_close(preparer);
	segment_source_close(options.segments);
	read_lane(&dir);
	data_dir_close(&dir);
	return 0;
}
