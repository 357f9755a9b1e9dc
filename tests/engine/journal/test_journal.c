#include <errno.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/journal/lane_reader.h"
#include "net/wire.h"
#include "tests/support/memory_disk.h"

static const uint64_t JOURNAL_ID = 0x1234;
static const uint64_t NOW_NS = 5000000;

enum {
	BIG_SEGMENT_BYTES = 4 << 20,
};

static struct memory_disk *disk;
static struct journal *journal;

static void open_disk(uint64_t segment_bytes, uint64_t segment_cnt)
{
	const struct lane_tail tail = empty_tail();

	disk = memory_disk_open(JOURNAL_ID, 3, segment_bytes, segment_cnt);
	journal = memory_disk_journal(disk, &tail);
}

static void close_disk(void)
{
	journal_close(journal);
	memory_disk_close(disk);
}

static const struct block_header *nth_write(unsigned idx)
{
	return disk->writes[idx].buffer;
}

/* Reads the lane back; *tail: its end. Returns the number of records, and has checked all. */
static uint64_t read_back(struct lane_tail *tail)
{
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	enum lane_read read;
	uint64_t cnt = 0;
	struct error error = {0};

	cr_assert(
		eq(int,
		   lane_reader_open_files(&reader, memory_disk_files(disk), JOURNAL_ID, 3, &error),
		   0));
	while ((read = lane_reader_next(reader, &block, &records, &error)) == LANE_BLOCK) {
		for (uint32_t i = 0; i < block->record_cnt; i++)
			cr_assert(is_appended_record(&records[i], ++cnt));
	}
	cr_assert(eq(int, read, LANE_END), "%s", error.text);
	lane_reader_tail(reader, tail);
	lane_reader_close(reader);
	return cnt;
}

Test(journal, lone_records_leave_at_once_and_then_wait_for_company)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	append_records(journal, 1);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	append_records(journal, 700);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1), "not full, and one is on its way");
	memory_disk_complete(disk, 0, journal);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	cr_assert(eq(u32, nth_write(0)->record_cnt, 700));
	cr_assert(eq(u64, nth_write(0)->first_lsn, 2));
	cr_assert(eq(u64, nth_write(0)->durable_lsn, 1));
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, journal_durable_lsn(journal), 701));
	cr_assert(journal_idle(journal));
	close_disk();
}

Test(journal, full_blocks_take_every_write_slot)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	for (unsigned i = 0; i < WRITES_IN_FLIGHT_MAX + 1; i++) {
		append_records(journal, BLOCK_RECORDS_MAX);
		journal_pump(journal, NOW_NS);
	}
	cr_assert(eq(uint, disk->write_cnt, WRITES_IN_FLIGHT_MAX));
	memory_disk_complete(disk, 0, journal);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, WRITES_IN_FLIGHT_MAX));
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, journal_durable_lsn(journal),
		     (WRITES_IN_FLIGHT_MAX + 1) * BLOCK_RECORDS_MAX));
	close_disk();
}

/* Four full blocks in flight. */
static void write_four(void)
{
	for (unsigned i = 0; i < 4; i++) {
		append_records(journal, BLOCK_RECORDS_MAX);
		journal_pump(journal, NOW_NS);
	}
	cr_assert(eq(uint, disk->write_cnt, 4));
}

Test(journal, is_durable_in_order_only)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	write_four();
	memory_disk_complete(disk, 2, journal);
	memory_disk_complete(disk, 2, journal);
	cr_assert(eq(u64, journal_durable_lsn(journal), 0));
	memory_disk_complete(disk, 0, journal);
	cr_assert(eq(u64, journal_durable_lsn(journal), BLOCK_RECORDS_MAX));
	cr_assert(not(journal_idle(journal)));
	memory_disk_complete(disk, 0, journal);
	cr_assert(eq(u64, journal_durable_lsn(journal), 4 * BLOCK_RECORDS_MAX));
	cr_assert(journal_idle(journal));
	close_disk();
}

