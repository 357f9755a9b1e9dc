#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fiemap.h>
#include <linux/fs.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/journal/format.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/segments.h"
#include "tests/support/temp_dir.h"

static const uint64_t JOURNAL_ID = 0xfeed;
static const uint64_t BYTES = 16 * BLOCK_ALIGN_BYTES;

static struct segment_preparer *preparer;
static struct segment_source *source;
static struct error error;
static const char *lane;

static void set_up(void)
{
	static char own[512];

	temp_dir_make();
	snprintf(own, sizeof(own), "%s", temp_path("lane-005"));
	lane = own;
	cr_assert(eq(int, mkdir(lane, 0700), 0));
}

static int open_source(uint64_t first, uint64_t bytes)
{
	cr_assert(eq(int, segment_preparer_open(&preparer, &error), 0));
	segment_preparer_size(preparer, bytes);
	source = NULL;
	return segment_source_open(&source, preparer, lane, JOURNAL_ID, 5, first, &error);
}

static void close_source(void)
{
	segment_preparer_close(preparer);
	segment_source_close(source);
}

static void wait_ready(uint64_t segment)
{
	while (!segment_ready(source, segment))
		usleep(1000);
}

static const char *path_of(uint64_t segment)
{
	static char path[SEGMENT_PATH_BYTES];

	segment_path(lane, segment, path);
	return path;
}

/* Space that is only reserved reads as zeros, too, but each first write to it costs a transaction
 * of the file system. */
static void assert_no_reserved_space(int fd)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extents[64];
	} found = {.map = {.fm_length = FIEMAP_MAX_OFFSET,
			   .fm_flags = FIEMAP_FLAG_SYNC,
			   .fm_extent_count = 64}};

	/* Not every file system can answer. */
	if (ioctl(fd, FS_IOC_FIEMAP, &found.map) != 0)
		return;
	for (unsigned i = 0; i < found.map.fm_mapped_extents; i++)
		cr_assert(eq(u32, found.extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN, 0));
}

static void assert_segment(uint64_t segment, uint64_t bytes)
{
	struct segment_header header;
	static uint8_t content[1 << 20];
	struct stat info;
	FILE *file = fopen(path_of(segment), "r");

	cr_assert(ne(ptr, file, NULL));
	cr_assert(eq(int, fstat(fileno(file), &info), 0));
	cr_assert(eq(u64, (uint64_t)info.st_size, bytes));
	cr_assert(ge(u64, (uint64_t)info.st_blocks * 512, bytes), "no hole in it");
	assert_no_reserved_space(fileno(file));
	cr_assert(eq(sz, fread(content, 1, bytes, file), bytes));
	fclose(file);
	memcpy(&header, content, sizeof(header));
	cr_assert(eq(ptr, (void *)segment_header_wrong(&header, JOURNAL_ID, 5, segment), NULL));
	cr_assert(eq(u64, header.segment_bytes, bytes));
	for (uint64_t i = sizeof(header); i < bytes; i++)
		cr_assert(eq(u8, content[i], 0));
}

Test(segments, come_whole_in_order_and_two_ahead, .init = set_up, .fini = temp_dir_remove,
     .timeout = 20)
{
	uint64_t bytes = 0;

	cr_assert(eq(int, open_source(0, BYTES), 0), "%s", error.text);
	cr_assert(segment_ready(source, 0), "the first is there at once");
	for (uint64_t segment = 0; segment < 8; segment++) {
		wait_ready(segment);
		cr_assert(eq(u64, segment_ready_bytes(source, segment), BYTES));

		const int fd = segment_take(source, segment, &bytes);

		cr_assert(ge(int, fd, 0));
		cr_assert(eq(u64, bytes, BYTES));
		cr_assert(ne(int, fcntl(fd, F_GETFL) & O_DIRECT, 0));
		assert_segment(segment, BYTES);
		segment_done(source, fd);
	}
	wait_ready(8);
	while (!path_exists(path_of(9)))
		usleep(1000);
	usleep(30000);
	cr_assert(not(path_exists(path_of(10))), "two ahead, no more");
	close_source();
	cr_assert(not(path_exists(temp_path("lane-005/seg-000000000010.new"))));
}

Test(segments, are_not_there_before_they_are_ready, .init = set_up, .fini = temp_dir_remove)
{
	uint64_t bytes = 0;

	/* The next one takes a while to fill. */
	cr_assert(eq(int, open_source(0, SEGMENT_BYTES), 0), "%s", error.text);
	cr_assert(ge(int, segment_take(source, 0, &bytes), 0));
	cr_assert(eq(int, segment_take(source, 1, &bytes), -EAGAIN));
	close_source();
}

