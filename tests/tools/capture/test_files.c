#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"
#include "tools/capture/files.h"

enum {
	FRAME_BYTES = 100,
	RECORD_BYTES = 16 + FRAME_BYTES,
	HEADER_BYTES = 24,
};

static struct files *files;
static struct error error;
static const uint8_t frame[FRAME_BYTES] = "a frame";

static void begin(void)
{
	(void)temp_dir_make();
}

static void end(void)
{
	files_close(files);
	temp_dir_remove();
}

TestSuite(files, .init = begin, .fini = end);

static long bytes_of(const char *name)
{
	struct stat info;

	return stat(temp_path(name), &info) == 0 ? (long)info.st_size : -1;
}

static int open_named(const char *name, uint64_t rotate_bytes, bool force)
{
	const struct files_options options = {
		.path = temp_path(name), .rotate_bytes = rotate_bytes, .force = force};

	error = (struct error){0};
	files_close(files);
	files = NULL;
	return files_open(&files, &options, &error);
}

static void put(unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++)
		cr_assert_eq(files_put(files, i, frame, FRAME_BYTES), 0);
}

Test(files, the_header_is_there_at_once_and_frames_after_a_flush)
{
	struct stat info;

	cr_assert_eq(open_named("a", 0, false), 0, "%s", error.text);
	cr_expect_eq(bytes_of("a"), HEADER_BYTES);
	cr_expect_not(files_are_behind(files));
	put(3);
	cr_expect(files_are_behind(files));
	cr_expect_eq(files_flush(files), 0);
	cr_expect_eq(bytes_of("a"), HEADER_BYTES + 3 * RECORD_BYTES);
	cr_expect_not(files_are_behind(files));
	cr_expect_not(files_have_reader(files));
	cr_assert_eq(stat(temp_path("a"), &info), 0);
	cr_expect_eq(info.st_mode & 0777, 0600);
}

/* A buffer's worth of frames and more: whatever is in the file ends with a whole one. */
Test(files, only_whole_frames_are_written)
{
	cr_assert_eq(open_named("a", 0, false), 0);
	for (unsigned i = 0; i < 20000; i++) {
		put(1);
		cr_assert_eq((bytes_of("a") - HEADER_BYTES) % RECORD_BYTES, 0);
	}
	cr_expect_gt(bytes_of("a"), 1 << 20);
}

Test(files, a_full_disk_leaves_whole_frames)
{
	const long room = HEADER_BYTES + 5 * RECORD_BYTES + 50;
	const struct rlimit limit = {.rlim_cur = (rlim_t)room, .rlim_max = RLIM_INFINITY};
	const struct rlimit all = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(open_named("a", 0, false), 0);
	put(3);
	cr_assert_eq(files_flush(files), 0);
	put(4);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_expect_eq(files_flush(files), -EFBIG);
	cr_expect_eq(bytes_of("a"), HEADER_BYTES + 3 * RECORD_BYTES);
	/* Room again: the rest would be half a frame. */
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
	files_close(files);
	files = NULL;
	cr_expect_eq(bytes_of("a"), HEADER_BYTES + 3 * RECORD_BYTES);
}

Test(files, what_is_there_stays_unless_it_is_forced)
{
	write_text(temp_path("a"), "what was there before");
	cr_assert_eq(chmod(temp_path("a"), 0644), 0);
	cr_expect_eq(open_named("a", 0, false), -EEXIST);
	cr_expect_not_null(strstr(error.text, "is there already"), "%s", error.text);
	cr_expect_not_null(strstr(error.text, "--force"), "%s", error.text);
	cr_expect_eq(bytes_of("a"), 21);

	struct stat info;

	cr_assert_eq(open_named("a", 0, true), 0, "%s", error.text);
	cr_expect_eq(bytes_of("a"), HEADER_BYTES);
	cr_assert_eq(stat(temp_path("a"), &info), 0);
	cr_expect_eq(info.st_mode & 0777, 0600);
}

Test(files, what_a_shell_appends_to_is_not_emptied)
{
	char path[32];
	int fd;

	write_text(temp_path("a"), "old");
	fd = open(temp_path("a"), O_WRONLY | O_APPEND | O_CLOEXEC);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	cr_expect_eq(files_open(&files, &(struct files_options){.path = path}, &error), -EEXIST);
	cr_expect_eq(bytes_of("a"), 3);
	cr_assert_eq(
		files_open(&files, &(struct files_options){.path = path, .force = true}, &error), 0,
		"%s", error.text);
	cr_expect_eq(bytes_of("a"), 3 + HEADER_BYTES);
	close(fd);
}

