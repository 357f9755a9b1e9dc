/* Written, loaded, damaged: a checkpoint is the state it was made of, or it is refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"
#include "tests/support/checkpoints.h"
#include "tests/support/holds.h"
#include "tests/support/sale.h"
#include "tests/support/temp_dir.h"

static const struct shard_size ROOM = {.offer_cnt = 50, .order_cnt = 60000, .buyer_cnt = 60000};

static struct data_dir dir;
static struct shard *shard;
static struct error error;
static char path[CHECKPOINT_PATH_BYTES];

static void set_up(void)
{
	temp_dir_make();
	cr_assert(eq(int, data_dir_open(&dir, temp_path("data"), 1, &error), 0));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &ROOM), 0));
}

static void tear_down(void)
{
	shard_close(shard);
	data_dir_close(&dir);
	temp_dir_remove();
}

static uint64_t bytes_of(uint64_t offer_cnt, uint64_t order_cnt)
{
	return checkpoint_bytes(
		&(struct checkpoint_header){.offer_cnt = offer_cnt, .order_cnt = order_cnt});
}

/* Writes the shard's state; its file is `path` then. */
static void save(void)
{
	const struct lane_position position = any_position(shard);
	uint64_t bytes = 0;

	cr_assert(eq(int, checkpoint_write(&dir, 0, shard, &position, 12, &bytes, &error), 0), "%s",
		  error.text);
	checkpoint_path(&dir, 0, shard_next_lsn(shard), path);
	cr_assert(eq(u64, file_bytes(path), bytes));
}

static int load(struct shard *into)
{
	struct checkpoint *checkpoint = NULL;
	int rc = checkpoint_open(&checkpoint, &dir, 0, shard_next_lsn(shard), &error);

	if (rc == 0)
		rc = checkpoint_load(checkpoint, into, &error);
	checkpoint_close(checkpoint);
	return rc;
}

static int check(void)
{
	return checkpoint_check(&dir, 0, shard_next_lsn(shard), &error);
}

static void assert_same(const struct shard *one, const struct shard *two)
{
	const struct shard_hash a = shard_hash(one);
	const struct shard_hash b = shard_hash(two);
	struct shard_totals totals;

	cr_assert(all(eq(u64, a.low, b.low), eq(u64, a.high, b.high)));
	shard_totals(two, &totals);
	cr_assert(eq(u64, totals.offers_broken, 0));
}

Test(checkpoint, a_random_state_comes_back_and_goes_on_alike, .init = set_up, .fini = tear_down)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		const struct shard_size other = {
			.offer_cnt = 40 + seed, .order_cnt = 9000 * seed, .buyer_cnt = 9000 + seed};
		struct shard *back = NULL;
		struct shard_totals totals;

		shard_clear(shard);
		random_sale(shard, seed, (uint32_t)(seed * seed * 11));
		save();
		cr_assert(eq(int, shard_open(&back, 0, 1, &other), 0));
		cr_assert(eq(int, load(back), 0), "%s", error.text);
		assert_same(shard, back);
		shard_totals(back, &totals);
		cr_assert(gt(u64, totals.orders + (seed < 3), 0));
		random_sale(shard, ~seed, 500);
		random_sale(back, ~seed, 500);
		assert_same(shard, back);
		shard_close(back);
	}
}

static void assert_has_holds(const struct shard *one)
{
	struct shard_totals totals;

	shard_totals(one, &totals);
	cr_assert(all(gt(u64, totals.holds, 0), gt(u64, totals.changes, 0),
		      gt(u64, totals.open_holds, 0), gt(u64, totals.units_written_off, 0)));
}

/* Open holds, paid, released, late and refunded ones, returns: whatever comes later is decided
 * alike. */
Test(checkpoint, holds_come_back_and_go_on_alike, .init = set_up, .fini = tear_down)
{
	static struct record lane[40000];

	for (uint64_t seed = 1; seed <= 20; seed++) {
		const struct shard_size room = holds_room(9000);
		struct shard *one = NULL;
		struct shard *back = NULL;
		const char *why = "";
		uint64_t from;

		cr_assert(eq(int, shard_open(&one, 0, 1, &room), 0));
		cr_assert(eq(int, shard_open(&back, 0, 1, &room), 0));
		random_holds(one, seed, (uint32_t)(seed * 200), NULL);
		if (seed > 2)
			assert_has_holds(one);
		shard_close(shard);
		shard = one;
		save();
		cr_assert(eq(int, load(back), 0), "%s", error.text);
		assert_same(shard, back);
		/* What the one decides from here on follows from the other. */
		from = shard_next_lsn(shard);
		random_holds(shard, ~seed, 1000, lane);
		for (uint64_t lsn = from; lsn < shard_next_lsn(shard); lsn++)
			cr_assert(eq(int, shard_apply(back, lsn, &lane[lsn - 1], &why), 0),
				  "LSN %lu: %s", lsn, why);
		assert_same(shard, back);
		shard_close(back);
	}
}

