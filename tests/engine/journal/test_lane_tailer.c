#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/journal/lane_tailer.h"
#include "tests/sim/random.h"
#include "tests/support/memory_disk.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

static const uint64_t JOURNAL_ID = 0x77;
static const uint16_t LANE = 3;

enum {
	UNITS = 20, /* of a segment */
};

static struct memory_disk *disk;
static struct journal *journal;
static struct lane_tailer *tailer;
static struct error error;

static int open_memory(const void *context, uint16_t lane, struct lane_files **out)
{
	(void)context;
	(void)lane;
	*out = memory_disk_files(disk);
	return 0;
}

static struct lane_tailer_options options(void)
{
	return (struct lane_tailer_options){
		.open_files = open_memory, .journal_id = JOURNAL_ID, .lane = LANE};
}

static void set_up(void)
{
	const struct lane_tail tail = empty_tail();

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 40);
	journal = memory_disk_journal(disk, &tail);
}

static void tear_down(void)
{
	lane_tailer_close(tailer);
	tailer = NULL;
}

static int open_behind(const struct lane_mark *mark, const struct lane_tailer_options *how)
{
	lane_tailer_close(tailer);
	tailer = NULL;
	error_clear(&error);
	return lane_tailer_open(&tailer, how, mark, &error);
}

static void open_at_start(void)
{
	const struct lane_tailer_options how = options();

	cr_assert(eq(int, open_behind(&(struct lane_mark){0}, &how), 0), "%s", error.text);
}

static int peek(struct lane_block *block)
{
	return lane_tailer_peek(tailer, block, &error);
}

/* Takes all blocks that there are. Returns the next LSN after them. */
static uint64_t take_all(void)
{
	struct lane_block block;
	int rc;

	while ((rc = peek(&block)) == 1)
		lane_tailer_take(tailer);
	cr_assert(eq(int, rc, 0), "%s", error.text);
	return lane_tailer_mark(tailer)->next_lsn;
}

static void write_block(uint32_t records)
{
	append_records(journal, records);
	journal_pump(journal, 5000);
}

Test(lane_tailer, gives_a_block_when_a_later_one_proves_it, .init = set_up, .fini = tear_down)
{
	struct lane_block block;

	open_at_start();
	cr_assert(eq(int, peek(&block), 0));
	write_block(5);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(int, peek(&block), 0), "it can be read, but nothing says it is on disk");
	write_block(6);
	cr_assert(eq(int, peek(&block), 0));
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(int, peek(&block), 1));
	cr_assert(eq(u64, block.header->first_lsn, 1));
	cr_assert(eq(u32, block.header->record_cnt, 5));
	cr_assert(is_appended_record(&block_records(block.header)[4], 5));
	cr_assert(eq(u64, take_all(), 6));
	journal_put_closing_block(journal, 9000);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, take_all(), 12), "but not the closing block itself");
	cr_assert(eq(u64, lane_tailer_mark(tailer)->place.offset, 2 * BLOCK_ALIGN_BYTES));
}

/* Writes that end in any order, blocks of all sizes, closing blocks, several segments: the tailer
 * is never ahead of what is durable. */
Test(lane_tailer, is_never_ahead_of_the_disk, .init = set_up, .fini = tear_down)
{
	struct sim_random random = {.state = 1};
	struct lane_block block;
	uint64_t next_lsn = 1;
	uint64_t checksum = 0;
	unsigned closing = 0;

	open_at_start();
	for (unsigned turn = 0; turn < 1500 && journal_room(journal) >= 200; turn++) {
		if (random_below(&random, 3) > 0)
			write_block(1 + (uint32_t)random_below(&random, 150));
		while (disk->write_cnt > 0 && random_below(&random, 3) > 0)
			memory_disk_complete(disk, (unsigned)random_below(&random, disk->write_cnt),
					     journal);
		journal_put_closing_block(journal, 9000);
		while (peek(&block) == 1) {
			cr_assert(eq(u64, block.header->first_lsn, next_lsn));
			cr_assert(eq(u64, block.header->prev_checksum, checksum));
			cr_assert(le(u64, block_proof_lsn(block.header),
				     journal_durable_lsn(journal)));
			cr_assert(
				eq(u64, block.header->checksum,
				   block_checksum(block.header,
						  block_seed(JOURNAL_ID, LANE, block.place.segment,
							     block.place.offset,
							     block.header->first_lsn))));
			next_lsn += block.header->record_cnt;
			checksum = block.header->checksum;
			closing += block.header->record_cnt == 0;
			lane_tailer_take(tailer);
		}
		if (random_below(&random, 50) == 0) {
			const struct lane_mark mark = *lane_tailer_mark(tailer);
			const struct lane_tailer_options how = options();

			cr_assert(eq(int, open_behind(&mark, &how), 0), "%s", error.text);
		}
	}
	cr_assert(gt(u64, next_lsn, 5000));
	cr_assert(gt(u32, closing, 5));
}

