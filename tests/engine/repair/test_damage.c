#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/repair/damage.h"
#include "tests/support/memory_disk.h"
#include "tests/support/sale.h"

static const uint64_t JOURNAL_ID = 0x77;
static const uint16_t LANE = 3;

enum {
	BLOCK_CNT = 24,
	RECORDS_A_BLOCK = 5,
	LSN_CNT = BLOCK_CNT * RECORDS_A_BLOCK,
	UNITS = 10, /* of a segment: a header, 8 blocks, room for a closing block */
	BLOCKS_A_SEGMENT = 8,
};

static struct memory_disk *disk;
static struct mended_files *mended;
static struct damage *damage;
static struct error error;

/* BLOCK_CNT blocks of one unit over three segments, sealed. */
static void set_up(void)
{
	const struct lane_tail tail = empty_tail();
	struct journal *journal;

	disk = memory_disk_open(JOURNAL_ID, LANE, (uint64_t)UNITS * BLOCK_ALIGN_BYTES, 5);
	journal = memory_disk_journal(disk, &tail);
	for (unsigned i = 0; i < BLOCK_CNT; i++) {
		append_records(journal, RECORDS_A_BLOCK);
		journal_pump(journal, 5000 + i);
		memory_disk_complete_all(disk, journal);
	}
	journal_put_closing_block(journal, 9000);
	memory_disk_complete_all(disk, journal);
	journal_close(journal);
}

static void forget(void)
{
	damage_close(damage);
	damage = NULL;
	mended_files_close(mended);
	mended = NULL;
}

static void tear_down(void)
{
	forget();
	memory_disk_close(disk);
}

/* The idx-th block, from 0. */
static uint8_t *block(unsigned idx)
{
	return disk->data[idx / BLOCKS_A_SEGMENT] +
	       (size_t)(1 + idx % BLOCKS_A_SEGMENT) * BLOCK_ALIGN_BYTES;
}

/* Opens both stages. */
static int look_at(struct lane_files *files, bool settle, uint64_t cut_lsn)
{
	int rc;

	forget();
	rc = mended_files_open(&mended, files, JOURNAL_ID, LANE, settle, NULL, &error);
	if (rc == 0)
		rc = damage_open(&damage, mended, cut_lsn, &error);
	return rc;
}

static void look(uint64_t cut_lsn)
{
	cr_assert(eq(int, look_at(memory_disk_files(disk), true, cut_lsn), 0), "%s", error.text);
}

/* How many faults both stages found. */
static uint64_t fault_cnt(void)
{
	return mended->fault_cnt + damage->fault_cnt;
}

struct seen {
	uint64_t cnt;
	uint64_t last_lsn;
	uint64_t most;
};

static bool see(void *context, uint64_t lsn, const struct record *record)
{
	struct seen *seen = context;

	cr_assert(lsn > seen->last_lsn && is_appended_record(record, lsn), "LSN %lu", lsn);
	seen->last_lsn = lsn;
	return ++seen->cnt < seen->most;
}

static struct seen each(uint64_t most)
{
	struct seen seen = {.most = most};

	cr_assert(eq(int, damage_each_lost(damage, see, &seen, &error), 0), "%s", error.text);
	return seen;
}

Test(damage, a_good_lane_loses_nothing, .init = set_up, .fini = tear_down)
{
	look(0);
	cr_assert(eq(u64, fault_cnt(), 0));
	cr_assert(not(damage->torn));
	cr_assert(eq(u64, damage->tail.next_lsn, LSN_CNT + 1));
	cr_assert(eq(u64, damage->size.order_cnt, LSN_CNT));
	cr_assert(eq(u64, loss_cnt(&damage->loss), 0));
	cr_assert(eq(u64, loss_durable_cnt(&damage->loss), 0));
	cr_assert(eq(u64, each(UINT64_MAX).cnt, 0));
}

