#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/format.h"
#include "tests/support/forbid_call.h"
#include "tests/support/temp_dir.h"

static struct error error;
static const char *path;

static void set_up(void)
{
	static char own[512];

	temp_dir_make();
	snprintf(own, sizeof(own), "%s", temp_path("data"));
	path = own;
}

static int open_close(uint16_t shards, struct data_dir *dir)
{
	const int rc = data_dir_open(dir, path, shards, &error);

	data_dir_close(dir);
	return rc;
}

static void assert_says(const char *text)
{
	cr_assert(ne(ptr, strstr(error.text, text), NULL), "'%s' lacks '%s'", error.text, text);
}

static unsigned entries(const char *where)
{
	DIR *dir = opendir(where);
	unsigned cnt = 0;

	cr_assert(ne(ptr, dir, NULL));
	while (readdir(dir) != NULL)
		cnt++;
	closedir(dir);
	return cnt - 2;
}

Test(data_dir, makes_a_journal_and_knows_it_again, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir made;
	struct data_dir again;
	char lane[600];

	cr_assert(eq(int, open_close(3, &made), 0), "%s", error.text);
	cr_assert(ne(u64, made.journal_id, 0));
	cr_assert(eq(int, open_close(3, &again), 0), "%s", error.text);
	cr_assert(eq(u64, made.journal_id, again.journal_id));
	cr_assert(eq(int, data_dir_read(&again, path, &error), 0), "%s", error.text);
	cr_assert(eq(u64, made.journal_id, again.journal_id));
	cr_assert(eq(int, again.shards, 3));
	cr_assert(eq(int, again.lock_fd, -1));
	data_dir_lane_path(&made, 2, lane, sizeof(lane));
	cr_assert(path_exists(lane));
	cr_assert(eq(uint, entries(path), 5), "journal, lock and three lanes");
}

Test(data_dir, another_journal_has_another_id, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir one;
	struct data_dir two;

	cr_assert(eq(int, open_close(1, &one), 0));
	path = temp_path("other");
	cr_assert(eq(int, open_close(1, &two), 0));
	cr_assert(ne(u64, one.journal_id, two.journal_id));
}

Test(data_dir, refuses_another_number_of_shards, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;

	cr_assert(eq(int, open_close(4, &dir), 0));
	cr_assert(eq(int, open_close(2, &dir), -EINVAL));
	assert_says("was written with 4 shards, --shards says 2: start with --shards 4");
	cr_assert(eq(int, open_close(4, &dir), 0));
}

Test(data_dir, refuses_while_another_process_has_it, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;

	cr_assert(eq(int, data_dir_open(&dir, path, 1, &error), 0));

	const pid_t child = fork();

	if (child == 0) {
		struct data_dir mine;

		_exit(data_dir_open(&mine, path, 1, &error) == -EBUSY &&
				      strstr(error.text, "in use by another doorbuster") != NULL
			      ? 0
			      : 1);
	}

	int status;

	waitpid(child, &status, 0);
	cr_assert(eq(int, status, 0));
	data_dir_close(&dir);
	cr_assert(eq(int, open_close(1, &dir), 0), "free again");
}

