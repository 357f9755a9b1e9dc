#include "tools/buy/order_ids.h"

#include <stdlib.h>

enum {
	FIRST_CNT = 1024,
};

bool order_ids_add(struct order_ids *ids, uint64_t old_id, uint64_t new_id)
{
	if (ids->cnt == ids->max) {
		const size_t max = ids->max > 0 ? 2 * ids->max : FIRST_CNT;
		struct order_ids_pair *pairs = realloc(ids->pairs, max * sizeof(*pairs));

		if (pairs == NULL)
			return false;
		ids->pairs = pairs;
		ids->max = max;
	}
	ids->unsorted |= ids->cnt > 0 && old_id < ids->pairs[ids->cnt - 1].old_id;
	ids->pairs[ids->cnt++] = (struct order_ids_pair){old_id, new_id};
	return true;
}

static int compare(const void *left, const void *right)
{
	const uint64_t a = ((const struct order_ids_pair *)left)->old_id;
	const uint64_t b = ((const struct order_ids_pair *)right)->old_id;

	return (a > b) - (a < b);
}

bool order_ids_find(struct order_ids *ids, uint64_t old_id, uint64_t *new_id)
{
	const struct order_ids_pair key = {.old_id = old_id};
	const struct order_ids_pair *found;

	if (ids->cnt == 0)
		return false;
	if (ids->unsorted)
		qsort(ids->pairs, ids->cnt, sizeof(key), compare);
	ids->unsorted = false;
	found = bsearch(&key, ids->pairs, ids->cnt, sizeof(key), compare);
	if (found == NULL)
		return false;
	*new_id = found->new_id;
	return true;
}

void order_ids_free(struct order_ids *ids)
{
	free(ids->pairs);
	*ids = (struct order_ids){0};
}
