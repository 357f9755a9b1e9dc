#include "bench/common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <valgrind/callgrind.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"

void bench_begin(struct bench_case *bench)
{
	bench->begin_ns = clock_now_ns();
	CALLGRIND_TOGGLE_COLLECT;
}

void bench_end(struct bench_case *bench, uint64_t cnt)
{
	CALLGRIND_TOGGLE_COLLECT;
	bench->spent_ns += clock_now_ns() - bench->begin_ns;
	bench->done_cnt += cnt;
}

void bench_round(struct bench_case *bench)
{
	CHECK(bench->round_cnt < BENCH_ROUNDS_MAX && bench->done_cnt > 0);
	if (RUNNING_ON_VALGRIND) {
		printf("counted %s %" PRIu64 "\n", bench->name, bench->done_cnt);
		CALLGRIND_DUMP_STATS_AT(bench->name);
	}
	bench->ns[bench->round_cnt++] = (double)bench->spent_ns / (double)bench->done_cnt;
	bench->spent_ns = 0;
	bench->done_cnt = 0;
}

static int ascending(const void *a, const void *b)
{
	const double one = *(const double *)a;
	const double two = *(const double *)b;

	return one < two ? -1 : one > two;
}

double bench_median(double *values, unsigned cnt)
{
	qsort(values, cnt, sizeof(*values), ascending);
	return (values[(cnt - 1) / 2] + values[cnt / 2]) / 2;
}

void bench_print_title(const char *what)
{
	printf("%-14s %9s %9s %9s\n", what, "ns", "least", "most");
}

void bench_print(struct bench_case *bench)
{
	const double median = bench_median(bench->ns, bench->round_cnt);

	printf("%-14s %9.1f %9.1f %9.1f\n", bench->name, median, bench->ns[0],
	       bench->ns[bench->round_cnt - 1]);
}

uint64_t bench_argument(int argc, char **argv, int idx, uint64_t otherwise)
{
	char *end;
	uint64_t value;

	if (idx >= argc)
		return otherwise;
	errno = 0;
	value = strtoull(argv[idx], &end, 10);
	if (errno != 0 || end == argv[idx] || *end != '\0' || value == 0) {
		fprintf(stderr, "%s: argument %d, '%s', is not a number above 0\n", argv[0], idx,
			argv[idx]);
		exit(2);
	}
	return value;
}
