/*
 * groups: the lines of a catalog that are in a group, group by group, each in the order of the
 * file.
 */
#ifndef DB_ENGINE_CATALOG_GROUPS_H
#define DB_ENGINE_CATALOG_GROUPS_H

#include <stdint.h>

#include "engine/catalog/column.h"

struct catalog_groups {
	const struct catalog_offer **lines; /* owned; of the catalog */
	uint32_t cnt;
};

/* Of the cnt lines of a catalog, which must stay where they are. 0 or -ENOMEM. */
int catalog_groups_open(struct catalog_groups *groups, const struct catalog_offer *offers,
			uint32_t cnt);

/* How many lines the group has that begins at line i. */
uint32_t catalog_group_cnt(const struct catalog_groups *groups, uint32_t i);

/* The first line of a group; NULL: it has none. */
const struct catalog_offer *catalog_group_find(const struct catalog_groups *groups, uint32_t group);

void catalog_groups_close(struct catalog_groups *groups);

#endif
