/*
 * dates: how the buyers of a simulated engine date their requests, and what the result must be, by
 * the rule of WIRE.md with code of its own.
 */
#ifndef DB_TESTS_SIM_DATES_H
#define DB_TESTS_SIM_DATES_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/buyers.h"

/* Dates a packed parcel somehow: not at all, by the engine's clock, a little ahead of it, or so
 * that it is stale for good. */
void dates_choose(const struct buyers *buyers, struct parcel *parcel);

/* Dates it so that it is good to the end. */
void dates_good(const struct buyers *buyers, struct parcel *parcel);

/* Whether an engine whose clock is now_ns must find it stale. */
bool dates_stale(const struct buyers *buyers, const struct parcel *parcel, uint64_t now_ns);

/* The latest instant at which it may count as asked: 0 if it is stale for good, UINT64_MAX if it
 * counts as asked when it arrives. */
uint64_t dates_asked_ns(const struct buyers *buyers, const struct parcel *parcel);

#endif
