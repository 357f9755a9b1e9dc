#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/journal/lane_tailer.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"
#include "tools/downstream/downstream.h"

static struct error error;
static char to[PATH_MAX];
static struct data_dir journal;
static struct downstream_options options;
static struct downstream_target *target;
static struct downstream *copy;

/* In place of the C library's, for all of this program: counts the syncs of segments. */
static unsigned segment_syncs;

int fdatasync(int fd)
{
	char link[64];
	char path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	if (strstr(path, "/copy/lane-000/seg-") != NULL)
		segment_syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

static void set_up(void)
{
	struct real_lane *lane = calloc(1, sizeof(*lane));
	const char *dir = temp_dir_make();

	cr_assert(eq(int, real_lane_open(lane, dir, 1 << 20), 0), "%s", lane->error.text);
	for (unsigned i = 0; i < 20; i++)
		real_lane_sell(lane, 10);
	real_lane_close(lane);
	free(lane);
	cr_assert(eq(int, data_dir_read(&journal, dir, &error), 0), "%s", error.text);
	snprintf(to, sizeof(to), "file:%s", temp_path("copy"));
	options = (struct downstream_options){.to = to, .journal = &journal};
}

static void open_copy(void)
{
	cr_assert(eq(int, downstream_target_open(&target, &options, &error), 0), "%s", error.text);
	cr_assert(eq(int, downstream_open(&copy, target, 0, &error), 0), "%s", error.text);
}

static void close_copy(void)
{
	downstream_close(copy);
	downstream_target_close(target);
	copy = NULL;
	target = NULL;
}

TestSuite(downstream_file, .init = set_up, .fini = temp_dir_remove);

static unsigned publish_all(void)
{
	const struct lane_tailer_options from = lane_tailer_of(&journal, 0);
	const struct lane_mark start = {0};
	struct lane_tailer *tailer = NULL;
	struct lane_block block;
	unsigned cnt = 0;

	cr_assert(eq(int, lane_tailer_open(&tailer, &from, &start, &error), 0), "%s", error.text);
	while (lane_tailer_peek(tailer, &block, &error) == 1) {
		cr_assert(eq(int, downstream_publish(copy, &block, &error), 0), "%s", error.text);
		lane_tailer_take(tailer);
		cnt++;
	}
	lane_tailer_close(tailer);
	return cnt;
}

/* A relay may be killed between its write and its sync: whoever reads the blocks back and calls
 * them acknowledged must sync them first. */
Test(downstream_file, syncs_what_it_finds_before_it_counts)
{
	struct lane_mark last;
	bool part = false;
	unsigned cnt;

	open_copy();
	cr_assert(eq(int, downstream_end(copy, &last, &part, &error), 0), "%s", error.text);
	cr_assert(all(eq(u64, last.next_lsn, 0), eq(u32, segment_syncs, 0)));
	cnt = publish_all();
	cr_assert(gt(u32, cnt, 0));
	cr_assert(eq(int, downstream_reap(copy, &error), (int)cnt), "%s", error.text);
	close_copy();

	segment_syncs = 0;
	open_copy();
	cr_assert(eq(int, downstream_end(copy, &last, &part, &error), 0), "%s", error.text);
	cr_assert(all(gt(u64, last.next_lsn, 1), ge(u32, segment_syncs, 1)));
	close_copy();
}
