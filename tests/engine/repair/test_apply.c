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
#include "engine/recover/scan.h"
#include "engine/repair/apply.h"
#include "tests/support/killed_files.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

/* Room for 14 blocks of one unit. */
static const uint64_t SMALL_BYTES = 16 * BLOCK_ALIGN_BYTES;
enum {
	LIVES = 30,
	SOLD_A_LIFE = 150,
	SEGMENTS_MAX = 40,
};

static struct real_lane lane;
static struct data_dir data;
static struct plan *plan;
static char dir[512];
static struct error error;
static uint64_t last_lsn;

/* The original lane, to put back. */
static struct {
	uint8_t *bytes;
	uint64_t cnt;
} copy[SEGMENTS_MAX];

static const char *segment(unsigned number)
{
	static char name[64];

	snprintf(name, sizeof(name), "data/lane-000/seg-%012u", number);
	return temp_path(name);
}

static void remember(void)
{
	for (unsigned i = 0; i < SEGMENTS_MAX && path_exists(segment(i)); i++) {
		struct stat info;
		const int fd = open(segment(i), O_RDONLY);

		cr_assert(eq(int, fstat(fd, &info), 0));
		copy[i].cnt = (uint64_t)info.st_size;
		copy[i].bytes = malloc(copy[i].cnt);
		cr_assert(eq(i64, read(fd, copy[i].bytes, copy[i].cnt), info.st_size));
		close(fd);
	}
}

static void put_back(void)
{
	(void)mkdir(temp_path("data/lane-000"), 0700);
	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		(void)unlink(segment(i));
		if (copy[i].bytes == NULL)
			continue;

		const int fd = open(segment(i), O_RDWR | O_CREAT | O_TRUNC, 0600);

		cr_assert(eq(i64, write(fd, copy[i].bytes, copy[i].cnt), (int64_t)copy[i].cnt));
		close(fd);
	}
}

/* Blocks of few orders over several segments. */
static void set_up(void)
{
	temp_dir_make();
	snprintf(dir, sizeof(dir), "%s", temp_path("data"));
	lane.requests = 0;
	cr_assert(eq(int, real_lane_open(&lane, dir, SMALL_BYTES), 0), "%s", lane.error.text);
	for (unsigned i = 0; i < LIVES; i++)
		real_lane_sell(&lane, SOLD_A_LIFE);
	real_lane_seal(&lane);
	last_lsn = journal_next_lsn(lane.journal) - 1;
	real_lane_close(&lane);
	cr_assert(path_exists(segment(4)));
	remember();
	cr_assert(eq(int, data_dir_read(&data, dir, &error), 0));
	cr_assert(eq(int, data_dir_lock(&data, &error), 0), "%s", error.text);
}

static void tear_down(void)
{
	plan_close(plan);
	plan = NULL;
	data_dir_withdraw(&data);
	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		free(copy[i].bytes);
		copy[i].bytes = NULL;
	}
	temp_dir_remove();
}

static void look(uint64_t cut_lsn)
{
	plan_close(plan);
	plan = NULL;
	cr_assert(eq(int, repair_plan(&plan, &data, 0, cut_lsn, &error), 0), "%s", error.text);
}

/* The next LSN at the lane's tail, or 0 if a start would be refused. */
static uint64_t next_lsn_of_a_start(void)
{
	struct recover_scan scan;
	uint64_t next_lsn;

	if (recover_scan(&data, 0, &scan, &error) != 0)
		return 0;
	next_lsn = scan.tail.next_lsn;
	recover_scan_free(&scan);
	return next_lsn;
}

static void nothing(void)
{
}

/*
 * Cuts a lane that was ruined, and is killed at every change in turn: after each, a start is
 * refused or finds the lane as it will be; repeated, the cut has the same result.
 */
static void check_cut(void (*ruin)(void), uint64_t cut_lsn, uint64_t want_next_lsn)
{
	int rc = -EINTR;
	unsigned changes = 0;

	for (; rc != 0; changes++) {
		put_back();
		ruin();
		look(cut_lsn);
		cr_assert(eq(u64, plan->damage->tail.next_lsn, want_next_lsn));
		rc = apply_until_killed(&data, plan, changes, &error);

		const uint64_t found = next_lsn_of_a_start();

		/* A good lane that is to be cut is good until the first change. */
		cr_assert(found == 0 || found == want_next_lsn || (ruin == nothing && changes == 0),
			  "killed after %u changes: a start goes on at LSN %lu", changes, found);
		if (rc == 0)
			break;
		look(found == want_next_lsn ? 0 : cut_lsn);
		cr_assert(eq(u64, plan->damage->tail.next_lsn, want_next_lsn));
		apply_and_check(&data, plan);
	}
	cr_assert(eq(int, repair_check(&data, plan, &error), 0), "%s", error.text);
	look(0);
	cr_assert(eq(u64, plan->fault_cnt, 0));
}

