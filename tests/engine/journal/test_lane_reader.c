#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/journal/lane_reader.h"
#include "tests/support/memory_disk.h"

static const uint64_t JOURNAL_ID = 0x77;
static const uint16_t LANE = 3;

enum {
	BLOCK_CNT = 6,
	RECORDS_A_BLOCK = 5,
	UNITS = 10, /* of a segment */
};

static struct memory_disk *disk;
static struct error error;

/* The result of reading a lane to its end. */
struct outcome {
	enum lane_read read;
	uint64_t records;
	uint64_t blocks;
	struct lane_tail tail;
};

static struct outcome read_all(uint64_t journal_id, uint16_t lane)
{
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	struct outcome outcome = {.read = LANE_CORRUPT};

	error_clear(&error);
	if (lane_reader_open_files(&reader, memory_disk_files(disk), journal_id, lane, &error) != 0)
		return outcome;
	while ((outcome.read = lane_reader_next(reader, &block, &records, &error)) == LANE_BLOCK) {
		for (uint32_t i = 0; i < block->record_cnt; i++)
			cr_assert(is_appended_record(&records[i], ++outcome.records) ||
				  records[i].kind == RECORD_CLOCK);
	}
	outcome.blocks = lane_reader_blocks(reader);
	lane_reader_tail(reader, &outcome.tail);
	lane_reader_close(reader);
	return outcome;
}

static struct outcome read_lane(void)
{
	return read_all(JOURNAL_ID, LANE);
}

static void write_blocks(struct journal *journal, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		append_records(journal, RECORDS_A_BLOCK);
		journal_pump(journal, 5000 + i);
		memory_disk_complete_all(disk, journal);
	}
}

/* BLOCK_CNT blocks of one unit, one after the other, sealed or not; segments of UNITS units. */
static void make_lane(bool sealed, unsigned block_cnt, uint64_t segment_cnt)
{
	const struct lane_tail tail = empty_tail();
	struct journal *journal;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, segment_cnt);
	journal = memory_disk_journal(disk, &tail);
	write_blocks(journal, block_cnt);
	if (sealed) {
		journal_put_closing_block(journal, 9000);
		memory_disk_complete_all(disk, journal);
	}
	journal_close(journal);
}

/* Unit idx of a segment: 0 is its header, 1 the first block. */
static uint8_t *unit(uint64_t segment, unsigned idx)
{
	return disk->data[segment] + (size_t)idx * BLOCK_ALIGN_BYTES;
}

static void assert_says(const char *text)
{
	cr_assert(ne(ptr, strstr(error.text, text), NULL), "'%s' lacks '%s'", error.text, text);
}

Test(lane_reader, reads_everything_and_finds_the_tail)
{
	struct outcome outcome;

	make_lane(true, BLOCK_CNT, 2);
	outcome = read_lane();
	cr_assert(eq(int, outcome.read, LANE_END), "%s", error.text);
	cr_assert(eq(u64, outcome.records, BLOCK_CNT * RECORDS_A_BLOCK));
	cr_assert(eq(u64, outcome.blocks, BLOCK_CNT + 1));
	cr_assert(eq(u64, outcome.tail.place.offset, (BLOCK_CNT + 2) * BLOCK_ALIGN_BYTES));
	cr_assert(eq(u64, outcome.tail.last_at_ns, 9000), "the clock of the closing block");
	memory_disk_close(disk);
}

/* A writer stamps a block no earlier than its records; the lane's clock must not depend on that. */
Test(lane_reader, the_clock_is_the_latest_of_blocks_and_records)
{
	const struct lane_tail tail = empty_tail();
	struct journal *journal;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 1);
	journal = memory_disk_journal(disk, &tail);
	append_records(journal, RECORDS_A_BLOCK);
	journal_pump(journal, 10);
	memory_disk_complete_all(disk, journal);
	journal_close(journal);
	cr_assert(eq(u64, read_lane().tail.last_at_ns, 1000 + RECORDS_A_BLOCK));
	memory_disk_close(disk);
}