/* Links, and lines that wait: both shards go on alike, also where a line that was judged in time is
 * committed later. */
Test(checkpoint, what_waits_for_other_shards_comes_back, .init = set_up, .fini = tear_down)
{
	static struct record lane[120000];
	const struct shard_size room = holds_room(9000);
	uint64_t waiting = 0;

	dir.shards = 2;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct shard *back = NULL;
		struct shard_totals totals;
		const char *why = "";
		uint64_t from;

		shard_close(shard);
		cr_assert(eq(int, shard_open(&shard, 0, 2, &room), 0));
		cr_assert(eq(int, shard_open(&back, 0, 2, &room), 0));
		random_spanning(shard, seed, (uint32_t)(seed * 200), NULL);
		shard_totals(shard, &totals);
		cr_assert(gt(u64, totals.links, 0));
		waiting += totals.prepared;
		save();
		cr_assert(eq(int, load(back), 0), "%s", error.text);
		assert_same(shard, back);
		from = shard_next_lsn(shard);
		random_spanning(shard, ~seed, 1000, lane);
		for (uint64_t lsn = from; lsn < shard_next_lsn(shard); lsn++)
			cr_assert(eq(int, shard_apply(back, lsn, &lane[lsn - 1], &why), 0),
				  "LSN %lu: %s", lsn, why);
		assert_same(shard, back);
		shard_close(back);
	}
	cr_assert(gt(u64, waiting, 20));
}

/* Older programs decide by the format. */
Test(checkpoint, its_format_says_what_is_in_it, .init = set_up, .fini = tear_down)
{
	const struct shard_size room = {.offer_cnt = 2, .order_cnt = 4, .placed_cnt = 1};
	uint64_t sku_of[2] = {0};

	for (unsigned way = 0; way < 5; way++) {
		struct checkpoint *checkpoint = NULL;
		struct record records[2];
		struct shard *back = NULL;
		const char *why = "";
		uint16_t wanted = CHECKPOINT_FORMAT_HOLDS;

		for (uint64_t sku = 1; sku < 20; sku++)
			sku_of[wire_shard_of(sku, 2)] = sku;
		records[0] = sale_offer(sku_of[0], 10, 100, 0);
		records[1] =
			(struct record){.kind = RECORD_CLOCK, .at_ns = 1, .clock = {.was_ns = 9}};
		if (way == 0)
			records[1] = sale_offer(sku_of[0] + 1000, 10, 100, 0), wanted = 1;
		else if (way == 1)
			wanted = CHECKPOINT_FORMAT_CLOCK;
		else if (way == 2)
			records[0].channel = 1, records[0].quantity = 5;
		else if (way == 3)
			records[0].sku = sku_of[1], records[0].flags = OFFER_PLACED;
		else
			records[1] = (struct record){.kind = RECORD_PLACED,
						     .quantity = 1,
						     .at_ns = 1,
						     .sku = sku_of[0] + 1000};
		while (wire_shard_of(records[1].sku, 2) != 0 && records[1].sku != 0)
			records[1].sku++;
		shard_close(shard);
		cr_assert(eq(int, shard_open(&shard, 0, 2, &room), 0));
		dir.shards = 2;
		for (unsigned i = 0; i < 2; i++)
			cr_assert(eq(int, shard_apply(shard, i + 1, &records[i], &why), 0), "%s",
				  why);
		save();
		cr_assert(eq(int, checkpoint_open(&checkpoint, &dir, 0, 3, &error), 0));
		cr_assert(eq(uint, checkpoint_header(checkpoint)->format, wanted), "way %u", way);
		cr_assert(eq(u64, checkpoint_header(checkpoint)->placed_cnt, way == 4));
		checkpoint_close(checkpoint);
		cr_assert(eq(int, shard_open(&back, 0, 2, &room), 0));
		cr_assert(eq(int, load(back), 0), "%s", error.text);
		assert_same(shard, back);
		cr_assert(eq(uint, shard_owner(back, records[1].sku),
			     shard_owner(shard, records[1].sku)));
		shard_close(back);
	}
}

/* Orders of one offer, so that their number is exact. */
static void sell(uint32_t cnt)
{
	const struct record offer = sale_offer(1, 100000, 500, 0);
	const char *why = NULL;

	shard_clear(shard);
	cr_assert(eq(int, shard_apply(shard, 1, &offer, &why), 0));
	for (uint64_t i = 1; i <= cnt; i++) {
		const struct wire_request request = sale_buy(i, i, 1);

		cr_assert(sale_decide(shard, i, &request, NULL).committed);
	}
}

