#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/repair/mended_files.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

static const uint64_t SMALL_BYTES = 8 * BLOCK_ALIGN_BYTES;

static struct real_lane lane;
static struct mended_files *mended;
static struct lane_files *view;
static char dir[512];
static struct error error;
static _Alignas(BLOCK_ALIGN_BYTES) uint8_t bytes[BLOCK_ALIGN_BYTES * 8];

static const char *segment(unsigned number)
{
	static char name[64];

	snprintf(name, sizeof(name), "data/lane-000/seg-%012u", number);
	return temp_path(name);
}

/* A lane of some segments. */
static void set_up(void)
{
	temp_dir_make();
	snprintf(dir, sizeof(dir), "%s", temp_path("data"));
	cr_assert(eq(int, real_lane_open(&lane, dir, SMALL_BYTES), 0), "%s", lane.error.text);
	real_lane_sell(&lane, 1500);
	real_lane_close(&lane);
	cr_assert(path_exists(segment(3)));
}

static void forget(void)
{
	if (view != NULL)
		view->ops->close(view);
	view = NULL;
	mended_files_close(mended);
	mended = NULL;
}

static void look(void)
{
	struct lane_files *files = NULL;

	forget();
	cr_assert(eq(int, lane_files_open(&files, temp_path("data/lane-000")), 0));
	cr_assert(eq(int,
		     mended_files_open(&mended, files, lane.dir.journal_id, 0, true, NULL, &error),
		     0),
		  "%s", error.text);
	view = mended_files_view(mended);
}

static void tear_down(void)
{
	forget();
	temp_dir_remove();
}

static int64_t read_at(uint64_t number, uint64_t offset)
{
	memset(bytes, 0xee, sizeof(bytes));
	return view->ops->read(view, number, bytes, sizeof(bytes), offset);
}

static void assert_right_header(uint64_t number)
{
	cr_assert(gt(i64, read_at(number, 0), 0));
	cr_assert(eq(ptr,
		     (void *)segment_header_wrong((const struct segment_header *)bytes,
						  lane.dir.journal_id, 0, number),
		     NULL));
}

Test(mended_files, finds_nothing_wrong_with_a_good_lane, .init = set_up, .fini = tear_down)
{
	look();
	cr_assert(eq(u64, mended->fault_cnt, 0));
	cr_assert(not(mended->missing));
	for (uint64_t i = 0; i < mended->segment_cnt; i++) {
		cr_assert(not(mended->segments[i].wrong));
		cr_assert(eq(u64, mended->segments[i].bytes, SMALL_BYTES));
	}
}

Test(mended_files, shows_a_bad_header_right, .init = set_up, .fini = tear_down)
{
	uint8_t byte;

	look();
	cr_assert(gt(i64, read_at(1, 0), 0));
	/* The journal id is random: no fixed byte is always another. */
	byte = (uint8_t)~bytes[20];
	poke_file(segment(1), 20, &byte, 1);
	look();
	cr_assert(eq(u64, mended->fault_cnt, 1));
	cr_assert(eq(u64, mended->faults[0].place.segment, 1));
	cr_assert(eq(str, (char *)mended->faults[0].text, "its header is damaged"));
	cr_assert(mended_files_segment(mended, 1)->wrong);
	assert_right_header(1);
	/* The file has not changed. */
	const int fd = open(segment(1), O_RDONLY);

	cr_assert(eq(i64, read(fd, bytes, sizeof(bytes)), (int64_t)SMALL_BYTES));
	cr_assert(eq(u8, bytes[20], byte));
	close(fd);
}

Test(mended_files, shows_zeros_where_a_file_is_short, .init = set_up, .fini = tear_down)
{
	const uint64_t short_bytes = 3 * BLOCK_ALIGN_BYTES + 100;

	cr_assert(eq(int, truncate(segment(1), (off_t)short_bytes), 0));
	look();
	cr_assert(eq(u64, mended->fault_cnt, 1));
	cr_assert(eq(str, (char *)mended->faults[0].text, "12388 bytes are left of 32768"));
	cr_assert(eq(i64, view->ops->size(view, 1), (int64_t)SMALL_BYTES));
	cr_assert(eq(i64, read_at(1, 0), (int64_t)SMALL_BYTES));
	for (uint64_t i = short_bytes; i < SMALL_BYTES; i++)
		cr_assert(eq(u8, bytes[i], 0));
	cr_assert(eq(i64, read_at(1, SMALL_BYTES), 0));
	/* A file is empty, or too long. */
	cr_assert(eq(int, truncate(segment(1), 0), 0));
	look();
	cr_assert(eq(i64, view->ops->size(view, 1), (int64_t)SEGMENT_BYTES_MIN));
	assert_right_header(1);
	cr_assert(eq(int, truncate(segment(2), (off_t)SMALL_BYTES * 2), 0));
	look();
	cr_assert(eq(u64, mended->fault_cnt, 2));
	cr_assert(eq(i64, view->ops->size(view, 2), (int64_t)SMALL_BYTES));
}

Test(mended_files, lists_up_to_a_gap_and_reads_after_it, .init = set_up, .fini = tear_down)
{
	uint64_t *numbers = NULL;

	cr_assert(eq(int, unlink(segment(1)), 0));
	look();
	cr_assert(eq(u64, mended->fault_cnt, 1));
	cr_assert(eq(u64, mended->faults[0].place.segment, 1));
	cr_assert(eq(str, (char *)mended->faults[0].text, "it is missing, and segment 2 is there"));
	cr_assert(eq(i64, view->ops->list(view, &numbers), 1));
	free(numbers);
	cr_assert(eq(ptr, (void *)mended_files_segment(mended, 1), NULL));
	cr_assert(eq(u64, mended_files_segment(mended, 3)->number, 3));
	assert_right_header(3);
	cr_assert(eq(ptr, (void *)mended_files_segment(mended, 300), NULL));
}

Test(mended_files, knows_a_lost_lane, .init = set_up, .fini = tear_down)
{
	struct lane_files *files = NULL;
	uint64_t *numbers = NULL;

	cr_assert(eq(int, lane_files_open(&files, temp_path("data/lane-001")), 0));
	cr_assert(eq(int, mended_files_open(&mended, files, 1, 1, true, NULL, &error), 0));
	view = mended_files_view(mended);
	cr_assert(mended->missing);
	cr_assert(eq(u64, mended->fault_cnt, 1));
	cr_assert(eq(i64, view->ops->list(view, &numbers), 0));
	free(numbers);
}

/* A directory in the place of a file cannot be read. */
Test(mended_files, refuses_what_cannot_be_read, .init = set_up, .fini = tear_down)
{
	struct lane_files *files = NULL;

	cr_assert(eq(int, unlink(segment(1)), 0));
	cr_assert(eq(int, mkdir(segment(1), 0700), 0));
	cr_assert(eq(int, lane_files_open(&files, temp_path("data/lane-000")), 0));
	cr_assert(eq(int,
		     mended_files_open(&mended, files, lane.dir.journal_id, 0, false, NULL, &error),
		     -EISDIR));
	cr_assert(ne(ptr, strstr(error.text, "segment 1 cannot be read"), NULL), "%s", error.text);
}
