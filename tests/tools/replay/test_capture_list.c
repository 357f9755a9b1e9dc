#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"
#include "tools/replay/capture_list.h"

static struct capture_list list;
static struct error error;
static const char *dir;

static void begin(void)
{
	dir = temp_dir_make();
	for (unsigned i = 9; i < 12; i++) {
		char name[16];

		snprintf(name, sizeof(name), "cap%u", i);
		write_text(temp_path(name), name);
	}
	write_text(temp_path(".hidden"), "");
}

static void end(void)
{
	capture_list_free(&list);
	temp_dir_remove();
}

TestSuite(capture_list, .init = begin, .fini = end);

Test(capture_list, takes_files_patterns_and_directories)
{
	cr_assert_eq(capture_list_add(&list, temp_path("cap9"), &error), 0);
	cr_assert_eq(list.cnt, 1);
	cr_assert_eq(capture_list_add(&list, temp_path("cap1[0-9]"), &error), 0);
	cr_assert_eq(list.cnt, 3);
	cr_expect_eq(capture_list_check(&list, &error), 0);
	capture_list_free(&list);
	mkdir(temp_path("below"), 0700);
	cr_assert_eq(capture_list_add(&list, dir, &error), 0);
	cr_expect_eq(list.cnt, 3);
	cr_expect_eq(capture_list_add(&list, temp_path("below"), &error), -ENOENT);
	cr_expect_not_null(strstr(error.text, "without files"));
}

Test(capture_list, a_name_with_signs_of_a_pattern_may_be_a_file)
{
	write_text(temp_path("cap[9]"), "");
	cr_assert_eq(capture_list_add(&list, temp_path("cap[9]"), &error), 0);
	cr_assert_eq(list.cnt, 1);
	cr_expect_str_eq(list.paths[0], temp_path("cap[9]"));
}

Test(capture_list, names_what_is_there_instead_of_a_missing_file)
{
	cr_expect_eq(capture_list_add(&list, temp_path("cap"), &error), -ENOENT);
	cr_expect_not_null(strstr(error.text, "cap?*' in quotes names them all"), "%s", error.text);
	cr_expect_eq(capture_list_add(&list, temp_path("nothing"), &error), -ENOENT);
	cr_expect_not_null(strstr(error.text, "No such file"), "%s", error.text);
	cr_expect_eq(capture_list_add(&list, temp_path("no*"), &error), -ENOENT);
	cr_expect_not_null(strstr(error.text, "no file has such a name"), "%s", error.text);
}

Test(capture_list, no_file_counts_twice_and_stdin_stands_alone)
{
	cr_assert_eq(link(temp_path("cap9"), temp_path("other")), 0);
	cr_assert_eq(capture_list_add(&list, temp_path("cap9"), &error), 0);
	cr_assert_eq(capture_list_add(&list, temp_path("cap10"), &error), 0);
	cr_assert_eq(capture_list_add(&list, temp_path("other"), &error), 0);
	cr_expect_eq(capture_list_check(&list, &error), -EINVAL);
	cr_expect_not_null(strstr(error.text, "one file"), "%s", error.text);
	capture_list_free(&list);
	cr_assert_eq(capture_list_add(&list, "-", &error), 0);
	cr_expect_eq(capture_list_check(&list, &error), 0);
	cr_assert_eq(capture_list_add(&list, temp_path("cap9"), &error), 0);
	cr_expect_eq(capture_list_check(&list, &error), -EINVAL);
}