Test(checkpoint, chunks_may_be_full_or_not, .init = set_up, .fini = tear_down)
{
	static const uint32_t cnts[] = {0,
					1,
					CHECKPOINT_CHUNK_ENTRIES - 1,
					CHECKPOINT_CHUNK_ENTRIES,
					CHECKPOINT_CHUNK_ENTRIES + 1,
					2 * CHECKPOINT_CHUNK_ENTRIES};
	struct shard *back = NULL;

	cr_assert(eq(int, shard_open(&back, 0, 1, &ROOM), 0));
	for (unsigned i = 0; i < sizeof(cnts) / sizeof(cnts[0]); i++) {
		sell(cnts[i]);
		save();
		cr_assert(eq(u64, file_bytes(path), bytes_of(1, cnts[i])));
		shard_clear(back);
		cr_assert(eq(int, load(back), 0), "%s", error.text);
		assert_same(shard, back);
	}
	shard_close(back);
}

Test(checkpoint, an_engine_that_is_not_root_can_read_it, .init = set_up, .fini = tear_down)
{
	enum {
		OWNER = 65534
	};
	struct stat info;

	if (geteuid() != 0)
		cr_skip("only root gives files away");
	cr_assert(eq(int, chown(temp_path("data/lane-000"), OWNER, OWNER), 0));
	sell(10);
	save();
	cr_assert(all(eq(int, stat(path, &info), 0), eq(u32, info.st_uid, OWNER)));
}

Test(checkpoint, the_position_comes_back, .init = set_up, .fini = tear_down)
{
	struct checkpoint *checkpoint = NULL;
	struct lane_position wanted;
	struct lane_position got;

	sell(10);
	save();
	wanted = any_position(shard);
	cr_assert(eq(int, checkpoint_open(&checkpoint, &dir, 0, 12, &error), 0));
	checkpoint_position(checkpoint_header(checkpoint), &got);
	cr_assert(eq(int, memcmp(&wanted, &got, sizeof(got)), 0));
	cr_assert(eq(u64, checkpoint_header(checkpoint)->block_cnt, 12));
	cr_assert(eq(u64, checkpoint_header(checkpoint)->units_ordered, 10));
	checkpoint_close(checkpoint);
}

Test(checkpoint, every_single_bit_counts, .init = set_up, .fini = tear_down)
{
	sell(3);
	save();
	for (uint64_t bit = 0; bit < file_bytes(path) * 8; bit++) {
		flip_bit(path, bit);
		cr_assert(eq(int, check(), -EBADMSG), "bit %lu", (unsigned long)bit);
		cr_assert(ne(ptr, strstr(error.text, path), NULL), "%s", error.text);
		flip_bit(path, bit);
	}
	cr_assert(eq(int, check(), 0));
}

Test(checkpoint, flips_in_a_big_body_are_found, .init = set_up, .fini = tear_down)
{
	struct shard *back = NULL;

	cr_assert(eq(int, shard_open(&back, 0, 1, &ROOM), 0));
	sell(40000);
	save();
	for (uint64_t i = 0; i < 100; i++) {
		const uint64_t bit = i * 7919 * 3571 % (file_bytes(path) * 8);

		flip_bit(path, bit);
		shard_clear(back);
		cr_assert(eq(int, load(back), -EBADMSG), "bit %lu", (unsigned long)bit);
		flip_bit(path, bit);
	}
	shard_clear(back);
	cr_assert(eq(int, load(back), 0), "%s", error.text);
	assert_same(shard, back);
	shard_close(back);
}

Test(checkpoint, a_file_of_another_length_is_refused, .init = set_up, .fini = tear_down)
{
	sell(20);
	save();
	for (uint64_t bytes = file_bytes(path); bytes > 0; bytes -= 64) {
		poke_file(path, file_bytes(path), "", 1);
		cr_assert(eq(int, check(), -EBADMSG));
		cr_assert(eq(int, truncate(path, (off_t)bytes - 1), 0));
		cr_assert(eq(int, check(), -EBADMSG), "%lu bytes", (unsigned long)bytes);
		cr_assert(eq(int, truncate(path, (off_t)bytes - 64), 0));
		cr_assert(eq(int, check(), -EBADMSG), "%lu bytes", (unsigned long)bytes);
	}
	cr_assert(eq(int, unlink(path), 0));
	cr_assert(eq(int, check(), -ENOENT));
}

