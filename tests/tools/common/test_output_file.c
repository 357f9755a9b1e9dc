#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"
#include "tools/common/output_file.h"

enum {
	OTHER = 4242,
};

static void set_up(void)
{
	(void)temp_dir_make();
	umask(022);
	write_text(temp_path("outside"), "untouched");
}

static void tear_down(void)
{
	temp_dir_remove();
}

static unsigned mode_of(const char *path)
{
	struct stat info;

	cr_assert(eq(int, lstat(path, &info), 0), "%s", path);
	return info.st_mode & 07777;
}

static void expect_text(const char *path, const char *text)
{
	char got[64] = "";
	FILE *file = fopen(path, "re");

	cr_assert(ne(ptr, file, NULL), "%s", path);
	cr_assert(ge(sz, fread(got, 1, sizeof(got) - 1, file), 0));
	fclose(file);
	cr_assert(eq(str, got, (char *)text), "%s", path);
}

static void write_out(const char *path, unsigned flags)
{
	FILE *file = output_file_stream(path, flags);

	cr_assert(ne(ptr, file, NULL), "%s: %s", path, strerror(errno));
	cr_assert(ge(int, fputs("out", file), 0));
	cr_assert(eq(int, fclose(file), 0));
}

Test(output_file, is_its_owners_only, .init = set_up, .fini = tear_down)
{
	write_out(temp_path("new"), 0);
	cr_assert(eq(u32, mode_of(temp_path("new")), 0600));
	expect_text(temp_path("new"), "out");
	write_out(temp_path("public"), OUTPUT_PUBLIC);
	cr_assert(eq(u32, mode_of(temp_path("public")), 0644));
}

Test(output_file, takes_a_file_over, .init = set_up, .fini = tear_down)
{
	write_text(temp_path("old"), "longer than that");
	cr_assert(eq(int, chmod(temp_path("old"), 0644), 0));
	write_out(temp_path("old"), OUTPUT_KEEP);
	cr_assert(eq(u32, mode_of(temp_path("old")), 0600));
	expect_text(temp_path("old"), "outger than that");
	write_out(temp_path("old"), 0);
	expect_text(temp_path("old"), "out");
	write_text(temp_path("wide"), "old");
	cr_assert(eq(int, chmod(temp_path("wide"), 0664), 0));
	write_out(temp_path("wide"), OUTPUT_PUBLIC);
	cr_assert(eq(u32, mode_of(temp_path("wide")), 0664));
}

Test(output_file, follows_no_links, .init = set_up, .fini = tear_down)
{
	const unsigned flags[] = {0, OUTPUT_KEEP, OUTPUT_PUBLIC};

	cr_assert(eq(int, symlink("outside", temp_path("soft")), 0));
	cr_assert(eq(int, symlink("nowhere", temp_path("dangling")), 0));
	cr_assert(eq(int, symlink("/dev/null", temp_path("null")), 0));
	cr_assert(eq(int, link(temp_path("outside"), temp_path("hard")), 0));
	cr_assert(eq(int, chmod(temp_path("outside"), 0644), 0));
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(eq(int, output_file_open(temp_path("soft"), flags[i]), -ELOOP));
		cr_assert(eq(int, output_file_open(temp_path("dangling"), flags[i]), -ELOOP));
		cr_assert(eq(int, output_file_open(temp_path("null"), flags[i]), -ELOOP));
		cr_assert(eq(int, output_file_open(temp_path("hard"), flags[i]), -EMLINK));
		cr_assert(eq(int, output_file_open(temp_path("."), flags[i]), -EISDIR));
		cr_assert(eq(int, output_file_open(temp_path("no/file"), flags[i]), -ENOENT));
	}
	cr_assert(not(path_exists(temp_path("nowhere"))));
	expect_text(temp_path("outside"), "untouched");
	cr_assert(eq(u32, mode_of(temp_path("outside")), 0644));
	cr_assert(eq(ptr, output_file_stream(temp_path("soft"), 0), NULL));
	cr_assert(eq(int, errno, ELOOP));
}

Test(output_file, writes_to_no_file_of_others, .init = set_up, .fini = tear_down)
{
	if (geteuid() != 0)
		cr_skip("only root has files of others");
	write_text(temp_path("theirs"), "theirs");
	cr_assert(eq(int, chown(temp_path("theirs"), OTHER, OTHER), 0));
	cr_assert(eq(int, mkfifo(temp_path("pipe"), 0666), 0));
	cr_assert(eq(int, chown(temp_path("pipe"), OTHER, OTHER), 0));
	cr_assert(eq(int, output_file_open(temp_path("theirs"), 0), -EMLINK));
	/* Whoever reads there would get the buyers. */
	cr_assert(eq(int, output_file_open(temp_path("pipe"), 0), -EMLINK));
	expect_text(temp_path("theirs"), "theirs");
	/* What root makes in a directory of somebody stays root's. */
	cr_assert(eq(int, chown(temp_path("."), OTHER, OTHER), 0));
	write_out(temp_path("new"), 0);

	struct stat info;

	cr_assert(eq(int, stat(temp_path("new"), &info), 0));
	cr_assert(all(eq(u32, info.st_uid, 0), eq(u32, info.st_mode & 07777, 0600)));
}

Test(output_file, writes_to_what_is_open_and_to_devices, .init = set_up, .fini = tear_down)
{
	char path[64];
	const int fd = open(temp_path("open"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	write_out("/dev/null", 0);
	cr_assert(ge(int, fd, 3));
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	cr_assert(output_file_is_stream(path));
	write_out(path, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	write_out(path, 0);
	expect_text(temp_path("open"), "outout");
	cr_assert(output_file_is_stream("/dev/stdout"));
	cr_assert(not(output_file_is_stream("/dev/fd/")));
	cr_assert(not(output_file_is_stream("/dev/fd/1x")));
	cr_assert(not(output_file_is_stream(temp_path("open"))));
	cr_assert(eq(int, output_file_open("/dev/fd/1000", 0), -EBADF));
	close(fd);
}