Test(segments, a_former_process_prepared_are_taken_over, .init = set_up, .fini = temp_dir_remove,
     .timeout = 20)
{
	uint64_t bytes = 0;

	cr_assert(eq(int, open_source(0, BYTES), 0), "%s", error.text);
	wait_ready(0);
	while (!path_exists(path_of(1)))
		usleep(1000);
	close_source();
	write_text(temp_path("lane-005/seg-000000000002.new"), "half made");
	/* The size is another by now: each segment has its own. */
	cr_assert(eq(int, open_source(1, BYTES * 2), 0), "%s", error.text);
	cr_assert(ge(int, segment_take(source, 1, &bytes), 0));
	cr_assert(eq(u64, bytes, BYTES));
	wait_ready(2);
	cr_assert(ge(int, segment_take(source, 2, &bytes), 0));
	cr_assert(eq(u64, bytes, BYTES * 2));
	assert_segment(2, BYTES * 2);
	close_source();
}

Test(segments, of_a_stranger_are_refused, .init = set_up, .fini = temp_dir_remove)
{
	struct segment_header header;

	cr_assert(eq(int, open_source(0, BYTES), 0), "%s", error.text);
	close_source();
	segment_header_fill(&header, JOURNAL_ID + 1, 5, 0, BYTES);
	poke_file(path_of(0), 0, &header, sizeof(header));
	cr_assert(eq(int, open_source(0, BYTES), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "lane-005: cannot get segment 0 ready"), NULL), "%s",
		  error.text);
	segment_preparer_close(preparer);
	segment_header_fill(&header, JOURNAL_ID, 5, 0, BYTES);
	poke_file(path_of(0), 0, &header, sizeof(header));
	cr_assert(eq(int, truncate(path_of(0), (off_t)BYTES - 1), 0));
	cr_assert(eq(int, open_source(0, BYTES), -EBADMSG));
	segment_preparer_close(preparer);
}

Test(segments, hold_a_lock_while_they_are_open, .init = set_up, .fini = temp_dir_remove)
{
	/* Made, then taken over. */
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(eq(int, open_source(0, BYTES), 0), "%s", error.text);

		const int fd = open(path_of(0), O_RDONLY);

		cr_assert(eq(int, flock(fd, LOCK_EX | LOCK_NB), -1));
		close_source();
		cr_assert(eq(int, flock(fd, LOCK_EX | LOCK_NB), 0));
		close(fd);
	}
}

/* A limit on the size of files replaces a full disk: both end a write half way. */
Test(segments, a_full_disk_is_told_and_tried_again, .init = set_up, .fini = temp_dir_remove,
     .timeout = 20)
{
	struct rlimit limit;
	uint64_t bytes = 0;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert(eq(int, open_source(0, BYTES), 0), "%s", error.text);
	wait_ready(0);
	while (!path_exists(path_of(1)))
		usleep(1000);
	getrlimit(RLIMIT_FSIZE, &limit);

	const rlim_t before = limit.rlim_cur;

	limit.rlim_cur = BYTES / 2;
	setrlimit(RLIMIT_FSIZE, &limit);
	cr_assert(eq(int, segment_source_error(source), 0));
	segment_done(source, segment_take(source, 0, &bytes));
	while (segment_source_error(source) == 0)
		usleep(1000);
	cr_assert(eq(int, segment_source_error(source), -EFBIG));
	cr_assert(segment_ready(source, 1), "what is ahead stays");
	cr_assert(not(path_exists(temp_path("lane-005/seg-000000000002.new"))));
	limit.rlim_cur = before;
	setrlimit(RLIMIT_FSIZE, &limit);
	segment_done(source, segment_take(source, 1, &bytes));
	wait_ready(2);
	cr_assert(eq(int, segment_source_error(source), 0), "goes on by itself");
	close_source();
}

Test(segments, without_o_direct_are_refused_with_the_remedy, .init = set_up,
     .fini = temp_dir_remove)
{
	lane = "/proc/self";
	cr_assert(lt(int, open_source(0, BYTES), 0));
	cr_assert(ne(ptr, strstr(error.text, "/proc/self: cannot get segment 0 ready"), NULL));
	segment_preparer_close(preparer);
}