/* Whichever block is bad: blocks before it are kept, blocks after it are read, only it is gone. */
Test(damage, one_bad_block_costs_itself_and_what_is_after, .init = set_up, .fini = tear_down)
{
	for (unsigned idx = 0; idx < BLOCK_CNT; idx++) {
		const uint64_t after = (BLOCK_CNT - 1 - idx) * RECORDS_A_BLOCK;

		block(idx)[70] ^= 1;
		look(0);
		cr_assert(eq(u64, fault_cnt(), 1));
		/* The first block of a segment is missing where the segment before ends. */
		cr_assert(eq(u64, damage->faults[0].place.segment,
			     (idx > 0 ? idx - 1 : 0) / BLOCKS_A_SEGMENT));
		cr_assert(eq(u64, damage->tail.next_lsn, idx * RECORDS_A_BLOCK + 1));
		cr_assert(eq(u64, damage->loss.last_lsn, LSN_CNT));
		cr_assert(eq(u64, damage->loss.watermark_lsn, LSN_CNT));
		cr_assert(eq(u64, loss_cnt(&damage->loss), after + RECORDS_A_BLOCK));
		cr_assert(eq(u64, loss_durable_cnt(&damage->loss), after + RECORDS_A_BLOCK));
		cr_assert(eq(u64, damage->loss.readable_cnt, after));
		cr_assert(eq(u64, loss_unreadable_cnt(&damage->loss), RECORDS_A_BLOCK));
		cr_assert(eq(u64, damage->garbage_bytes, BLOCK_ALIGN_BYTES));
		cr_assert(eq(u64, each(UINT64_MAX).cnt, after));
		cr_assert(eq(u64, each(3).cnt, after < 3 ? after : 3));
		block(idx)[70] ^= 1;
	}
}

/* Two bad blocks in a row, and a zeroed one later. */
Test(damage, several_bad_blocks, .init = set_up, .fini = tear_down)
{
	block(3)[9] ^= 1;
	block(4)[9] ^= 1;
	memset(block(20), 0, BLOCK_ALIGN_BYTES);
	look(0);
	cr_assert(eq(u64, damage->tail.next_lsn, 3 * RECORDS_A_BLOCK + 1));
	cr_assert(eq(u64, loss_unreadable_cnt(&damage->loss), 3 * RECORDS_A_BLOCK));
	cr_assert(eq(u64, damage->loss.readable_cnt, (BLOCK_CNT - 6) * RECORDS_A_BLOCK));
	cr_assert(eq(u64, damage->garbage_bytes, 2 * BLOCK_ALIGN_BYTES));
}

Test(damage, a_bad_segment_header_costs_nothing, .init = set_up, .fini = tear_down)
{
	for (unsigned i = 0; i < 4; i++) {
		disk->data[i][9] ^= 1;
		look(0);
		cr_assert(eq(u64, fault_cnt(), 1));
		cr_assert(eq(u64, damage->tail.next_lsn, LSN_CNT + 1));
		cr_assert(eq(u64, loss_cnt(&damage->loss), 0));
		for (unsigned j = 0; j < 5; j++)
			cr_assert(eq(int, damage_changes(damage, &mended->segments[j]), j == i));
		disk->data[i][9] ^= 1;
	}
}

Test(damage, a_missing_segment_costs_what_is_after, .init = set_up, .fini = tear_down)
{
	uint8_t *data;

	for (unsigned i = 0; i < 3; i++) {
		const uint64_t kept = i * BLOCKS_A_SEGMENT * RECORDS_A_BLOCK;

		data = disk->data[i];
		disk->data[i] = NULL;
		look(0);
		cr_assert(eq(u64, fault_cnt(), 1));
		cr_assert(eq(u64, damage->tail.next_lsn, kept + 1));
		cr_assert(eq(u64, damage->loss.readable_cnt,
			     (2 - i) * BLOCKS_A_SEGMENT * RECORDS_A_BLOCK));
		cr_assert(eq(u64, loss_unreadable_cnt(&damage->loss),
			     BLOCKS_A_SEGMENT * RECORDS_A_BLOCK));
		disk->data[i] = data;
	}
}

