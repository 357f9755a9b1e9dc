#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/wire.h"
#include "tools/common/histogram.h"

enum {
	VALUES_MAX = 20011,
};

static struct histogram histogram;
static uint64_t values[VALUES_MAX];

static int by_value(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a;
	const uint64_t two = *(const uint64_t *)b;

	return one < two ? -1 : one > two;
}

static void check_bound(uint64_t got, uint64_t exact)
{
	cr_assert(ge(u64, got, exact));
	cr_assert(le(u64, got - exact, exact / HISTOGRAM_STEPS));
}

/* Against the same values, sorted. */
static void check_quantiles(unsigned cnt)
{
	static const unsigned permille[] = {1, 10, 100, 250, 500, 750, 900, 990, 999, 1000};

	memset(&histogram, 0, sizeof(histogram));
	for (unsigned i = 0; i < cnt; i++)
		histogram_add(&histogram, values[i]);
	qsort(values, cnt, sizeof(values[0]), by_value);
	cr_assert(eq(u64, histogram.cnt, cnt));
	cr_assert(eq(u64, histogram.max, values[cnt - 1]));
	for (unsigned i = 0; i < sizeof(permille) / sizeof(permille[0]); i++) {
		const unsigned rank = (cnt * permille[i] + 999) / 1000;

		check_bound(histogram_quantile(&histogram, permille[i] / 1000.0), values[rank - 1]);
	}
	check_bound(histogram_quantile(&histogram, 0), values[0]);
	cr_assert(eq(u64, histogram_quantile(&histogram, 1), values[cnt - 1]));
}

/* From 0 to less than 1. */
static double unit_draw(uint64_t n)
{
	return (double)(mix64(n) >> 11) / (double)(UINT64_C(1) << 53);
}

static uint64_t uniform(uint64_t n)
{
	return mix64(n) % 1000000;
}

static uint64_t exponential(uint64_t n)
{
	return (uint64_t)(-80000.0 * log(1 - unit_draw(n)));
}

/* Fast but for one in a hundred, which take a thousand times as long. */
static uint64_t two_humps(uint64_t n)
{
	return (n % 100 == 0 ? 50000000 : 50000) + mix64(n) % 1000;
}

/* Every order of magnitude is as likely as any other. */
static uint64_t any_magnitude(uint64_t n)
{
	return mix64(n) >> (mix64(~n) % 64);
}

static uint64_t constant(uint64_t n)
{
	(void)n;
	return 123456789;
}

static uint64_t huge(uint64_t n)
{
	return UINT64_MAX - n;
}

Test(histogram, quantiles_are_at_most_a_64th_too_high)
{
	static uint64_t (*const draws[])(uint64_t) = {uniform,       exponential, two_humps,
						      any_magnitude, constant,    huge};
	static const unsigned cnts[] = {1, 2, 3, 100, 1000, VALUES_MAX};

	for (unsigned i = 0; i < sizeof(draws) / sizeof(draws[0]); i++) {
		for (unsigned k = 0; k < sizeof(cnts) / sizeof(cnts[0]); k++) {
			for (unsigned n = 0; n < cnts[k]; n++)
				values[n] = draws[i](n);
			check_quantiles(cnts[k]);
		}
	}
}

/* A cell begins and ends around every power of two. */
Test(histogram, bound_holds_at_the_edges_of_cells)
{
	for (unsigned shift = 0; shift < 64; shift++) {
		for (int beside = -1; beside <= 1; beside++) {
			const uint64_t value = (UINT64_C(1) << shift) + (uint64_t)(int64_t)beside;

			memset(&histogram, 0, sizeof(histogram));
			histogram_add(&histogram, value);
			histogram_add(&histogram, UINT64_MAX);
			check_bound(histogram_quantile(&histogram, 0.5), value);
		}
	}
}

Test(histogram, small_values_are_exact)
{
	for (uint64_t value = 0; value < 2 * (uint64_t)HISTOGRAM_STEPS; value++)
		histogram_add(&histogram, value);
	for (unsigned i = 0; i < 2 * HISTOGRAM_STEPS; i++)
		cr_assert(eq(u64, histogram_quantile(&histogram, (i + 1) / (2.0 * HISTOGRAM_STEPS)),
			     i));
}

Test(histogram, zero_counts_as_a_value)
{
	histogram_add(&histogram, 0);
	histogram_add(&histogram, 0);
	histogram_add(&histogram, 1000);
	cr_assert(eq(u64, histogram.cnt, 3));
	cr_assert(eq(u64, histogram_quantile(&histogram, 0), 0));
	cr_assert(eq(u64, histogram_quantile(&histogram, 0.5), 0));
	cr_assert(eq(u64, histogram_quantile(&histogram, 0.67), 1000));
}

Test(histogram, largest_values_have_cells_too)
{
	for (unsigned i = 0; i < 10; i++)
		histogram_add(&histogram, UINT64_MAX);
	cr_assert(eq(u64, histogram.cells[HISTOGRAM_CELLS - 1], 10));
	cr_assert(eq(u64, histogram_quantile(&histogram, 0.5), UINT64_MAX));
	cr_assert(eq(u64, histogram_quantile(&histogram, 1), UINT64_MAX));
}

Test(histogram, empty_one_has_no_quantiles)
{
	cr_assert(eq(u64, histogram_quantile(&histogram, 0), 0));
	cr_assert(eq(u64, histogram_quantile(&histogram, 0.5), 0));
	cr_assert(eq(u64, histogram_quantile(&histogram, 1), 0));
}
