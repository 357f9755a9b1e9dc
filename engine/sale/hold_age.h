/*
 * hold_age: how old an open hold is, in the few classes that reports and metrics count by.
 */
#ifndef DB_ENGINE_SALE_HOLD_AGE_H
#define DB_ENGINE_SALE_HOLD_AGE_H

#include <stdint.h>

/* How long ago a hold began. An extended one is as old as it is. */
enum hold_age {
	HOLD_UNDER_1_MIN,
	HOLD_UNDER_5_MIN,
	HOLD_UNDER_15_MIN,
	HOLD_OLDER,
	HOLD_ENDED, /* of any age: its end has come, and no record of the lane says so yet */
	HOLD_AGES,
};

/* As JSON and metrics name them. */
extern const char *const hold_age_names[HOLD_AGES];

/* Of a hold that began at held_at_ns and ends at ends_at_ns, at the instant now_ns. A lane's clock
 * may be ahead of the caller's. */
enum hold_age hold_age_of(uint64_t held_at_ns, uint64_t ends_at_ns, uint64_t now_ns);

#endif