/* Instants before a CLOCK record count no more; those after it do. */
Test(lane_reader, the_clock_is_what_it_was_set_back_to)
{
	const struct lane_tail tail = empty_tail();
	struct journal *journal;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 1);
	journal = memory_disk_journal(disk, &tail);
	append_records(journal, 1);
	journal_pump(journal, 9000);
	memory_disk_complete_all(disk, journal);
	*journal_slot(journal) =
		(struct record){.kind = RECORD_CLOCK, .at_ns = 20, .clock = {.was_ns = 9000}};
	journal_commit(journal);
	journal_pump(journal, 30);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, read_lane().tail.last_at_ns, 30));
	journal_put_closing_block(journal, 40);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, read_lane().tail.last_at_ns, 40));
	journal_close(journal);
	memory_disk_close(disk);
}

Test(lane_reader, an_empty_lane_ends_at_its_beginning)
{
	struct outcome outcome;

	for (uint64_t segments = 0; segments < 3; segments++) {
		disk = memory_disk_open(JOURNAL_ID, LANE, SEGMENT_BYTES_MIN, segments);
		outcome = read_lane();
		cr_assert(eq(int, outcome.read, LANE_END), "%s", error.text);
		cr_assert(eq(u64, outcome.tail.next_lsn, 1));
		cr_assert(eq(u64, outcome.tail.place.segment, 0));
		cr_assert(eq(u64, outcome.tail.place.offset, BLOCK_ALIGN_BYTES));
		memory_disk_close(disk);
	}
}

Test(lane_reader, says_where_and_why)
{
	make_lane(true, BLOCK_CNT, 2);
	unit(0, 4)[100] ^= 1;
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("memory/seg-000000000000: offset 16384: LSN 16 should be here");
	assert_says("wrong checksum");
	assert_says("in segment 0 at offset 20480 says that LSN 20 was on disk");
	assert_says("put it back from a copy, or see `doorbuster journal repair`");
	memory_disk_close(disk);
}

/* The same in parts, for a repair. */
Test(lane_reader, tells_the_fault_apart_from_its_remedy)
{
	const struct block_header *block;
	const struct record *records;
	struct lane_reader *reader = NULL;
	struct lane_tail tail;

	make_lane(true, BLOCK_CNT, 2);
	unit(0, 4)[100] ^= 1;
	cr_assert(eq(
		int,
		lane_reader_open_files(&reader, memory_disk_files(disk), JOURNAL_ID, LANE, &error),
		0));
	while (lane_reader_next(reader, &block, &records, &error) == LANE_BLOCK)
		continue;

	const struct lane_fault *fault = lane_reader_fault(reader);

	cr_assert(eq(u64, fault->place.segment, 0));
	cr_assert(eq(u64, fault->place.offset, 4 * BLOCK_ALIGN_BYTES));
	cr_assert(eq(int, strncmp(fault->text, "LSN 16 should be here", 21), 0));
	cr_assert(eq(ptr, strstr(fault->text, "copy"), NULL));
	lane_reader_tail(reader, &tail);
	cr_assert(eq(u64, tail.next_lsn, 16));
	lane_reader_close(reader);
	memory_disk_close(disk);
}

/* No later watermark covers the last block yet: the same damage is a torn tail. */
Test(lane_reader, a_bad_last_block_is_torn_until_it_is_sealed)
{
	struct outcome outcome;

	for (int sealed = 0; sealed < 2; sealed++) {
		make_lane(sealed != 0, BLOCK_CNT, 2);
		unit(0, BLOCK_CNT)[100] ^= 1;
		outcome = read_lane();
		cr_assert(eq(int, outcome.read, sealed ? LANE_CORRUPT : LANE_TORN));
		cr_assert(eq(u64, outcome.records, (BLOCK_CNT - 1) * RECORDS_A_BLOCK));
		if (!sealed)
			cr_assert(
				eq(u64, outcome.tail.place.offset, BLOCK_CNT * BLOCK_ALIGN_BYTES));
		memory_disk_close(disk);
	}
}

