#include "tests/support/memory_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/error.h"

static struct memory_disk *of_segments(const struct segment_source *segments)
{
	return (struct memory_disk *)((uintptr_t)segments - offsetof(struct memory_disk, segments));
}

static int memory_write(struct disk *base, int fd, const void *buffer, uint32_t bytes,
			uint64_t offset, uint64_t token)
{
	struct memory_disk *disk = (struct memory_disk *)base;
	const int error = disk->write_error;

	disk->write_error = 0;
	if (error != 0)
		return error;
	CHECK(disk->write_cnt < MEMORY_WRITES_MAX);
	CHECK(bytes % BLOCK_ALIGN_BYTES == 0 && offset % BLOCK_ALIGN_BYTES == 0);
	CHECK(offset >= BLOCK_ALIGN_BYTES && offset + bytes <= disk->segment_bytes);
	CHECK((uintptr_t)buffer % BLOCK_ALIGN_BYTES == 0);
	disk->writes[disk->write_cnt++] = (struct memory_write){
		.token = token, .offset = offset, .buffer = buffer, .bytes = bytes, .fd = fd};
	return 0;
}

static int memory_submit(struct disk *base)
{
	(void)base;
	return 0;
}

static int memory_reap(struct disk *base, disk_done_fn *done, void *context)
{
	(void)base;
	(void)done;
	(void)context;
	return 0;
}

static int memory_register(struct disk *base, void *memory, size_t bytes)
{
	(void)base;
	(void)memory;
	(void)bytes;
	return 0;
}

static void memory_close(struct disk *base)
{
	(void)base;
}

static const struct disk_ops disk_ops = {
	.write = memory_write,
	.submit = memory_submit,
	.reap = memory_reap,
	.register_buffers = memory_register,
	.close = memory_close,
};

static int memory_take(struct segment_source *source, uint64_t segment, uint64_t *bytes)
{
	const struct memory_disk *disk = of_segments(source);

	if (segment >= disk->ready_cnt)
		return -EAGAIN;
	*bytes = disk->segment_bytes;
	return MEMORY_FD_FIRST + (int)segment;
}

static void memory_done(struct segment_source *source, int fd)
{
	struct memory_disk *disk = of_segments(source);

	/* No write to it may be in flight. */
	for (unsigned i = 0; i < disk->write_cnt; i++)
		CHECK(disk->writes[i].fd != fd);
	disk->done_cnt++;
}

static uint64_t memory_ready_bytes(const struct segment_source *source, uint64_t segment)
{
	const struct memory_disk *disk = of_segments(source);

	return segment < disk->ready_cnt ? disk->segment_bytes : 0;
}

static int memory_error(const struct segment_source *source)
{
	return of_segments(source)->segment_error;
}

static const struct segment_source_ops source_ops = {
	.take = memory_take,
	.done = memory_done,
	.ready_bytes = memory_ready_bytes,
	.error = memory_error,
};

void memory_disk_add_segment(struct memory_disk *disk)
{
	uint8_t *data = calloc(1, disk->segment_bytes);

	CHECK(data != NULL && disk->ready_cnt < MEMORY_SEGMENTS_MAX);
	segment_header_fill((struct segment_header *)data, disk->journal_id, disk->lane,
			    disk->ready_cnt, disk->segment_bytes);
	disk->data[disk->ready_cnt++] = data;
}

struct memory_disk *memory_disk_open(uint64_t journal_id, uint16_t lane, uint64_t segment_bytes,
				     uint64_t ready_cnt)
{
	struct memory_disk *disk = calloc(1, sizeof(*disk));

	CHECK(disk != NULL && segment_bytes_valid(segment_bytes));
	disk->disk.ops = &disk_ops;
	disk->segments.ops = &source_ops;
	disk->segment_bytes = segment_bytes;
	disk->journal_id = journal_id;
	disk->lane = lane;
	for (uint64_t i = 0; i < ready_cnt; i++)
		memory_disk_add_segment(disk);
	return disk;
}

void memory_disk_close(struct memory_disk *disk)
{
	for (uint64_t i = 0; i < disk->ready_cnt; i++)
		free(disk->data[i]);
	free(disk);
}

void memory_disk_end(struct memory_disk *disk, unsigned idx, struct journal *journal,
		     uint32_t bytes, int64_t result)
{
	CHECK(idx < disk->write_cnt);

	const struct memory_write write = disk->writes[idx];

	memmove(&disk->writes[idx], &disk->writes[idx + 1],
		(disk->write_cnt - idx - 1) * sizeof(write));
	disk->write_cnt--;
	memcpy(disk->data[write.fd - MEMORY_FD_FIRST] + write.offset, write.buffer, bytes);
	journal_written(journal, write.token, result);
}

void memory_disk_complete(struct memory_disk *disk, unsigned idx, struct journal *journal)
{
	const uint32_t bytes = disk->writes[idx].bytes;

	memory_disk_end(disk, idx, journal, bytes, bytes);
}

