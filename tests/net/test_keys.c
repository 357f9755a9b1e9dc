#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "net/keys.h"
#include "tests/support/smaps.h"
#include "tests/support/temp_dir.h"

#define HEX "000102030405060708090a0b0c0d0e0f"

static struct key_ring *ring;
static const char *path;
static struct error error;

static void set_up(void)
{
	(void)temp_dir_make();
	path = temp_path("keys");
}

static void tear_down(void)
{
	keys_free(ring);
	ring = NULL;
	temp_dir_remove();
}

TestSuite(keys, .init = set_up, .fini = tear_down);

static int load(const char *text)
{
	write_text(path, text);
	cr_assert(eq(int, chmod(path, 0600), 0));
	return keys_load(path, &ring, &error);
}

/* Refused with this, in a line that names the file. */
static void check_refused(const char *text, int rc, const char *words)
{
	cr_assert(eq(int, load(text), rc), "%s", text);
	cr_assert(ring == NULL);
	cr_assert(strstr(error.text, path) == error.text, "%s", error.text);
	cr_assert(strstr(error.text, words) != NULL, "'%s' is not in: %s", words, error.text);
}

Test(keys, are_found_by_id)
{
	const uint8_t bytes[WIRE_KEY_BYTES] = {0, 1, 2,  3,  4,  5,  6,  7,
					       8, 9, 10, 11, 12, 13, 14, 15};

	cr_assert(eq(int,
		     load("# of gateway 1\n4294967295 " HEX "\n\n"
			  " 7\t ffffffffffffffffffffffffffffffff # old\r\n"
			  "0 000102030405060708090A0B0C0D0E0F"),
		     0),
		  "%s", error.text);
	cr_assert(eq(u32, ring->cnt, 3));
	cr_assert(eq(u32, keys_find(ring, 0)->id, 0));
	cr_assert(memcmp(keys_find(ring, 0)->bytes, bytes, sizeof(bytes)) == 0);
	cr_assert(memcmp(keys_find(ring, UINT32_MAX)->bytes, bytes, sizeof(bytes)) == 0);
	cr_assert(eq(u8, keys_find(ring, 7)->bytes[15], 0xff));
	cr_assert(keys_find(ring, 1) == NULL);
	cr_assert(keys_find(ring, 8) == NULL);
	cr_assert(keys_find(ring, UINT32_MAX - 1) == NULL);
}

Test(keys, wrong_lines_are_named)
{
	static const char *const lines[] = {
		"1",
		"1 ",
		"1 0001",
		"1 " HEX "00",
		"1 000102030405060708090a0b0c0d0e0g",
		"1 " HEX " x",
		HEX,
		"-1 " HEX,
		"+1 " HEX,
		"x " HEX,
		"1x " HEX,
		"4294967296 " HEX,
		"99999999999999999999999 " HEX,
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "9 " HEX "\n# comment\n%s\n", lines[i]);
		check_refused(text, -EINVAL, ":3: not a key");
		cr_assert(strstr(error.text, HEX) == NULL, "a key was told: %s", error.text);
	}
}

Test(keys, none_at_all_is_refused)
{
	check_refused("", -EINVAL, "holds no key");
	check_refused("# nothing\n\n", -EINVAL, "doorbuster keygen");
}

Test(keys, the_same_id_twice_is_refused)
{
	check_refused("5 " HEX "\n3 " HEX "\n5 " HEX "\n", -EINVAL,
		      ":3: key id 5 is already in line 1; keep one");
}

static void write_many(unsigned cnt)
{
	FILE *file = fopen(path, "w");

	for (unsigned id = 0; id < cnt; id++)
		fprintf(file, "%u " HEX "\n", id);
	cr_assert(eq(int, fclose(file), 0));
	cr_assert(eq(int, chmod(path, 0600), 0));
}

Test(keys, too_many_are_refused)
{
	write_many(KEYS_MAX + 1);
	cr_assert(eq(int, keys_load(path, &ring, &error), -E2BIG));
	cr_assert(strstr(error.text, ":4097: more than 4096") != NULL, "%s", error.text);
}

/* What was appended would keep the next start from loading any. */
Test(keys, one_too_many_is_not_appended)
{
	write_many(KEYS_MAX - 1);
	cr_assert(eq(int, keys_append(path, 100000, &error), 0), "%s", error.text);
	cr_assert(eq(int, keys_append(path, 100001, &error), -E2BIG));
	cr_assert(strstr(error.text, path) == error.text, "%s", error.text);
	cr_assert(strstr(error.text, "has 4096 keys") != NULL, "%s", error.text);
	cr_assert(eq(int, keys_load(path, &ring, &error), 0), "%s", error.text);
	cr_assert(eq(u32, ring->cnt, KEYS_MAX));
}

Test(keys, lines_may_be_long)
{
	static char text[20000];
	size_t used = (size_t)snprintf(text, sizeof(text), "7 " HEX "%*s# ", 1000, "");

	memset(text + used, 'x', 10000);
	used += 10000;
	snprintf(text + used, sizeof(text) - used, "\n8 " HEX "\n9 short\n");
	check_refused(text, -EINVAL, ":3: not a key");
	memcpy(strstr(text, "9 short"), "#", 1);
	cr_assert(eq(int, load(text), 0), "%s", error.text);
	cr_assert(all(eq(u32, ring->cnt, 2), eq(u8, keys_find(ring, 7)->bytes[15], 15)));
}

