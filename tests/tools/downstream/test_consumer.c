/* What a consumer makes of the blocks that a source brings, whatever the source brings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tests/support/memory_disk.h"
#include "tests/support/temp_dir.h"
#include "tools/downstream/consumer.h"
#include "tools/downstream/source.h"

static const uint64_t JOURNAL_ID = 0x77;

enum {
	LANES = 2,
	MESSAGES_MAX = 64,
	UNITS = 6, /* of a segment */
};

/* A stream a lane, as a broker has it. */
static struct stream {
	struct frame frames[MESSAGES_MAX];
	uint8_t *blocks[MESSAGES_MAX];
	unsigned cnt;
	unsigned next;
} streams[LANES];
static uint16_t lanes; /* that the broker has */

static struct memory_disk *disk;
static struct journal *journal;
static struct consumer *consumer;
static struct consumer_batch batch;
static struct cursor cursor;
static struct error error;

static int open_fake(struct source **out, const struct consumer_options *options,
		     struct error *said)
{
	static struct source source;

	(void)options;
	(void)said;
	source = (struct source){.journal_id = JOURNAL_ID, .lanes = lanes};
	*out = &source;
	return 0;
}

/* All comes again, each time. */
static int seek_fake(struct source *source, uint16_t lane, const struct cursor_lane *behind,
		     struct error *said)
{
	(void)source;
	(void)behind;
	(void)said;
	streams[lane].next = 0;
	return 0;
}

static int grow_fake(struct source *source, struct error *said)
{
	(void)said;
	source->lanes = lanes;
	return 0;
}

static int next_fake(struct source *source, uint16_t lane, struct source_block *block,
		     struct error *said)
{
	struct stream *stream = &streams[lane];

	(void)source;
	(void)said;
	if (stream->next == stream->cnt)
		return 0;
	block->frame = stream->frames[stream->next];
	block->block = (const struct block_header *)stream->blocks[stream->next];
	block->bytes = block->block->block_bytes;
	block->extra = ++stream->next;
	return 1;
}

static void close_fake(struct source *source)
{
	(void)source;
}

static const struct source_kind fake = {
	.scheme = "fake:",
	.open = open_fake,
	.seek = seek_fake,
	.grow = grow_fake,
	.next = next_fake,
	.close = close_fake,
};

static int open_memory(const void *context, uint16_t lane, struct lane_files **out)
{
	(void)context;
	(void)lane;
	*out = memory_disk_files(disk);
	return 0;
}

static void begin_lane(uint16_t lane)
{
	const struct lane_tail tail = empty_tail();

	disk = memory_disk_open(JOURNAL_ID, lane, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 20);
	journal = memory_disk_journal(disk, &tail);
}

static void write_block(uint32_t records)
{
	append_records(journal, records);
	journal_pump(journal, 5000);
	memory_disk_complete_all(disk, journal);
}

static void close_block(void)
{
	journal_put_closing_block(journal, 9000);
	memory_disk_complete_all(disk, journal);
}

/* The stream of the lane on the disk gets the lane's blocks that it has not got. */
static void publish(void)
{
	const struct lane_tailer_options options = {.open_files = open_memory,
						    .journal_id = JOURNAL_ID,
						    .lane = disk->lane,
						    .proven = true};
	struct stream *stream = &streams[disk->lane];
	struct lane_tailer *tailer = NULL;
	struct lane_block block;

	stream->cnt = 0;
	cr_assert(eq(int, lane_tailer_open(&tailer, &options, &(struct lane_mark){0}, &error), 0));
	while (lane_tailer_peek(tailer, &block, &error) == 1) {
		uint8_t *copy = malloc(block.header->block_bytes);

		cr_assert(all(ne(ptr, copy, NULL), lt(u32, stream->cnt, MESSAGES_MAX)));
		memcpy(copy, block.header, block.header->block_bytes);
		frame_fill(&stream->frames[stream->cnt], JOURNAL_ID, disk->lane, &block);
		stream->blocks[stream->cnt++] = copy;
		lane_tailer_take(tailer);
	}
	lane_tailer_close(tailer);
}

static int open_at_cursor(void)
{
	const struct consumer_options options = {.from = "fake:", .kind = &fake, .start = &cursor};

	return consumer_open(&consumer, &options, &error);
}

static int next(void)
{
	return consumer_next(consumer, &batch, &error);
}

/* Reads all there is, keeps the cursor: what the last call said. */
static int read_all(uint64_t *records)
{
	int rc = open_at_cursor();

	*records = 0;
	while (rc == 0 && (rc = next()) == 1) {
		*records += batch.record_cnt;
		rc = 0;
	}
	if (consumer != NULL)
		cursor = *consumer_cursor(consumer);
	consumer_close(consumer);
	consumer = NULL;
	return rc;
}

static void set_up(void)
{
	lanes = 1;
	begin_lane(0);
}

TestSuite(consumer, .init = set_up);

Test(consumer, gives_what_comes_again_once)
{
	struct stream *stream = &streams[0];
	uint64_t records;

	for (unsigned i = 0; i < 6; i++)
		write_block(5);
	publish();
	/* The last ones twice, as a broker that was told twice has them. */
	for (unsigned i = 0; i < 3; i++) {
		stream->frames[stream->cnt] = stream->frames[stream->cnt - 3];
		stream->blocks[stream->cnt] = stream->blocks[stream->cnt - 3];
		stream->cnt++;
	}
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	cr_assert(eq(u64, records, 30));
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	cr_assert(eq(u64, records, 0));
}

