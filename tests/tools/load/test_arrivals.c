#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tests/support/temp_dir.h"
#include "tools/load/arrivals.h"

enum {
	CNT = 200000,
};

static uint64_t due_ns[CNT];

static double seconds_of(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void check_order(uint32_t cnt)
{
	for (uint32_t i = 1; i < cnt; i++)
		cr_assert(le(u64, due_ns[i - 1], due_ns[i]), "instant %u", i);
}

/* How many of the instants lie in a time. */
static uint32_t within(uint32_t cnt, double from_s, double to_s)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < cnt; i++)
		found += seconds_of(due_ns[i]) >= from_s && seconds_of(due_ns[i]) < to_s;
	return found;
}

Test(arrivals, constant_ones_are_evenly_spaced)
{
	const struct arrivals_profile profile = {.rate = 1e6};

	arrivals_constant(&profile, due_ns, CNT);
	for (uint32_t i = 0; i < CNT; i++)
		cr_assert(lt(dbl, fabs((double)due_ns[i] - i * 1000.0), 2), "instant %u", i);
}

Test(arrivals, a_ramp_rises_in_a_straight_line)
{
	const struct arrivals_profile profile = {.rate = 10000, .ramp_s = 4};

	/* 20,000 in the ramp, then 10,000 a second. */
	arrivals_constant(&profile, due_ns, 60000);
	check_order(60000);
	cr_assert(lt(dbl, fabs(seconds_of(due_ns[20000]) - 4), 0.001));
	cr_assert(lt(dbl, fabs(seconds_of(due_ns[5000]) - 2), 0.001));
	cr_assert(lt(dbl, fabs(seconds_of(due_ns[50000]) - 7), 0.001));
	cr_assert(eq(dbl, arrivals_expected(&profile, 2), 5000));
	cr_assert(eq(dbl, arrivals_rate_at(&profile, 1), 2500));
}

Test(arrivals, a_spike_is_36_times_as_much_in_a_second)
{
	const struct arrivals_profile profile = {.rate = 1000,
						 .spike_factor = 36,
						 .spike_at_s = 1,
						 .spike_rise_s = 1,
						 .spike_hold_s = 2};

	arrivals_constant(&profile, due_ns, 100000);
	check_order(100000);
	cr_assert(eq(dbl, arrivals_expected(&profile, 1), 1000));
	cr_assert(eq(dbl, arrivals_expected(&profile, 2), 1000 + 18500));
	cr_assert(eq(dbl, arrivals_expected(&profile, 5), 1000 + 18500 + 72000 + 1000));
	cr_assert(eq(dbl, arrivals_rate_at(&profile, 3), 36000));
	cr_assert(eq(dbl, arrivals_rate_at(&profile, 4.5), 1000));
	for (unsigned s = 0; s < 5; s++) {
		const double expected =
			arrivals_expected(&profile, s + 1.0) - arrivals_expected(&profile, s);

		cr_assert(lt(dbl, fabs(within(100000, s, s + 1.0) - expected), 2), "second %u", s);
	}
}

/* Mean and variance of the counts in equal times are those of Poisson's distribution. */
Test(arrivals, poisson_counts_vary_as_they_mean)
{
	const struct arrivals_profile profile = {.rate = 1e6};
	enum {
		TIMES = 1000
	};
	static uint32_t counts[TIMES];
	double mean = 0;
	double variance = 0;

	arrivals_poisson(&profile, 5, due_ns, CNT);
	check_order(CNT);
	cr_assert(lt(dbl, fabs(seconds_of(due_ns[CNT - 1]) - 0.2), 0.002));
	for (uint32_t i = 0; i < CNT; i++) {
		const uint64_t at = due_ns[i] / 190000;

		if (at < TIMES)
			counts[at]++;
	}
	for (unsigned i = 0; i < TIMES; i++)
		mean += (double)counts[i] / TIMES;
	for (unsigned i = 0; i < TIMES; i++)
		variance += (counts[i] - mean) * (counts[i] - mean) / TIMES;
	cr_assert(lt(dbl, fabs(mean / 190 - 1), 0.01), "mean %f", mean);
	cr_assert(lt(dbl, fabs(variance / mean - 1), 0.15), "variance %f", variance);
}

