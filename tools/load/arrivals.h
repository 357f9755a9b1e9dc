/*
 * arrivals: when each datagram of an open-loop run is due, fixed before the first one leaves. A
 * latency that counts from these instants omits nothing: it includes delays of the generator.
 */
#ifndef DB_TOOLS_LOAD_ARRIVALS_H
#define DB_TOOLS_LOAD_ARRIVALS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/*
 * A rate over time, in straight pieces: from 0 to `rate` in ramp_s, then `rate`. A spike leaves it
 * at spike_at_s, reaches spike_factor times as much after spike_rise_s, stays for spike_hold_s and
 * falls back at once. All in seconds since the start; spike_factor 0: none. A spike begins when the
 * ramp is over, not before.
 */
struct arrivals_profile {
	double rate; /* a second, above 0 */
	double ramp_s;
	double spike_factor;
	double spike_at_s;
	double spike_rise_s;
	double spike_hold_s;
};

/* How many arrivals the profile expects in the first `seconds`. */
double arrivals_expected(const struct arrivals_profile *profile, double seconds);

/* The rate that the profile has at an instant. */
double arrivals_rate_at(const struct arrivals_profile *profile, double seconds);

/* due_ns[i]: ns since the start, never falling. Constant: evenly spaced under the profile. */
void arrivals_constant(const struct arrivals_profile *profile, uint64_t *due_ns, uint32_t cnt);

/* A Poisson process with the profile as its intensity; the same seed gives the same instants. */
void arrivals_poisson(const struct arrivals_profile *profile, uint64_t seed, uint64_t *due_ns,
		      uint32_t cnt);

/*
 * A file of instants, one a line, in seconds with a fraction (as `tshark -T fields -e
 * frame.time_relative` prints them), never falling; empty lines and lines after # don't count. The
 * first is the start. 0 with *due_ns (the caller's, free) and *cnt, or -errno and a line in error
 * that names file and line.
 */
int arrivals_recorded(const char *path, uint64_t **due_ns, uint32_t *cnt, struct error *error);

#endif
