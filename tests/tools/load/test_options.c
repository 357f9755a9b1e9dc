#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/load/options.h"

enum {
	ARGS_MAX = 24,
};

static struct load_options options;

/* Complaints are of no interest here. */
static void set_up(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	cr_assert(eq(int, dup2(fd, STDERR_FILENO), STDERR_FILENO));
	close(fd);
}

TestSuite(load_options, .init = set_up);

/* The words of a command line, without the program's name. */
static enum load_options_result parse(const char *line)
{
	static char words[512];
	char *argv[ARGS_MAX] = {"load"};
	char *rest = words;
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	while ((argv[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	optind = 0;
	return load_options_parse(&options, argc, argv);
}

#define SALE "--server 127.0.0.1:7700 --keys keys "

Test(load_options, everything_a_scenario_knows_is_read)
{
	cr_assert(eq(int,
		     parse("--scenario singles-day " SALE "--skus 7 --rate 9 --seed 11 --json"),
		     LOAD_OPTIONS_OK));
	cr_assert(all(eq(u32, options.skus, 7), eq(u64, options.rate, 9)));
	cr_assert(all(eq(u64, options.seed, 11), options.json));
	cr_assert(eq(int,
		     parse("--scenario drop " SALE "--port memif:s --address 198.18.0.9 --queues 2 "
			   "--core 1 -- --no-pci"),
		     LOAD_OPTIONS_OK));
	cr_assert(all(eq(u16, options.queues, 2), eq(u16, options.core, 1)));
	cr_assert(all(eq(str, (char *)options.address, "198.18.0.9"),
		      eq(int, options.eal_arg_cnt, 1)));
	cr_assert(eq(int, parse("--scenario echo --server 127.0.0.1:7700 --requests 5 --entries 3"),
		     LOAD_OPTIONS_OK));
	cr_assert(eq(int, parse("--scenario singles-day --skus 7 --catalog-out file"),
		     LOAD_OPTIONS_OK));
}

Test(load_options, flags_that_would_be_ignored_are_refused)
{
	static const char *const lines[] = {
		"--scenario drop " SALE "--skus 7",
		"--scenario drop --catalog-out file --skus 7",
		"--scenario echo --server 127.0.0.1:7700 --skus 7",
		"--scenario echo --server 127.0.0.1:7700 --rate 7",
		"--scenario echo " SALE,
		"--scenario echo --server 127.0.0.1:7700 --orders file",
		"--scenario drop " SALE "--queues 1",
		"--scenario drop " SALE "--address 198.18.0.2",
		"--scenario drop " SALE "--core 0",
		"--scenario drop " SALE "-- --no-pci",
		"--scenario drop " SALE "now",
		SALE "--rate 5",
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert(eq(int, parse(lines[i]), LOAD_OPTIONS_WRONG), "%s", lines[i]);
}

Test(load_options, a_seed_is_what_json_can_give_back)
{
	for (unsigned i = 0; i < 100; i++) {
		cr_assert(eq(int, parse("--scenario drop --catalog-out file"), LOAD_OPTIONS_OK));
		cr_assert(lt(u64, options.seed, UINT64_C(1) << 53));
	}
	cr_assert(eq(int, parse("--scenario drop " SALE "--seed 9223372036854775807"),
		     LOAD_OPTIONS_OK));
	cr_assert(eq(u64, options.seed, INT64_MAX));
	cr_assert(eq(int, parse("--scenario drop " SALE "--seed 9223372036854775808"),
		     LOAD_OPTIONS_WRONG));
}