/* Blocks that were in flight together: if any is lost or torn, it was never acknowledged. */
Test(lane_reader, any_loss_among_writes_in_flight_is_torn)
{
	enum {
		IN_FLIGHT = 4,
	};
	static const uint32_t kept[] = {0, 512, 4096, 65536 - 512, 65536};

	/* Each of the four writes reaches the disk with one of five lengths. */
	for (unsigned way = 0; way < 5 * 5 * 5 * 5; way++) {
		const struct lane_tail tail = empty_tail();
		struct journal *journal;
		struct outcome outcome;
		unsigned whole = 0;
		bool all_before = true;

		disk = memory_disk_open(JOURNAL_ID, LANE, 1 << 20, 2);
		journal = memory_disk_journal(disk, &tail);
		for (unsigned i = 0; i < IN_FLIGHT; i++) {
			append_records(journal, BLOCK_RECORDS_MAX);
			journal_pump(journal, 5000);
		}
		for (unsigned i = 0, rest = way; i < IN_FLIGHT; i++, rest /= 5) {
			all_before = all_before && kept[rest % 5] == BLOCK_BYTES_MAX;
			whole += all_before;
			memory_disk_end(disk, 0, journal, kept[rest % 5], -EIO);
		}
		outcome = read_lane();
		cr_assert(eq(u64, outcome.records, whole * BLOCK_RECORDS_MAX));
		cr_assert(le(int, outcome.read, LANE_TORN), "way %u: %s", way, error.text);
		journal_close(journal);
		memory_disk_close(disk);
	}
}

Test(lane_reader, a_zeroed_block_in_the_middle_is_corruption)
{
	make_lane(true, BLOCK_CNT, 2);
	memset(unit(0, 3), 0, BLOCK_ALIGN_BYTES);
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("no block begins here");
	memory_disk_close(disk);
}

/* A valid block of another life of the lane at the right place: same seed, other predecessor. */
Test(lane_reader, a_block_that_does_not_follow_is_corruption)
{
	uint8_t stale[BLOCK_ALIGN_BYTES];
	struct block_header *block;

	make_lane(false, BLOCK_CNT, 2);
	memcpy(stale, unit(0, BLOCK_CNT), sizeof(stale));
	block = (struct block_header *)unit(0, BLOCK_CNT);
	block->prev_checksum++;
	block->checksum = block_checksum(block, block_seed(JOURNAL_ID, LANE, 0,
							   (uint64_t)BLOCK_CNT * BLOCK_ALIGN_BYTES,
							   block->first_lsn));
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("does not follow");
	memory_disk_close(disk);
}

/* Valid at its place, and after the right block, but records are missing between them. */
Test(lane_reader, a_gap_in_the_lsns_is_corruption)
{
	struct block_header *block;

	make_lane(false, BLOCK_CNT, 2);
	block = (struct block_header *)unit(0, BLOCK_CNT);
	block->first_lsn++;
	block->checksum = block_checksum(block, block_seed(JOURNAL_ID, LANE, 0,
							   (uint64_t)BLOCK_CNT * BLOCK_ALIGN_BYTES,
							   block->first_lsn));
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("does not follow");
	memory_disk_close(disk);
}

Test(lane_reader, a_watermark_that_falls_is_corruption)
{
	struct block_header *block;

	make_lane(false, BLOCK_CNT, 2);
	block = (struct block_header *)unit(0, BLOCK_CNT);
	block->durable_lsn = 1;
	block->checksum = block_checksum(block, block_seed(JOURNAL_ID, LANE, 0,
							   (uint64_t)BLOCK_CNT * BLOCK_ALIGN_BYTES,
							   block->first_lsn));
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	memory_disk_close(disk);
}

/* Blocks of another journal or lane, copied over: their seed shows it. */
Test(lane_reader, blocks_of_another_journal_or_lane_are_no_blocks)
{
	struct memory_disk *mine;
	uint64_t bytes;

	for (unsigned other = 0; other < 2; other++) {
		make_lane(true, BLOCK_CNT, 1);
		mine = disk;
		disk = memory_disk_open(JOURNAL_ID + (other == 0), LANE + (other == 1),
					mine->segment_bytes, 1);

		const struct lane_tail tail = empty_tail();
		struct journal *journal = memory_disk_journal(disk, &tail);

		write_blocks(journal, BLOCK_CNT);
		journal_close(journal);
		bytes = mine->segment_bytes - BLOCK_ALIGN_BYTES;
		memcpy(unit(0, 1), mine->data[0] + BLOCK_ALIGN_BYTES, bytes);

		const struct outcome outcome =
			read_all(JOURNAL_ID + (other == 0), LANE + (other == 1));

		cr_assert(eq(u64, outcome.records, 0));
		cr_assert(eq(int, outcome.read, LANE_TORN), "%s", error.text);
		memory_disk_close(disk);
		memory_disk_close(mine);
	}
}