/* The engine sells on. */
static void check_sells_on(uint64_t want_next_lsn)
{
	data_dir_close(&data);
	lane.requests = 1000000;
	cr_assert(eq(int, real_lane_open(&lane, dir, SMALL_BYTES), 0), "%s", lane.error.text);
	cr_assert(eq(u64, lane.scan.tail.next_lsn, want_next_lsn));
	real_lane_sell(&lane, 2000);
	real_lane_close(&lane);
	lane.requests = 0;
	cr_assert(eq(int, real_lane_open(&lane, dir, SMALL_BYTES), 0), "%s", lane.error.text);
	cr_assert(ge(u64, lane.scan.tail.next_lsn, want_next_lsn + 2000));
	real_lane_close(&lane);
}

/* The first LSN of the nth block of a segment. */
static uint64_t lsn_of(unsigned number, unsigned nth)
{
	uint64_t offset = BLOCK_ALIGN_BYTES;
	struct block_header header;

	for (unsigned i = 0; i <= nth; i++, offset += header.block_bytes) {
		cr_assert(lt(u64, offset, copy[number].cnt));
		memcpy(&header, copy[number].bytes + offset, sizeof(header));
		cr_assert(eq(u32, header.magic, BLOCK_MAGIC));
	}
	return header.first_lsn;
}

static void flip_in_segment_2(void)
{
	const uint8_t byte = copy[2].bytes[BLOCK_ALIGN_BYTES + 70] ^ 1;

	poke_file(segment(2), BLOCK_ALIGN_BYTES + 70, &byte, 1);
}

static void flip_headers(void)
{
	const uint8_t byte = 0xaa;

	for (unsigned i = 0; i < 5; i++)
		poke_file(segment(i), 9, &byte, 1);
}

static void flip_both(void)
{
	flip_headers();
	flip_in_segment_2();
}

static void lose_segment_1(void)
{
	cr_assert(eq(int, unlink(segment(1)), 0));
}

static void lose_segment_0(void)
{
	cr_assert(eq(int, unlink(segment(0)), 0));
}

static void shorten_segment_2(void)
{
	cr_assert(eq(int, truncate(segment(2), BLOCK_ALIGN_BYTES + 100), 0));
}

static void lose_lane(void)
{
	for (unsigned i = 0; i < SEGMENTS_MAX; i++)
		(void)unlink(segment(i));
	cr_assert(eq(int, rmdir(temp_path("data/lane-000")), 0));
}

Test(repair_apply, a_bad_block, .init = set_up, .fini = tear_down)
{
	const uint64_t next = lsn_of(2, 0);

	check_cut(flip_in_segment_2, 0, next);
	check_sells_on(next);
}

Test(repair_apply, bad_headers_are_written_anew, .init = set_up, .fini = tear_down)
{
	check_cut(flip_headers, 0, last_lsn + 1);
	for (unsigned i = 0; i < 5; i++) {
		uint8_t bytes[64];
		const int fd = open(segment(i), O_RDONLY);

		cr_assert(eq(i64, read(fd, bytes, sizeof(bytes)), (int64_t)sizeof(bytes)));
		cr_assert(eq(int, memcmp(bytes, copy[i].bytes, sizeof(bytes)), 0));
		close(fd);
	}
	check_sells_on(last_lsn + 1);
}

Test(repair_apply, a_bad_block_under_bad_headers, .init = set_up, .fini = tear_down)
{
	check_cut(flip_both, 0, lsn_of(2, 0));
}

Test(repair_apply, a_missing_segment, .init = set_up, .fini = tear_down)
{
	const uint64_t next = lsn_of(1, 0);

	check_cut(lose_segment_1, 0, next);
	check_sells_on(next);
}

Test(repair_apply, the_first_segment_missing, .init = set_up, .fini = tear_down)
{
	check_cut(lose_segment_0, 0, 1);
	check_sells_on(1);
}

Test(repair_apply, a_short_segment, .init = set_up, .fini = tear_down)
{
	const uint64_t next = lsn_of(2, 0);

	check_cut(shorten_segment_2, 0, next);
	check_sells_on(next);
}

Test(repair_apply, a_lost_lane, .init = set_up, .fini = tear_down)
{
	check_cut(lose_lane, 0, 1);
	check_sells_on(1);
}

/* In the middle of a segment, and where the next block is the first of a segment: in that case
 * nothing in the tail's own segment must be overwritten. */
Test(repair_apply, a_good_lane_at_an_lsn, .init = set_up, .fini = tear_down)
{
	const uint64_t middle = lsn_of(1, 3);
	const uint64_t first = lsn_of(2, 0);

	cr_assert(lt(u64, middle, first));
	check_cut(nothing, middle, middle);
	check_cut(nothing, first, first);
	check_cut(nothing, 1, 1);
	check_sells_on(1);
}

Test(repair_apply, check_notices_a_lane_that_ends_elsewhere, .init = set_up, .fini = tear_down)
{
	look(lsn_of(1, 3));
	cr_assert(eq(int, repair_check(&data, plan, &error), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "after the cut, not with"), NULL), "%s", error.text);
}
