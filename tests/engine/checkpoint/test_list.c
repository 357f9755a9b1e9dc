#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/list.h"
#include "tests/support/checkpoints.h"
#include "tests/support/temp_dir.h"

static struct data_dir dir;
static struct error error;
static char path[CHECKPOINT_PATH_BYTES];
static uint64_t made[4]; /* next LSNs, the oldest first */

/* Four checkpoints in segments 10, 11, 12 and 13. */
static void set_up(void)
{
	const struct shard_size room = {.offer_cnt = 50, .order_cnt = 9000, .buyer_cnt = 9000};
	struct shard *shard = NULL;
	uint64_t bytes;

	temp_dir_make();
	cr_assert(eq(int, data_dir_open(&dir, temp_path("data"), 1, &error), 0));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &room), 0));
	for (unsigned i = 0; i < 4; i++) {
		struct lane_position position;

		random_sale(shard, i, 300);
		position = any_position(shard);
		position.tail.place.segment = 10 + i;
		made[i] = shard_next_lsn(shard);
		cr_assert(
			eq(int, checkpoint_write(&dir, 0, shard, &position, 1, &bytes, &error), 0),
			"%s", error.text);
	}
	shard_close(shard);
}

static void tear_down(void)
{
	data_dir_close(&dir);
	temp_dir_remove();
}

static const char *path_of(uint64_t lsn)
{
	checkpoint_path(&dir, 0, lsn, path);
	return path;
}

static void assert_list(unsigned oldest)
{
	uint64_t *lsns = NULL;

	cr_assert(eq(i64, checkpoint_list(&dir, 0, &lsns), 4 - oldest));
	for (unsigned i = oldest; i < 4; i++)
		cr_assert(eq(u64, lsns[3 - i], made[i]));
	free(lsns);
}

static void leave_temporary(uint64_t lsn)
{
	char temporary[CHECKPOINT_PATH_BYTES + 8];

	snprintf(temporary, sizeof(temporary), "%s.new", path_of(lsn));
	write_text(temporary, "half a checkpoint");
}

Test(checkpoint_list, lists_the_newest_first_and_nothing_else, .init = set_up, .fini = tear_down)
{
	leave_temporary(made[0]);
	write_text(temp_path("data/lane-000/ckpt-12"), "");
	write_text(temp_path("data/lane-000/ckpt-00000000000001x"), "");
	write_text(temp_path("data/lane-000/notes"), "");
	assert_list(0);
}

Test(checkpoint_list, retire_keeps_the_newest, .init = set_up, .fini = tear_down)
{
	unsigned removed = 0;

	leave_temporary(5);
	write_text(temp_path("data/lane-000/seg-000000000000.new"), "");
	cr_assert(eq(int, checkpoint_retire(&dir, 0, 2, &removed, &error), 0));
	cr_assert(eq(u32, removed, 2));
	assert_list(2);
	cr_assert(not(path_exists(temp_path("data/lane-000/ckpt-000000000000005.new"))));
	cr_assert(path_exists(temp_path("data/lane-000/seg-000000000000.new")), "not ours");
}

Test(checkpoint_list, retire_does_not_count_a_bad_one, .init = set_up, .fini = tear_down)
{
	unsigned removed = 0;

	flip_bit(path_of(made[3]), 5000);
	cr_assert(eq(int, checkpoint_retire(&dir, 0, 2, &removed, &error), 0));
	cr_assert(eq(u32, removed, 1));
	assert_list(1);
}

Test(checkpoint_list, segments_stay_from_the_older_of_two_good_ones, .init = set_up,
     .fini = tear_down)
{
	uint64_t segment = 0;

	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &segment, &error), 0));
	cr_assert(eq(u64, segment, 12));
	flip_bit(path_of(made[2]), 5000);
	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &segment, &error), 0));
	cr_assert(eq(u64, segment, 11));
	flip_bit(path_of(made[3]), 5000);
	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &segment, &error), 0));
	cr_assert(eq(u64, segment, 10));
	flip_bit(path_of(made[1]), 500);
	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &segment, &error), -ENODATA));
	cr_assert(ne(ptr, strstr(error.text, "it has 1 good checkpoint, two are needed"), NULL),
		  "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "damaged"), NULL), "%s", error.text);
}

Test(checkpoint_list, the_lock_keeps_others_off, .init = set_up, .fini = tear_down)
{
	const int lock = checkpoint_lock(&dir, 0);

	cr_assert(ge(int, lock, 0));
	close(lock);
	cr_assert(eq(int, checkpoint_lock(&dir, 7), -ENOENT));
}
