#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/repair/originals.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

/* 2026-11-24T22:09:51Z */
static const uint64_t NOW_S = 1795558191;
static const uint64_t SMALL_BYTES = 16 * BLOCK_ALIGN_BYTES;

static struct real_lane lane;
static struct data_dir data;
static struct plan *plan;
static struct originals keep;
static char dir[512];
static struct error error;

static const char *segment(const char *where, unsigned number)
{
	char name[128];

	snprintf(name, sizeof(name), "data/%slane-000/seg-%012u", where, number);
	return temp_path(name);
}

/* A lane of some segments, damaged in segment 2. */
static void set_up(void)
{
	const uint8_t byte = 0x5a;

	temp_dir_make();
	snprintf(dir, sizeof(dir), "%s", temp_path("data"));
	lane.requests = 0;
	cr_assert(eq(int, real_lane_open(&lane, dir, SMALL_BYTES), 0), "%s", lane.error.text);
	for (unsigned i = 0; i < 30; i++)
		real_lane_sell(&lane, 150);
	real_lane_close(&lane);
	poke_file(segment("", 2), 2 * BLOCK_ALIGN_BYTES + 80, &byte, 1);
	poke_file(segment("", 2), BLOCK_ALIGN_BYTES + 80, &byte, 1);
	cr_assert(eq(int, data_dir_read(&data, dir, &error), 0));
	cr_assert(eq(int, data_dir_lock(&data, &error), 0), "%s", error.text);
	cr_assert(eq(int, repair_plan(&plan, &data, 0, 0, &error), 0), "%s", error.text);
}

static void tear_down(void)
{
	plan_close(plan);
	plan = NULL;
	data_dir_withdraw(&data);
	temp_dir_remove();
}

static bool same_bytes(const char *one_path, const char *two_path)
{
	static uint8_t one[1 << 17];
	static uint8_t two[1 << 17];
	const int one_fd = open(one_path, O_RDONLY);
	const int two_fd = open(two_path, O_RDONLY);
	const ssize_t got = read(one_fd, one, sizeof(one));
	const bool same = got > 0 && read(two_fd, two, sizeof(two)) == got &&
			  memcmp(one, two, (size_t)got) == 0;

	close(one_fd);
	close(two_fd);
	return same;
}

static void begin(void)
{
	cr_assert(eq(int, originals_begin(&keep, &data, NOW_S, &error), 0), "%s", error.text);
}

static void keep_all(void)
{
	begin();
	cr_assert(eq(int, originals_lane(&keep, plan, &error), 0), "%s", error.text);
	cr_assert(eq(int, originals_end(&keep, &error), 0), "%s", error.text);
}

Test(originals, keeps_what_a_cut_changes, .init = set_up, .fini = tear_down)
{
	uint64_t kept_bytes = 0;

	keep_all();
	cr_assert(eq(str, keep.path, (char *)temp_path("data/repaired-20261124T220951Z")));
	cr_assert(not(path_exists(keep.part_path)));
	for (uint64_t i = 0; i < plan->files->segment_cnt; i++) {
		const bool changes = plan_changes(plan, &plan->files->segments[i]);
		const char *kept = segment("repaired-20261124T220951Z/", (unsigned)i);

		cr_assert(eq(int, path_exists(kept), changes), "segment %lu", i);
		if (changes)
			cr_assert(same_bytes(kept, segment("", (unsigned)i)));
		kept_bytes += changes ? SMALL_BYTES : 0;
	}
	cr_assert(not(path_exists(segment("repaired-20261124T220951Z/", 0))));
	cr_assert(path_exists(segment("repaired-20261124T220951Z/", 2)));
	cr_assert(eq(u64, keep.bytes, kept_bytes));
}

Test(originals, has_a_name_of_its_own, .init = set_up, .fini = tear_down)
{
	keep_all();
	keep_all();
	cr_assert(eq(str, keep.path, (char *)temp_path("data/repaired-20261124T220951Z-2")));
	cr_assert(path_exists(segment("repaired-20261124T220951Z/", 2)));
	cr_assert(path_exists(segment("repaired-20261124T220951Z-2/", 2)));
}

Test(originals, does_not_trust_what_was_not_finished, .init = set_up, .fini = tear_down)
{
	begin();
	cr_assert(eq(int, originals_lane(&keep, plan, &error), 0));
	cr_assert(eq(u64, keep.removed, 0));
	cr_assert(path_exists(segment("repaired-20261124T220951Z.part/", 2)));
	/* Killed here. */
	begin();
	cr_assert(eq(u64, keep.removed, 1));
	cr_assert(not(path_exists(segment("repaired-20261124T220951Z.part/", 2))));
	originals_abandon(&keep);
	cr_assert(not(path_exists(keep.part_path)));
}

/* Neither a start nor a reader takes the directory for part of the journal. */
Test(originals, is_no_part_of_the_journal, .init = set_up, .fini = tear_down)
{
	struct data_dir again;

	keep_all();
	data_dir_close(&data);
	cr_assert(eq(int, data_dir_open(&again, dir, 1, &error), 0), "%s", error.text);
	data_dir_close(&again);
}

Test(originals, says_what_cannot_be_kept, .init = set_up, .fini = tear_down)
{
	begin();
	cr_assert(eq(int, unlink(segment("", 2)), 0));
	cr_assert(eq(int, originals_lane(&keep, plan, &error), -ENOENT));
	cr_assert(ne(ptr, strstr(error.text, "cannot be copied"), NULL), "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "nothing was changed"), NULL), "%s", error.text);
	/* The file is shorter now than when the plan was made. */
	write_text(segment("", 2), "short");
	originals_abandon(&keep);
	begin();
	cr_assert(eq(int, originals_lane(&keep, plan, &error), -EIO));
	originals_abandon(&keep);
}