void memory_disk_complete_all(struct memory_disk *disk, struct journal *journal)
{
	while (disk->write_cnt > 0)
		memory_disk_complete(disk, 0, journal);
}

struct memory_files {
	struct lane_files files;
	struct memory_disk *disk;
};

static struct memory_disk *of_files(struct lane_files *files)
{
	return ((struct memory_files *)files)->disk;
}

static int64_t files_list(struct lane_files *files, uint64_t **numbers)
{
	const struct memory_disk *disk = of_files(files);
	uint64_t *found = calloc(MEMORY_SEGMENTS_MAX, sizeof(*found));
	int64_t cnt = 0;

	CHECK(found != NULL);
	for (uint64_t i = 0; i < disk->ready_cnt; i++) {
		if (disk->data[i] != NULL)
			found[cnt++] = i;
	}
	*numbers = found;
	return cnt;
}

static int64_t files_size(struct lane_files *files, uint64_t segment)
{
	(void)segment;
	return (int64_t)of_files(files)->segment_bytes;
}

static int64_t files_read(struct lane_files *files, uint64_t segment, void *buffer, size_t bytes,
			  uint64_t offset)
{
	const struct memory_disk *disk = of_files(files);
	const uint64_t left = offset < disk->segment_bytes ? disk->segment_bytes - offset : 0;
	const size_t cnt = bytes < left ? bytes : left;

	if (cnt > 0)
		memcpy(buffer, disk->data[segment] + offset, cnt);
	return (int64_t)cnt;
}

static int files_settle(struct lane_files *files, uint64_t segment)
{
	(void)files;
	(void)segment;
	return 0;
}

static int files_zero(struct lane_files *files, uint64_t segment, uint64_t offset)
{
	const struct memory_disk *disk = of_files(files);

	memset(disk->data[segment] + offset, 0, disk->segment_bytes - offset);
	return 0;
}

/* Nothing is ever only in a cache. */
static int files_renew(struct lane_files *files, uint64_t segment, uint64_t from, uint64_t to)
{
	const struct memory_disk *disk = of_files(files);

	CHECK(segment < disk->ready_cnt && from <= to && to <= disk->segment_bytes);
	return 0;
}

static int files_remove(struct lane_files *files, uint64_t segment)
{
	struct memory_disk *disk = of_files(files);

	CHECK(segment + 1 == disk->ready_cnt);
	free(disk->data[segment]);
	disk->data[segment] = NULL;
	disk->ready_cnt--;
	return 0;
}

static void files_close(struct lane_files *files)
{
	free(files);
}

static const struct lane_files_ops files_ops = {
	.list = files_list,
	.size = files_size,
	.read = files_read,
	.settle = files_settle,
	.zero = files_zero,
	.renew = files_renew,
	.remove = files_remove,
	.close = files_close,
};

struct lane_files *memory_disk_files(struct memory_disk *disk)
{
	struct memory_files *files = calloc(1, sizeof(*files));

	CHECK(files != NULL);
	files->files = (struct lane_files){.ops = &files_ops, .path = "memory"};
	files->disk = disk;
	return &files->files;
}

struct journal *memory_disk_journal(struct memory_disk *disk, const struct lane_tail *tail)
{
	static _Alignas(BLOCK_ALIGN_BYTES) uint8_t buffers[BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX];
	const struct journal_options options = {
		.journal_id = disk->journal_id,
		.lane = disk->lane,
		.tail = *tail,
		.disk = &disk->disk,
		.segments = &disk->segments,
		.buffers = buffers,
	};
	struct journal *journal = NULL;
	struct error error;

	/* The old content of a buffer must not matter. */
	memset(buffers, 0xee, sizeof(buffers));
	CHECK(journal_open(&journal, &options, &error) == 0);
	return journal;
}

struct lane_tail empty_tail(void)
{
	return (struct lane_tail){.next_lsn = 1, .place.offset = BLOCK_ALIGN_BYTES};
}

static struct record nth_record(uint64_t lsn)
{
	return (struct record){
		.kind = RECORD_ORDER,
		.quantity = (uint16_t)(lsn % 7 + 1),
		.channel = (uint32_t)(lsn % 3),
		.at_ns = 1000 + lsn,
		.sku = lsn % 11,
		.unit_price = 100,
		.order = {.request_id = {lsn, ~lsn}, .buyer = lsn * 3, .max_price = lsn % 2},
	};
}

void append_records(struct journal *journal, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		CHECK(journal_room(journal) > 0);
		*journal_slot(journal) = nth_record(journal_next_lsn(journal));
		journal_commit(journal);
	}
}

bool is_appended_record(const struct record *record, uint64_t lsn)
{
	const struct record want = nth_record(lsn);

	return memcmp(record, &want, sizeof(want)) == 0;
}
