#include "tools/journal/hold_sums.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/check.h"

struct hold_sums *hold_sums_open(uint64_t now_ns)
{
	struct hold_sums *sums = calloc(1, sizeof(*sums));

	if (sums != NULL)
		sums->now_ns = now_ns;
	return sums;
}

void hold_sums_close(struct hold_sums *sums)
{
	if (sums != NULL)
		free(sums->rows);
	free(sums);
}

static void count(struct hold_row *row, const struct hold_view *hold, enum hold_age age)
{
	if (row->all.holds == 0 || hold->held_at_ns < row->oldest.held_at_ns)
		row->oldest = *hold;
	row->all.holds++;
	row->all.units += hold->held;
	row->ages[age].holds++;
	row->ages[age].units += hold->held;
}

static int by_sku(const void *a, const void *b)
{
	const struct hold_view *one = a;
	const struct hold_view *two = b;

	if (one->sku != two->sku)
		return one->sku < two->sku ? -1 : 1;
	return one->order_id < two->order_id ? -1 : one->order_id > two->order_id;
}

/* Adds the open holds of a lane, which are sorted by SKU. */
static int add_rows(struct hold_sums *sums, const struct hold_view *open, uint64_t cnt,
		    uint16_t lane)
{
	struct hold_row *rows;
	uint64_t more = 0;

	for (uint64_t i = 0; i < cnt; i++)
		more += i == 0 || open[i].sku != open[i - 1].sku;
	rows = reallocarray(sums->rows, sums->row_cnt + more + 1, sizeof(*rows));
	if (rows == NULL)
		return -ENOMEM;
	sums->rows = rows;
	for (uint64_t i = 0; i < cnt; i++) {
		const enum hold_age age =
			hold_age_of(open[i].held_at_ns, open[i].ends_at_ns, sums->now_ns);

		if (i == 0 || open[i].sku != open[i - 1].sku)
			rows[sums->row_cnt++] = (struct hold_row){.sku = open[i].sku, .lane = lane};
		count(&rows[sums->row_cnt - 1], &open[i], age);
		count(&sums->total, &open[i], age);
	}
	return 0;
}

int hold_sums_add(struct hold_sums *sums, const struct shard *shard, uint16_t lane)
{
	struct shard_totals totals;
	struct hold_view *open;
	uint64_t cnt = 0;
	int rc;

	shard_totals(shard, &totals);
	sums->prepared.holds += totals.prepared;
	sums->prepared.units += totals.units_prepared;
	open = calloc(totals.open_holds + 1, sizeof(*open));
	if (open == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < totals.holds; i++) {
		struct hold_view hold;

		shard_hold_at(shard, i, &hold);
		if (hold.bought)
			continue;
		CHECK(hold.state < HOLD_STATE_END);
		sums->held_cnt++;
		sums->states[hold.state]++;
		if (hold.state == HOLD_OPEN) {
			CHECK(cnt < totals.open_holds);
			open[cnt++] = hold;
		}
	}
	if (cnt > 0)
		qsort(open, cnt, sizeof(*open), by_sku);
	rc = add_rows(sums, open, cnt, lane);
	free(open);
	return rc;
}
