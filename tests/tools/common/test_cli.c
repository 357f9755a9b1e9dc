#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"
#include "tools/common/cli.h"

#define HEX "00ff0102030405060708090a0b0c0d0e"

static char told[1024];
static const char *err_path;

/* What is said on stderr goes to a file. */
static void set_up(void)
{
	int fd;

	(void)temp_dir_make();
	err_path = temp_path("err");
	fd = open(err_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, dup2(fd, STDERR_FILENO), STDERR_FILENO));
	close(fd);
	cli_program("test");
}

TestSuite(cli, .init = set_up, .fini = temp_dir_remove);

/* What was said since the last time. */
static const char *heard(void)
{
	FILE *file = fopen(err_path, "re");
	size_t bytes;

	fflush(stderr);
	bytes = fread(told, 1, sizeof(told) - 1, file);
	told[bytes] = '\0';
	fclose(file);
	cr_assert(eq(int, truncate(err_path, 0), 0));
	return told;
}

static void check_heard(const char *line)
{
	(void)heard();
	cr_assert(eq(str, told, (char *)line));
}

Test(cli, complaints_begin_with_the_program)
{
	cr_assert(not(cli_wrong("--flag: %d is wrong; say %s", 7, "8")));
	check_heard("test: --flag: 7 is wrong; say 8\n");
	cli_program("doorbuster-load");
	cr_assert(not(cli_wrong("no")));
	check_heard("doorbuster-load: no\n");
}

Test(cli, numbers_within_their_bounds_are_read)
{
	uint64_t u64 = 1;
	uint32_t u32 = 1;
	uint16_t u16 = 1;

	cr_assert(cli_u64("--n", "0", 0, UINT64_MAX, &u64));
	cr_assert(eq(u64, u64, 0));
	cr_assert(cli_u64("--n", "18446744073709551615", 0, UINT64_MAX, &u64));
	cr_assert(eq(u64, u64, UINT64_MAX));
	cr_assert(cli_u64("--n", "10", 10, 10, &u64));
	cr_assert(eq(u64, u64, 10));
	cr_assert(cli_u64("--n", "007", 0, 10, &u64), "decimal, whatever it begins with");
	cr_assert(eq(u64, u64, 7));
	cr_assert(cli_u32("--n", "4294967295", 0, UINT32_MAX, &u32));
	cr_assert(eq(u32, u32, UINT32_MAX));
	cr_assert(cli_u32("--n", "1000000000", 1, 1000000000, &u32));
	cr_assert(cli_u16("--n", "65535", 0, UINT16_MAX, &u16));
	cr_assert(eq(u16, u16, UINT16_MAX));
	cr_assert(cli_u16("--n", "29", 29, 29, &u16));
	cr_assert(eq(u16, u16, 29));
	check_heard("");
}

Test(cli, numbers_beyond_their_bounds_are_refused)
{
	uint64_t u64;
	uint32_t u32 = 77;
	uint16_t u16 = 77;

	cr_assert(not(cli_u64("--n", "9", 10, 20, &u64)));
	check_heard("test: --n: '9' is not a whole number from 10 to 20\n");
	cr_assert(not(cli_u64("--n", "21", 10, 20, &u64)));
	cr_assert(not(cli_u64("--n", "0", 1, UINT64_MAX, &u64)));
	cr_assert(not(cli_u64("--n", "18446744073709551616", 0, UINT64_MAX, &u64)));
	cr_assert(not(cli_u64("--n", "99999999999999999999999", 0, UINT64_MAX, &u64)));
	cr_assert(not(cli_u32("--n", "4294967296", 0, UINT32_MAX, &u32)));
	cr_assert(not(cli_u32("--n", "0", 1, UINT32_MAX, &u32)));
	cr_assert(not(cli_u16("--n", "65536", 0, UINT16_MAX, &u16)));
	cr_assert(not(cli_u16("--n", "30", 1, 29, &u16)));
	cr_assert(all(eq(u32, u32, 77), eq(u16, u16, 77)));
}

Test(cli, numbers_of_anything_else_are_refused)
{
	static const char *const texts[] = {
		"",     " ",   " 1", "1 ",  "-1",  "+1",    "-0",
		"0x10", "1x",  "x",  "1.5", "1e3", "1,000", "--",
		"1\n",  "\t1", "1k", "nan", "-",   "1 2",   "-18446744073709551615",
	};
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char line[256];

		snprintf(line, sizeof(line),
			 "test: --n: '%s' is not a whole number from 0 to 18446744073709551615\n",
			 texts[i]);
		cr_assert(not(cli_u64("--n", texts[i], 0, UINT64_MAX, &u64)), "'%s'", texts[i]);
		check_heard(line);
		cr_assert(not(cli_u32("--n", texts[i], 0, UINT32_MAX, &u32)), "'%s'", texts[i]);
		cr_assert(not(cli_u16("--n", texts[i], 0, UINT16_MAX, &u16)), "'%s'", texts[i]);
		(void)heard();
	}
}

