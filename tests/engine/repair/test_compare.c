/* A lane and a checkpoint with holds: of one history, or of two. */
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/repair/compare.h"
#include "net/wire.h"
#include "tests/support/checkpoints.h"
#include "tests/support/holds.h"
#include "tests/support/memory_disk.h"
#include "tests/support/temp_dir.h"

enum {
	ASKED = 1200,
};

static struct data_dir dir;
static struct memory_disk *disk;
static struct record history[8 * ASKED];
static uint64_t cnt; /* of its records */
static struct error error;

/* Writes a checkpoint of the history's first records. */
static void save(uint64_t last_lsn)
{
	const struct shard_size room = holds_room(4 * ASKED);
	struct shard *shard = NULL;
	struct lane_position position;
	const char *why = "";
	uint64_t bytes;

	cr_assert(eq(int, shard_open(&shard, 0, dir.shards, &room), 0));
	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++)
		cr_assert(eq(int, shard_apply(shard, lsn, &history[lsn - 1], &why), 0), "%s", why);
	position = any_position(shard);
	cr_assert(eq(int, checkpoint_write(&dir, 0, shard, &position, 9, &bytes, &error), 0), "%s",
		  error.text);
	shard_close(shard);
}

static void set_up(void)
{
	const struct shard_size room = holds_room(4 * ASKED);
	struct shard *shard = NULL;

	temp_dir_make();
	cr_assert(eq(int, data_dir_open(&dir, temp_path("data"), 1, &error), 0));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &room), 0));
	random_holds(shard, 5, ASKED, history);
	cnt = shard_next_lsn(shard) - 1;
	shard_close(shard);
}

static void tear_down(void)
{
	data_dir_close(&dir);
	temp_dir_remove();
}

TestSuite(repair_compare, .init = set_up, .fini = tear_down);

/* A lane with the first records of the history, compared with the checkpoint up to this LSN. */
static uint64_t compare(uint64_t lane_cnt, uint64_t saved_lsn)
{
	const struct lane_tail tail = empty_tail();
	struct mended_files *mended = NULL;
	struct damage *damage = NULL;
	struct journal *journal;
	uint64_t different_lsn = 0;

	disk = memory_disk_open(dir.journal_id, 0, UINT64_C(4) << 20, 3);
	journal = memory_disk_journal(disk, &tail);
	for (uint64_t i = 0; i < lane_cnt; i++) {
		const bool within = i > 0 && (history[i - 1].flags & RECORD_BASKET_GOES_ON) != 0;

		if (!within)
			journal_keep_together(journal, WIRE_ENTRY_CNT_MAX);
		if ((i % 90 == 0 && !within) || history[i].kind == RECORD_CLOCK) {
			journal_pump(journal, 5000);
			memory_disk_complete_all(disk, journal);
		}
		*journal_slot(journal) = history[i];
		journal_commit(journal);
	}
	while (!journal_idle(journal)) {
		journal_pump(journal, 5000);
		memory_disk_complete_all(disk, journal);
	}
	journal_close(journal);
	cr_assert(eq(int,
		     mended_files_open(&mended, memory_disk_files(disk), dir.journal_id, 0, true,
				       NULL, &error),
		     0));
	cr_assert(eq(int, damage_open(&damage, mended, 0, &error), 0), "%s", error.text);
	cr_assert(eq(u64, damage->tail.next_lsn, lane_cnt + 1));
	cr_assert(eq(int, repair_compare(&dir, damage, saved_lsn + 1, &different_lsn, &error), 0),
		  "%s", error.text);
	damage_close(damage);
	mended_files_close(mended);
	memory_disk_close(disk);
	return different_lsn;
}

/* The same sale in one of two shards. */
static void begin_spanning(void)
{
	const struct shard_size room = holds_room(4 * ASKED);
	struct shard *shard = NULL;

	dir.shards = 2;
	cr_assert(eq(int, shard_open(&shard, 0, 2, &room), 0));
	random_spanning(shard, 5, ASKED / 2, history);
	cnt = shard_next_lsn(shard) - 1;
	shard_close(shard);
}

static uint64_t last_of(uint8_t kind)
{
	uint64_t lsn = cnt;

	while (history[lsn - 1].kind != kind)
		lsn--;
	return lsn;
}

Test(repair_compare, one_history_is_the_same_as_far_as_both_reach)
{
	save(cnt);
	save(cnt / 2);
	cr_assert(eq(u64, compare(cnt, cnt), 0));
	cr_assert(eq(u64, compare(cnt / 2, cnt), 0), "the checkpoint has more");
	cr_assert(eq(u64, compare(cnt, cnt / 2), 0), "the lane has more");
}

Test(repair_compare, another_history_is_found_by_its_first_record_that_is_stored)
{
	static const uint8_t kinds[] = {RECORD_ORDER,  RECORD_OFFER,   RECORD_CLOCK,
					RECORD_HOLD,   RECORD_CONFIRM, RECORD_RELEASE,
					RECORD_EXTEND, RECORD_RETURN};

	save(cnt);
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		const uint64_t lsn = last_of(kinds[i]);

		history[lsn - 1].at_ns++;
		cr_assert(eq(u64, compare(cnt, cnt), lsn), "kind %u", kinds[i]);
		history[lsn - 1].at_ns--;
	}
	cr_assert(eq(u64, compare(cnt, cnt), 0));
}

/* The other way round, lines that were prepared, whatever became of them. */
Test(repair_compare, of_a_lane_of_several_shards)
{
	static const uint8_t kinds[] = {RECORD_ORDER, RECORD_HOLD, RECORD_CONFIRM, RECORD_RELEASE,
					RECORD_LINK};
	uint64_t waiting = 0;

	begin_spanning();
	save(cnt);
	save(cnt / 2);
	cr_assert(eq(u64, compare(cnt, cnt), 0));
	cr_assert(eq(u64, compare(cnt / 2, cnt), 0));
	cr_assert(eq(u64, compare(cnt, cnt / 2), 0));
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		const uint64_t lsn = last_of(kinds[i]);

		history[lsn - 1].at_ns++;
		cr_assert(eq(u64, compare(cnt, cnt), lsn), "kind %u", kinds[i]);
		history[lsn - 1].at_ns--;
	}
	/* One that waits is stored. */
	for (uint64_t lsn = cnt; lsn > 0 && waiting == 0; lsn--) {
		waiting = history[lsn - 1].kind == RECORD_PREPARED ? lsn : 0;
		for (uint64_t i = lsn; i < cnt && waiting > 0; i++) {
			if (history[i].order.request_id[0] == history[lsn - 1].order.request_id[0])
				waiting = 0;
		}
	}
	cr_assert(gt(u64, waiting, 0));
	history[waiting - 1].order.buyer++;
	cr_assert(eq(u64, compare(cnt, cnt), waiting));
}

/* A checkpoint does not store that a hold ran out: but in the lane it cannot be that it was paid.
 */
Test(repair_compare, a_payment_where_the_other_history_has_an_end)
{
	const uint64_t lsn = last_of(RECORD_EXPIRE);

	save(cnt);
	history[lsn - 1].kind = RECORD_CONFIRM;
	history[lsn - 1].flags = 0;
	cr_assert(eq(u64, compare(cnt, cnt), lsn));
}