Test(arrivals, poisson_follows_the_profile_and_the_seed)
{
	const struct arrivals_profile profile = {.rate = 10000, .ramp_s = 4};
	static uint64_t again[60000];

	arrivals_poisson(&profile, 7, due_ns, 60000);
	check_order(60000);
	cr_assert(lt(dbl, fabs(within(60000, 0, 2) / 5000.0 - 1), 0.06));
	cr_assert(lt(dbl, fabs(within(60000, 5, 6) / 10000.0 - 1), 0.06));
	arrivals_poisson(&profile, 7, again, 60000);
	cr_assert(eq(int, memcmp(again, due_ns, sizeof(again)), 0));
	arrivals_poisson(&profile, 8, again, 60000);
	cr_assert(ne(int, memcmp(again, due_ns, sizeof(again)), 0));
}

static void set_up_dir(void)
{
	(void)temp_dir_make();
}

TestSuite(arrivals_recorded, .init = set_up_dir, .fini = temp_dir_remove);

Test(arrivals_recorded, instants_count_from_the_first)
{
	struct error error = {0};
	uint64_t *due = NULL;
	uint32_t cnt = 0;

	write_text(temp_path("instants"),
		   "# seconds\n1700000000.5\n\n1700000000.500001 # one\r\n1700000002\n");
	cr_assert(eq(int, arrivals_recorded(temp_path("instants"), &due, &cnt, &error), 0), "%s",
		  error.text);
	cr_assert(eq(u32, cnt, 3));
	cr_assert(all(eq(u64, due[0], 0), eq(u64, due[2], 1500000000)));
	cr_assert(all(ge(u64, due[1], 900), le(u64, due[1], 1100)));
	free(due);
}

Test(arrivals_recorded, more_than_one_allocation_of_them)
{
	FILE *file = fopen(temp_path("instants"), "we");
	struct error error = {0};
	uint64_t *due = NULL;
	uint32_t cnt = 0;

	for (unsigned i = 0; i < 20000; i++)
		fprintf(file, "%u.%03u\n", i / 1000, i % 1000);
	fclose(file);
	cr_assert(eq(int, arrivals_recorded(temp_path("instants"), &due, &cnt, &error), 0), "%s",
		  error.text);
	cr_assert(all(eq(u32, cnt, 20000), eq(u64, due[19999], UINT64_C(19999000000))));
	free(due);
}

static void check_refused(const char *text, const char *part)
{
	struct error error = {0};
	uint64_t *due = NULL;
	uint32_t cnt = 0;

	write_text(temp_path("instants"), text);
	cr_assert(lt(int, arrivals_recorded(temp_path("instants"), &due, &cnt, &error), 0));
	cr_assert(ne(ptr, strstr(error.text, part), NULL), "%s", error.text);
	cr_assert(eq(ptr, due, NULL));
}

Test(arrivals_recorded, what_is_wrong_is_named_by_its_line)
{
	check_refused("0.5\nsoon\n", "instants:2: 'soon' is not an instant");
	check_refused("0.5\n0.7s\n", "instants:2:");
	check_refused("-1\n", "instants:1:");
	check_refused("nan\n", "instants:1:");
	check_refused("1e300\n", "instants:1:");
	check_refused("2\n3\n1\n", "instants:3: '1' is before the first");
	check_refused("2\n4\n3\n", "instants:3: '3' is before the line above");
	check_refused("# nothing\n", "no instant");
}

Test(arrivals_recorded, a_missing_file_is_named)
{
	struct error error = {0};
	uint64_t *due = NULL;
	uint32_t cnt = 0;

	cr_assert(lt(int, arrivals_recorded("/no/such/file", &due, &cnt, &error), 0));
	cr_assert(eq(str, error.text, "/no/such/file: No such file or directory"));
}
