/*
 * bench_recover: how fast a state comes back: from its whole lane, and from a checkpoint of it. The
 * lane holds real orders of random buyers, each at most one unit a SKU. "a start" is all that an
 * engine does: files that no cache holds are read and checked, tables made, and the orders applied.
 * Its parts are also measured, each by itself and warm from the second pass on. usage:
 * bench_recover DIR [ORDERS [SKUS]]; defaults 10,000,000 and 1,000.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/common.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/format.h"
#include "engine/journal/lane_files.h"
#include "engine/recover/follower.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "net/wire.h"

enum {
	PASSES = 3,
};

static struct error error;

/* A lane being written, without a disk's guarantees. */
struct writer {
	struct data_dir dir;
	FILE *file;
	uint64_t segment;
	uint64_t offset;
	uint64_t next_lsn;
	uint64_t prev_checksum;
	struct block_header *block; /* BLOCK_BYTES_MAX */
};

static void must(int rc)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", error.text);
	exit(2);
}

static void say_speed(const char *what, uint64_t orders, uint64_t begin_ns)
{
	const double s = (double)(clock_now_ns() - begin_ns) / 1e9;

	printf("%-24s %6.1f M orders/s\n", what, (double)orders / s / 1e6);
}

static void begin_segment(struct writer *writer)
{
	char path[SEGMENT_PATH_BYTES];
	struct segment_header header;
	char lane_path[600];

	data_dir_lane_path(&writer->dir, 0, lane_path, sizeof(lane_path));
	segment_path(lane_path, writer->segment, path);
	writer->file = fopen(path, "we");
	CHECK(writer->file != NULL);
	segment_header_fill(&header, writer->dir.journal_id, 0, writer->segment, SEGMENT_BYTES);
	CHECK(fwrite(&header, sizeof(header), 1, writer->file) == 1);
	CHECK(fseeko(writer->file, BLOCK_ALIGN_BYTES, SEEK_SET) == 0);
	writer->offset = BLOCK_ALIGN_BYTES;
}

static void end_segment(struct writer *writer)
{
	CHECK(fflush(writer->file) == 0);
	CHECK(ftruncate(fileno(writer->file), (off_t)SEGMENT_BYTES) == 0);
	CHECK(fclose(writer->file) == 0);
	writer->segment++;
}

/* Writes the cnt records in the buffer as a block. */
static void put_block(struct writer *writer, uint32_t cnt)
{
	struct block_header *block = writer->block;
	const uint32_t bytes = block_bytes_of(cnt);

	*block = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = JOURNAL_FORMAT,
		.prev_checksum = writer->prev_checksum,
		.first_lsn = writer->next_lsn,
		.durable_lsn = writer->next_lsn - 1,
		.written_at_ns = 1,
		.record_cnt = cnt,
		.block_bytes = bytes,
	};
	block->checksum =
		block_checksum(block, block_seed(writer->dir.journal_id, 0, writer->segment,
						 writer->offset, writer->next_lsn));
	CHECK(fwrite(block, bytes, 1, writer->file) == 1);
	writer->offset += bytes;
	writer->next_lsn += cnt;
	writer->prev_checksum = block->checksum;
	memset(block, 0, BLOCK_BYTES_MAX);
	/* The last unit is kept for a closing block. */
	if (writer->offset == SEGMENT_BYTES - BLOCK_ALIGN_BYTES) {
		end_segment(writer);
		begin_segment(writer);
	}
}

/* Records that the next block may have. */
static uint32_t room(const struct writer *writer)
{
	const uint64_t bytes = SEGMENT_BYTES - BLOCK_ALIGN_BYTES - writer->offset;

	return bytes >= BLOCK_BYTES_MAX ? BLOCK_RECORDS_MAX
					: (uint32_t)((bytes - BLOCK_HEADER_BYTES) / RECORD_BYTES);
}

