#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "alloc/arena.h"
#include "engine/lane/lane.h"
#include "tests/support/memory_disk.h"

static const uint64_t SEGMENT = 4 << 20;
static const uint64_t NOW_NS = 7000000000;

static struct memory_disk *disk;
static struct lane lane;

static void open_lane(void)
{
	const struct lane_tail tail = empty_tail();

	disk = memory_disk_open(7, 3, SEGMENT, 2);
	lane = (struct lane){
		.journal = memory_disk_journal(disk, &tail),
		.clock_ns = 1000,
		.ack = ACK_MEMORY,
	};
}

static void close_lane(void)
{
	lane.draining = true;
	while (!journal_idle(lane.journal)) {
		lane_pump(&lane, NOW_NS);
		memory_disk_complete_all(disk, lane.journal);
	}
	journal_close(lane.journal);
	memory_disk_close(disk);
}

TestSuite(lane, .init = open_lane, .fini = close_lane);

static uintptr_t line_of(const void *at)
{
	return (uintptr_t)at / CACHE_LINE_BYTES;
}

/* What two workers write every turn and what lies side by side: lanes, journals, arenas. */
Test(lane, no_line_belongs_to_two_workers)
{
	struct lane *lanes = lanes_alloc(3);
	struct arena *arenas[2];
	const uint8_t *of_arena[2];

	cr_assert(ne(ptr, lanes, NULL));
	cr_assert(eq(u64, (uintptr_t)lanes % CACHE_LINE_BYTES, 0));
	cr_assert(lt(u64, line_of((uint8_t *)&lanes[1] - 1), line_of(&lanes[1])));
	free(lanes);

	cr_assert(eq(u64, (uintptr_t)lane.journal % CACHE_LINE_BYTES, 0));

	for (unsigned i = 0; i < 2; i++) {
		cr_assert(eq(int, arena_open(&arenas[i]), 0));
		of_arena[i] = arena_alloc(arenas[i], 8);
		cr_assert(ne(ptr, (void *)of_arena[i], NULL));
	}
	/* They do not even share a page: the kernel counts which node touches a page, and moves it.
	 */
	cr_assert(ne(u64, (uintptr_t)of_arena[0] / BLOCK_ALIGN_BYTES,
		     (uintptr_t)of_arena[1] / BLOCK_ALIGN_BYTES));
	for (unsigned i = 0; i < 2; i++)
		arena_close(arenas[i]);
}

/* The lane's clock stands still in all of them: how long a block is held back is measured by the
 * monotonic clock. */
Test(lane, holds_a_record_back_that_nobody_waits_for)
{
	append_records(lane.journal, 1);
	lane_pump(&lane, NOW_NS);
	append_records(lane.journal, 1);
	lane_pump(&lane, NOW_NS + MEMORY_LINGER_NS - 1);
	cr_assert(eq(uint, disk->write_cnt, 0));
	lane_pump(&lane, NOW_NS + MEMORY_LINGER_NS);
	cr_assert(eq(uint, disk->write_cnt, 1), "by the age of the first");
	memory_disk_complete_all(disk, lane.journal);
	cr_assert(eq(u64, journal_durable_lsn(lane.journal), 2));
}

Test(lane, each_block_is_held_back_by_its_own_age)
{
	append_records(lane.journal, 1);
	lane_pump(&lane, NOW_NS);
	lane_pump(&lane, NOW_NS + MEMORY_LINGER_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	memory_disk_complete_all(disk, lane.journal);
	append_records(lane.journal, 1);
	lane_pump(&lane, NOW_NS + MEMORY_LINGER_NS + 1);
	lane_pump(&lane, NOW_NS + 2 * (uint64_t)MEMORY_LINGER_NS);
	cr_assert(eq(uint, disk->write_cnt, 0));
	lane_pump(&lane, NOW_NS + 2 * (uint64_t)MEMORY_LINGER_NS + 1);
	cr_assert(eq(uint, disk->write_cnt, 1));
	memory_disk_complete_all(disk, lane.journal);
}

Test(lane, a_full_block_leaves_at_once_and_the_next_is_young)
{
	append_records(lane.journal, 10);
	lane_pump(&lane, NOW_NS);
	append_records(lane.journal, BLOCK_RECORDS_MAX);
	lane_pump(&lane, NOW_NS + MEMORY_LINGER_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	cr_assert(eq(uint, disk->writes[0].bytes, BLOCK_BYTES_MAX));
	memory_disk_complete_all(disk, lane.journal);
	lane_pump(&lane, NOW_NS + 2 * (uint64_t)MEMORY_LINGER_NS - 1);
	cr_assert(eq(uint, disk->write_cnt, 0));
	lane_pump(&lane, NOW_NS + 2 * (uint64_t)MEMORY_LINGER_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	memory_disk_complete_all(disk, lane.journal);
	cr_assert(eq(u64, journal_durable_lsn(lane.journal), 10 + BLOCK_RECORDS_MAX));
}

Test(lane, holds_nothing_back_that_an_answer_waits_for)
{
	lane.ack = ACK_DURABLE;
	append_records(lane.journal, 1);
	lane_pump(&lane, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	memory_disk_complete_all(disk, lane.journal);
}

Test(lane, holds_nothing_back_when_it_drains)
{
	append_records(lane.journal, 1);
	lane_pump(&lane, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 0));
	lane.draining = true;
	lane_pump(&lane, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	memory_disk_complete_all(disk, lane.journal);
}

/* A lane's clock goes back only by a record, in a block of format 2, and continues from there. */
Test(lane, a_clock_is_set_back_by_a_record)
{
	const struct shard_size size = {.offer_cnt = 1, .order_cnt = 1, .buyer_cnt = 1};
	const struct block_header *block;
	const struct record *record;

	lane.ack = ACK_DURABLE;
	cr_assert(eq(int, shard_open(&lane.shard, 3, 8, &size), 0));
	lane.clock_ns = 5000;
	cr_assert(lane_set_back(&lane, 2000));
	cr_assert(eq(u64, lane.clock_ns, 2000));
	cr_assert(eq(u64, shard_last_at_ns(lane.shard), 2000));
	lane_tick(&lane, 1000);
	cr_assert(eq(u64, lane.clock_ns, 2000));
	lane_pump(&lane, NOW_NS);
	cr_assert(eq(uint, disk->write_cnt, 1));
	block = disk->writes[0].buffer;
	record = (const struct record *)(block + 1);
	cr_assert(eq(uint, block->format, JOURNAL_FORMAT_CLOCK));
	cr_assert(eq(uint, block->record_cnt, 1));
	cr_assert(eq(u64, block->written_at_ns, 2000));
	cr_assert(eq(uint, record->kind, RECORD_CLOCK));
	cr_assert(eq(u64, record->at_ns, 2000));
	cr_assert(eq(u64, record->clock.was_ns, 5000));
	memory_disk_complete_all(disk, lane.journal);
	append_records(lane.journal, 1);
	lane_pump(&lane, NOW_NS);
	block = disk->writes[0].buffer;
	cr_assert(eq(uint, block->format, JOURNAL_FORMAT));
	memory_disk_complete_all(disk, lane.journal);
	shard_close(lane.shard);
}
