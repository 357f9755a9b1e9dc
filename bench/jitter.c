/*
 * jitter: for how long a thread that only spins doesn't get its CPU: interrupts, the kernel's own
 * work, a hypervisor that runs something else. What a server or a load on that CPU answers within
 * can't be less. A line of JSON: a CPU's gaps, and what an arrival at any instant would have waited
 * for the gap that it fell into to end; "both" for one that needs each CPU in turn.
 *
 *   jitter SECONDS CPU...
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"

enum {
	CPUS_MAX = 8,
	/* Of one CPU; later gaps are ignored. */
	GAPS_MAX = 1 << 20,
	/* Less is the reading of the clock itself. */
	GAP_MIN_NS = 1000,
};

static const unsigned bounds_us[] = {10, 50, 100, 1000};

enum {
	BOUND_CNT = sizeof(bounds_us) / sizeof(bounds_us[0]),
};

struct spinner {
	pthread_t thread;
	uint64_t for_ns;
	uint64_t spun_ns;
	uint64_t *gaps_ns;
	uint32_t gap_cnt;
	int cpu;
};

static void *spin(void *argument)
{
	struct spinner *self = argument;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(self->cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
		fprintf(stderr, "jitter: CPU %d is not ours to use\n", self->cpu);
		exit(2);
	}

	const uint64_t begin_ns = clock_now_ns();
	uint64_t last_ns = begin_ns;

	while (last_ns < begin_ns + self->for_ns && self->gap_cnt < GAPS_MAX) {
		const uint64_t at_ns = clock_now_ns();

		if (at_ns - last_ns >= GAP_MIN_NS)
			self->gaps_ns[self->gap_cnt++] = at_ns - last_ns;
		last_ns = at_ns;
	}
	self->spun_ns = last_ns - begin_ns;
	return NULL;
}

/* The share of all instants at which more than wait_ns of a gap was still to come. */
static double share_over(const struct spinner *self, uint64_t wait_ns)
{
	double over_ns = 0;

	for (uint32_t i = 0; i < self->gap_cnt; i++) {
		if (self->gaps_ns[i] > wait_ns)
			over_ns += (double)(self->gaps_ns[i] - wait_ns);
	}
	return over_ns / (double)self->spun_ns;
}

/* What all but one in 1 / share arrivals wait at most, if they need each of these CPUs. */
static double wait_us(const struct spinner *spinners, unsigned cnt, double share)
{
	uint64_t low_ns = 0;
	uint64_t high_ns = UINT64_C(1) << 34;

	while (high_ns - low_ns > 1) {
		const uint64_t middle_ns = low_ns + (high_ns - low_ns) / 2;
		double over = 0;

		for (unsigned i = 0; i < cnt; i++)
			over += share_over(&spinners[i], middle_ns);
		if (over > share)
			low_ns = middle_ns;
		else
			high_ns = middle_ns;
	}
	return (double)high_ns / 1000;
}

static void print_waits(const struct spinner *spinners, unsigned cnt)
{
	printf("\"wait_us\":{\"p50\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"p99.99\":%.1f}",
	       wait_us(spinners, cnt, 0.5), wait_us(spinners, cnt, 0.01),
	       wait_us(spinners, cnt, 0.001), wait_us(spinners, cnt, 0.0001));
}

static void print(const struct spinner *self)
{
	uint64_t longest_ns = 0;

	printf("\"%d\":{\"seconds\":%.3f,\"lost_share\":%.6f,\"gaps_over_us\":{", self->cpu,
	       (double)self->spun_ns / 1e9, share_over(self, 0));
	for (unsigned bound = 0; bound < BOUND_CNT; bound++) {
		uint32_t cnt = 0;

		for (uint32_t i = 0; i < self->gap_cnt; i++)
			cnt += self->gaps_ns[i] > bounds_us[bound] * UINT64_C(1000);
		printf("%s\"%u\":%u", bound > 0 ? "," : "", bounds_us[bound], cnt);
	}
	for (uint32_t i = 0; i < self->gap_cnt; i++)
		longest_ns = self->gaps_ns[i] > longest_ns ? self->gaps_ns[i] : longest_ns;
	printf("},\"longest_us\":%.1f,", (double)longest_ns / 1000);
	print_waits(self, 1);
	printf("},");
}

static bool read_number(const char *text, double most, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' && *out >= 0 && *out <= most;
}

static bool read_arguments(int argc, char **argv, struct spinner *spinners)
{
	double seconds;
	double cpu;

	if (argc < 3 || argc > 2 + CPUS_MAX || !read_number(argv[1], 600, &seconds) || seconds <= 0)
		return false;
	for (int i = 2; i < argc; i++) {
		if (!read_number(argv[i], CPU_SETSIZE - 1, &cpu))
			return false;
		spinners[i - 2].cpu = (int)cpu;
		spinners[i - 2].for_ns = (uint64_t)(seconds * 1e9);
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct spinner spinners[CPUS_MAX];
	const unsigned cnt = (unsigned)(argc > 2 ? argc - 2 : 0);

	if (!read_arguments(argc, argv, spinners)) {
		fprintf(stderr, "usage: jitter SECONDS CPU..., up to 600 s, up to %d CPUs\n",
			CPUS_MAX);
		return 2;
	}
	for (unsigned i = 0; i < cnt; i++) {
		/* Touched before the measurement. */
		spinners[i].gaps_ns = malloc(GAPS_MAX * sizeof(*spinners[i].gaps_ns));
		if (spinners[i].gaps_ns == NULL) {
			fprintf(stderr, "jitter: no memory\n");
			return 2;
		}
		memset(spinners[i].gaps_ns, 0, GAPS_MAX * sizeof(*spinners[i].gaps_ns));
	}
	for (unsigned i = 0; i < cnt; i++) {
		if (pthread_create(&spinners[i].thread, NULL, spin, &spinners[i]) != 0) {
			fprintf(stderr, "jitter: no thread to be had\n");
			return 2;
		}
	}
	for (unsigned i = 0; i < cnt; i++)
		pthread_join(spinners[i].thread, NULL);
	printf("{");
	for (unsigned i = 0; i < cnt; i++)
		print(&spinners[i]);
	printf("\"both\":{");
	print_waits(spinners, cnt);
	printf("}}\n");
	for (unsigned i = 0; i < cnt; i++)
		free(spinners[i].gaps_ns);
	return 0;
}
