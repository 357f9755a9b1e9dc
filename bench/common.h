/*
 * common: how the benchmarks of parts measure: some cases in turn, round after round, so that what
 * the machine does meanwhile hits all of them alike; the median counts, least and most stand beside
 * it. Under callgrind the same marks count instructions instead (bench/instructions.sh).
 */
#ifndef DB_BENCH_COMMON_H
#define DB_BENCH_COMMON_H

#include <stdint.h>

enum {
	BENCH_ROUNDS_MAX = 99,
};

struct bench_case {
	const char *name; /* one word */
	unsigned round_cnt;
	uint64_t begin_ns;
	uint64_t spent_ns; /* this round, between begin and end */
	uint64_t done_cnt; /* this round */
	double ns[BENCH_ROUNDS_MAX];
};

/* What stands between these is measured; cnt: how many requests were done in it. */
void bench_begin(struct bench_case *bench);
void bench_end(struct bench_case *bench, uint64_t cnt);

/* The round of this case is over. */
void bench_round(struct bench_case *bench);

/* Title of the columns, and a line a case. */
void bench_print_title(const char *what);
void bench_print(struct bench_case *bench);

/* Whoever reads this memory later, it must be there: nothing of what is measured is left out. */
static inline void bench_keep(const void *memory)
{
	__asm__ volatile("" : : "r"(memory) : "memory");
}

double bench_median(double *values, unsigned cnt);

/* The idx-th argument as a number, or what it is by default. Ends the program if it is none. */
uint64_t bench_argument(int argc, char **argv, int idx, uint64_t otherwise);

#endif