Test(journal, room_ends_with_the_buffers_and_comes_back)
{
	uint32_t appended = 0;

	open_disk(BIG_SEGMENT_BYTES, 2);
	while (journal_room(journal) > 0) {
		append_records(journal, 1);
		appended++;
		journal_pump(journal, NOW_NS);
	}
	cr_assert(eq(uint, disk->write_cnt, WRITES_IN_FLIGHT_MAX));
	/* A lone record, then full blocks in all other buffers. */
	cr_assert(eq(u32, appended, 1 + (BLOCK_BUFFERS_CNT - 1) * BLOCK_RECORDS_MAX));
	memory_disk_complete(disk, 1, journal);
	cr_assert(eq(u32, journal_room(journal), 0), "the oldest still holds its buffer");
	memory_disk_complete(disk, 0, journal);
	cr_assert(gt(u32, journal_room(journal), 0));
	while (!journal_idle(journal)) {
		journal_pump(journal, NOW_NS);
		memory_disk_complete_all(disk, journal);
	}
	cr_assert(eq(u64, journal_durable_lsn(journal), appended));
	close_disk();
}

/* Whatever journal_room says can be appended without a call to the disk in between. */
Test(journal, room_is_a_promise)
{
	static const uint64_t sizes[] = {SEGMENT_BYTES_MIN, 5 * BLOCK_ALIGN_BYTES,
					 20 * BLOCK_ALIGN_BYTES, BIG_SEGMENT_BYTES};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint64_t seed = 1;

		open_disk(sizes[s], 40);
		for (unsigned i = 0; i < 300 && disk->ready_cnt > 0; i++) {
			const uint32_t room = journal_room(journal);

			seed = mix64(seed + i);
			append_records(journal,
				       seed % 3 == 0 ? room : (uint32_t)(seed % (room + 1)));
			journal_pump(journal, NOW_NS);
			for (unsigned k = 0; k < seed % 5 && disk->write_cnt > 0; k++)
				memory_disk_complete(disk, (unsigned)(seed >> 8) % disk->write_cnt,
						     journal);
		}
		while (!journal_idle(journal)) {
			journal_pump(journal, NOW_NS);
			memory_disk_complete_all(disk, journal);
		}

		struct lane_tail tail;

		cr_assert(eq(u64, read_back(&tail), journal_durable_lsn(journal)));
		cr_assert(eq(u64, tail.next_lsn, journal_next_lsn(journal)));
		close_disk();
	}
}

Test(journal, a_failed_write_is_final)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	write_four();
	memory_disk_complete(disk, 0, journal);
	memory_disk_end(disk, 1, journal, 0, -EIO);
	cr_assert(eq(int, journal_error(journal), EIO));
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, journal_durable_lsn(journal), BLOCK_RECORDS_MAX), "nothing more counts");
	cr_assert(eq(u32, journal_room(journal), 0));
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 0), "nothing more is written");
	cr_assert(not(journal_wants_closing_block(journal)));
	close_disk();
}

Test(journal, a_failed_write_ends_those_that_were_to_come)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	write_four();
	/* Full blocks that wait for a pump, and one that is being filled. */
	append_records(journal, 2 * BLOCK_RECORDS_MAX + 5);
	memory_disk_end(disk, 0, journal, 0, -EIO);
	memory_disk_complete_all(disk, journal);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 0));
	cr_assert(eq(u64, journal_durable_lsn(journal), 0));
	close_disk();
}

Test(journal, a_short_write_is_a_failed_write)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	append_records(journal, 200);
	journal_pump(journal, NOW_NS);
	memory_disk_end(disk, 0, journal, 4096, 4096);
	cr_assert(eq(int, journal_error(journal), EIO));
	cr_assert(eq(u64, journal_durable_lsn(journal), 0));
	close_disk();
}

Test(journal, a_refused_submission_is_a_failed_write_but_a_full_queue_is_not)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	append_records(journal, 5);
	disk->write_error = -EAGAIN;
	journal_pump(journal, NOW_NS);
	cr_assert(eq(int, journal_error(journal), 0));
	append_records(journal, 5);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	memory_disk_complete_all(disk, journal);
	journal_pump(journal, NOW_NS);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, journal_durable_lsn(journal), 10));
	append_records(journal, 1);
	disk->write_error = -EBADF;
	journal_pump(journal, NOW_NS);
	cr_assert(eq(int, journal_error(journal), EBADF));
	cr_assert(eq(u64, journal_durable_lsn(journal), 10));
	close_disk();
}

