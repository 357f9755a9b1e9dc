#include "tools/common/histogram.h"

/* Values below HISTOGRAM_STEPS have a cell each; above, the cells of a power of two share it
 * evenly. */
static unsigned cell_of(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	shift = 63U - HISTOGRAM_STEP_BITS - (unsigned)__builtin_clzll(value);
	return (shift + 1) * HISTOGRAM_STEPS + (unsigned)(value >> shift) - HISTOGRAM_STEPS;
}

static uint64_t highest_of(unsigned cell)
{
	unsigned shift;

	if (cell < HISTOGRAM_STEPS)
		return cell;
	shift = cell / HISTOGRAM_STEPS - 1;
	return ((uint64_t)(cell % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << shift) - 1;
}

void histogram_add_many(struct histogram *histogram, uint64_t value, uint64_t cnt)
{
	if (cnt == 0)
		return;
	histogram->cells[cell_of(value)] += cnt;
	histogram->cnt += cnt;
	if (value > histogram->max)
		histogram->max = value;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram_add_many(histogram, value, 1);
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	const double wanted = share * (double)histogram->cnt;
	uint64_t seen = 0;

	for (unsigned cell = 0; cell < HISTOGRAM_CELLS; cell++) {
		seen += histogram->cells[cell];
		if (seen > 0 && (double)seen >= wanted) {
			const uint64_t highest = highest_of(cell);

			return highest < histogram->max ? highest : histogram->max;
		}
	}
	return histogram->max;
}