static void make_sale(const char *path, uint64_t order_cnt, uint32_t skus)
{
	struct writer writer = {.next_lsn = 1, .block = calloc(1, BLOCK_BYTES_MAX)};
	struct record *records = (struct record *)(writer.block + 1);
	uint32_t cnt = 0;

	CHECK(writer.block != NULL);
	must(data_dir_open(&writer.dir, path, 1, &error));
	begin_segment(&writer);
	for (uint64_t i = 0; i < skus + order_cnt; i++) {
		records[cnt] = (struct record){.at_ns = 1, .unit_price = 1};
		if (i < skus) {
			records[cnt].kind = RECORD_OFFER;
			records[cnt].sku = i;
			records[cnt].offer.stock = (uint32_t)(order_cnt / skus + 1);
			records[cnt].offer.limit_per_buyer = 1;
			records[cnt].offer.closes_at_ns = INSTANT_NEVER;
		} else {
			records[cnt].kind = RECORD_ORDER;
			records[cnt].quantity = 1;
			records[cnt].sku = i % skus;
			records[cnt].order.request_id[0] = mix64(i);
			records[cnt].order.request_id[1] = i;
			records[cnt].order.buyer = mix64(~i);
		}
		if (++cnt < room(&writer) && i + 1 < skus + order_cnt)
			continue;
		put_block(&writer, cnt);
		cnt = 0;
	}
	put_block(&writer, 0);
	end_segment(&writer);
	free(writer.block);
	data_dir_close(&writer.dir);
}

/* The tables are made, and their pages touched, before the clock runs. */
static void come_back(const struct data_dir *dir, const char *what)
{
	struct recover_scan scan;
	struct shard_size size;
	struct shard *shard;
	uint64_t begin_ns;

	must(recover_scan(dir, 0, &scan, &error));
	recover_sizes(&scan, &size);
	must(shard_open(&shard, 0, 1, &size));
	for (unsigned pass = 0; pass < PASSES; pass++) {
		shard_clear(shard);
		begin_ns = clock_now_ns();
		must(recover_lane(dir, 0, &scan, shard, &error));
		say_speed(what, scan.order_cnt, begin_ns);
	}
	begin_ns = clock_now_ns();

	const struct shard_hash hash = shard_hash(shard);

	bench_keep(&hash);
	say_speed("  its state hash alone", scan.order_cnt, begin_ns);
	shard_close(shard);
	recover_scan_free(&scan);
}

/* So that the disk is read, and no cache. */
static void drop_cache(const struct data_dir *dir)
{
	char lane_path[600];
	struct dirent *entry;
	DIR *lane;

	data_dir_lane_path(dir, 0, lane_path, sizeof(lane_path));
	lane = opendir(lane_path);
	CHECK(lane != NULL);
	while ((entry = readdir(lane)) != NULL) {
		const int fd = openat(dirfd(lane), entry->d_name, O_RDONLY | O_CLOEXEC);

		CHECK(fd >= 0);
		if (entry->d_name[0] != '.')
			CHECK(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
		close(fd);
	}
	closedir(lane);
}

static void start_cold(const struct data_dir *dir, const char *what)
{
	struct recover_scan scan;
	struct shard_size size;
	struct shard *shard;

	for (unsigned pass = 0; pass < PASSES; pass++) {
		uint64_t begin_ns;

		drop_cache(dir);
		begin_ns = clock_now_ns();
		must(recover_scan(dir, 0, &scan, &error));
		recover_sizes(&scan, &size);
		must(shard_open(&shard, 0, 1, &size));
		must(recover_lane(dir, 0, &scan, shard, &error));
		say_speed(what, scan.order_cnt, begin_ns);
		shard_close(shard);
		recover_scan_free(&scan);
	}
}

static void write_checkpoint(const struct data_dir *dir, uint64_t order_cnt)
{
	struct follower follower;
	uint64_t bytes = 0;
	unsigned removed;
	uint64_t begin_ns;

	must(follower_open(&follower, dir, 0, &error));
	begin_ns = clock_now_ns();
	must(follower_save(&follower, 2, &bytes, &removed, &error));
	say_speed("checkpoint written", order_cnt, begin_ns);
	follower_close(&follower);
}

int main(int argc, char **argv)
{
	const uint64_t order_cnt = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
	const uint32_t skus = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1000;
	struct recover_scan scan;
	struct data_dir dir;

	if (argc < 2 || order_cnt == 0 || skus == 0) {
		fprintf(stderr, "usage: bench_recover DIR [ORDERS [SKUS]]\n");
		return 2;
	}
	make_sale(argv[1], order_cnt, skus);
	must(data_dir_read(&dir, argv[1], &error));
	for (unsigned pass = 0; pass < PASSES; pass++) {
		const uint64_t begin_ns = clock_now_ns();

		must(recover_scan(&dir, 0, &scan, &error));
		say_speed("blocks read and checked", scan.order_cnt, begin_ns);
		recover_scan_free(&scan);
	}
	start_cold(&dir, "a start, whole lane");
	come_back(&dir, "from the whole lane");
	write_checkpoint(&dir, order_cnt);
	start_cold(&dir, "a start, checkpoint");
	come_back(&dir, "from a checkpoint");
	return 0;
}