Test(journal, never_crosses_a_segment_and_keeps_room_for_the_seal)
{
	struct lane_tail tail;

	/* Header, 18 KiB of blocks and the reserve. */
	open_disk(BLOCK_ALIGN_BYTES * 6, 1);
	cr_assert(eq(u32, journal_room(journal), 4 * 64 - 1), "one block of four units");
	append_records(journal, 1);
	journal_pump(journal, NOW_NS);
	memory_disk_complete_all(disk, journal);
	append_records(journal, journal_room(journal));
	journal_pump(journal, NOW_NS);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u32, journal_room(journal), 0), "no segment is ready");
	cr_assert(journal_idle(journal));
	cr_assert(journal_wants_closing_block(journal));
	journal_put_closing_block(journal, NOW_NS);
	cr_assert(eq(u64, disk->writes[0].offset, 5 * BLOCK_ALIGN_BYTES), "in the reserve");
	memory_disk_complete_all(disk, journal);
	cr_assert(not(journal_wants_closing_block(journal)));
	memory_disk_add_segment(disk);
	journal_pump(journal, NOW_NS);
	cr_assert(gt(u32, journal_room(journal), 0), "goes on by itself");
	cr_assert(eq(uint, disk->done_cnt, 1), "the full segment went back");
	append_records(journal, 3);
	journal_pump(journal, NOW_NS);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, read_back(&tail), 1 + 191 + 3));
	cr_assert(eq(u64, tail.place.segment, 1));
	close_disk();
}

Test(journal, gives_a_segment_back_when_its_last_write_is_down)
{
	open_disk(SEGMENT_BYTES_MIN, 3);
	append_records(journal, 63 + 63);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 2));
	cr_assert(eq(int, disk->writes[1].fd, MEMORY_FD_FIRST + 1));
	memory_disk_complete(disk, 1, journal);
	cr_assert(eq(uint, disk->done_cnt, 0));
	memory_disk_complete(disk, 0, journal);
	cr_assert(eq(uint, disk->done_cnt, 2), "both are full and down");
	close_disk();
	/* memory_done CHECKs that nothing was in flight. */
}

Test(journal, seals_with_the_last_watermark_once)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	cr_assert(not(journal_wants_closing_block(journal)), "an empty lane");
	append_records(journal, 20);
	cr_assert(not(journal_wants_closing_block(journal)), "not idle");
	journal_pump(journal, NOW_NS);
	memory_disk_complete_all(disk, journal);
	cr_assert(journal_wants_closing_block(journal));
	journal_put_closing_block(journal, NOW_NS + 1);
	cr_assert(eq(uint, disk->write_cnt, 1));
	cr_assert(eq(u32, nth_write(0)->record_cnt, 0));
	cr_assert(eq(u64, nth_write(0)->first_lsn, 21));
	cr_assert(eq(u64, nth_write(0)->durable_lsn, 20));
	cr_assert(eq(u64, nth_write(0)->written_at_ns, NOW_NS + 1));
	cr_assert(not(journal_idle(journal)));
	memory_disk_complete_all(disk, journal);
	cr_assert(journal_idle(journal));
	cr_assert(not(journal_wants_closing_block(journal)));
	journal_put_closing_block(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 0), "nothing new to say");
	close_disk();
}

Test(journal, pads_blocks_with_zeros_whatever_the_buffer_held)
{
	const uint8_t *bytes;

	open_disk(BIG_SEGMENT_BYTES, 2);
	append_records(journal, 2);
	journal_pump(journal, NOW_NS);
	bytes = (const uint8_t *)nth_write(0);
	for (uint32_t i = 3 * RECORD_BYTES; i < disk->writes[0].bytes; i++)
		cr_assert(eq(u8, bytes[i], 0));
	memory_disk_complete_all(disk, journal);
	close_disk();
}

Test(journal, goes_on_from_any_tail)
{
	struct lane_tail tail = empty_tail();
	uint64_t records = 0;

	disk = memory_disk_open(JOURNAL_ID, 3, 5 * BLOCK_ALIGN_BYTES, 40);
	for (unsigned life = 0; life < 50; life++) {
		const uint32_t cnt = life * 7 % 130;

		journal = memory_disk_journal(disk, &tail);
		cr_assert(eq(u64, journal_durable_lsn(journal), records));
		append_records(journal, cnt);
		records += cnt;
		while (!journal_idle(journal)) {
			journal_pump(journal, NOW_NS);
			memory_disk_complete_all(disk, journal);
		}
		if (life % 3 > 0) {
			journal_put_closing_block(journal, NOW_NS);
			memory_disk_complete_all(disk, journal);
		}
		journal_close(journal);
		cr_assert(eq(u64, read_back(&tail), records));
		cr_assert(eq(u64, tail.next_lsn, records + 1));
	}
	memory_disk_close(disk);
}

