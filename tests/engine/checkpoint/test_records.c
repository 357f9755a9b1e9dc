/* What went into a lane comes out of a checkpoint of it, record by record. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/records.h"
#include "tests/support/checkpoints.h"
#include "tests/support/holds.h"
#include "tests/support/sale.h"
#include "tests/support/temp_dir.h"

enum {
	RECORDS = 2 * CHECKPOINT_CHUNK_ENTRIES + 500,
};

static const struct shard_size ROOM = {
	.offer_cnt = RECORDS, .order_cnt = RECORDS, .buyer_cnt = RECORDS};

static struct data_dir dir;
static struct shard *shard;
static struct record *lane; /* [RECORDS], LSN 1 first */
static struct error error;

static void set_up(void)
{
	temp_dir_make();
	cr_assert(eq(int, data_dir_open(&dir, temp_path("data"), 1, &error), 0));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &ROOM), 0));
	lane = calloc(RECORDS, sizeof(*lane));
}

static void tear_down(void)
{
	free(lane);
	shard_close(shard);
	data_dir_close(&dir);
	temp_dir_remove();
}

/* An offer where is_offer says so, an order of the first one elsewhere; the clock is set back now
 * and then. */
static void fill(uint32_t cnt, bool (*is_offer)(uint32_t))
{
	const char *why = NULL;

	shard_clear(shard);
	for (uint32_t i = 0; i < cnt; i++) {
		if (i == 50 || i % 997 == 996) {
			lane[i] = (struct record){.kind = RECORD_CLOCK,
						  .at_ns = 999 + i,
						  .clock = {.was_ns = 2000 + i}};
			cr_assert(eq(int, shard_apply(shard, i + 1, &lane[i], &why), 0), "%s", why);
		} else if (is_offer(i)) {
			lane[i] = sale_offer(1 + i, 1000000, 500, i % 2);
			lane[i].at_ns = 1000 + i;
			cr_assert(eq(int, shard_apply(shard, i + 1, &lane[i], &why), 0), "%s", why);
		} else {
			struct wire_request request = sale_buy(i, i, 1);

			request.price_or_order = 500 + i;
			request.channel = i * 3;
			cr_assert(sale_decide(shard, 1000 + i, &request, &lane[i]).committed);
		}
	}
}

static int check(uint32_t cnt)
{
	const struct lane_position position = any_position(shard);
	struct checkpoint_records *records = NULL;
	struct record record;
	uint64_t bytes;
	uint64_t lsn = 0;
	int rc;

	cr_assert(eq(int, checkpoint_write(&dir, 0, shard, &position, 9, &bytes, &error), 0), "%s",
		  error.text);
	cr_assert(eq(int, checkpoint_records_open(&records, &dir, 0, cnt + 1, &error), 0), "%s",
		  error.text);
	cr_assert(eq(u64, checkpoint_records_header(records)->next_lsn, cnt + 1));
	for (uint32_t i = 0; i < cnt; i++) {
		rc = checkpoint_records_next(records, &lsn, &record, &error);
		cr_assert(eq(int, rc, 1), "%s", error.text);
		cr_assert(eq(u64, lsn, i + 1));
		cr_assert(eq(int, memcmp(&record, &lane[i], sizeof(record)), 0), "LSN %lu", lsn);
	}
	rc = checkpoint_records_next(records, &lsn, &record, &error);
	checkpoint_records_close(records);
	return rc;
}

static bool first_only(uint32_t i)
{
	return i == 0;
}

static bool all(uint32_t i)
{
	(void)i;
	return true;
}

static bool some(uint32_t i)
{
	return i % 7 == 0 || i % 11 == 0;
}

static bool at_both_ends(uint32_t i)
{
	return i < 3 || i >= 97;
}

Test(checkpoint_records, every_record_comes_back_once_in_lane_order, .init = set_up,
     .fini = tear_down)
{
	fill(RECORDS, some);
	cr_assert(eq(int, check(RECORDS), 0));
	fill(RECORDS, all);
	cr_assert(eq(int, check(RECORDS), 0));
	fill(RECORDS, first_only);
	cr_assert(eq(int, check(RECORDS), 0));
	fill(100, at_both_ends);
	cr_assert(eq(int, check(100), 0));
	fill(1, all);
	cr_assert(eq(int, check(1), 0));
}

