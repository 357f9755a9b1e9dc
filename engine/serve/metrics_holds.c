#include "engine/serve/metrics_holds.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"

enum {
	NUMBER_BYTES = 24,
};

static const double NS_IN_S = 1e9;

/* A family of what of_age picks, by lane and age. */
static void add_ages(struct metrics_text *text, const struct hold_census *lanes, uint16_t lane_cnt,
		     uint64_t (*of_age)(const struct census_count *count))
{
	for (uint16_t i = 0; i < lane_cnt; i++) {
		char number[NUMBER_BYTES];

		snprintf(number, sizeof(number), "%u", i);
		for (unsigned age = 0; age < HOLD_AGES; age++) {
			const struct metrics_label labels[] = {
				{"lane", number}, {"age", hold_age_names[age]}, {0}};

			metrics_text_u64(text, labels, of_age(&lanes[i].ages[age]));
		}
	}
}

static uint64_t holds_of(const struct census_count *count)
{
	return count->holds;
}

static uint64_t units_of(const struct census_count *count)
{
	return count->units;
}

/* A family of what of_sku picks, by lane and SKU. */
static void add_skus(struct metrics_text *text, const struct hold_census *lanes, uint16_t lane_cnt,
		     uint64_t now_ns,
		     double (*of_sku)(const struct census_sku *sku, uint64_t now_ns))
{
	for (uint16_t i = 0; i < lane_cnt; i++) {
		char number[NUMBER_BYTES];

		CHECK(lanes[i].sku_cnt <= CENSUS_SKUS_MAX);
		snprintf(number, sizeof(number), "%u", i);
		for (uint32_t k = 0; k < lanes[i].sku_cnt; k++) {
			char name[NUMBER_BYTES];
			const struct metrics_label labels[] = {
				{"lane", number}, {"sku", name}, {0}};

			snprintf(name, sizeof(name), "%" PRIu64, lanes[i].skus[k].sku);
			metrics_text_f64(text, labels, of_sku(&lanes[i].skus[k], now_ns));
		}
	}
}

static double held_units(const struct census_sku *sku, uint64_t now_ns)
{
	(void)now_ns;
	return (double)sku->held_units;
}

static double open_holds(const struct census_sku *sku, uint64_t now_ns)
{
	(void)now_ns;
	return (double)sku->holds;
}

/* A lane's clock may be ahead of ours. */
static double oldest_s(const struct census_sku *sku, uint64_t now_ns)
{
	return sku->oldest_at_ns < now_ns ? (double)(now_ns - sku->oldest_at_ns) / NS_IN_S : 0;
}

void metrics_add_holds(struct metrics_text *text, const struct hold_census *lanes,
		       uint16_t lane_cnt, uint64_t now_ns)
{
	metrics_text_family(text, "doorbuster_lane_open_holds", METRICS_GAUGE,
			    "Open holds by age; ended: of any age, they have run out and no record "
			    "says so yet.");
	add_ages(text, lanes, lane_cnt, holds_of);
	metrics_text_family(text, "doorbuster_lane_open_hold_units", METRICS_GAUGE,
			    "Units that these holds set aside.");
	add_ages(text, lanes, lane_cnt, units_of);
	metrics_text_family(text, "doorbuster_sku_held_units", METRICS_GAUGE,
			    "Units set aside, of the 20 SKUs of the lane of which most are.");
	add_skus(text, lanes, lane_cnt, now_ns, held_units);
	metrics_text_family(text, "doorbuster_sku_open_holds", METRICS_GAUGE,
			    "Open holds of these SKUs.");
	add_skus(text, lanes, lane_cnt, now_ns, open_holds);
	metrics_text_family(text, "doorbuster_sku_oldest_hold_seconds", METRICS_GAUGE,
			    "How long ago the oldest open hold of these SKUs began.");
	add_skus(text, lanes, lane_cnt, now_ns, oldest_s);
	metrics_text_family(text, "doorbuster_lane_holds_unseen", METRICS_GAUGE,
			    "Open holds that these families leave out: a million newer holds have "
			    "been there since.");
	for (uint16_t i = 0; i < lane_cnt; i++) {
		char number[NUMBER_BYTES];
		const struct metrics_label labels[] = {{"lane", number}, {0}};

		snprintf(number, sizeof(number), "%u", i);
		metrics_text_u64(text, labels, lanes[i].unseen);
	}
}
