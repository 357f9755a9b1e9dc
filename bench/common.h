/*
 * common: how the benchmarks of parts measure: some cases in turn, round after round, so that other
 * work of the machine affects all of them alike. The median counts; the least and the most are
 * printed beside it. Under callgrind the same marks count instructions instead
 * (bench/instructions.sh).
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

/* The code between these is measured; cnt: how many requests it did. */
void bench_begin(struct bench_case *bench);
void bench_end(struct bench_case *bench, uint64_t cnt);

/* The round of this case is over. */
void bench_round(struct bench_case *bench);

/* Title of the columns, and a line a case. */
void bench_print_title(const char *what);
void bench_print(struct bench_case *bench);

/* Tells the compiler that this memory is read later, so that it removes nothing of what is
 * measured. */
static inline void bench_keep(const void *memory)
{
	__asm__ volatile("" : : "r"(memory) : "memory");
}

double bench_median(double *values, unsigned cnt);

/* The idx-th argument as a number, or its default. Ends the program if it is not a number. */
uint64_t bench_argument(int argc, char **argv, int idx, uint64_t otherwise);

#endif
