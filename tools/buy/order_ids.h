/*
 * order_ids: the new id of each order that was made again, by its old one. One thread.
 */
#ifndef DB_TOOLS_BUY_ORDER_IDS_H
#define DB_TOOLS_BUY_ORDER_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct order_ids_pair {
	uint64_t old_id;
	uint64_t new_id; /* 0: it was refused */
};

/* Zeroed: empty. */
struct order_ids {
	struct order_ids_pair *pairs;
	size_t cnt;
	size_t max;
	bool unsorted;
};

/* False: no memory. Of two with the same old id either may be found. */
bool order_ids_add(struct order_ids *ids, uint64_t old_id, uint64_t new_id);

/* False: there is no such. May sort, which costs nothing where old ids were added rising. */
bool order_ids_find(struct order_ids *ids, uint64_t old_id, uint64_t *new_id);

void order_ids_free(struct order_ids *ids);

#endif