/* A closing block ends with the same LSN as the block before it; that lies at a greater offset, of
 * an earlier segment. */
Test(consumer, knows_what_was_before_a_closing_block)
{
	const struct stream *stream = &streams[0];
	uint64_t records;

	for (unsigned i = 0; i < UNITS - 2; i++)
		write_block(1);
	close_block();
	publish();
	cr_assert(eq(u64, stream->frames[stream->cnt - 1].segment, 1));
	cr_assert(eq(u64, stream->frames[stream->cnt - 2].segment, 0));
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	cr_assert(eq(u64, cursor.lane[0].mark.place.segment, 1));
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	cr_assert(eq(u64, records, 0));
}

/* A closing block holds no LSN, but the block after it names its checksum. */
Test(consumer, misses_a_closing_block_that_was_removed)
{
	struct stream *stream = &streams[0];
	uint64_t records;

	write_block(5);
	close_block();
	write_block(5);
	close_block();
	publish();
	cr_assert(eq(u32, ((const struct block_header *)stream->blocks[1])->record_cnt, 0));
	for (uint32_t i = 1; i + 1 < stream->cnt; i++) {
		stream->frames[i] = stream->frames[i + 1];
		stream->blocks[i] = stream->blocks[i + 1];
	}
	stream->cnt--;
	cr_assert(eq(int, read_all(&records), -EPROTO));
	cr_assert(eq(u64, records, 5));
	cr_assert(ne(ptr, strstr(error.text, "a gap: blocks were removed there"), NULL), "%s",
		  error.text);
}

/* Two ways in which a lane went on: nothing of the second is taken for the first. */
Test(consumer, misses_the_block_that_its_cursor_lies_behind)
{
	uint64_t records;

	for (unsigned i = 0; i < 5; i++)
		write_block(5);
	publish();
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	cr_assert(eq(u64, cursor.lane[0].mark.next_lsn, 26));

	begin_lane(0);
	write_block(5);
	write_block(5);
	publish();
	cr_assert(eq(int, read_all(&records), -EAGAIN));
	cr_assert(ne(ptr, strstr(error.text, "begin with a new cursor"), NULL), "%s", error.text);
	cr_assert(eq(u64, cursor.lane[0].mark.next_lsn, 26));
	/* Also where it ends with the very same LSN. */
	write_block(15);
	publish();
	cr_assert(eq(int, read_all(&records), -EAGAIN));
	write_block(5);
	publish();
	cr_assert(eq(int, read_all(&records), -EPROTO));
	cr_assert(ne(ptr, strstr(error.text, "gives them twice"), NULL), "%s", error.text);
}

/* What a broker lost is filled again: the consumer waits for that, then goes on. */
Test(consumer, waits_for_what_downstream_lost)
{
	uint64_t records;

	for (unsigned i = 0; i < 5; i++)
		write_block(5);
	publish();
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	streams[0].cnt = 3;
	cr_assert(eq(int, open_at_cursor(), 0));
	cr_assert(all(eq(int, next(), -EAGAIN), eq(int, next(), -EAGAIN)));
	streams[0].cnt = 5;
	cr_assert(eq(int, next(), 0), "%s", error.text);
	write_block(2);
	const unsigned read = streams[0].next;
	publish();
	streams[0].next = read;
	cr_assert(eq(int, next(), 1), "%s", error.text);
	cr_assert(all(eq(u64, batch.first_lsn, 26), eq(u32, batch.record_cnt, 2)));
	consumer_close(consumer);
}

/* A lane that nobody bought from has no message; later it has. */
Test(consumer, finds_lanes_that_come_later)
{
	uint64_t records;
	int rc = 0;

	write_block(5);
	publish();
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	cr_assert(eq(u16, cursor.lanes, 1));
	cr_assert(eq(int, open_at_cursor(), 0));
	cr_assert(eq(int, next(), 0));
	begin_lane(1);
	write_block(3);
	publish();
	lanes = 2;
	for (int i = 0; i < 500 && (rc = next()) == 0; i++)
		usleep(10000);
	cr_assert(eq(int, rc, 1), "%s", error.text);
	cr_assert(all(eq(u16, batch.lane, 1), eq(u64, batch.first_lsn, 1)));
	consumer_close(consumer);
	/* And a cursor from before, too. */
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
	cr_assert(all(eq(u64, records, 3), eq(u16, cursor.lanes, 2)));
	/* A broker that has not got the second lane, of which nothing was read. */
	lanes = 1;
	cursor.lane[1] = (struct cursor_lane){0};
	cr_assert(eq(int, read_all(&records), 0), "%s", error.text);
}

/* One cursor, one consumer. */
Test(consumer, locks_its_cursor, .init = set_up)
{
	struct consumer_options options = {.from = "fake:", .kind = &fake};
	struct consumer *second = NULL;

	write_block(5);
	publish();
	temp_dir_make();
	options.cursor = temp_path("cursor");
	cr_assert(eq(int, consumer_open(&consumer, &options, &error), 0), "%s", error.text);
	cr_assert(eq(int, consumer_open(&second, &options, &error), -EBUSY));
	cr_assert(ne(ptr, strstr(error.text, "another consumer uses the cursor"), NULL), "%s",
		  error.text);
	consumer_close(consumer);
	cr_assert(eq(int, consumer_open(&second, &options, &error), 0), "%s", error.text);
	consumer_close(second);
	temp_dir_remove();
}
