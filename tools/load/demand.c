#include "tools/load/demand.h"

#include <math.h>
#include <stdlib.h>

static const double ZIPF_EXPONENT = 0.99;

/* Pairs columns that hold too little with columns that hold too much. height: of each, 1 on
 * average; work: room for as many. */
static void pair(struct alias *aliases, double *height, uint32_t *work, uint32_t cnt)
{
	uint32_t small = 0;   /* stack of too low columns grows from the front */
	uint32_t large = cnt; /* of the others from the back */

	for (uint32_t i = 0; i < cnt; i++)
		work[height[i] < 1.0 ? small++ : --large] = i;
	while (small > 0 && large < cnt) {
		const uint32_t low = work[--small];
		const uint32_t high = work[large];

		aliases[low] = (struct alias){.share = (uint32_t)(height[low] * UINT32_MAX),
					      .other = high};
		height[high] -= 1.0 - height[low];
		if (height[high] < 1.0) {
			large++;
			work[small++] = high;
		}
	}
	/* What rounding left over is full. */
	for (uint32_t i = 0; i < small; i++)
		aliases[work[i]] = (struct alias){UINT32_MAX, work[i]};
	for (uint32_t i = large; i < cnt; i++)
		aliases[work[i]] = (struct alias){UINT32_MAX, work[i]};
}

struct alias *demand_make(uint32_t cnt, double (*weight)(const void *context, uint32_t idx),
			  const void *context, double sum)
{
	struct alias *aliases = malloc(cnt * sizeof(*aliases));
	double *height = malloc(cnt * sizeof(*height));
	uint32_t *work = malloc(cnt * sizeof(*work));

	if (aliases == NULL || height == NULL || work == NULL) {
		free(aliases);
		aliases = NULL;
	}
	for (uint32_t i = 0; aliases != NULL && i < cnt; i++)
		height[i] = weight(context, i) / sum * cnt;
	if (aliases != NULL)
		pair(aliases, height, work, cnt);
	free(height);
	free(work);
	return aliases;
}

uint32_t demand_draw(const struct alias *aliases, uint32_t cnt, uint64_t random)
{
	const uint32_t column = (uint32_t)(((random >> 32) * cnt) >> 32);
	const struct alias *alias = &aliases[column];

	return (uint32_t)random <= alias->share ? column : alias->other;
}

double demand_zipf_weight(uint32_t idx)
{
	return 1.0 / pow(idx + 1.0, ZIPF_EXPONENT);
}

double demand_zipf_sum(uint32_t cnt)
{
	double sum = 0;

	for (uint32_t i = 0; i < cnt; i++)
		sum += demand_zipf_weight(i);
	return sum;
}