Test(checkpoint, chunks_are_bound_to_their_place, .init = set_up, .fini = tear_down)
{
	const uint64_t chunk_bytes = CHUNK_BYTES_MAX;
	const uint64_t first = bytes_of(1, 0);
	uint8_t *bytes = malloc(first + 2 * chunk_bytes);
	FILE *file;

	sell(2 * CHECKPOINT_CHUNK_ENTRIES);
	save();
	file = fopen(path, "re");
	cr_assert(eq(sz, fread(bytes, 1, first + 2 * chunk_bytes, file), first + 2 * chunk_bytes));
	fclose(file);
	poke_file(path, first, bytes + first + chunk_bytes, chunk_bytes);
	cr_assert(eq(int, check(), -EBADMSG), "the second chunk twice");
	poke_file(path, first + chunk_bytes, bytes + first, chunk_bytes);
	cr_assert(eq(int, check(), -EBADMSG), "swapped");

	free(bytes);
}

Test(checkpoint, who_else_it_belongs_to_is_told, .init = set_up, .fini = tear_down)
{
	struct data_dir other = dir;
	char elsewhere[CHECKPOINT_PATH_BYTES];

	sell(5);
	save();
	other.journal_id++;
	cr_assert(eq(int, checkpoint_check(&other, 0, 7, &error), -EXDEV));
	cr_assert(ne(ptr, strstr(error.text, "another journal"), NULL), "%s", error.text);
	other = dir;
	other.shards = 2;
	cr_assert(eq(int, checkpoint_check(&other, 0, 7, &error), -EXDEV));
	cr_assert(ne(ptr, strstr(error.text, "another lane"), NULL), "%s", error.text);
	checkpoint_path(&dir, 0, 8, elsewhere);
	copy_file(path, elsewhere);
	cr_assert(eq(int, checkpoint_check(&dir, 0, 8, &error), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "another checkpoint under this name"), NULL), "%s",
		  error.text);
}

/* Replaces the header, its checksum right again, and makes the chunks belong to it. */
static void forge(void (*change)(struct checkpoint_header *), uint64_t order_cnt)
{
	const uint64_t bytes = bytes_of(1, order_cnt);
	uint8_t *all = aligned_alloc(64, bytes);
	struct checkpoint_header *header = (struct checkpoint_header *)all;
	struct chunk_header *offers = (struct chunk_header *)(all + CHECKPOINT_HEADER_BYTES);
	struct chunk_header *orders = (struct chunk_header *)(all + bytes_of(1, 0));
	FILE *file = fopen(path, "r+e");

	cr_assert(eq(sz, fread(all, 1, bytes, file), bytes));
	change(header);
	header->checksum = checkpoint_checksum(header);
	offers->checksum = chunk_checksum(offers, header);
	orders->checksum = chunk_checksum(orders, header);
	rewind(file);
	cr_assert(eq(sz, fwrite(all, 1, bytes, file), bytes));
	fclose(file);
	free(all);
}

static void other_hash(struct checkpoint_header *header)
{
	header->state_hash[1]++;
}

static void earlier_end(struct checkpoint_header *header)
{
	header->last_at_ns = 1;
}

static void wrong_counts(struct checkpoint_header *header)
{
	header->next_lsn++;
}

static void clock_format(struct checkpoint_header *header)
{
	header->format = CHECKPOINT_FORMAT_CLOCK;
}

static void holds_format(struct checkpoint_header *header)
{
	header->format = CHECKPOINT_FORMAT_HOLDS;
}

Test(checkpoint, what_is_whole_but_wrong_is_refused_too, .init = set_up, .fini = tear_down)
{
	struct shard *back = NULL;

	cr_assert(eq(int, shard_open(&back, 0, 1, &ROOM), 0));
	sell(5);
	save();
	forge(other_hash, 5);
	cr_assert(eq(int, check(), 0), "all checksums are right");
	cr_assert(eq(int, load(back), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "another state hash"), NULL), "%s", error.text);
	save();
	shard_clear(back);
	forge(earlier_end, 5);
	cr_assert(eq(int, load(back), -EBADMSG));
	save();
	forge(wrong_counts, 5);
	cr_assert(eq(int, check(), -EBADMSG));
	for (unsigned i = 0; i < 2; i++) {
		save();
		shard_clear(back);
		forge(i == 0 ? clock_format : holds_format, 5);
		cr_assert(eq(int, check(), 0), "all checksums are right");
		cr_assert(eq(int, load(back), -EBADMSG));
		cr_assert(ne(ptr, strstr(error.text, "its format does not fit"), NULL), "%s",
			  error.text);
	}
	shard_close(back);
}

Test(checkpoint, tables_too_small_are_told, .init = set_up, .fini = tear_down)
{
	const struct shard_size small = {.offer_cnt = 1, .order_cnt = 4, .buyer_cnt = 4};
	struct shard *back = NULL;

	sell(5);
	save();
	cr_assert(eq(int, shard_open(&back, 0, 1, &small), 0));
	cr_assert(eq(int, load(back), -ENOSPC));
	shard_close(back);
}