/* Whether a record is stored with its LSN. */
static bool has_lsn(const struct record *record)
{
	return record->kind == RECORD_ORDER ||
	       (record->kind >= RECORD_HOLD && record->kind <= RECORD_RETURN);
}

/* The next record of the lane from this index on that is stored so, or not; EXPIRE records are not
 * stored. */
static uint64_t next_stored(uint64_t i, uint64_t cnt, bool with_lsn)
{
	while (i < cnt && (has_lsn(&lane[i]) != with_lsn || lane[i].kind == RECORD_EXPIRE))
		i++;
	return i;
}

/* With holds that ran out the offers' LSNs cannot be told: they come first. */
Test(checkpoint_records, holds_and_changes_come_back, .init = set_up, .fini = tear_down)
{
	const struct shard_size room = holds_room(9000);
	struct checkpoint_records *records = NULL;
	struct lane_position position;
	struct record record;
	uint64_t bytes;
	uint64_t lsn;
	uint64_t cnt;
	uint64_t loose = 0;
	uint64_t at = 0;
	uint64_t ran_out = 0;

	shard_close(shard);
	cr_assert(eq(int, shard_open(&shard, 0, 1, &room), 0));
	random_holds(shard, 11, 4000, lane);
	cnt = shard_next_lsn(shard) - 1;
	for (uint64_t i = 0; i < cnt; i++)
		ran_out += lane[i].kind == RECORD_EXPIRE;
	cr_assert(gt(u64, ran_out, 0));
	position = any_position(shard);
	cr_assert(eq(int, checkpoint_write(&dir, 0, shard, &position, 9, &bytes, &error), 0));
	cr_assert(eq(int, checkpoint_records_open(&records, &dir, 0, cnt + 1, &error), 0));
	cr_assert(eq(u64, checkpoint_unsaved_cnt(checkpoint_records_header(records)), ran_out));
	while (checkpoint_records_next(records, &lsn, &record, &error) == 1) {
		uint64_t *from = lsn == 0 ? &loose : &at;

		cr_assert(lsn != 0 || at == 0, "those without LSN come first");
		*from = next_stored(*from, cnt, lsn != 0);
		cr_assert(lt(u64, *from, cnt));
		cr_assert(eq(int, memcmp(&record, &lane[*from], sizeof(record)), 0), "LSN %lu",
			  *from + 1);
		++*from;
		cr_assert(lsn == 0 || lsn == *from);
	}
	cr_assert(eq(u64, next_stored(loose, cnt, false), cnt));
	cr_assert(eq(u64, next_stored(at, cnt, true), cnt));
	checkpoint_records_close(records);
}

/* What a lane of several shards keeps comes back in lane order, as it was written, but that a
 * change or hold was prepared; what has ended is left out. */
Test(checkpoint_records, links_and_what_waits_come_back, .init = set_up, .fini = tear_down)
{
	const struct shard_size room = holds_room(9000);
	struct checkpoint_records *records = NULL;
	const struct checkpoint_header *header;
	struct lane_position position;
	struct record record;
	uint64_t seen[RECORD_KIND_END] = {0};
	uint64_t bytes;
	uint64_t lsn;
	uint64_t last = 0;
	uint64_t cnt;

	dir.shards = 2;
	shard_close(shard);
	cr_assert(eq(int, shard_open(&shard, 0, 2, &room), 0));
	random_spanning(shard, 12, 900, lane);
	cnt = shard_next_lsn(shard) - 1;
	position = any_position(shard);
	cr_assert(eq(int, checkpoint_write(&dir, 0, shard, &position, 9, &bytes, &error), 0));
	cr_assert(eq(int, checkpoint_records_open(&records, &dir, 0, cnt + 1, &error), 0), "%s",
		  error.text);
	header = checkpoint_records_header(records);
	while (checkpoint_records_next(records, &lsn, &record, &error) == 1) {
		seen[record.kind]++;
		if (lsn == 0)
			continue;
		cr_assert(gt(u64, lsn, last));
		if (record.kind != RECORD_ORDER)
			record.flags |= lane[lsn - 1].flags & RECORD_WAS_PREPARED;
		cr_assert(eq(int, memcmp(&record, &lane[lsn - 1], sizeof(record)), 0), "LSN %lu",
			  lsn);
		last = lsn;
	}
	cr_assert(all(eq(u64, seen[RECORD_LINK], header->link_cnt), gt(u64, header->link_cnt, 0)));
	cr_assert(all(eq(u64, seen[RECORD_PREPARED], header->prepared_cnt),
		      gt(u32, header->prepared_cnt, 0)));
	/* Each record left an entry, or is of a kind that leaves none. */
	for (uint64_t i = 0; i < cnt; i++)
		seen[lane[i].kind]--;
	cr_assert(eq(u64, checkpoint_unsaved_cnt(header),
		     -seen[RECORD_EXPIRE] - seen[RECORD_PREPARED] - seen[RECORD_ABORTED]));
	for (unsigned kind = RECORD_ORDER; kind < RECORD_KIND_END; kind++)
		cr_assert(kind == RECORD_EXPIRE || kind == RECORD_PREPARED ||
				  kind == RECORD_ABORTED || seen[kind] == 0,
			  "kind %u", kind);
	checkpoint_records_close(records);
}

