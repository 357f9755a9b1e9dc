#include "engine/catalog/groups.h"

#include <errno.h>
#include <stdlib.h>

/* Those of a group stay in the order of the file, which is that of the array. */
static int by_group(const void *a, const void *b)
{
	const struct catalog_offer *const one = *(const struct catalog_offer *const *)a;
	const struct catalog_offer *const two = *(const struct catalog_offer *const *)b;

	if (one->group != two->group)
		return one->group < two->group ? -1 : 1;
	return one < two ? -1 : one > two;
}

int catalog_groups_open(struct catalog_groups *groups, const struct catalog_offer *offers,
			uint32_t cnt)
{
	uint32_t in_group = 0;

	for (uint32_t i = 0; i < cnt; i++)
		in_group += offers[i].group > 0;
	*groups = (struct catalog_groups){.lines = calloc(in_group + 1U, sizeof(void *))};
	if (groups->lines == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < cnt; i++) {
		if (offers[i].group > 0)
			groups->lines[groups->cnt++] = &offers[i];
	}
	qsort(groups->lines, groups->cnt, sizeof(groups->lines[0]), by_group);
	return 0;
}

uint32_t catalog_group_cnt(const struct catalog_groups *groups, uint32_t i)
{
	uint32_t end = i + 1;

	while (end < groups->cnt && groups->lines[end]->group == groups->lines[i]->group)
		end++;
	return end - i;
}

const struct catalog_offer *catalog_group_find(const struct catalog_groups *groups, uint32_t group)
{
	uint32_t low = 0;
	uint32_t high = groups->cnt;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (groups->lines[middle]->group < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low < groups->cnt && groups->lines[low]->group == group ? groups->lines[low] : NULL;
}

void catalog_groups_close(struct catalog_groups *groups)
{
	free(groups->lines);
}
