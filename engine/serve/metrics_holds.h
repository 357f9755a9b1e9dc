/*
 * metrics_holds: who holds what, as metrics: the open holds of each lane by age, and the SKUs of
 * which most units are held. How many series there are is bounded (hold_census.h).
 */
#ifndef DB_ENGINE_SERVE_METRICS_HOLDS_H
#define DB_ENGINE_SERVE_METRICS_HOLDS_H

#include "engine/base/metrics_text.h"
#include "engine/sale/hold_census.h"

/* Adds the families, of lanes 0 to lane_cnt - 1. now_ns: by which the censuses were taken. */
void metrics_add_holds(struct metrics_text *text, const struct hold_census *lanes,
		       uint16_t lane_cnt, uint64_t now_ns);

#endif