/* A lane without EXPIRE records comes back whole, also with holds. */
Test(checkpoint_records, holds_that_were_paid_leave_no_gap, .init = set_up, .fini = tear_down)
{
	struct record offer = sale_offer(1, 1000, 500, 0);
	const struct shard_size room = holds_room(100);
	const char *why = NULL;

	shard_close(shard);
	cr_assert(eq(int, shard_open(&shard, 0, 1, &room), 0));
	offer.offer.hold_seconds = 100;
	for (uint64_t i = 0; i < 60; i++) {
		lane[i] = offer;
		lane[i].sku = 1 + i;
		if (i % 4 == 1) {
			lane[i] = (struct record){.kind = RECORD_HOLD,
						  .flags = RECORD_BASKET_GOES_ON,
						  .quantity = 2,
						  .sku = i,
						  .unit_price = 500,
						  .order = {.request_id = {i + 1, 1}, .buyer = 9}};
		} else if (i % 4 == 2) {
			lane[i] = (struct record){
				.kind = RECORD_CONFIRM,
				.flags = i % 8 == 2 ? RECORD_BASKET_GOES_ON : 0,
				.quantity = 1,
				.sku = i - 1,
				.unit_price = 500,
				.change = {.request_id = {i + 1, 1}, .buyer = 9, .order_lsn = i}};
		} else if (i % 4 == 3) {
			lane[i] = (struct record){.kind = RECORD_RETURN,
						  .flags = RETURN_WRITE_OFF,
						  .quantity = 1,
						  .sku = i - 2,
						  .unit_price = 500,
						  .change = {.request_id = {i + 1, 1},
							     .buyer = 9,
							     .order_lsn = i - 1}};
		}
		lane[i].at_ns = 1000 + i;
		cr_assert(eq(int, shard_apply(shard, i + 1, &lane[i], &why), 0), "%lu: %s", i, why);
	}
	cr_assert(eq(int, check(60), 0));
}

Test(checkpoint_records, a_damaged_one_is_told, .init = set_up, .fini = tear_down)
{
	char path[CHECKPOINT_PATH_BYTES];
	struct checkpoint_records *records = NULL;
	struct record record;
	uint64_t lsn;
	int rc = 1;

	fill(100, first_only);
	cr_assert(eq(int, check(100), 0));
	checkpoint_path(&dir, 0, 101, path);
	flip_bit(path, 8 * (file_bytes(path) - 10));
	cr_assert(eq(int, checkpoint_records_open(&records, &dir, 0, 101, &error), 0));
	while (rc == 1)
		rc = checkpoint_records_next(records, &lsn, &record, &error);
	cr_assert(eq(int, rc, -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "wrong checksum"), NULL), "%s", error.text);
	checkpoint_records_close(records);
	flip_bit(path, 8 * 20);
	cr_assert(eq(int, checkpoint_records_open(&records, &dir, 0, 101, &error), -EBADMSG));
}
