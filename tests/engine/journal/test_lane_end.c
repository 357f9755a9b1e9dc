#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/journal/lane_end.h"
#include "tests/support/memory_disk.h"

static const uint64_t JOURNAL_ID = 0x77;

enum {
	UNITS = 10, /* of a segment */
};

static void write_blocks(struct memory_disk *disk, struct journal *journal, unsigned cnt,
			 uint32_t records)
{
	for (unsigned i = 0; i < cnt; i++) {
		append_records(journal, records);
		/* At the end of a segment the records go into two blocks. */
		do {
			journal_pump(journal, 5000 + i);
			memory_disk_complete_all(disk, journal);
		} while (!journal_idle(journal));
	}
}

static struct lane_end find(struct memory_disk *disk)
{
	struct lane_files *files = memory_disk_files(disk);
	struct lane_end extent;

	cr_assert(eq(int, lane_end_find(files, 3, &extent), 0));
	files->ops->close(files);
	return extent;
}

/* At every length of a lane the end found is the writer's, whatever size its blocks have. */
Test(lane_end, is_where_the_writer_goes_on)
{
	const struct lane_tail tail = empty_tail();
	struct memory_disk *disk =
		memory_disk_open(JOURNAL_ID, 3, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 12);
	struct journal *journal = memory_disk_journal(disk, &tail);
	struct lane_end extent = find(disk);

	cr_assert(eq(u64, extent.place.offset, BLOCK_ALIGN_BYTES));
	cr_assert(eq(u64, extent.next_lsn, 0));
	for (unsigned i = 0; i < 30; i++) {
		write_blocks(disk, journal, 1, 1 + 40 * (i % 5));
		extent = find(disk);
		cr_assert(eq(u64, extent.next_lsn, journal_next_lsn(journal)), "%u blocks", i + 1);
		cr_assert(eq(u64, extent.segment_bytes, UNITS * BLOCK_ALIGN_BYTES));
		cr_assert(gt(u64, extent.place.offset, BLOCK_ALIGN_BYTES));
	}
	cr_assert(gt(u64, extent.place.segment, 3));
	journal_close(journal);
	memory_disk_close(disk);
}

/* A torn write after the end hides neither the end nor the LSN. */
Test(lane_end, looks_past_a_torn_tail)
{
	const struct lane_tail tail = empty_tail();
	struct memory_disk *disk =
		memory_disk_open(JOURNAL_ID, 3, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 3);
	struct journal *journal = memory_disk_journal(disk, &tail);
	struct lane_end extent;

	write_blocks(disk, journal, 3, 5);
	memset(disk->data[0] + (size_t)4 * BLOCK_ALIGN_BYTES, 0x5a, 100);
	extent = find(disk);
	cr_assert(eq(u64, extent.next_lsn, 16));
	cr_assert(eq(u64, extent.place.offset, 5 * BLOCK_ALIGN_BYTES));
	journal_close(journal);
	memory_disk_close(disk);
}
