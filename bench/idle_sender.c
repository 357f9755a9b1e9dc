/*
 * idle_sender: how late a sender is that only reads the clock. This is what the machine takes from
 * a core, so no sender can be less late there.
 *
 *   idle_sender CPU PACKETS GAP-NS
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "tools/common/histogram.h"

static struct histogram late_ns;

static double us(double share)
{
	return (double)histogram_quantile(&late_ns, share) / 1000;
}

int main(int argc, char **argv)
{
	const uint64_t packets = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
	const uint64_t gap_ns = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	uint64_t begin_ns;
	cpu_set_t cpus;

	if (packets == 0 || gap_ns == 0) {
		fprintf(stderr, "usage: idle_sender CPU PACKETS GAP-NS\n");
		return 2;
	}
	CPU_ZERO(&cpus);
	CPU_SET((unsigned)strtoul(argv[1], NULL, 10), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) {
		fprintf(stderr, "idle_sender: CPU %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	begin_ns = clock_now_ns();
	for (uint64_t i = 0; i < packets;) {
		const uint64_t at_ns = clock_now_ns() - begin_ns;

		for (; i < packets && i * gap_ns <= at_ns; i++)
			histogram_add(&late_ns, at_ns - i * gap_ns);
	}
	printf("late by p50 %.1f us, p99 %.1f us, p99.9 %.1f us, at most %.1f us\n", us(0.5),
	       us(0.99), us(0.999), (double)late_ns.max / 1000);
	return 0;
}
