#include "engine/catalog/terms.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/catalog/groups.h"

/* What is wrong with a line; CATALOG_COLUMN_CNT: nothing. */
static enum catalog_column find_fault(const struct catalog_offer *offer, struct error *what)
{
	if (offer->closes_at_ns <= offer->opens_at_ns) {
		error_set(what, "closes before it opens; give a later instant or none");
		return CATALOG_CLOSES_AT;
	}
	if (offer->extensions > 0 && offer->hold_seconds == 0) {
		error_set(what, "extensions without hold_seconds: there is no hold to extend; give "
				"hold_seconds, or leave extensions empty");
		return CATALOG_EXTENSIONS;
	}
	if (offer->extend_seconds > 0 && offer->extensions == 0) {
		error_set(what,
			  "extend_seconds without extensions: no hold could be extended; say "
			  "in extensions how often one may be, or leave extend_seconds empty");
		return CATALOG_EXTEND_SECONDS;
	}
	if (offer->group > 0 && offer->group_limit == 0) {
		error_set(what,
			  "group %" PRIu32 " has no group_limit: say how many units of the group "
			  "a buyer may have",
			  offer->group);
		return CATALOG_GROUP_LIMIT;
	}
	if (offer->group == 0 && offer->group_limit > 0) {
		error_set(what, "group_limit without a group; give the number of a group, or leave "
				"group_limit empty");
		return CATALOG_GROUP;
	}
	return CATALOG_COLUMN_CNT;
}

bool catalog_check_offer(const struct catalog_offer *offer, catalog_fault_fn *fault, void *context)
{
	struct error what;
	const enum catalog_column column = find_fault(offer, &what);

	if (column == CATALOG_COLUMN_CNT)
		return true;
	fault(context, offer, column, &what);
	return false;
}

/* The line of a group that others are compared with, in messages. */
static void add_line(struct error *what, const struct catalog_offer *offer)
{
	if (offer->line > 0)
		error_add(what, " in line %" PRIu32, offer->line);
	else
		error_add(what, " at SKU %" PRIu64, offer->sku);
}

/* The lines of one group, cnt of them. */
static void check_group(const struct catalog_offer *const *lines, uint32_t cnt,
			catalog_fault_fn *fault, void *context)
{
	const struct catalog_offer *named = NULL;
	struct error what;

	for (uint32_t i = 0; i < cnt; i++) {
		const struct catalog_offer *offer = lines[i];

		if (offer->group_limit != lines[0]->group_limit) {
			error_set(&what, "group %" PRIu32 " has group_limit %u", offer->group,
				  lines[0]->group_limit);
			add_line(&what, lines[0]);
			error_add(&what, "; write the same in all lines of a group");
			fault(context, offer, CATALOG_GROUP_LIMIT, &what);
		}
		if (!offer->shard_named)
			continue;
		if (named != NULL && named->shard != offer->shard) {
			error_set(&what, "group %" PRIu32 " is put into shard %u", offer->group,
				  named->shard);
			add_line(&what, named);
			error_add(&what, "; a group is sold by one shard: name the same one in all "
					 "of its lines, or none");
			fault(context, offer, CATALOG_SHARD, &what);
		}
		if (named == NULL)
			named = offer;
	}
}

int catalog_check_groups(const struct catalog_offer *offers, uint32_t cnt, catalog_fault_fn *fault,
			 void *context)
{
	struct catalog_groups groups;
	const int rc = catalog_groups_open(&groups, offers, cnt);

	if (rc != 0)
		return rc;
	for (uint32_t i = 0, in_group; i < groups.cnt; i += in_group) {
		in_group = catalog_group_cnt(&groups, i);
		check_group(&groups.lines[i], in_group, fault, context);
	}
	catalog_groups_close(&groups);
	return 0;
}