Test(cli, request_id_is_hex_both_ways)
{
	static const uint8_t bytes[16] = {0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
	uint64_t id[2] = {0};
	char text[33];

	cr_assert(cli_request_id("--id", HEX, id));
	cr_assert(memcmp(id, bytes, sizeof(bytes)) == 0);
	memset(text, 'x', sizeof(text));
	cli_request_id_text(id, text);
	cr_assert(eq(str, text, HEX));
	cr_assert(cli_request_id("--id", "00FF0102030405060708090A0B0C0D0E", id));
	cr_assert(memcmp(id, bytes, sizeof(bytes)) == 0);
	cr_assert(cli_request_id("--id", "00000000000000000000000000000001", id));
	cr_assert(cli_request_id("--id", "10000000000000000000000000000000", id));
	check_heard("");
}

Test(cli, other_request_ids_are_refused)
{
	static const char *const texts[] = {
		"",
		"0",
		HEX "0",
		HEX "00",
		HEX " ",
		" " HEX,
		"0x" HEX,
		"00ff0102030405060708090a0b0c0d0",
		"00ff",
		"00ff0102030405060708090a0b0c0d0g",
		"-0ff0102030405060708090a0b0c0d0e",
		"00ff0102-0304-0506-0708-090a0b0c0d0e",
	};
	uint64_t id[2];

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert(not(cli_request_id("--id", texts[i], id)), "'%s'", texts[i]);
		cr_assert(strstr(heard(), "is not a request id") != NULL, "%s", told);
	}
	cr_assert(not(cli_request_id("--id", "00000000000000000000000000000000", id)));
	cr_assert(strstr(heard(), "all zero") != NULL, "%s", told);
}

Test(cli, key_is_the_asked_for_or_the_lowest)
{
	const char *path = temp_path("keys");
	struct key key = {0};

	write_text(path, "9 0900000000000000000000000000000f\n3 " HEX "\n"
			 "4294967295 ff0000000000000000000000000000ff\n");
	cr_assert(cli_key(path, UINT64_MAX, &key));
	cr_assert(all(eq(u32, key.id, 3), eq(u8, key.bytes[1], 0xff)));
	cr_assert(cli_key(path, 9, &key));
	cr_assert(all(eq(u32, key.id, 9), eq(u8, key.bytes[0], 9), eq(u8, key.bytes[15], 15)));
	cr_assert(cli_key(path, UINT32_MAX, &key));
	cr_assert(eq(u32, key.id, UINT32_MAX));
	check_heard("");
}

Test(cli, key_that_is_not_there_is_told)
{
	const char *path = temp_path("keys");
	struct key key = {.id = 77};

	cr_assert(not(cli_key(path, 3, &key)));
	cr_assert(strstr(heard(), "test: --keys: ") == told, "%s", told);
	write_text(path, "3 " HEX "\n");
	cr_assert(not(cli_key(path, 4, &key)));
	cr_assert(strstr(heard(), "has no key 4\n") != NULL, "%s", told);
	/* Not 3 modulo 2^32. */
	cr_assert(not(cli_key(path, UINT64_C(4294967299), &key)));
	cr_assert(strstr(heard(), "has no key 4294967299\n") != NULL, "%s", told);
	cr_assert(eq(u32, key.id, 77));
}

Test(cli, texts_are_parsed_without_complaint)
{
	static const uint8_t bytes[16] = {0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
	uint64_t id[2] = {1, 1};
	uint64_t value = 1;

	cr_assert(cli_parse_u64("18446744073709551615", UINT64_MAX, &value));
	cr_assert(eq(u64, value, UINT64_MAX));
	cr_assert(cli_parse_u64("7", 7, &value));
	cr_assert(not(cli_parse_u64("8", 7, &value)));
	cr_assert(not(cli_parse_u64("-1", UINT64_MAX, &value)));
	cr_assert(not(cli_parse_u64("", UINT64_MAX, &value)));
	cr_assert(cli_parse_request_id(HEX, id));
	cr_assert(memcmp(id, bytes, sizeof(bytes)) == 0);
	/* A journal of somebody else may hold it. */
	cr_assert(cli_parse_request_id("00000000000000000000000000000000", id));
	cr_assert(not(cli_parse_request_id(HEX "0", id)));
	check_heard("");
}

/* Its own process has a stdout of its own. */
static void stdout_is(const char *path)
{
	cr_assert(freopen(path, "we", stdout) != NULL);
}

Test(cli, what_could_not_be_printed_is_told)
{
	stdout_is("/dev/full");
	cr_assert(eq(int, cli_end(CLI_EXIT_GOOD), CLI_EXIT_GOOD), "nothing was printed");
	printf("lost");
	cr_assert(eq(int, cli_end(CLI_EXIT_GOOD), CLI_EXIT_FAILED));
	check_heard("test: stdout: not all of the output could be written: No space left on "
		    "device\n");
	/* Lost before, whatever was printed since. */
	cr_assert(eq(int, cli_end(CLI_EXIT_BAD), CLI_EXIT_FAILED));
	check_heard("test: stdout: not all of the output could be written\n");
	stdout_is("/dev/null");
	printf("printed");
	cr_assert(eq(int, cli_end(CLI_EXIT_BAD), CLI_EXIT_BAD));
	check_heard("");
}