static uint64_t sum_of(const uint64_t *cells, unsigned cnt)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cnt; i++)
		sum += cells[i];
	return sum;
}

Test(journal, its_figures_are_those_of_what_was_written)
{
	const struct timespec pause = {.tv_nsec = 3000000};
	struct journal_stats stats;

	open_disk(BIG_SEGMENT_BYTES, 2);
	append_records(journal, 1);
	journal_pump(journal, NOW_NS);
	append_records(journal, BLOCK_RECORDS_MAX);
	journal_pump(journal, NOW_NS);
	append_records(journal, 200);
	journal_stats(journal, &stats);
	cr_assert(eq(u64, stats.committed_lsn, BLOCK_RECORDS_MAX + 201));
	cr_assert(eq(u64, stats.written_lsn, BLOCK_RECORDS_MAX + 1));
	cr_assert(eq(u64, stats.durable_lsn, 0));
	cr_assert(eq(u64, stats.blocks, 2));
	cr_assert(eq(u64, stats.records, BLOCK_RECORDS_MAX + 1));
	cr_assert(eq(u64, stats.bytes, BLOCK_BYTES_MAX + BLOCK_ALIGN_BYTES));
	cr_assert(eq(u64, stats.latency_ns, 0));

	nanosleep(&pause, NULL);
	memory_disk_complete(disk, 1, journal);
	journal_stats(journal, &stats);
	cr_assert(eq(u64, sum_of(stats.latency_cells, JOURNAL_LATENCY_BOUND_CNT + 1), 0),
		  "the block before it is not down");
	memory_disk_complete_all(disk, journal);
	journal_pump(journal, NOW_NS);
	memory_disk_complete_all(disk, journal);
	journal_put_closing_block(journal, NOW_NS);
	memory_disk_complete_all(disk, journal);
	journal_stats(journal, &stats);
	cr_assert(eq(u64, stats.durable_lsn, BLOCK_RECORDS_MAX + 201));
	cr_assert(eq(u64, stats.written_lsn, BLOCK_RECORDS_MAX + 201));
	cr_assert(eq(u64, stats.blocks, 4));
	cr_assert(eq(u64, sum_of(stats.latency_cells, JOURNAL_LATENCY_BOUND_CNT + 1), 4));
	/* Two waited for 3 ms: none of them lies in a cell that ends below. */
	cr_assert(ge(u64, stats.latency_ns, 2 * (uint64_t)pause.tv_nsec));
	cr_assert(eq(u64, journal_latency_bounds_ns[7], 2500000));
	cr_assert(ge(u64, sum_of(stats.latency_cells + 8, JOURNAL_LATENCY_BOUND_CNT - 7), 2));
	/* The closing block, one record, 200, a full block. */
	cr_assert(eq(u64, stats.fill_cells[0], 1));
	cr_assert(eq(u64, stats.fill_cells[1], 1));
	cr_assert(eq(u64, stats.fill_cells[4], 1));
	cr_assert(eq(u64, stats.fill_cells[JOURNAL_FILL_BOUND_CNT], 1));
	cr_assert(eq(u64, sum_of(stats.fill_cells, JOURNAL_FILL_BOUND_CNT + 1), 4));
	close_disk();
}

static void append(const struct record *record)
{
	cr_assert(gt(u32, journal_room(journal), 0));
	*journal_slot(journal) = *record;
	journal_commit(journal);
}

/* A block's format is that of its records, wherever in it they are, and says nothing of the next
 * block. */
Test(journal, a_block_with_a_new_record_has_format_3)
{
	static const struct record news[] = {
		{.kind = RECORD_HOLD, .quantity = 1},
		{.kind = RECORD_PLACED},
		{.kind = RECORD_OFFER, .channel = 1},
		{.kind = RECORD_ORDER, .quantity = 1, .flags = RECORD_BASKET_GOES_ON},
	};

	open_disk(BIG_SEGMENT_BYTES, 2);
	for (unsigned i = 0; i < 4; i++) {
		append_records(journal, i % 2);
		append(&news[i]);
		append_records(journal, 1);
		journal_pump(journal, NOW_NS);
		cr_assert(eq(uint, nth_write(0)->format, JOURNAL_FORMAT_HOLDS), "way %u", i);
		cr_assert(eq(ptr, (void *)block_records_wrong(nth_write(0)), NULL));
		memory_disk_complete_all(disk, journal);
		append_records(journal, 2);
		append(&(struct record){.kind = RECORD_OFFER});
		journal_pump(journal, NOW_NS);
		cr_assert(eq(uint, nth_write(0)->format, JOURNAL_FORMAT), "way %u", i);
		memory_disk_complete_all(disk, journal);
	}
	close_disk();
}