Test(damage, cuts_before_the_block_of_an_lsn, .init = set_up, .fini = tear_down)
{
	for (uint64_t lsn = 1; lsn <= LSN_CNT; lsn++) {
		const uint64_t kept = (lsn - 1) / RECORDS_A_BLOCK * RECORDS_A_BLOCK;

		look(lsn);
		cr_assert(eq(u64, damage->tail.next_lsn, kept + 1));
		cr_assert(eq(u64, damage->loss.readable_cnt, LSN_CNT - kept));
		cr_assert(eq(u64, loss_unreadable_cnt(&damage->loss), 0));
	}
	look(LSN_CNT + 1);
	cr_assert(eq(u64, loss_cnt(&damage->loss), 0));
}

/* Recovery, not a repair, cuts what was never acknowledged. */
Test(damage, a_torn_tail_is_no_damage, .init = set_up, .fini = tear_down)
{
	block(BLOCK_CNT + 2)[100] = 1;
	look(0);
	cr_assert(eq(u64, fault_cnt(), 0));
	cr_assert(damage->torn);
}

/* LSNs that two blocks have count once; LSNs that the good part has are not lost. */
Test(damage, lsns_are_counted_once, .init = set_up, .fini = tear_down)
{
	uint8_t *spare = block(BLOCK_CNT + 3);
	struct block_header *header = (struct block_header *)spare;

	memcpy(spare, block(10), BLOCK_ALIGN_BYTES);
	header->checksum = block_checksum(
		header, block_seed(JOURNAL_ID, LANE, (BLOCK_CNT + 3) / BLOCKS_A_SEGMENT,
				   (1 + (BLOCK_CNT + 3) % BLOCKS_A_SEGMENT) * BLOCK_ALIGN_BYTES,
				   header->first_lsn));
	block(9)[70] ^= 1;
	look(0);
	cr_assert(eq(u64, damage->loss.readable_cnt, (BLOCK_CNT - 10) * RECORDS_A_BLOCK));
	block(9)[70] ^= 1;
	block(12)[70] ^= 1;
	look(0);
	cr_assert(eq(u64, damage->loss.readable_cnt, (BLOCK_CNT - 13) * RECORDS_A_BLOCK));
	cr_assert(eq(u64, each(UINT64_MAX).cnt, (BLOCK_CNT - 13) * RECORDS_A_BLOCK));
}

/* The lane's records are orders for SKUs that were never put on sale. */
Test(damage, says_which_record_cannot_follow, .init = set_up, .fini = tear_down)
{
	const struct shard_size size = {.offer_cnt = 1, .order_cnt = 10, .buyer_cnt = 10};
	struct shard *shard = NULL;
	const char *why = NULL;
	uint64_t lsn = 0;

	look(0);
	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	cr_assert(eq(int, damage_apply(damage, shard, &lsn, &why, &error), -EBADMSG));
	cr_assert(eq(u64, lsn, 1));
	cr_assert(ne(ptr, (void *)why, NULL));
	shard_close(shard);
}

static const struct lane_files_ops *real_ops;
static struct lane_files_ops failing_ops;
static unsigned reads_until_failure;

static int64_t failing_read(struct lane_files *files, uint64_t segment, void *buffer, size_t bytes,
			    uint64_t offset)
{
	if (reads_until_failure == 0)
		return -EIO;
	reads_until_failure--;
	/* Each place is read by itself. */
	if (bytes > BLOCK_BYTES_MAX)
		bytes = BLOCK_BYTES_MAX;
	return real_ops->read(files, segment, buffer, bytes, offset);
}

Test(damage, an_unreadable_lane_is_refused, .init = set_up, .fini = tear_down)
{
	unsigned refused = 0;
	int rc = -EIO;

	block(3)[70] ^= 1;
	for (unsigned reads = 0; rc != 0; reads++) {
		struct lane_files *files = memory_disk_files(disk);

		real_ops = files->ops;
		failing_ops = *real_ops;
		failing_ops.read = failing_read;
		files->ops = &failing_ops;
		reads_until_failure = reads;
		rc = look_at(files, false, 0);
		if (rc == 0)
			break;
		cr_assert(eq(int, rc, -EIO));
		cr_assert(ne(ptr, strstr(error.text, "cannot be read"), NULL), "%s", error.text);
		refused++;
	}
	cr_assert(gt(uint, refused, 8));
}