Test(keys, a_file_that_others_can_read_is_refused)
{
	static const mode_t modes[] = {0604, 0602, 0620, 0610, 0660, 0666, 0444, 0644};

	write_text(path, "1 " HEX "\n");
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		cr_assert(eq(int, chmod(path, modes[i]), 0));
		cr_assert(eq(int, keys_load(path, &ring, &error), -EACCES));
		cr_assert(strstr(error.text, "chmod 600") != NULL, "%s", error.text);
	}
	cr_assert(eq(int, chmod(path, 0400), 0));
	cr_assert(eq(int, keys_load(path, &ring, &error), 0));
}

/* A Kubernetes secret under fsGroup: root's, mode 0440, group one of the process's. */
Test(keys, a_group_of_our_own_may_read_it)
{
	static const mode_t modes[] = {0440, 0640};
	const gid_t beside[] = {61235};

	write_text(path, "1 " HEX "\n");
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(eq(int, chmod(path, modes[i]), 0));
		cr_assert(eq(int, chown(path, (uid_t)-1, getegid()), 0));
		cr_assert(eq(int, keys_load(path, &ring, &error), 0), "%s", error.text);
		keys_free(ring);
		ring = NULL;
		if (geteuid() != 0)
			continue;
		cr_assert(eq(int, chown(path, 0, 61235), 0));
		cr_assert(eq(int, keys_load(path, &ring, &error), -EACCES));
		cr_assert(strstr(error.text, "group 61235 can read it") != NULL, "%s", error.text);
		cr_assert(eq(int, setgroups(1, beside), 0));
		cr_assert(eq(int, keys_load(path, &ring, &error), 0), "%s", error.text);
		keys_free(ring);
		ring = NULL;
		cr_assert(eq(int, setgroups(0, NULL), 0));
	}
}

/* Its mount: keys -> ..data/keys, and ..data -> a directory with a time in its name. An update
 * renames a new ..data over the old one. */
Test(keys, a_mounted_secret_is_followed_and_renewed)
{
	cr_assert(eq(int, mkdir(temp_path("..2026_1"), 0755), 0));
	cr_assert(eq(int, mkdir(temp_path("..2026_2"), 0755), 0));
	write_text(temp_path("..2026_1/keys"), "1 " HEX "\n");
	write_text(temp_path("..2026_2/keys"), "1 " HEX "\n2 " HEX "\n");
	cr_assert(eq(int, chmod(temp_path("..2026_1/keys"), 0440), 0));
	cr_assert(eq(int, chmod(temp_path("..2026_2/keys"), 0440), 0));
	cr_assert(eq(int, symlink("..2026_1", temp_path("..data")), 0));
	path = temp_path("keys");
	cr_assert(eq(int, symlink("..data/keys", path), 0));
	cr_assert(eq(int, keys_load(path, &ring, &error), 0), "%s", error.text);
	cr_assert(eq(u32, ring->cnt, 1));
	keys_free(ring);
	ring = NULL;
	cr_assert(eq(int, symlink("..2026_2", temp_path("..data_tmp")), 0));
	cr_assert(eq(int, rename(temp_path("..data_tmp"), temp_path("..data")), 0));
	path = temp_path("keys");
	cr_assert(eq(int, keys_load(path, &ring, &error), 0), "%s", error.text);
	cr_assert(eq(u32, ring->cnt, 2));
}

Test(keys, only_regular_files_are_read, .timeout = 5)
{
	cr_assert(eq(int, keys_load(path, &ring, &error), -ENOENT));
	cr_assert(strstr(error.text, "keygen") != NULL, "%s", error.text);
	cr_assert(eq(int, mkfifo(path, 0600), 0));
	cr_assert(eq(int, keys_load(path, &ring, &error), -EACCES));
	cr_assert(strstr(error.text, "not a regular file") != NULL, "%s", error.text);
}

Test(keys, generated_ones_are_private_random_and_never_overwritten)
{
	struct stat info;
	uint8_t first[WIRE_KEY_BYTES];

	cr_assert(eq(int, keys_generate(path, 42, &error), 0), "%s", error.text);
	cr_assert(eq(int, stat(path, &info), 0));
	cr_assert(eq(u32, info.st_mode & 0777, 0600));
	cr_assert(eq(int, keys_load(path, &ring, &error), 0), "%s", error.text);
	memcpy(first, keys_find(ring, 42)->bytes, sizeof(first));
	keys_free(ring);
	ring = NULL;
	cr_assert(eq(int, keys_generate(path, 42, &error), -EEXIST));

	cr_assert(eq(int, unlink(path), 0));
	cr_assert(eq(int, keys_generate(path, 42, &error), 0));
	cr_assert(eq(int, keys_load(path, &ring, &error), 0));
	cr_assert(memcmp(keys_find(ring, 42)->bytes, first, sizeof(first)) != 0);
}

Test(keys, are_appended)
{
	/* An editor may have left the last line without its end. */
	cr_assert(eq(int, load("1 " HEX), 0));
	keys_free(ring);
	ring = NULL;
	cr_assert(eq(int, keys_append(path, 2, &error), 0), "%s", error.text);
	cr_assert(eq(int, keys_append(path, 3, &error), 0), "%s", error.text);
	cr_assert(eq(int, keys_append(path, 2, &error), -EEXIST));
	cr_assert(strstr(error.text, "has a key 2 already") != NULL, "%s", error.text);
	cr_assert(eq(int, keys_load(path, &ring, &error), 0), "%s", error.text);
	cr_assert(eq(u32, ring->cnt, 3));
	cr_assert(eq(u8, keys_find(ring, 1)->bytes[15], 15));
}

Test(keys, are_in_no_dump)
{
	cr_assert(eq(int, load("1 " HEX "\n"), 0), "%s", error.text);
	cr_assert(smaps_flag(ring, "dd"));
	cr_assert(eq(int, prctl(PR_GET_DUMPABLE), 0));
}