Test(lane_tailer, gives_the_block_of_the_mark_again_if_asked, .init = set_up, .fini = tear_down)
{
	struct lane_tailer_options how = options();
	struct lane_mark mark;
	struct lane_block block;

	for (unsigned i = 0; i < 4; i++) {
		write_block(5);
		memory_disk_complete_all(disk, journal);
	}
	open_at_start();
	cr_assert(eq(u64, take_all(), 16));
	mark = *lane_tailer_mark(tailer);
	how.again = true;
	cr_assert(eq(int, open_behind(&mark, &how), 0));
	cr_assert(eq(int, peek(&block), 1));
	cr_assert(eq(u64, block.header->checksum, mark.checksum));
	how.proven = true;
	cr_assert(eq(int, open_behind(&mark, &how), 0));
	cr_assert(eq(u64, take_all(), 21), "of a copy also the last one");
}

/* A crash of the machine takes back what was not proven; another block is there then. */
Test(lane_tailer, forgets_what_a_crash_took_back, .init = set_up, .fini = tear_down)
{
	struct lane_block block;
	struct lane_tail tail = empty_tail();

	open_at_start();
	write_block(5);
	memory_disk_complete_all(disk, journal);
	write_block(6);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(u64, take_all(), 6));
	/* The lane again, as a recovery that did not find the second block goes on with it. */
	tail.next_lsn = 6;
	tail.place.offset = (uint64_t)2 * BLOCK_ALIGN_BYTES;
	tail.prev_checksum = lane_tailer_mark(tailer)->checksum;
	memset(disk->data[0] + tail.place.offset, 0, BLOCK_ALIGN_BYTES);
	journal = memory_disk_journal(disk, &tail);
	write_block(2);
	memory_disk_complete_all(disk, journal);
	write_block(2);
	memory_disk_complete_all(disk, journal);
	cr_assert(eq(int, peek(&block), 1), "%s", error.text);
	cr_assert(eq(u32, block.header->record_cnt, 2));
	cr_assert(eq(u64, take_all(), 8));
}

Test(lane_tailer, notices_another_block_in_the_place_of_the_mark, .init = set_up, .fini = tear_down)
{
	const struct lane_tailer_options how = options();
	struct lane_mark mark;
	struct lane_mark other;

	for (unsigned i = 0; i < 4; i++) {
		write_block(5);
		memory_disk_complete_all(disk, journal);
	}
	open_at_start();
	take_all();
	mark = other = *lane_tailer_mark(tailer);
	other.checksum++;
	cr_assert(eq(int, open_behind(&other, &how), -ESTALE));
	cr_assert(ne(ptr, strstr(error.text, "journal repair"), NULL), "%s", error.text);
	other = mark;
	other.place.offset += (uint64_t)8 * BLOCK_ALIGN_BYTES;
	cr_assert(eq(int, open_behind(&other, &how), -ESTALE));
	other = mark;
	other.place.segment = 77;
	cr_assert(eq(int, open_behind(&other, &how), -ESTALE));
	cr_assert(eq(int, open_behind(&mark, &how), 0), "%s", error.text);
	memset(disk->data[0] + mark.place.offset, 0, BLOCK_ALIGN_BYTES);
	cr_assert(eq(int, open_behind(&mark, &how), -ESTALE));
}