Test(lane_reader, wrong_segment_headers_are_told_apart)
{
	struct segment_header *header;

	make_lane(true, BLOCK_CNT, 2);
	header = (struct segment_header *)unit(0, 0);

	memset(header, 0, sizeof(*header));
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("all zero");
	memset(header, 0x41, sizeof(*header));
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("does not begin like a segment");
	segment_header_fill(header, JOURNAL_ID + 1, LANE, 0, disk->segment_bytes);
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("another journal");
	segment_header_fill(header, JOURNAL_ID, LANE + 1, 0, disk->segment_bytes);
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("another lane");
	segment_header_fill(header, JOURNAL_ID, LANE, 1, disk->segment_bytes);
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("another segment");
	segment_header_fill(header, JOURNAL_ID, LANE, 0, disk->segment_bytes * 2);
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("40960 bytes are left of 81920");
	memory_disk_close(disk);
}

/* Also a segment prepared ahead: it got its name when it was whole. */
Test(lane_reader, a_bad_header_ahead_of_the_tail_is_corruption)
{
	make_lane(true, BLOCK_CNT, 2);
	memset(unit(1, 0), 0, BLOCK_ALIGN_BYTES);
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	assert_says("seg-000000000001");
	memory_disk_close(disk);
}

Test(lane_reader, a_missing_segment_is_corruption)
{
	uint8_t *data;

	make_lane(true, 3 * UNITS, 6);
	cr_assert(eq(int, read_lane().read, LANE_END));
	for (unsigned i = 0; i < 3; i++) {
		data = disk->data[i];
		disk->data[i] = NULL;
		cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
		assert_says("is missing");
		disk->data[i] = data;
	}
	memory_disk_close(disk);
}

Test(lane_reader, the_room_for_the_seal_may_be_used_or_not)
{
	/* 8 blocks fill a segment except for the room for a closing block. */
	for (unsigned blocks = UNITS - 3; blocks < 2 * UNITS; blocks++) {
		for (int sealed = 0; sealed < 2; sealed++) {
			for (uint64_t segments = 3; segments < 5; segments++) {
				make_lane(sealed != 0, blocks, segments);

				const struct outcome outcome = read_lane();

				cr_assert(eq(int, outcome.read, LANE_END), "%s", error.text);
				cr_assert(eq(u64, outcome.records, blocks * RECORDS_A_BLOCK));
				memory_disk_close(disk);
			}
		}
	}
}

/* A closing block in that room was never written, while the first block of the next segment was. */
Test(lane_reader, a_closing_block_lost_at_a_segments_end_is_torn)
{
	const struct lane_tail tail = empty_tail();
	struct journal *journal;
	struct outcome outcome;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 1);
	journal = memory_disk_journal(disk, &tail);
	write_blocks(journal, UNITS - 2);
	journal_put_closing_block(journal, 9000);
	memory_disk_add_segment(disk);
	journal_pump(journal, 9001);
	/* A full block does not wait for the closing one. */
	append_records(journal, journal_room(journal));
	journal_pump(journal, 9001);
	cr_assert(eq(uint, disk->write_cnt, 2));
	memory_disk_end(disk, 0, journal, 0, -EIO);
	memory_disk_complete(disk, 0, journal);
	outcome = read_lane();
	cr_assert(eq(int, outcome.read, LANE_TORN), "%s", error.text);
	cr_assert(eq(u64, outcome.records, (UNITS - 2) * RECORDS_A_BLOCK));
	cr_assert(eq(u64, outcome.tail.place.segment, 0));
	cr_assert(eq(u64, outcome.tail.place.offset, (UNITS - 1) * BLOCK_ALIGN_BYTES));
	journal_close(journal);
	memory_disk_close(disk);
}

/* A watermark that is equal to the missing LSN is evidence too. */
Test(lane_reader, a_watermark_at_the_missing_lsn_is_enough)
{
	const struct lane_tail tail = empty_tail();
	struct journal *journal;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 1);
	journal = memory_disk_journal(disk, &tail);
	for (unsigned i = 0; i < 2; i++) {
		append_records(journal, 1);
		journal_pump(journal, 5000);
		memory_disk_complete_all(disk, journal);
	}
	journal_close(journal);
	memset(unit(0, 1), 0, BLOCK_ALIGN_BYTES);
	cr_assert(eq(int, read_lane().read, LANE_CORRUPT));
	memory_disk_close(disk);
}

/* Beside a running engine: a block arrives between the look at its place and the look after it. */
static struct lane_files late_files;
static struct lane_files *real_files;
static uint8_t late_block[BLOCK_ALIGN_BYTES];
static unsigned reads_until_late;
static bool small_reads; /* each place is looked at anew */