Test(data_dir, a_killed_owner_leaves_no_stale_lock, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;
	const pid_t child = fork();

	if (child == 0) {
		if (data_dir_open(&dir, path, 1, &error) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
	cr_assert(path_exists(temp_path("data/lock")));
	cr_assert(eq(int, open_close(1, &dir), 0), "%s", error.text);
}

Test(data_dir, refuses_a_directory_of_somebody_else_and_leaves_it_alone, .init = set_up,
     .fini = temp_dir_remove)
{
	struct data_dir dir;

	cr_assert(eq(int, mkdir(path, 0700), 0));
	write_text(temp_path("data/thesis.tex"), "years of work");
	cr_assert(eq(int, open_close(1, &dir), -EINVAL));
	assert_says("neither empty nor a journal: it holds thesis.tex");
	cr_assert(eq(uint, entries(path), 1));
}

Test(data_dir, takes_an_empty_directory_and_what_a_killed_start_left, .init = set_up,
     .fini = temp_dir_remove)
{
	struct data_dir dir;

	cr_assert(eq(int, mkdir(path, 0700), 0));
	write_text(temp_path("data/lock"), "");
	write_text(temp_path("data/journal.new"), "doorbuster-jour");
	cr_assert(eq(int, mkdir(temp_path("data/lane-000"), 0700), 0));
	cr_assert(eq(int, mkdir(temp_path("data/lane-007"), 0700), 0));
	cr_assert(eq(int, open_close(1, &dir), 0), "%s", error.text);
	cr_assert(not(path_exists(temp_path("data/lane-007"))), "it had more shards");
	cr_assert(not(path_exists(temp_path("data/journal.new"))));
}

Test(data_dir, a_lane_without_identity_is_not_ours_to_take, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;

	cr_assert(eq(int, open_close(1, &dir), 0));
	write_text(temp_path("data/lane-000/seg-000000000000"), "orders");
	cr_assert(eq(int, unlink(temp_path("data/journal")), 0));
	cr_assert(eq(int, open_close(1, &dir), -EINVAL));
	assert_says("it holds lane-000");
}

Test(data_dir, refuses_a_newer_format_and_a_damaged_identity, .init = set_up,
     .fini = temp_dir_remove)
{
	static const char *const damaged[] = {
		"doorbuster-journal 1\n",
		"doorbuster-journal 1\nid 0\nshards 1\n",
		"doorbuster-journal 1\nid 00000000000000ab\nshards 0\n",
		"doorbuster-journal 1\nid 00000000000000ab\nshards 257\n",
		"doorbuster-journal 1\nid 00000000000000ab\nshards 4294967297\n",
		"doorbuster-journal 1\nid 00000000000000ab\nshards 1\nmore\n",
		"doorbuster-journal 0\nid 00000000000000ab\nshards 1\n",
		"something else",
		"",
	};
	struct data_dir dir;

	cr_assert(eq(int, open_close(1, &dir), 0));
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		write_text(temp_path("data/journal"), damaged[i]);
		cr_assert(eq(int, open_close(1, &dir), -EINVAL), "%s", damaged[i]);
		assert_says("data/journal");
		cr_assert(eq(int, data_dir_read(&dir, path, &error), -EINVAL));
	}
	write_text(temp_path("data/journal"), "doorbuster-journal 4\nwho knows\n");
	cr_assert(eq(int, open_close(1, &dir), -ENOTSUP));
	assert_says("journal format 4");
	/* 1 in 32 bits. */
	write_text(temp_path("data/journal"),
		   "doorbuster-journal 4294967297\nid 00000000000000ab\nshards 1\n");
	cr_assert(eq(int, open_close(1, &dir), -ENOTSUP));
	write_text(temp_path("data/journal"),
		   "doorbuster-journal 1\nid 00000000000000ab\nshards 1\n");
	cr_assert(eq(int, open_close(1, &dir), 0), "%s", error.text);
	cr_assert(eq(u64, dir.journal_id, 0xab));
}

/* As an older program made it. */
static void write_identity(unsigned format, uint64_t journal_id)
{
	char text[100];

	snprintf(text, sizeof(text), "doorbuster-journal %u\nid %016" PRIx64 "\nshards 3\n", format,
		 journal_id);
	write_text(temp_path("data/journal"), text);
}

Test(data_dir, a_new_one_says_what_may_come, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir made;
	char text[32] = "";
	FILE *file;

	cr_assert(eq(int, open_close(3, &made), 0), "%s", error.text);
	cr_assert(eq(uint, made.format, JOURNAL_FORMAT_HOLDS));
	file = fopen(temp_path("data/journal"), "re");
	cr_assert(eq(ptr, fgets(text, sizeof(text), file), text));
	cr_assert(eq(str, text, "doorbuster-journal 3\n"));
	fclose(file);
}

Test(data_dir, its_format_is_raised_for_good, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;
	struct data_dir made;

	cr_assert(eq(int, open_close(3, &made), 0), "%s", error.text);
	for (uint16_t old = JOURNAL_FORMAT; old < JOURNAL_FORMAT_MAX; old++) {
		write_identity(old, made.journal_id);
		for (unsigned i = 0; i < 2; i++) {
			cr_assert(eq(int, data_dir_open(&dir, path, 3, &error), 0));
			cr_assert(eq(uint, dir.format, old + i));
			cr_assert(eq(int, data_dir_raise_format(&dir, old + 1, &error), 0), "%s",
				  error.text);
			cr_assert(eq(int, data_dir_raise_format(&dir, JOURNAL_FORMAT, &error), 0));
			data_dir_close(&dir);
			cr_assert(eq(int, data_dir_read(&dir, path, &error), 0), "%s", error.text);
			cr_assert(eq(uint, dir.format, old + 1U));
			cr_assert(eq(u64, dir.journal_id, made.journal_id));
			cr_assert(eq(uint, dir.shards, 3));
		}
	}
}

Test(data_dir, asks_for_the_space_of_its_segments, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;

	cr_assert(eq(int,
		     data_dir_open_sized(&dir, temp_path("data"), 2, UINT64_C(1) << 50, &error),
		     -ENOSPC));
	cr_assert(ne(ptr, strstr(error.text, "in segments of 1073741824 MiB"), NULL), "%s",
		  error.text);
	cr_assert(not(path_exists(temp_path("data"))));
	cr_assert(eq(int, data_dir_open_sized(&dir, temp_path("data"), 2, 1 << 20, &error), 0),
		  "%s", error.text);
	data_dir_close(&dir);
}

Test(data_dir, refuses_memory_and_impossible_paths, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;

	path = "/dev/shm/doorbuster-test-never-made";
	cr_assert(eq(int, open_close(1, &dir), -ENOTSUP));
	assert_says("tmpfs");
	cr_assert(not(path_exists(path)));
	path = temp_path("no/such/parent");
	cr_assert(eq(int, open_close(1, &dir), -ENOENT));
	assert_says("cannot be made");
	write_text(temp_path("file"), "");
	path = temp_path("file");
	cr_assert(eq(int, open_close(1, &dir), -ENOTDIR));
	assert_says("is no directory");
	path = "";
	cr_assert(eq(int, open_close(1, &dir), -EINVAL));
}

Test(data_dir, reading_says_what_is_missing, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;

	cr_assert(eq(int, data_dir_read(&dir, path, &error), -ENOENT));
	assert_says("does not exist");
	cr_assert(eq(int, mkdir(path, 0700), 0));
	cr_assert(eq(int, data_dir_read(&dir, path, &error), -ENOENT));
	assert_says("there is no file journal in it");
}

/* A refused start removes what it made; what was there before stays. */
Test(data_dir, withdraws_what_it_made_and_nothing_else, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;
	char name[600];

	cr_assert(eq(int, data_dir_open(&dir, path, 2, &error), 0), "%s", error.text);
	snprintf(name, sizeof(name), "%s/lane-001/seg-000000000000", path);
	write_text(name, "zeros");
	data_dir_withdraw(&dir);
	cr_assert(not(path_exists(path)));

	/* A directory that somebody made for us. */
	cr_assert(eq(int, mkdir(path, 0700), 0));
	cr_assert(eq(int, data_dir_open(&dir, path, 2, &error), 0), "%s", error.text);
	data_dir_withdraw(&dir);
	cr_assert(eq(u32, entries(path), 0));

	/* A journal that was there. */
	cr_assert(eq(int, open_close(2, &dir), 0), "%s", error.text);
	cr_assert(eq(int, data_dir_open(&dir, path, 2, &error), 0), "%s", error.text);
	data_dir_withdraw(&dir);
	cr_assert(eq(u32, entries(path), 4));
	cr_assert(eq(int, open_close(2, &dir), 0), "%s", error.text);
}

/* A lane that can't be read may have segments: without the identity they would belong to nobody.
 */
Test(data_dir, stays_whole_with_a_lane_that_cannot_be_opened, .init = set_up,
     .fini = temp_dir_remove)
{
	struct data_dir dir;
	char lane[600];
	char identity[600];

	cr_assert(eq(int, data_dir_open(&dir, path, 2, &error), 0), "%s", error.text);
	snprintf(lane, sizeof(lane), "%s/lane-001", path);
	snprintf(identity, sizeof(identity), "%s/journal", path);
	cr_assert(eq(int, rmdir(lane), 0));
	write_text(lane, "no directory");
	data_dir_withdraw(&dir);
	cr_assert(path_exists(identity));
	cr_assert(eq(int, unlink(lane), 0));
	cr_assert(eq(int, mkdir(lane, 0700), 0));
	cr_assert(eq(int, open_close(2, &dir), 0), "%s", error.text);
}

/* Half of a journal would make the next start fail. */
Test(data_dir, stays_whole_while_no_file_can_be_opened, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir dir;
	char name[600];

	cr_assert(eq(int, data_dir_open(&dir, path, 1, &error), 0), "%s", error.text);
	snprintf(name, sizeof(name), "%s/lane-000/seg-000000000000", path);
	write_text(name, "zeros");
	if (fork() == 0) {
		forbid_call(SYS_openat2, EMFILE);
		forbid_call(SYS_openat, EMFILE);
		data_dir_withdraw(&dir);
		_exit(0);
	}
	cr_assert(ge(int, wait(NULL), 0));
	cr_assert(path_exists(name));
	data_dir_close(&dir);
	cr_assert(eq(int, open_close(1, &dir), 0), "%s", error.text);
}

/* A tool that changes something excludes engines, and engines exclude it. */
Test(data_dir, a_tools_lock, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir engine;
	struct data_dir tool;

	cr_assert(eq(int, data_dir_open(&engine, path, 1, &error), 0), "%s", error.text);
	cr_assert(eq(int, data_dir_read(&tool, path, &error), 0));
	cr_assert(eq(int, data_dir_lock(&tool, &error), -EBUSY));
	assert_says("in use by another doorbuster");
	data_dir_close(&engine);
	cr_assert(eq(int, data_dir_lock(&tool, &error), 0), "%s", error.text);
	cr_assert(eq(int, open_close(1, &engine), -EBUSY));
	data_dir_withdraw(&tool);
	cr_assert(path_exists(temp_path("data/lock")), "it was there before");
	/* It leaves no file that it made. */
	cr_assert(eq(int, unlink(temp_path("data/lock")), 0));
	cr_assert(eq(int, data_dir_lock(&tool, &error), 0), "%s", error.text);
	data_dir_withdraw(&tool);
	cr_assert(not(path_exists(temp_path("data/lock"))));
	cr_assert(path_exists(temp_path("data/lane-000")));
	cr_assert(eq(int, open_close(1, &engine), 0));
}

/* A copy has the id of the original, and refuses another. */
Test(data_dir, a_copy_is_the_same_journal, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir copy;
	struct data_dir other = {.journal_id = 0x1234, .shards = 3};

	cr_assert(eq(int, data_dir_open_copy(&copy, temp_path("copy"), &other, &error), 0), "%s",
		  error.text);
	cr_assert(all(eq(u64, copy.journal_id, 0x1234), eq(u16, copy.shards, 3)));
	data_dir_close(&copy);
	cr_assert(eq(int, data_dir_open_copy(&copy, temp_path("copy"), &other, &error), 0), "%s",
		  error.text);
	data_dir_close(&copy);
	other.journal_id++;
	cr_assert(eq(int, data_dir_open_copy(&copy, temp_path("copy"), &other, &error), -EINVAL));
	cr_assert(ne(ptr, strstr(error.text, "holds journal 0000000000001234"), NULL), "%s",
		  error.text);
}
