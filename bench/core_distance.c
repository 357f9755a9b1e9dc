/*
 * core_distance: how far apart two CPUs are: the median time of a cache line's round trip between
 * them, in ns. On virtual machines it changes by itself, and every figure that crosses cores with
 * it.
 *
 *   core_distance CPU CPU
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"

enum {
	SAMPLES = 201,
	TRIPS_PER_SAMPLE = 200,
	STOP = -1,
};

static _Alignas(128) atomic_int ball;

static int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* Turns every odd number into the even one after it. */
static void *play_back(void *cpu)
{
	int seen = 0;

	if (run_on(*(const int *)cpu) != 0)
		exit(2);
	while (seen != STOP) {
		seen = atomic_load_explicit(&ball, memory_order_acquire);
		if (seen > 0 && seen % 2 == 1)
			atomic_store_explicit(&ball, seen + 1, memory_order_release);
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const double one = *(const double *)a;
	const double two = *(const double *)b;

	return one < two ? -1 : one > two;
}

static int cpu_of(const char *text)
{
	char *end;
	const long cpu = strtol(text, &end, 10);

	return *text != '\0' && *end == '\0' && cpu >= 0 && cpu < CPU_SETSIZE ? (int)cpu : -1;
}

int main(int argc, char **argv)
{
	static double samples[SAMPLES];
	int cpus[2] = {-1, -1};
	pthread_t other;
	int next = 1;

	for (int i = 0; argc == 3 && i < 2; i++)
		cpus[i] = cpu_of(argv[i + 1]);
	if (cpus[0] < 0 || cpus[1] < 0 || cpus[0] == cpus[1]) {
		fprintf(stderr, "usage: core_distance CPU CPU, two different numbers\n");
		return 2;
	}
	if (run_on(cpus[0]) != 0) {
		fprintf(stderr, "core_distance: CPU %d is not ours to use\n", cpus[0]);
		return 2;
	}
	if (pthread_create(&other, NULL, play_back, &cpus[1]) != 0) {
		fprintf(stderr, "core_distance: no thread to be had\n");
		return 2;
	}
	for (unsigned i = 0; i < SAMPLES; i++) {
		const uint64_t begin_ns = clock_now_ns();

		for (unsigned trip = 0; trip < TRIPS_PER_SAMPLE; trip++, next += 2) {
			atomic_store_explicit(&ball, next, memory_order_release);
			while (atomic_load_explicit(&ball, memory_order_acquire) != next + 1)
				;
		}
		samples[i] = (double)(clock_now_ns() - begin_ns) / TRIPS_PER_SAMPLE;
	}
	atomic_store(&ball, STOP);
	pthread_join(other, NULL);
	qsort(samples, SAMPLES, sizeof(samples[0]), by_value);
	printf("%.0f\n", samples[SAMPLES / 2]);
	return 0;
}