static int64_t late_read(struct lane_files *files, uint64_t segment, void *buffer, size_t bytes,
			 uint64_t offset)
{
	(void)files;
	if (small_reads && bytes > BLOCK_BYTES_MAX)
		bytes = BLOCK_ALIGN_BYTES;
	if (reads_until_late > 0 && --reads_until_late == 0)
		memcpy(unit(0, 2), late_block, sizeof(late_block));
	return real_files->ops->read(real_files, segment, buffer, bytes, offset);
}

static int64_t late_list(struct lane_files *files, uint64_t **numbers)
{
	(void)files;
	return real_files->ops->list(real_files, numbers);
}

static int64_t late_size(struct lane_files *files, uint64_t segment)
{
	(void)files;
	return real_files->ops->size(real_files, segment);
}

static void late_close(struct lane_files *files)
{
	(void)files;
	real_files->ops->close(real_files);
}

Test(lane_reader, looks_twice_before_it_says_corruption)
{
	static const struct lane_files_ops ops = {
		.list = late_list, .size = late_size, .read = late_read, .close = late_close};

	make_lane(true, BLOCK_CNT, 1);
	memcpy(late_block, unit(0, 2), sizeof(late_block));
	/* The fourth small read is the look after the place; what is there says that the block
	 * arrived before. A big read sees the whole segment at once; the second one is the second
	 * look. */
	for (unsigned late = 1; late <= 5; late++) {
		const struct block_header *block;
		const struct record *records;
		struct lane_reader *reader = NULL;
		enum lane_read read;
		uint64_t cnt = 0;

		memset(unit(0, 2), 0, BLOCK_ALIGN_BYTES);
		small_reads = late <= 4;
		reads_until_late = small_reads ? late : 2;
		real_files = memory_disk_files(disk);
		late_files = (struct lane_files){.ops = &ops, .path = "late"};
		cr_assert(eq(int,
			     lane_reader_open_files(&reader, &late_files, JOURNAL_ID, LANE, &error),
			     0));
		while ((read = lane_reader_next(reader, &block, &records, &error)) == LANE_BLOCK)
			cnt += block->record_cnt;
		lane_reader_close(reader);
		cr_assert(eq(uint, reads_until_late, 0));
		cr_assert(eq(int, read, LANE_END), "late at read %u: %s", late, error.text);
		cr_assert(eq(u64, cnt, BLOCK_CNT * RECORDS_A_BLOCK));
	}
	memory_disk_close(disk);
}

/* As from a cursor's file that somebody edited: far after what was read of the segment. */
Test(lane_reader, reads_nothing_at_an_impossible_place)
{
	const struct block_header *block;
	const struct record *records;
	struct lane_reader *reader = NULL;

	make_lane(true, BLOCK_CNT, 1);
	for (uint64_t units = 1; units <= 3; units++) {
		cr_assert(eq(int,
			     lane_reader_open_block(&reader, memory_disk_files(disk), JOURNAL_ID,
						    LANE, 0, 0 - units * BLOCK_ALIGN_BYTES, &error),
			     0));
		cr_assert(eq(int, lane_reader_next(reader, &block, &records, &error), LANE_ERROR));
		cr_assert(ne(ptr, strstr(error.text, "the file ends before"), NULL), "%s",
			  error.text);
		lane_reader_close(reader);
	}
	memory_disk_close(disk);
}

Test(lane_reader, goes_on_where_a_running_engine_wrote_more)
{
	const struct lane_tail tail = empty_tail();
	const struct block_header *block;
	const struct record *records;
	struct lane_reader *reader = NULL;
	struct journal *journal;
	uint64_t cnt = 0;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 1);
	journal = memory_disk_journal(disk, &tail);
	cr_assert(eq(
		int,
		lane_reader_open_files(&reader, memory_disk_files(disk), JOURNAL_ID, LANE, &error),
		0));
	for (unsigned i = 0; i < 3 * UNITS; i++) {
		memory_disk_add_segment(disk);
		write_blocks(journal, 1);
		while (lane_reader_next(reader, &block, &records, &error) == LANE_BLOCK)
			cnt += block->record_cnt;
		cr_assert(eq(u64, cnt, (i + 1) * RECORDS_A_BLOCK), "%s", error.text);
	}
	lane_reader_close(reader);
	journal_close(journal);
	memory_disk_close(disk);
}