Test(files, no_second_capture_writes_into_a_file)
{
	struct files *first;

	cr_assert_eq(open_named("a", 0, false), 0);
	put(1);
	cr_assert_eq(files_flush(files), 0);
	first = files;
	files = NULL;
	cr_expect_eq(open_named("a", 0, true), -EBUSY);
	cr_expect_not_null(strstr(error.text, "another capture writes it"), "%s", error.text);
	cr_expect_eq(bytes_of("a"), HEADER_BYTES + RECORD_BYTES);
	files_close(first);
	cr_expect_eq(open_named("a", 0, true), 0);
}

Test(files, an_older_rotation_is_not_mixed_with_a_new_one)
{
	int fd;

	write_text(temp_path("r.00001"), "\x4d\x3c\xb2\xa1");
	write_text(temp_path("r.00700"), "\x4d\x3c\xb2\xa1 and more");
	write_text(temp_path("r.123456"), "");
	write_text(temp_path("r.0001"), "another's");
	write_text(temp_path("r.00001.gz"), "another's");
	write_text(temp_path("rr.00001"), "another's");
	cr_expect_eq(open_named("r", 1 << 20, false), -EEXIST);
	cr_expect_not_null(strstr(error.text, "3 files of an earlier rotation"), "%s", error.text);
	cr_expect_eq(bytes_of("r.00001"), 4);
	fd = open(temp_path("r.00700"), O_RDONLY | O_CLOEXEC);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	cr_expect_eq(open_named("r", 1 << 20, true), -EBUSY);
	cr_expect_eq(bytes_of("r.00001"), 4);
	close(fd);
	write_text(temp_path("r.20261130"), "an operator's notes");
	cr_expect_eq(open_named("r", 1 << 20, true), -ENOTUNIQ);
	cr_expect_not_null(strstr(error.text, "r.20261130 beside it is no capture"), "%s",
			   error.text);
	cr_expect_eq(bytes_of("r.20261130"), 19);
	cr_expect_eq(bytes_of("r.00001"), 4);
	cr_assert_eq(unlink(temp_path("r.20261130")), 0);
	cr_assert_eq(open_named("r", 1 << 20, true), 0, "%s", error.text);
	cr_expect_eq(bytes_of("r.00001"), HEADER_BYTES);
	cr_expect_eq(bytes_of("r.00700"), -1);
	cr_expect_eq(bytes_of("r.123456"), -1);
	cr_expect_eq(bytes_of("r.0001"), 9);
	cr_expect_eq(bytes_of("r.00001.gz"), 9);
	cr_expect_eq(bytes_of("rr.00001"), 9);
}

Test(files, a_rotation_keeps_the_newest_and_hits_no_foreign_file)
{
	const struct files_options options = {
		.path = temp_path("r"), .rotate_bytes = HEADER_BYTES + 2 * RECORD_BYTES, .keep = 2};

	cr_assert_eq(files_open(&files, &options, &error), 0, "%s", error.text);
	put(5);
	cr_expect_eq(bytes_of("r.00001"), -1);
	cr_expect_eq(bytes_of("r.00002"), HEADER_BYTES + 2 * RECORD_BYTES);
	write_text(temp_path("r.00004"), "of somebody");
	put(1);
	cr_expect_eq(files_put(files, 0, frame, FRAME_BYTES), -EEXIST);
	cr_expect_eq(bytes_of("r.00004"), 11);
}

Test(files, a_reader_that_ends_is_seen)
{
	int ends[2];
	char path[32];
	uint8_t header[HEADER_BYTES];

	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(ends), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
	cr_assert_eq(files_open(&files, &(struct files_options){.path = path}, &error), 0, "%s",
		     error.text);
	close(ends[1]);
	cr_expect(files_have_reader(files));
	cr_expect_not(files_reader_ended(files));
	cr_expect_eq(read(ends[0], header, sizeof(header)), HEADER_BYTES);
	close(ends[0]);
	cr_expect(files_reader_ended(files));
	put(1);
	cr_expect_eq(files_flush(files), -EPIPE);
}