/* Damage below a watermark looks like a write in flight at first: it is reported within seconds. */
Test(lane_tailer, tells_damage_from_a_write_on_its_way, .init = set_up, .fini = tear_down)
{
	struct lane_block block;
	int rc = 0;

	for (unsigned i = 0; i < 4; i++) {
		write_block(5);
		memory_disk_complete_all(disk, journal);
	}
	disk->data[0][2 * BLOCK_ALIGN_BYTES + 100] ^= 1;
	open_at_start();
	for (int i = 0; i < 500 && rc == 0; i++) {
		rc = peek(&block);
		usleep(10000);
	}
	cr_assert(eq(int, rc, -EBADMSG), "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "LSN 6 should be here"), NULL), "%s", error.text);
}

/* A block that was on disk and reads as zeros now is no end. That is reported within seconds beside
 * an engine, and at once to a caller that waits for no more. */
Test(lane_tailer, takes_a_hole_for_no_end, .init = set_up, .fini = tear_down)
{
	struct lane_tailer_options how = options();
	struct lane_block block;
	int rc = 0;

	for (unsigned i = 0; i < 4; i++) {
		write_block(5);
		memory_disk_complete_all(disk, journal);
	}
	how.once = true;
	cr_assert(eq(int, open_behind(&(struct lane_mark){0}, &how), 0));
	cr_assert(eq(u64, take_all(), 16));
	memset(disk->data[0] + (ptrdiff_t)2 * BLOCK_ALIGN_BYTES, 0, BLOCK_ALIGN_BYTES);
	cr_assert(eq(int, open_behind(&(struct lane_mark){0}, &how), 0));
	cr_assert(eq(int, peek(&block), -EBADMSG), "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "LSN 6 should be here"), NULL), "%s", error.text);
	open_at_start();
	for (int i = 0; i < 500 && (rc = peek(&block)) >= 0; i++) {
		if (rc == 1)
			lane_tailer_take(tailer);
		else
			usleep(10000);
	}
	cr_assert(eq(int, rc, -EBADMSG), "%s", error.text);
}

/* The closing block that fills a segment reads as zeros. The next segment was made late, and the
 * lane goes on in it. */
Test(lane_tailer, misses_a_closing_block_at_a_segments_end, .fini = tear_down)
{
	const struct lane_tail tail = empty_tail();
	struct lane_block block;
	int rc = 0;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 1);
	journal = memory_disk_journal(disk, &tail);
	for (unsigned i = 0; i < UNITS - 2; i++) {
		write_block(5);
		memory_disk_complete_all(disk, journal);
	}
	journal_put_closing_block(journal, 9000);
	memory_disk_complete_all(disk, journal);
	memory_disk_add_segment(disk);
	journal_pump(journal, 5000);
	for (unsigned i = 0; i < 2; i++) {
		write_block(5);
		memory_disk_complete_all(disk, journal);
	}
	memset(disk->data[0] + (ptrdiff_t)(UNITS - 1) * BLOCK_ALIGN_BYTES, 0, BLOCK_ALIGN_BYTES);
	open_at_start();
	for (int i = 0; i < 500 && (rc = peek(&block)) >= 0; i++) {
		if (rc == 1)
			lane_tailer_take(tailer);
		else
			usleep(10000);
	}
	cr_assert(eq(int, rc, -EBADMSG), "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "LSN 91 should be here"), NULL), "%s", error.text);
}

/* On real files, the first of which are removed. */
Test(lane_tailer, says_what_was_pruned)
{
	static struct real_lane lane;
	struct lane_tailer_options how;
	struct data_dir dir;
	struct lane_mark early;
	struct lane_block block;
	char path[64];

	temp_dir_make();
	cr_assert(eq(int,
		     real_lane_open(&lane, temp_path("data"), (uint64_t)32 * BLOCK_ALIGN_BYTES),
		     0));
	real_lane_sell(&lane, 6000);
	real_lane_seal(&lane);
	cr_assert(eq(int, data_dir_read(&dir, temp_path("data"), &error), 0));
	how = lane_tailer_of(&dir, 0);
	cr_assert(eq(int, open_behind(&(struct lane_mark){0}, &how), 0), "%s", error.text);
	while (peek(&block) == 1 && block.place.segment == 0) {
		const bool first = block.header->first_lsn == 1;

		lane_tailer_take(tailer);
		if (first)
			early = *lane_tailer_mark(tailer);
	}

	const struct lane_mark last = *lane_tailer_mark(tailer);

	snprintf(path, sizeof(path), "data/lane-000/seg-%012d", 0);
	cr_assert(eq(int, unlink(temp_path(path)), 0));
	cr_assert(eq(int, open_behind(&(struct lane_mark){0}, &how), -ENODATA));
	cr_assert(ne(ptr, strstr(error.text, "LSN 1 is needed next"), NULL), "%s", error.text);
	cr_assert(eq(int, open_behind(&early, &how), -ENODATA));
	cr_assert(eq(int, open_behind(&last, &how), 0), "it goes on at the very next: %s",
		  error.text);
	cr_assert(eq(int, peek(&block), 1));
	cr_assert(eq(u64, block.header->first_lsn, last.next_lsn));
	cr_assert(eq(u64, take_all(), journal_next_lsn(lane.journal)));
	how.skip_pruned = true;
	cr_assert(eq(int, open_behind(&(struct lane_mark){0}, &how), 0), "%s", error.text);
	cr_assert(eq(int, peek(&block), 1));
	cr_assert(eq(u64, block.header->first_lsn, last.next_lsn));
	lane_tailer_close(tailer);
	real_lane_close(&lane);
	temp_dir_remove();
}

/* Of a pruned lane only a segment that was made ahead is left. */
Test(lane_tailer, says_that_a_lane_lost_all)
{
	static struct real_lane lane;
	struct lane_tailer_options how;
	struct data_dir dir;
	uint64_t *segments = NULL;
	struct lane_files *files = NULL;
	char path[64];
	int64_t cnt;

	temp_dir_make();
	cr_assert(eq(int,
		     real_lane_open(&lane, temp_path("data"), (uint64_t)32 * BLOCK_ALIGN_BYTES),
		     0));
	real_lane_sell(&lane, 6000);
	real_lane_seal(&lane);
	real_lane_close(&lane);
	cr_assert(eq(int, data_dir_read(&dir, temp_path("data"), &error), 0));
	cr_assert(eq(int, data_dir_open_lane(&dir, 0, &files, &error), 0));
	cnt = files->ops->list(files, &segments);
	files->ops->close(files);
	cr_assert(cnt > 1);
	for (int64_t i = 0; i < cnt - 1; i++) {
		snprintf(path, sizeof(path), "data/lane-000/seg-%012d", (int)segments[i]);
		cr_assert(eq(int, unlink(temp_path(path)), 0));
	}
	how = lane_tailer_of(&dir, 0);
	cr_assert(eq(int, open_behind(&(struct lane_mark){0}, &how), -ESTALE));
	cr_assert(ne(ptr, strstr(error.text, "which holds no block"), NULL), "%s", error.text);
	free(segments);
	data_dir_close(&dir);
	temp_dir_remove();
}