/* Readers know by the block's header that the clock falls; so nothing new may be in it. */
Test(journal, a_clock_record_is_alone_in_its_block)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	append(&(struct record){.kind = RECORD_CLOCK, .at_ns = 1, .clock = {.was_ns = 2}});
	append(&(struct record){.kind = RECORD_HOLD, .quantity = 1});
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	cr_assert(eq(uint, nth_write(0)->format, JOURNAL_FORMAT_CLOCK));
	cr_assert(eq(u32, nth_write(0)->record_cnt, 1));
	memory_disk_complete_all(disk, journal);
	journal_pump(journal, NOW_NS);
	cr_assert(eq(uint, nth_write(0)->format, JOURNAL_FORMAT_HOLDS));
	cr_assert(eq(u64, nth_write(0)->first_lsn, 2));
	memory_disk_complete_all(disk, journal);
	close_disk();
}

/* The records of a basket, which must be in one block. */
static void append_basket(uint32_t cnt)
{
	journal_keep_together(journal, cnt);
	for (uint32_t i = 1; i <= cnt; i++)
		append(&(struct record){.kind = RECORD_HOLD,
					.quantity = 1,
					.flags = i < cnt ? RECORD_BASKET_GOES_ON : 0});
}

/* Whatever has_room_together says fits, and no block ends within a basket, whatever the segments'
 * size and whatever came before. */
Test(journal, a_basket_stays_in_one_block)
{
	static const uint64_t sizes[] = {SEGMENT_BYTES_MIN, 5 * BLOCK_ALIGN_BYTES,
					 20 * BLOCK_ALIGN_BYTES, BIG_SEGMENT_BYTES};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint64_t seed = s;
		unsigned baskets = 0;

		open_disk(sizes[s], 60);
		for (unsigned i = 0; i < 2000 && disk->ready_cnt > 0; i++) {
			const uint32_t cnt = 1 + (uint32_t)(seed >> 32) % BLOCK_RECORDS_MIN;
			const uint32_t room = journal_room(journal);

			seed = mix64(seed + i);
			if (journal_has_room_together(journal, cnt)) {
				append_basket(cnt);
				baskets++;
			} else {
				cr_assert(lt(u32, room, 2 * BLOCK_RECORDS_MIN));
			}
			if (journal_room(journal) > 0)
				append_records(journal,
					       (uint32_t)seed % journal_room(journal) % 100);
			if (seed % 3 == 0)
				journal_pump(journal, NOW_NS);
			for (unsigned k = 0; k < seed % 4 && disk->write_cnt > 0; k++) {
				cr_assert(eq(ptr, (void *)block_records_wrong(nth_write(0)), NULL));
				memory_disk_complete(disk, 0, journal);
			}
		}
		cr_assert(gt(uint, baskets, 20));
		while (!journal_idle(journal)) {
			journal_pump(journal, NOW_NS);
			memory_disk_complete_all(disk, journal);
		}
		close_disk();
	}
}

Test(journal, a_basket_waits_for_a_block_of_its_own)
{
	open_disk(BIG_SEGMENT_BYTES, 2);
	/* Every buffer in use, the last one up to one record. */
	for (unsigned i = 0; i < BLOCK_BUFFERS_CNT; i++)
		append_records(journal, BLOCK_RECORDS_MAX - (i == BLOCK_BUFFERS_CNT - 1));
	cr_assert(eq(u32, journal_room(journal), 1));
	cr_assert(journal_has_room_together(journal, 1));
	cr_assert(not(journal_has_room_together(journal, 2)));
	journal_pump(journal, NOW_NS);
	cr_assert(not(journal_has_room_together(journal, 2)));
	memory_disk_complete(disk, 0, journal);
	cr_assert(journal_has_room_together(journal, 2));
	append_basket(2);
	cr_assert(eq(u64, journal_filling_lsn(journal), journal_next_lsn(journal) - 2));
	memory_disk_complete_all(disk, journal);
	while (!journal_idle(journal)) {
		journal_pump(journal, NOW_NS);
		memory_disk_complete_all(disk, journal);
	}
	append_records(journal, 1);
	journal_abandon(journal, EIO);
	cr_assert(not(journal_has_room_together(journal, 1)));
	close_disk();
}
