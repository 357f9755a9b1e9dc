#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"
#include "tools/load/options.h"

enum {
	ARGS_MAX = 40,
};

static struct load_options options;

/* Complaints are of no interest here. */
static void set_up(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	cr_assert(eq(int, dup2(fd, STDERR_FILENO), STDERR_FILENO));
	close(fd);
}

static void set_up_dir(void)
{
	set_up();
	(void)temp_dir_make();
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
	cr_assert(eq(u8, options.ack, DURABILITY_MEMORY));
	cr_assert(eq(int, parse("--scenario drop " SALE "--ack durable"), LOAD_OPTIONS_OK));
	cr_assert(eq(u8, options.ack, DURABILITY_DURABLE));
	cr_assert(eq(int, parse("--scenario drop " SALE "--ack none"), LOAD_OPTIONS_WRONG));
#define OF "--scenario drop " SALE "--prepared --port memif:s --worker "
	cr_assert(eq(int, parse(OF "1/2"), LOAD_OPTIONS_OK));
	cr_assert(all(eq(u16, options.worker_idx, 1), eq(u16, options.worker_cnt, 2)));
	cr_assert(all(eq(int, parse(OF "2/2"), LOAD_OPTIONS_WRONG),
		      eq(int, parse(OF "1"), LOAD_OPTIONS_WRONG),
		      eq(int, parse(OF "/2"), LOAD_OPTIONS_WRONG),
		      eq(int, parse("--scenario drop " SALE "--prepared --worker 0/2"),
			 LOAD_OPTIONS_WRONG)));
	cr_assert(eq(int,
		     parse("--scenario singles-day " SALE "--skus 7 --rate 9 --seed 11 --json"),
		     LOAD_OPTIONS_OK));
	cr_assert(all(eq(u64, options.seed, 11), options.json));
	cr_assert(eq(int,
		     parse("--scenario drop " SALE "--port memif:s --address 198.18.0.9 --queues 2 "
			   "--core 1 -- --no-pci"),
		     LOAD_OPTIONS_OK));
	cr_assert(all(eq(u16, options.queues, 2), eq(u16, options.core, 1)));
	cr_assert(all(eq(str, (char *)options.address, "198.18.0.9"),
		      eq(int, options.eal_arg_cnt, 1)));
	cr_assert(eq(int, parse("--scenario echo --server 127.0.0.1:7700 --requests 5 --fill 3"),
		     LOAD_OPTIONS_OK));
	cr_assert(eq(int, parse("--scenario singles-day --skus 7 --catalog-out file"),
		     LOAD_OPTIONS_OK));
	cr_assert(eq(int, parse("--scenario holds " SALE "--requests 9 --rate 7 --ack durable"),
		     LOAD_OPTIONS_OK));
	cr_assert(all(eq(int, options.kind, SCENARIO_HOLDS), not(options.prepared)));
	cr_assert(eq(int, parse("--scenario baskets " SALE "--fill 5 --rate 7"), LOAD_OPTIONS_OK));
	cr_assert(all(eq(int, options.kind, SCENARIO_BASKETS), not(options.prepared)));
	cr_assert(
		eq(int,
		   parse("--scenario singles-day " SALE "--prepared --arrivals poisson --rate 1000 "
			 "--seconds 2.5 --ramp 1 --buyers 9 --limit 3 --units-max 1 --fill 1 "
			 "--window-ms 100 --timeout-ms 7"),
		   LOAD_OPTIONS_OK));
	cr_assert(all(eq(u32, options.requests, 2000), eq(u32, options.buyers, 9)));
	cr_assert(all(eq(u32, options.limit, 3), eq(u16, options.units_max, 1)));
	cr_assert(all(eq(u32, options.fill, 1), eq(u32, options.timeout_ms, 7)));
	cr_assert(eq(int, (int)options.arrivals, ARRIVALS_POISSON));
	cr_assert(eq(int, parse("--scenario mixed " SALE "--rate 1000 --spike 36,2,1.5,3"),
		     LOAD_OPTIONS_OK));
	cr_assert(all(eq(dbl, options.profile.spike_factor, 36),
		      eq(dbl, options.profile.spike_at_s, 2)));
	cr_assert(all(eq(dbl, options.profile.spike_rise_s, 1.5),
		      eq(dbl, options.profile.spike_hold_s, 3)));
	cr_assert(
		eq(int, parse("--scenario mixed " SALE "--rate 1000 --spike 36"), LOAD_OPTIONS_OK));
	cr_assert(eq(dbl, options.profile.spike_hold_s, 1));
	cr_assert(eq(int, parse("--scenario echo --server 127.0.0.1:7700 --rate 7"),
		     LOAD_OPTIONS_OK));
	cr_assert(eq(int, parse("--scenario mixed " SALE "--arrivals recorded:file"),
		     LOAD_OPTIONS_OK));
	cr_assert(eq(str, (char *)options.recorded, "file"));
}

Test(load_options, a_catalog_takes_the_place_of_a_scenario)
{
	cr_assert(eq(int,
		     parse("--catalog own.csv " SALE "--requests 7 --buyers 5 --units-max 2 "
			   "--rate 9 --orders file"),
		     LOAD_OPTIONS_OK));
	cr_assert(all(eq(int, options.kind, SCENARIO_CATALOG), not(options.prepared)));
	cr_assert(all(eq(str, (char *)options.catalog, "own.csv"), eq(u32, options.requests, 7)));
	cr_assert(all(eq(u32, options.buyers, 5), eq(u16, options.units_max, 2)));
	cr_assert(eq(u32, options.timeout_ms, 10000));
}

