#include "engine/catalog/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/faults.h"
#include "engine/base/place.h"
#include "engine/catalog/difference.h"
#include "engine/catalog/groups.h"
#include "net/wire.h"

static void set_shard(struct catalog_offer *line, uint16_t shard, uint16_t shards)
{
	line->shard = shard;
	line->placed = shard != wire_shard_of(line->sku, shards);
}

/* 0, or -EINVAL with a line in error: those that name a shard that is not there. */
static int check_named(const struct catalog *catalog, const char *path, FILE *say, uint16_t shards,
		       struct error *error)
{
	struct faults faults = {.path = path, .out = say};

	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *line = &catalog->offers[i];
		struct error fault;

		if (!line->shard_named || line->shard < shards)
			continue;
		place_set(&fault, path, line->line, catalog->shard_field,
			  catalog_column_name(CATALOG_SHARD));
		error_add(&fault,
			  "shard %u is not there: with %u in all they are 0 to %u; name one of "
			  "these, or leave it empty",
			  line->shard, shards, shards - 1U);
		faults_add(&faults, &fault);
	}
	return faults_end(&faults, error);
}

/* journal NULL: it has none. */
static int groups_on_sale(struct catalog_groups *groups, const struct catalog *journal)
{
	if (journal == NULL)
		return catalog_groups_open(groups, NULL, 0);
	return catalog_groups_open(groups, journal->offers, journal->cnt);
}

/* The shard of the group that begins at line i. */
static uint16_t shard_of_group(const struct catalog_groups *groups, uint32_t i,
			       const struct catalog_offer *on_sale, uint16_t shards)
{
	const uint32_t cnt = catalog_group_cnt(groups, i);

	for (uint32_t k = i; k < i + cnt; k++) {
		if (groups->lines[k]->shard_named)
			return groups->lines[k]->shard;
	}
	return on_sale != NULL ? on_sale->shard : wire_shard_of(groups->lines[i]->sku, shards);
}

/* The shard of every group of the file. */
static void place_groups(struct catalog *catalog, const struct catalog_groups *groups,
			 const struct catalog_groups *on_sale, uint16_t shards)
{
	for (uint32_t i = 0, cnt; i < groups->cnt; i += cnt) {
		const struct catalog_offer *known =
			catalog_group_find(on_sale, groups->lines[i]->group);
		const uint16_t shard = shard_of_group(groups, i, known, shards);

		cnt = catalog_group_cnt(groups, i);
		for (uint32_t k = i; k < i + cnt; k++)
			set_shard(&catalog->offers[groups->lines[k] - catalog->offers], shard,
				  shards);
	}
}

int catalog_place(struct catalog *catalog, const char *path, FILE *say, uint16_t shards,
		  const struct catalog *journal, struct error *error)
{
	struct catalog_groups groups = {0};
	struct catalog_groups on_sale = {0};
	int rc = check_named(catalog, path, say, shards, error);

	if (rc != 0)
		return rc;
	rc = catalog_groups_open(&groups, catalog->offers, catalog->cnt);
	if (rc == 0)
		rc = groups_on_sale(&on_sale, journal);
	if (rc == 0) {
		for (uint32_t i = 0; i < catalog->cnt; i++) {
			struct catalog_offer *line = &catalog->offers[i];

			set_shard(line,
				  line->shard_named ? line->shard
						    : wire_shard_of(line->sku, shards),
				  shards);
		}
		place_groups(catalog, &groups, &on_sale, shards);
	} else {
		error_set(error, "%s: no memory to place its SKUs", path);
	}
	catalog_groups_close(&groups);
	catalog_groups_close(&on_sale);
	return rc;
}

int catalog_follow(struct catalog *catalog, uint16_t shards, const struct catalog *journal)
{
	struct catalog_groups on_sale;
	const int rc = groups_on_sale(&on_sale, journal);

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		struct catalog_offer *line = &catalog->offers[i];
		const struct catalog_offer *known = catalog_find(journal, line->sku);
		const struct catalog_offer *group =
			line->group > 0 ? catalog_group_find(&on_sale, line->group) : NULL;

		if (known != NULL) {
			set_shard(line, known->shard, shards);
		} else if (group != NULL) {
			set_shard(line, group->shard, shards);
			line->group_limit = group->group_limit;
		}
	}
	catalog_groups_close(&on_sale);
	return 0;
}
