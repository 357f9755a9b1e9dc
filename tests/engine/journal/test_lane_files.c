#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/limits.h"
#include "engine/journal/lane_files.h"
#include "tests/support/page_cache.h"
#include "tests/support/temp_dir.h"

static struct lane_files *files;
static _Alignas(BLOCK_ALIGN_BYTES) char buffer[BLOCK_ALIGN_BYTES];

static void set_up(void)
{
	cr_assert(eq(int, lane_files_open(&files, temp_dir_make()), 0));
}

static void tear_down(void)
{
	files->ops->close(files);
	temp_dir_remove();
}

static void make_segment(uint64_t segment, const char *text)
{
	char path[SEGMENT_PATH_BYTES];

	segment_path(files->path, segment, path);
	write_text(path, text);
}

Test(lane_files, lists_segments_in_order_and_nothing_else, .init = set_up, .fini = tear_down)
{
	uint64_t *numbers = NULL;

	make_segment(11, "");
	make_segment(2, "");
	make_segment(999999999999, "");
	write_text(temp_path("seg-000000000003.new"), "");
	write_text(temp_path("seg-4"), "");
	write_text(temp_path("seg-00000000000x"), "");
	write_text(temp_path("notes"), "");
	cr_assert(eq(i64, files->ops->list(files, &numbers), 3));
	cr_assert(eq(u64, numbers[0], 2));
	cr_assert(eq(u64, numbers[1], 11));
	cr_assert(eq(u64, numbers[2], 999999999999));
	free(numbers);
}

Test(lane_files, a_missing_directory_is_told, .init = set_up, .fini = tear_down)
{
	struct lane_files *missing = NULL;
	uint64_t *numbers = NULL;

	cr_assert(eq(int, lane_files_open(&missing, temp_path("no")), 0));
	cr_assert(eq(i64, missing->ops->list(missing, &numbers), -ENOENT));
	cr_assert(eq(i64, missing->ops->size(missing, 0), -ENOENT));
	missing->ops->close(missing);
}

Test(lane_files, reads_to_the_end_and_says_how_much, .init = set_up, .fini = tear_down)
{
	make_segment(0, "zero");
	make_segment(1, "one and more");
	cr_assert(eq(i64, files->ops->size(files, 1), 12));
	cr_assert(eq(i64, files->ops->read(files, 1, buffer, sizeof(buffer), 4), 8));
	cr_assert(eq(int, memcmp(buffer, "and more", 8), 0));
	cr_assert(eq(i64, files->ops->read(files, 0, buffer, 3, 0), 3));
	cr_assert(eq(int, memcmp(buffer, "zer", 3), 0));
	cr_assert(eq(i64, files->ops->read(files, 0, buffer, 3, 4), 0));
	cr_assert(eq(i64, files->ops->read(files, 7, buffer, 3, 0), -ENOENT));
}

Test(lane_files, zeros_to_the_end_and_removes, .init = set_up, .fini = tear_down)
{
	make_segment(0, "keep this, not that");
	cr_assert(eq(int, files->ops->zero(files, 0, 9), 0));
	cr_assert(eq(i64, files->ops->read(files, 0, buffer, sizeof(buffer), 0), 19));
	cr_assert(eq(int, memcmp(buffer, "keep this\0\0\0\0\0\0\0\0\0\0", 19), 0));
	cr_assert(eq(int, files->ops->zero(files, 0, 19), 0), "only a sync");
	cr_assert(eq(int, files->ops->settle(files, 0), 0));
	cr_assert(eq(int, files->ops->remove(files, 0), 0));
	cr_assert(not(path_exists(temp_path("seg-000000000000"))));
	cr_assert(eq(int, files->ops->remove(files, 0), -ENOENT));
	cr_assert(eq(int, files->ops->zero(files, 0, 0), -ENOENT));
}

/* Clean pages can be dropped from the page cache, and are. */
Test(lane_files, zeros_are_on_the_disk_before_it_returns, .init = set_up, .fini = tear_down)
{
	uint64_t pages = 0;
	uint64_t unwritten = 0;

	make_segment(0, "keep this, not that");
	cr_assert(eq(int, files->ops->zero(files, 0, 9), 0));

	const int fd = open(temp_path("seg-000000000000"), O_RDONLY);

	if (page_cache_look(fd, &pages, &unwritten))
		cr_assert(all(eq(u64, pages, 0), eq(u64, unwritten, 0)));
	close(fd);
}

/* Only bytes that are written again can be synced again: clean pages may be those of a failed sync.
 */
Test(lane_files, renews_what_is_read, .init = set_up, .fini = tear_down)
{
	uint64_t pages = 0;
	uint64_t unwritten = 0;

	make_segment(0, "keep this, and that");

	const int fd = open(temp_path("seg-000000000000"), O_RDONLY);

	cr_assert(eq(int, fsync(fd), 0));
	cr_assert(eq(int, files->ops->renew(files, 0, 5, 12), 0));
	if (page_cache_look(fd, &pages, &unwritten))
		cr_assert(eq(u64, unwritten, 1), "for zero() to sync");
	cr_assert(eq(i64, files->ops->read(files, 0, buffer, sizeof(buffer), 0), 19));
	cr_assert(eq(int, memcmp(buffer, "keep this, and that", 19), 0));
	cr_assert(eq(int, files->ops->renew(files, 0, 5, 20), -EIO), "the file ends before");
	cr_assert(eq(int, files->ops->renew(files, 1, 0, 1), -ENOENT));
	close(fd);
}

Test(lane_files, a_link_is_no_segment, .init = set_up, .fini = tear_down)
{
	char path[SEGMENT_PATH_BYTES];

	make_segment(0, "of another");
	segment_path(files->path, 1, path);
	cr_assert(eq(int, symlink("seg-000000000000", path), 0));
	cr_assert(eq(i64, files->ops->size(files, 1), -ELOOP));
	cr_assert(eq(i64, files->ops->read(files, 1, buffer, sizeof(buffer), 0), -ELOOP));
	cr_assert(eq(int, files->ops->settle(files, 1), -ELOOP));
	cr_assert(eq(int, files->ops->zero(files, 1, 0), -ELOOP));
	cr_assert(eq(int, files->ops->renew(files, 1, 0, 1), -ELOOP));
	cr_assert(eq(i64, files->ops->read(files, 0, buffer, sizeof(buffer), 0), 10));
	cr_assert(eq(int, memcmp(buffer, "of another", 10), 0), "written through a link");
	/* The link is removed, not what it leads to. */
	cr_assert(eq(int, files->ops->remove(files, 1), 0));
	cr_assert(eq(i64, files->ops->size(files, 0), 10));
}