/* Requests that a line asks for with a file of ten instants; 0: refused. */
static uint32_t with_recording(const char *line)
{
	const char *path = temp_path("instants");
	char whole[600];
	bool good;

	write_text(path, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
	snprintf(whole, sizeof(whole), "%s --arrivals recorded:%s", line, path);
	cr_assert(eq(int, parse(whole), LOAD_OPTIONS_OK));
	good = load_options_recorded(&options);
	cr_assert(eq(u32, options.instant_cnt, good ? 10 : 0));
	free(options.instants_ns);
	return good ? options.requests : 0;
}

Test(load_options, requests_for_every_recorded_instant, .init = set_up_dir, .fini = temp_dir_remove)
{
	cr_assert(eq(u32, with_recording("--scenario mixed " SALE "--fill 7"), 70));
	cr_assert(eq(u32, with_recording("--scenario mixed " SALE "--fill 7 --requests 5"), 5));
	cr_assert(eq(u32, with_recording("--scenario echo --server 127.0.0.1:7700 --fill 7"), 10));
	cr_assert(
		ge(u32,
		   with_recording("--scenario mixed " SALE "--fill 7 --port memif:x --worker 1/2"),
		   140));
	cr_assert(eq(int, parse("--scenario mixed " SALE "--arrivals recorded:/no/such"),
		     LOAD_OPTIONS_OK));
	cr_assert(not(load_options_recorded(&options)));
}

Test(load_options, prepared_datagrams_wait_less_long)
{
	cr_assert(eq(int, parse("--scenario drop " SALE "--json"), LOAD_OPTIONS_OK));
	cr_assert(eq(u32, options.timeout_ms, 10000));
	cr_assert(eq(int, parse("--scenario drop " SALE "--prepared"), LOAD_OPTIONS_OK));
	cr_assert(eq(u32, options.timeout_ms, 1000));
}

Test(load_options, flags_that_would_be_ignored_are_refused)
{
	static const char *const lines[] = {
		"--scenario drop " SALE "--skus 7",
		"--scenario drop --catalog-out file --skus 7",
		"--scenario echo --server 127.0.0.1:7700 --skus 7",
		"--scenario drop " SALE "--arrivals poisson --rate 5",
		"--scenario drop " SALE "--prepared --arrivals poisson",
		"--scenario drop " SALE "--prepared --arrivals recorded:x --rate 5",
		"--scenario drop " SALE "--prepared --ramp 1",
		"--scenario drop " SALE "--prepared --spike 3",
		"--scenario drop " SALE "--spike 3 --rate 5",
		"--scenario drop " SALE "--prepared --seconds 2",
		"--scenario drop " SALE "--prepared --rate 5 --in-flight 9",
		"--scenario drop " SALE "--window-ms 5",
		"--scenario drop " SALE "--buyers 5",
		"--scenario mixed " SALE "--limit 5",
		"--scenario drop " SALE "--units-max 1",
		"--scenario echo " SALE,
		"--scenario baskets " SALE "--prepared",
		"--scenario baskets " SALE "--undated",
		"--scenario baskets " SALE "--orders file",
		"--scenario baskets " SALE "--skus 7",
		"--scenario holds " SALE "--prepared",
		"--scenario holds " SALE "--undated",
		"--scenario holds " SALE "--orders file",
		"--scenario holds " SALE "--skus 7",
		"--scenario holds " SALE "--buyers 7",
		"--scenario holds " SALE "--units-max 2",
		"--scenario echo --server 127.0.0.1:7700 --orders file",
		"--scenario drop " SALE "--queues 1",
		"--scenario drop " SALE "--address 198.18.0.2",
		"--scenario drop " SALE "--core 0",
		"--scenario drop " SALE "-- --no-pci",
		"--scenario drop " SALE "now",
		SALE "--rate 5",
		"--catalog own.csv --scenario drop " SALE,
		"--scenario catalog " SALE,
		"--catalog own.csv " SALE "--prepared",
		"--catalog own.csv " SALE "--skus 7",
		"--catalog own.csv " SALE "--limit 7",
		"--catalog own.csv --catalog-out file",
		"--catalog own.csv --keys keys",
		"--catalog own.csv --server 127.0.0.1:7700",
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

Test(load_options, values_that_mean_nothing_are_refused)
{
	static const char *const lines[] = {
		"--arrivals often --rate 5",
		"--arrivals recorded:",
		"--rate 5 --seconds 0",
		"--rate 5 --seconds 1s",
		"--rate 5 --seconds 0.1",
		"--rate 5 --seconds nan",
		"--rate 5 --seconds 2 --requests 7",
		"--rate 1000000000 --seconds 100",
		"--rate 5 --ramp -1",
		"--rate 5 --spike 36,",
		"--rate 5 --spike 36,1,1,1,1",
		"--rate 5 --spike 0",
		"--rate 5 --spike x",
		"--fill 0",
		"--fill 30",
		"--buyers 0",
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[256];

		snprintf(line, sizeof(line), "--scenario mixed " SALE "%s", lines[i]);
		cr_assert(eq(int, parse(line), LOAD_OPTIONS_WRONG), "%s", line);
	}
}
