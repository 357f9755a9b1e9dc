#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/safe_file.h"
#include "tests/support/temp_dir.h"

enum {
	OWNER = 4242,
	OTHER = 4343,
};

static void set_up(void)
{
	(void)temp_dir_make();
}

static void only_root(void)
{
	if (geteuid() != 0)
		cr_skip("only root works in directories of others");
}

static void set_up_owned(void)
{
	set_up();
	if (geteuid() != 0)
		return;
	cr_assert(eq(int, mkdir(temp_path("theirs"), 0700), 0));
	cr_assert(eq(int, chown(temp_path("theirs"), OWNER, OWNER + 1), 0));
	write_text(temp_path("outside"), "untouched");
}

static void tear_down(void)
{
	temp_dir_remove();
}

static struct stat info_of(const char *path)
{
	struct stat info;

	cr_assert(eq(int, lstat(path, &info), 0), "%s", path);
	return info;
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

static void expect_untouched(void)
{
	const struct stat info = info_of(temp_path("outside"));

	expect_text(temp_path("outside"), "untouched");
	cr_assert(all(eq(u32, info.st_uid, 0), eq(u32, info.st_mode & 07777, 0600)));
}

static void close_good(int fd)
{
	cr_assert(ge(int, fd, 0), "%s", fd < 0 ? strerror(-fd) : "");
	cr_assert(ne(int, fcntl(fd, F_GETFD) & FD_CLOEXEC, 0));
	close(fd);
}

Test(safe_file, opens_what_is_there, .init = set_up, .fini = tear_down)
{
	int fd;

	write_text(temp_path("file"), "text");
	fd = safe_open(temp_path("file"), O_RDWR);
	cr_assert(ge(int, fd, 0));
	/* io_uring gives up at once on a file that has it. */
	cr_assert(eq(int, fcntl(fd, F_GETFL) & O_NONBLOCK, 0));
	close_good(fd);
	fd = safe_open(temp_path("file"), O_RDONLY | O_DIRECT);
	if (fd >= 0)
		cr_assert(ne(int, fcntl(fd, F_GETFL) & O_DIRECT, 0), "O_DIRECT was lost");
	close(fd);
	cr_assert(eq(int, safe_open(temp_path("nothing"), O_RDONLY), -ENOENT));
	cr_assert(eq(int, safe_open(temp_path("no/thing"), O_RDONLY), -ENOENT));
	cr_assert(eq(int, safe_open(temp_path("file/thing"), O_RDONLY), -ENOTDIR));
	cr_assert(eq(int, safe_open(temp_path("."), O_RDONLY), -EISDIR));
	cr_assert(eq(int, safe_open("", O_RDONLY), -ENOENT));
}

Test(safe_file, opens_no_links_and_nothing_but_files, .init = set_up, .fini = tear_down)
{
	write_text(temp_path("file"), "text");
	cr_assert(eq(int, symlink("file", temp_path("link")), 0));
	cr_assert(eq(int, symlink("nowhere", temp_path("dangling")), 0));
	cr_assert(eq(int, mkfifo(temp_path("pipe"), 0600), 0));
	cr_assert(eq(int, mkdir(temp_path("dir"), 0700), 0));
	cr_assert(eq(int, safe_open(temp_path("link"), O_RDONLY), -ELOOP));
	cr_assert(eq(int, safe_open(temp_path("link"), O_WRONLY), -ELOOP));
	cr_assert(eq(int, safe_open(temp_path("dangling"), O_RDONLY), -ELOOP));
	/* Without anybody at its other end, it would wait for ever. */
	cr_assert(eq(int, safe_open(temp_path("pipe"), O_RDONLY), -EMEDIUMTYPE));
	cr_assert(eq(int, safe_open(temp_path("dir"), O_RDONLY), -EISDIR));
	cr_assert(eq(int, safe_open("/dev/null", O_RDONLY), -EMEDIUMTYPE));
	cr_assert(eq(int, safe_open_or_make(temp_path("link"), O_RDWR, NULL), -ELOOP));
	cr_assert(eq(int, safe_open_or_make(temp_path("dangling"), O_RDWR, NULL), -ELOOP));
	cr_assert(not(path_exists(temp_path("nowhere"))), "made through a link");
}

Test(safe_file, makes_exclusively, .init = set_up, .fini = tear_down)
{
	bool made = false;

	umask(0);
	close_good(safe_make(temp_path("file"), O_WRONLY));
	cr_assert(eq(u32, info_of(temp_path("file")).st_mode & 07777, 0600));
	write_text(temp_path("file"), "text");
	cr_assert(eq(int, safe_make(temp_path("file"), O_WRONLY), -EEXIST));
	cr_assert(eq(int, symlink("nowhere", temp_path("dangling")), 0));
	cr_assert(eq(int, safe_make(temp_path("dangling"), O_WRONLY), -EEXIST));
	close_good(safe_open_or_make(temp_path("file"), O_RDWR, &made));
	cr_assert(not(made));
	close_good(safe_open_or_make(temp_path("other"), O_RDWR, &made));
	cr_assert(made);
	expect_text(temp_path("file"), "text");
}

Test(safe_file, makes_anew_what_leads_elsewhere, .init = set_up, .fini = tear_down)
{
	write_text(temp_path("outside"), "untouched");
	cr_assert(eq(int, symlink("outside", temp_path("soft")), 0));
	cr_assert(eq(int, link(temp_path("outside"), temp_path("hard")), 0));
	close_good(safe_make_anew(temp_path("soft"), O_WRONLY));
	close_good(safe_make_anew(temp_path("hard"), O_WRONLY));
	close_good(safe_make_anew(temp_path("none"), O_WRONLY));
	cr_assert(ne(u32, S_ISREG(info_of(temp_path("soft")).st_mode), 0));
	cr_assert(eq(i64, info_of(temp_path("hard")).st_size, 0));
	expect_text(temp_path("outside"), "untouched");
	cr_assert(eq(int, mkdir(temp_path("dir"), 0700), 0));
	cr_assert(eq(int, safe_make_anew(temp_path("dir"), O_WRONLY), -EISDIR));
}

Test(safe_file, replaces_and_removes_links_themselves, .init = set_up, .fini = tear_down)
{
	write_text(temp_path("outside"), "untouched");
	write_text(temp_path("new"), "new");
	cr_assert(eq(int, symlink("outside", temp_path("link")), 0));
	cr_assert(eq(int, safe_rename(temp_path("new"), temp_path("link")), 0));
	expect_text(temp_path("link"), "new");
	cr_assert(not(path_exists(temp_path("new"))));
	cr_assert(eq(int, safe_rename(temp_path("new"), temp_path("link")), -ENOENT));
	cr_assert(eq(int, symlink("outside", temp_path("other")), 0));
	cr_assert(eq(int, safe_unlink(temp_path("other")), 0));
	cr_assert(eq(int, safe_unlink(temp_path("other")), -ENOENT));
	expect_text(temp_path("outside"), "untouched");
}

Test(safe_file, makes_and_removes_directories, .init = set_up, .fini = tear_down)
{
	struct stat info;

	write_text(temp_path("outside"), "untouched");
	cr_assert(eq(int, safe_mkdir(temp_path("dir")), 0));
	cr_assert(eq(int, safe_mkdir(temp_path("dir")), -EEXIST));
	cr_assert(eq(int, safe_mkdir_own(temp_path("dir")), -EEXIST));
	cr_assert(eq(int, safe_mkdir_own(temp_path("dir/.")), -EEXIST));
	cr_assert(eq(int, safe_mkdir_own("/"), -EEXIST));
	cr_assert(eq(int, safe_rmdir(temp_path("dir")), 0));
	cr_assert(eq(int, safe_mkdir_own(temp_path("dir")), 0));
	cr_assert(eq(int, safe_mkdir(temp_path("dir/inner")), 0));
	cr_assert(eq(int, symlink("../outside", temp_path("dir/link")), 0));
	cr_assert(eq(int, symlink("../..", temp_path("dir/inner/up")), 0));
	cr_assert(eq(int, safe_rmdir(temp_path("dir")), -ENOTEMPTY));
	cr_assert(eq(int, safe_remove_tree(temp_path("dir")), 0));
	cr_assert(eq(int, safe_lstat(temp_path("dir"), &info), -ENOENT));
	cr_assert(eq(int, safe_remove_tree(temp_path("dir")), -ENOENT));
	expect_text(temp_path("outside"), "untouched");
	/* A link to a tree is no tree. */
	cr_assert(eq(int, mkdir(temp_path("tree"), 0700), 0));
	write_text(temp_path("tree/file"), "text");
	cr_assert(eq(int, symlink("tree", temp_path("link")), 0));
	cr_assert(eq(int, safe_remove_tree(temp_path("link")), 0));
	expect_text(temp_path("tree/file"), "text");
}

/* Ours and root's: those that an operator makes. */
Test(safe_file, follows_our_links_to_a_directory, .init = set_up, .fini = tear_down)
{
	char absolute[512];
	struct stat info;
	DIR *names;

	cr_assert(eq(int, mkdir(temp_path("dir"), 0700), 0));
	write_text(temp_path("dir/file"), "text");
	snprintf(absolute, sizeof(absolute), "%s//dir/./", temp_path("."));
	cr_assert(eq(int, symlink("dir", temp_path("one")), 0));
	cr_assert(eq(int, symlink("dir/../one", temp_path("two")), 0));
	cr_assert(eq(int, symlink(absolute, temp_path("three")), 0));
	close_good(safe_open(temp_path("one/file"), O_RDONLY));
	close_good(safe_open(temp_path("two/file"), O_RDONLY));
	close_good(safe_open(temp_path("three/file"), O_RDONLY));
	close_good(safe_dir_open(temp_path("three")));
	close_good(safe_make(temp_path("two/new"), O_WRONLY));
	cr_assert(path_exists(temp_path("dir/new")));
	cr_assert(eq(int, safe_lstat(temp_path("two"), &info), 0));
	cr_assert(ne(u32, S_ISLNK(info.st_mode), 0));
	names = safe_opendir(temp_path("one"));
	cr_assert(ne(ptr, names, NULL));
	closedir(names);
	cr_assert(eq(int, symlink("circle", temp_path("circle")), 0));
	cr_assert(eq(int, safe_open(temp_path("circle/file"), O_RDONLY), -ELOOP));
	cr_assert(eq(int, symlink("nowhere", temp_path("dangling")), 0));
	cr_assert(eq(int, safe_open(temp_path("dangling/file"), O_RDONLY), -ENOENT));
	cr_assert(eq(ptr, safe_opendir(temp_path("dangling")), NULL));
	cr_assert(eq(int, errno, ENOENT));
	cr_assert(eq(int, symlink("dir/file", temp_path("to-file")), 0));
	cr_assert(eq(int, safe_dir_open(temp_path("to-file")), -ENOTDIR));
}

Test(safe_file, anothers_link_leads_only_to_his_own, .init = set_up_owned, .fini = tear_down)
{
	char dir[512];

	only_root();
	cr_assert(eq(int, mkdir(temp_path("ours"), 0700), 0));
	cr_assert(eq(int, mkdir(temp_path("third"), 0700), 0));
	cr_assert(eq(int, chown(temp_path("third"), OTHER, OTHER), 0));
	cr_assert(eq(int, symlink("ours", temp_path("to-ours")), 0));
	cr_assert(eq(int, symlink("theirs", temp_path("to-theirs")), 0));
	cr_assert(eq(int, symlink("to-third", temp_path("to-to-third")), 0));
	cr_assert(eq(int, symlink("third", temp_path("to-third")), 0));
	cr_assert(eq(int, lchown(temp_path("to-ours"), OWNER, OWNER), 0));
	cr_assert(eq(int, lchown(temp_path("to-theirs"), OWNER, OWNER), 0));
	cr_assert(eq(int, lchown(temp_path("to-to-third"), OWNER, OWNER), 0));
	cr_assert(eq(int, lchown(temp_path("to-third"), OTHER, OTHER), 0));
	cr_assert(eq(int, safe_dir_open(temp_path("to-ours")), -ELOOP));
	cr_assert(eq(int, safe_make(temp_path("to-ours/file"), O_WRONLY), -ELOOP));
	cr_assert(eq(int, safe_mkdir(temp_path("to-ours/dir")), -ELOOP));
	cr_assert(eq(int, safe_dir_open(temp_path("to-to-third")), -ELOOP));
	close_good(safe_dir_open(temp_path("to-theirs")));
	close_good(safe_dir_open(temp_path("to-third")));
	cr_assert(not(path_exists(temp_path("ours/file"))));
	/* A link of root that its directory's owner gave a second name. */
	snprintf(dir, sizeof(dir), "%s", temp_path("theirs/ours"));
	cr_assert(eq(int, symlink("../ours", temp_path("theirs/ours")), 0));
	close_good(safe_dir_open(dir));
	cr_assert(eq(int, link(dir, temp_path("theirs/again")), 0));
	cr_assert(eq(int, safe_dir_open(dir), -ELOOP));
	cr_assert(eq(int, safe_dir_open(temp_path("theirs/again")), -ELOOP));
}

Test(safe_file, root_works_as_the_owner, .init = set_up_owned, .fini = tear_down)
{
	struct stat info;

	only_root();
	close_good(safe_make(temp_path("theirs/made"), O_WRONLY));
	close_good(safe_make_anew(temp_path("theirs/anew"), O_WRONLY));
	close_good(safe_open_or_make(temp_path("theirs/lock"), O_RDWR, NULL));
	cr_assert(eq(int, safe_mkdir(temp_path("theirs/dir")), 0));
	for (unsigned i = 0; i < 4; i++) {
		static const char *const names[] = {"made", "anew", "lock", "dir"};
		char path[64];

		snprintf(path, sizeof(path), "theirs/%s", names[i]);
		info = info_of(temp_path(path));
		cr_assert(all(eq(u32, info.st_uid, OWNER), eq(u32, info.st_gid, OWNER + 1)), "%s",
			  path);
	}
	cr_assert(eq(int, safe_mkdir_own(temp_path("theirs/ours")), 0));
	cr_assert(eq(u32, info_of(temp_path("theirs/ours")).st_uid, 0));
	/* Root again, and of its own group. */
	cr_assert(eq(int, setfsuid((uid_t)-1), 0));
	cr_assert(eq(int, setfsgid((gid_t)-1), (int)getegid()));
	/* What the owner may not do in his directory, root does not do for him. */
	cr_assert(eq(int, chmod(temp_path("theirs"), 0500), 0));
	cr_assert(eq(int, safe_make(temp_path("theirs/late"), O_WRONLY), -EACCES));
	cr_assert(eq(int, safe_unlink(temp_path("theirs/made")), -EACCES));
	cr_assert(eq(int, safe_rename(temp_path("theirs/made"), temp_path("theirs/b")), -EACCES));
	cr_assert(eq(int, safe_mkdir(temp_path("theirs/late")), -EACCES));
	cr_assert(eq(int, chmod(temp_path("theirs"), 0700), 0));
	cr_assert(eq(int, safe_remove_tree(temp_path("theirs/dir")), 0));
}

Test(safe_file, root_opens_only_what_is_the_owners, .init = set_up_owned, .fini = tear_down)
{
	only_root();
	write_text(temp_path("theirs/his"), "his");
	cr_assert(eq(int, chown(temp_path("theirs/his"), OWNER, OWNER), 0));
	write_text(temp_path("theirs/thirds"), "a third one's");
	cr_assert(eq(int, chown(temp_path("theirs/thirds"), OTHER, OTHER), 0));
	write_text(temp_path("theirs/roots"), "root's");
	cr_assert(eq(int, link(temp_path("outside"), temp_path("theirs/hard")), 0));
	cr_assert(eq(int, link(temp_path("theirs/his"), temp_path("theirs/his-too")), 0));
	close_good(safe_open(temp_path("theirs/his"), O_RDWR));
	close_good(safe_open(temp_path("theirs/his-too"), O_RDWR));
	close_good(safe_open(temp_path("theirs/roots"), O_RDWR));
	cr_assert(eq(int, safe_open(temp_path("theirs/thirds"), O_RDONLY), -EMLINK));
	cr_assert(eq(int, safe_open(temp_path("theirs/hard"), O_RDONLY), -EMLINK));
	cr_assert(eq(int, safe_open(temp_path("theirs/hard"), O_RDWR), -EMLINK));
	cr_assert(eq(int, safe_open_or_make(temp_path("theirs/hard"), O_RDWR, NULL), -EMLINK));
	/* In a directory of root where others may write, too. */
	cr_assert(eq(int, link(temp_path("outside"), temp_path("hard")), 0));
	close_good(safe_open(temp_path("hard"), O_RDONLY));
	cr_assert(eq(int, chmod(temp_path("."), 01777), 0));
	cr_assert(eq(int, safe_open(temp_path("hard"), O_RDONLY), -EMLINK));
	cr_assert(eq(int, chmod(temp_path("."), 0700), 0));
	/* What is copied for him must be his: root's own would be shown to him. */
	close_good(safe_open_owners(temp_path("theirs/his"), O_RDONLY));
	cr_assert(eq(int, safe_open_owners(temp_path("theirs/roots"), O_RDONLY), -EMLINK));
	close_good(safe_make_anew(temp_path("theirs/hard"), O_WRONLY));
	expect_untouched();
}

/* The owner swaps a name between a link and a file of his, as fast as he can. */
Test(safe_file, a_race_gives_nothing_away, .init = set_up_owned, .fini = tear_down)
{
	char name[512];
	char spare[512];
	char outside[512];
	pid_t owner;
	int rc;

	only_root();
	snprintf(name, sizeof(name), "%s", temp_path("theirs/file"));
	snprintf(spare, sizeof(spare), "%s", temp_path("theirs/spare"));
	snprintf(outside, sizeof(outside), "%s", temp_path("outside"));
	/* The directory above is to be passed by him, too. */
	cr_assert(eq(int, chmod(temp_path("."), 0711), 0));
	owner = fork();
	if (owner == 0) {
		if (setgid(OWNER) != 0 || setuid(OWNER) != 0)
			_exit(1);
		for (;;) {
			(void)!symlink(outside, spare);
			(void)rename(spare, name);
			(void)close(open(spare, O_WRONLY | O_CREAT, 0600));
			(void)rename(spare, name);
			(void)unlink(name);
		}
	}
	for (unsigned i = 0; i < 20000; i++) {
		rc = i % 2 == 0 ? safe_open_or_make(name, O_RDWR, NULL)
				: safe_make_anew(name, O_RDWR);
		if (rc >= 0) {
			cr_assert(eq(sz, (size_t)write(rc, "ours", 4), 4));
			close(rc);
		} else {
			cr_assert(rc == -ELOOP || rc == -EEXIST || rc == -ENOENT, "%d", rc);
		}
	}
	cr_assert(eq(int, kill(owner, SIGKILL), 0));
	cr_assert(eq(int, waitpid(owner, &rc, 0), owner));
	cr_assert(eq(u32, (unsigned)WTERMSIG(rc), SIGKILL), "the owner ended by himself");
	expect_untouched();
}

Test(safe_file, says_what_it_is)
{
	cr_assert(ne(ptr, strstr(safe_strerror(-ELOOP), "symbolic link"), NULL));
	cr_assert(ne(ptr, strstr(safe_strerror(-EMLINK), "hard link"), NULL));
	cr_assert(ne(ptr, strstr(safe_strerror(-EMEDIUMTYPE), "not a regular file"), NULL));
	cr_assert(eq(str, (char *)safe_strerror(-ENOENT), strerror(ENOENT)));
}
