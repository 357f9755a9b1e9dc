/* A unit that is made or lost is found after the block where it was, by SKU. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "engine/sale/shard_state.h"
#include "tests/support/lane_fixture.h"
#include "tools/journal/conserve.h"

static struct conserve *conserve;
static struct shard *shard;
static bool breaks;
static uint64_t
	broken_sku; /* of the last record in block 3 or the next, which gets a unit of no record */
static unsigned seen_cnt;

static int see(void *context, const struct block_header *block, const struct record *records,
	       struct error *error)
{
	/* A CLOCK record is of no SKU. */
	if (++seen_cnt >= 3 && breaks && broken_sku == 0) {
		broken_sku = records[block->record_cnt - 1].sku;
		for (uint64_t i = 0; i < shard->offers.cnt; i++) {
			if (shard->offers.list[i].sku == broken_sku)
				shard->offers.list[i].stock++;
		}
	}
	return conserve_block(context, block, records, error);
}

/* Applies the lane to a shard of its own, and proves block by block. */
static int prove(void)
{
	struct shard_size size;
	struct lane_files *files = NULL;
	int rc;

	reopen(SMALL_BYTES);
	recover_sizes(&lane.scan, &size);
	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	cr_assert(eq(int, conserve_open(&conserve, shard, 0, size.offer_cnt, &lane.error), 0));
	cr_assert(eq(int, conserve_all(conserve, &lane.error), 0));
	cr_assert(eq(int, data_dir_open_lane(&lane.dir, 0, &files, &lane.error), 0));
	seen_cnt = 0;
	rc = recover_lane_files_seen(files, lane.dir.journal_id, 0, &lane.scan, shard, see,
				     conserve, &lane.error);
	return rc;
}

static void done(void)
{
	conserve_close(conserve);
	shard_close(shard);
	real_lane_close(&lane);
}

Test(conserve, a_lane_with_holds_is_proved_block_by_block, .init = set_up, .fini = temp_dir_remove)
{
	reopen(SMALL_BYTES);
	for (unsigned i = 0; i < 10; i++)
		real_lane_trade(&lane, i, 200);
	real_lane_close(&lane);
	cr_assert(eq(int, prove(), 0), "%s", lane.error.text);
	cr_assert(eq(u64, conserve_blocks(conserve), lane.scan.block_cnt));
	cr_assert(eq(int, conserve_all(conserve, &lane.error), 0));
	done();
}

Test(conserve, a_unit_too_many_is_found_with_its_sku, .init = set_up, .fini = temp_dir_remove)
{
	char words[64];

	reopen(SMALL_BYTES);
	for (unsigned i = 0; i < 10; i++)
		real_lane_trade(&lane, i, 200);
	real_lane_close(&lane);
	breaks = true;
	cr_assert(eq(int, prove(), -EBADMSG));
	snprintf(words, sizeof(words), "units of SKU %lu are not", broken_sku);
	cr_assert(ne(ptr, strstr(lane.error.text, words), NULL), "%s", lane.error.text);
	cr_assert(eq(u64, conserve_blocks(conserve), seen_cnt - 1));
	cr_assert(eq(int, conserve_all(conserve, &lane.error), -EBADMSG));
	done();
}
